import { LRUCache } from "lru-cache";
import { type RateLimiterAbstract, RateLimiterRes } from "rate-limiter-flexible";
import { CircuitBreaker } from "../decisions/circuit-breaker.js";

/** Requests of one sender that are counted by one command. */
interface Batch {
  size: number;
  /** Null: it could not be counted. */
  readonly result: Promise<RateLimiterRes | null>;
  /** Somebody waits for it. */
  readonly hurry: () => void;
}

/** What is known of one sender. */
interface Tally {
  /** By all gateways, as of the last answer. */
  consumed: number;
  /** When the window of that answer is over; milliseconds, monotonic. */
  until: number;
  /** Counted here and not in the last answer. */
  outstanding: number;
  /** Joined until it is sent; null: there is none. */
  collecting: Batch | null;
  sent: Promise<unknown>;
}

const MOST_SENDERS = 10_000;
/** Milliseconds for which requests that nobody waits for are collected. */
const COLLECTED_MS = 20;

/**
 * Counts the requests that several gateways let in together, in few commands: what comes of a sender within a short time,
 * or while a command is on its way, is counted by the next. Nobody waits for it while the sender is known to have used less
 * than half of its limit, here and elsewhere; so gateways can let in too many only where all of that comes within that
 * short time.
 */
export class SharedCount {
  readonly #limiter: RateLimiterAbstract;
  readonly #limit: number;
  readonly #breaker = new CircuitBreaker();
  readonly #tallies = new LRUCache<string, Tally>({ max: MOST_SENDERS });

  constructor(limiter: RateLimiterAbstract, limit: number) {
    this.#limiter = limiter;
    this.#limit = limit;
  }

  /**
   * Counts one request. Resolves at once where nothing can be counted, or nobody need wait for it.
   *
   * @throws RateLimiterRes when it is beyond the limit
   */
  async add(sender: string): Promise<void> {
    if (!this.#breaker.admits()) return;
    const tally = this.#tallyOf(sender);
    const batch = tally.collecting ?? this.#collect(sender, tally);
    batch.size += 1;
    tally.outstanding += 1;
    const place = batch.size;
    if (this.#isFarFromLimit(tally)) return;
    batch.hurry();
    const result = await batch.result;
    const behind = batch.size - place; // came later, and were counted too
    if (result !== null && result.consumedPoints - behind > this.#limit) throw result;
  }

  #tallyOf(sender: string): Tally {
    const known = this.#tallies.get(sender);
    if (known !== undefined) return known;
    const tally = { consumed: 0, until: 0, outstanding: 0, collecting: null, sent: Promise.resolve() };
    this.#tallies.set(sender, tally);
    return tally;
  }

  #isFarFromLimit({ consumed, outstanding, until }: Tally): boolean {
    return performance.now() < until && (consumed + outstanding) * 2 < this.#limit;
  }

  #collect(sender: string, tally: Tally): Batch {
    let hurry = () => {};
    const due = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, COLLECTED_MS);
      hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    const result = Promise.all([tally.sent, due]).then(() => {
      tally.collecting = null;
      return this.#send(sender, batch.size, tally);
    });
    const batch: Batch = { size: 0, result, hurry };
    tally.collecting = batch;
    tally.sent = result;
    return batch;
  }

  async #send(sender: string, size: number, tally: Tally): Promise<RateLimiterRes | null> {
    const result = await this.#limiter.consume(sender, size).catch((reason: unknown) => reason);
    const counted = result instanceof RateLimiterRes;
    this.#breaker.record(counted);
    tally.outstanding -= size;
    if (!counted) return null;
    tally.consumed = result.consumedPoints;
    tally.until = performance.now() + result.msBeforeNext;
    return result;
  }
}
