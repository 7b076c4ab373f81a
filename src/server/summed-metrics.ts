import { AggregatorRegistry } from "prom-client";

/** A metric with its values, as prom-client writes it down. */
export interface CountedMetric {
  readonly name: string;
  readonly type: unknown;
}

/**
 * The metrics of several processes as one. Each metric says itself how it is put together: most are sums. What a process
 * has counted stays counted when it has ended, for a counter that falls looks to Prometheus like one that began anew.
 */
export class SummedMetrics<Source> {
  readonly contentType = AggregatorRegistry.PROMETHEUS_CONTENT_TYPE;
  readonly #latest = new Map<Source, readonly CountedMetric[]>();
  #ofEnded: readonly CountedMetric[] = [];
  /** One after the other, and before anybody reads: none of them may miss what another one adds. */
  #ending = Promise.resolve();

  keep(source: Source, metrics: readonly CountedMetric[]): void {
    this.#latest.set(source, metrics);
  }

  /** The process has ended. */
  end(source: Source): Promise<void> {
    const last = this.#latest.get(source);
    if (last === undefined) return this.#ending;
    this.#latest.delete(source);
    const ended = this.#ending.then(async () => {
      this.#ofEnded = await this.#sum([this.#ofEnded, last.filter(isCounted)]);
    });
    this.#ending = ended.catch(() => {}); // the next ones and whoever reads need not fail too
    return ended;
  }

  async text(): Promise<string> {
    await this.#ending;
    const living = [...this.#latest.values()];
    return AggregatorRegistry.aggregate([...living, this.#ofEnded].map((each) => [...each])).metrics();
  }

  async #sum(all: readonly (readonly CountedMetric[])[]): Promise<readonly CountedMetric[]> {
    const summed = AggregatorRegistry.aggregate(all.map((each) => [...each]));
    return (await summed.getMetricsAsJSON()) as unknown as CountedMetric[];
  }
}

const isCounted = ({ type }: CountedMetric) => type === "counter" || type === "histogram";
