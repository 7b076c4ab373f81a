/** How a breaker judges; the defaults suit a cache that answers within milliseconds. */
export interface BreakerOptions {
  /** Failures in a row that open it. */
  readonly consecutive?: number;
  /** Of the last so many attempts, half failed ones open it. */
  readonly window?: number;
  /** Milliseconds between two attempts while it is open. */
  readonly probeAfter?: number;
  /** Milliseconds, monotonic. */
  readonly clock?: () => number;
  /** Told when it opens and when it closes. */
  readonly onChange?: (open: boolean) => void;
}

/** Stops asking something that fails, and tries again now and then. */
export class CircuitBreaker {
  private readonly options: Required<BreakerOptions>;
  private recent: boolean[] = [];
  private inARow = 0;
  /** When it may be tried next; null: it is closed. */
  private nextProbe: number | null = null;

  constructor(options: BreakerOptions = {}) {
    const clock = () => performance.now();
    this.options = { consecutive: 5, window: 20, probeAfter: 1_000, clock, onChange: () => {}, ...options };
  }

  get open(): boolean {
    return this.nextProbe !== null;
  }

  /** Whether to try now; while it is open only one attempt at a time, now and then. */
  admits(): boolean {
    if (this.nextProbe === null) return true;
    const now = this.options.clock();
    if (now < this.nextProbe) return false;
    this.nextProbe = now + this.options.probeAfter;
    return true;
  }

  record(succeeded: boolean): void {
    const { window, consecutive } = this.options;
    if (this.nextProbe !== null) {
      if (succeeded) this.close();
      return;
    }
    this.inARow = succeeded ? 0 : this.inARow + 1;
    this.recent = [...this.recent, succeeded].slice(-window);
    const failed = this.recent.filter((success) => !success).length;
    if (this.inARow >= consecutive || (this.recent.length === window && failed * 2 >= window)) this.trip();
  }

  private trip(): void {
    this.nextProbe = this.options.clock() + this.options.probeAfter;
    this.options.onChange(true);
  }

  private close(): void {
    this.nextProbe = null;
    this.inARow = 0;
    this.recent = [];
    this.options.onChange(false);
  }
}
