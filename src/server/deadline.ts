import { type Refusal, unavailable } from "./refusal.js";

/** Something that may come to pass; most never does, so it is lighter than an AbortSignal. */
export interface Interrupt {
  /** Why; null: it has not come to pass. */
  readonly reason: Error | null;
  /** Calls `listener` once when it comes to pass. */
  add(listener: (reason: Error) => void): void;
  remove(listener: (reason: Error) => void): void;
}

/** The time in which a request is to be answered. */
export class Deadline implements Interrupt {
  readonly #listeners = new Set<(reason: Error) => void>();
  readonly #timer: NodeJS.Timeout;
  #reason: Refusal | null = null;

  constructor(ms: number) {
    this.#timer = setTimeout(() => this.#pass(tooLate(ms)), ms);
  }

  get reason(): Refusal | null {
    return this.#reason;
  }

  add(listener: (reason: Error) => void): void {
    this.#listeners.add(listener);
  }

  remove(listener: (reason: Error) => void): void {
    this.#listeners.delete(listener);
  }

  /** What `work` yields. Rejects with a Refusal when the time is over first. */
  of<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.add(reject);
      work.then(resolve, reject);
    });
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #pass(reason: Refusal): void {
    this.#reason = reason;
    for (const listener of this.#listeners) listener(reason);
    this.#listeners.clear();
  }
}

function tooLate(ms: number): Refusal {
  return unavailable(
    `no answer within ${ms} ms; a change may still be made, ask again under the same \`idempotencyKey\``,
  );
}
