/** Instants of one clock: when something was asked for, and when the answer was there. */
interface Interval {
  readonly start: number;
  readonly end: number;
}

interface Write<V> extends Interval {
  readonly value: V;
}

interface Read<V> extends Interval {
  readonly value: V;
  /** What it is good for a reader of the report to know. */
  readonly note: string;
}

/**
 * What was written to one register, by one writer after the other, and what was read from it at any time. A read may
 * give the last value acknowledged before it began, or one that was on its way while it ran, and nothing else.
 */
export class RegisterHistory<V> {
  /** Reads that no order of events explains. */
  readonly violations: string[] = [];
  reads = 0;
  readonly #writes: Write<V>[];

  constructor(first: V) {
    this.#writes = [{ value: first, start: Number.NEGATIVE_INFINITY, end: Number.NEGATIVE_INFINITY }];
  }

  get writes(): number {
    return this.#writes.length - 1;
  }

  /** Runs a write and notes it. One that fails leaves its outcome open. */
  async write(value: V, work: () => Promise<unknown>): Promise<void> {
    const start = performance.now();
    const place = this.#writes.push({ value, start, end: Number.POSITIVE_INFINITY }) - 1;
    await work();
    this.#writes[place] = { value, start, end: performance.now() };
  }

  /** To be called as soon as the read has ended: all that it can have seen is known by then. */
  noteRead(read: Read<V>): void {
    this.reads += 1;
    if (!this.#mayBe(read)) this.violations.push(`${read.note} read ${read.value}`);
  }

  #mayBe({ value, start, end }: Read<V>): boolean {
    const current = this.#writes.findLastIndex((write) => write.end < start);
    return this.#writes.slice(current).some((write) => write.value === value && write.start < end);
  }
}
