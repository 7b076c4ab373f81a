import type { Interrupt } from "./deadline.js";
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
   * @param deadline gives up waiting
   * @throws Refusal UNAVAILABLE at once when too many wait already; the reason of `deadline` when it comes first
   */
  async enter(deadline: Interrupt): Promise<Leave> {
    if (deadline.reason !== null) throw deadline.reason;
    if (this.#inFlight < this.#limits.inFlight) this.#inFlight++;
    else if (this.#waiting.size < this.#limits.waiting) await this.#wait(deadline);
    else throw unavailable("the gateway is overloaded, retry later");
    return this.#leaveOnce();
  }

  /** Whoever leaves hands the place to the first who waits, so the count stays as it is. */
  #wait(deadline: Interrupt): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        deadline.remove(giveUp);
        resolve();
      };
      const giveUp = (reason: Error) => {
        this.#waiting.delete(enter);
        reject(reason);
      };
      deadline.add(giveUp);
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
