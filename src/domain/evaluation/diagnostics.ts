import type { Diagnostic } from "./decision.js";

/** A hostile policy could give rise to thousands of notes; nobody reads more than these. */
export const MOST_NOTES = 100;

/** Receives the diagnostics of a decision; equal ones count once, and the first hundred are kept. */
export class Diagnostics {
  private notes: Map<string, Diagnostic> | null = null;

  get full(): boolean {
    return this.notes !== null && this.notes.size >= MOST_NOTES;
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
