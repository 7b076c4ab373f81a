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

  keep(source: Source, metrics: readonly CountedMetric[]): void {
    this.#latest.set(source, metrics);
  }

  /** The process has ended. */
  async end(source: Source): Promise<void> {
    const last = this.#latest.get(source);
    if (!this.#latest.delete(source) || last === undefined) return;
    this.#ofEnded = await this.#sum([this.#ofEnded, last.filter(isCounted)]);
  }

  async text(): Promise<string> {
    const living = [...this.#latest.values()];
    return AggregatorRegistry.aggregate([...living, this.#ofEnded].map((each) => [...each])).metrics();
  }

  async #sum(all: readonly (readonly CountedMetric[])[]): Promise<readonly CountedMetric[]> {
    const summed = AggregatorRegistry.aggregate(all.map((each) => [...each]));
    return (await summed.getMetricsAsJSON()) as unknown as CountedMetric[];
  }
}

const isCounted = ({ type }: CountedMetric) => type === "counter" || type === "histogram";
