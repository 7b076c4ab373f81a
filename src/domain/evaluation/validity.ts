import type { CompiledCondition, TimeFlip } from "../condition/evaluate-conditions.js";

/**
 * Collects the instants at which a decision could change, and keeps the nearest on both sides of now (C12, C15).
 * Milliseconds since the epoch; null: none.
 */
export class Validity {
  readonly now: number;
  validFrom: number | null = null;
  validUntil: number | null = null;

  constructor(now: number) {
    this.now = now;
  }

  /** A bound of an attachment's window `[notBefore, expiresAt)`, or of a session. */
  addBound(at: number): void {
    if (at > this.now) this.addUntil(at);
    else this.addFrom(at);
  }

  /** A date constant compared with the current time; C15 counts now itself when the answer changes right after it. */
  private addConstant({ at, after }: TimeFlip): void {
    this.addBound(at);
    if (!after) return;
    if (at === this.now) this.addUntil(at);
    else if (at < this.now) this.addFrom(at + 1);
  }

  /** Conditions that were consulted. */
  addConditions(conditions: readonly CompiledCondition[]): void {
    for (const { flips, timeVolatile } of conditions) {
      for (const flip of flips) this.addConstant(flip);
      if (timeVolatile) this.addInstant();
    }
  }

  /** Holds for this very instant only. */
  private addInstant(): void {
    this.addFrom(this.now);
    this.addUntil(this.now);
  }

  private addFrom(at: number): void {
    if (this.validFrom === null || at > this.validFrom) this.validFrom = at;
  }

  private addUntil(at: number): void {
    if (this.validUntil === null || at < this.validUntil) this.validUntil = at;
  }
}
