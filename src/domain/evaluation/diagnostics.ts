import type { Diagnostic } from "./decision.js";

/** A hostile policy could give rise to thousands of notes; nobody reads more than these. */
export const MOST_NOTES = 100;

/** Receives the diagnostics of a decision; equal ones count once, and the first hundred are kept. */
export class Diagnostics {
  private readonly room: number;
  private notes: Map<string, Diagnostic> | null = null;

  constructor(room = MOST_NOTES) {
    this.room = room;
  }

  get size(): number {
    return this.notes?.size ?? 0;
  }

  get full(): boolean {
    return this.size >= this.room;
  }

  get empty(): boolean {
    return this.notes === null;
  }

  add(diagnostic: Diagnostic): void {
    if (this.full) return;
    this.notes ??= new Map();
    this.notes.set(`${diagnostic.code} ${diagnostic.message}`, diagnostic);
  }

  addAll(diagnostics: Iterable<Diagnostic>): void {
    for (const diagnostic of diagnostics) this.add(diagnostic);
  }

  list(): readonly Diagnostic[] {
    return this.notes === null ? NONE : [...this.notes.values()];
  }
}

const NONE: readonly Diagnostic[] = [];
