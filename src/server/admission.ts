import { unavailable } from "./refusal.js";

/** How many requests are worked on, and wait, at a time. */
export interface AdmissionLimits {
  readonly inFlight: number;
  readonly waiting: number;
}

/** Gives its place back; more than once is as good as once. */
export type Leave = () => void;

/** Lets so many requests in at a time and so many wait, in the order in which they came; the rest is refused at once. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #waiting = new Set<() => void>();
  #inFlight = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /**
   * Resolves when there is a place.
   *
   * @param signal gives up waiting
   * @throws Refusal UNAVAILABLE at once when too many wait already; the reason of `signal` when it comes first
   */
  async enter(signal: AbortSignal): Promise<Leave> {
    signal.throwIfAborted();
    if (this.#inFlight < this.#limits.inFlight) this.#inFlight++;
    else if (this.#waiting.size < this.#limits.waiting) await this.#wait(signal);
    else throw unavailable("the gateway is overloaded, retry later");
    return this.#leaveOnce();
  }

  /** Whoever leaves hands the place to the first who waits, so the count stays as it is. */
  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal.removeEventListener("abort", giveUp);
        resolve();
      };
      const giveUp = () => {
        this.#waiting.delete(enter);
        reject(signal.reason);
      };
      signal.addEventListener("abort", giveUp, { once: true });
      this.#waiting.add(enter);
    });
  }

  #leaveOnce(): Leave {
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const [next] = this.#waiting;
      if (next === undefined) this.#inFlight--;
      else {
        this.#waiting.delete(next);
        next();
      }
    };
  }
}
