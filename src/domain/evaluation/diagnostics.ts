import type { Diagnostic } from "./decision.js";

/** A hostile policy could give rise to thousands of notes; nobody reads more than these. */
export const MOST_NOTES = 100;

/** Receives the diagnostics of a decision; equal ones count once, and the first hundred are kept. */
export class Diagnostics {
  private readonly room: number;
  private notes: Diagnostic[] | null = null;

  constructor(room = MOST_NOTES) {
    this.room = room;
  }

  get size(): number {
    return this.notes === null ? 0 : this.notes.length;
  }

  get full(): boolean {
    return this.size >= this.room;
  }

  get empty(): boolean {
    return this.notes === null;
  }

  add(diagnostic: Diagnostic): void {
    if (this.full) return;
    if (this.notes === null) this.notes = [diagnostic];
    else if (!this.notes.some((known) => isSame(known, diagnostic))) this.notes.push(diagnostic);
  }

  addAll(diagnostics: readonly Diagnostic[]): void {
    for (const diagnostic of diagnostics) this.add(diagnostic);
  }

  list(): readonly Diagnostic[] {
    return this.notes ?? NONE;
  }
}

const NONE: readonly Diagnostic[] = [];

function isSame(one: Diagnostic, other: Diagnostic): boolean {
  return one.message === other.message && one.code === other.code;
}
