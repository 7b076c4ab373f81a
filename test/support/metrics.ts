import type { Gateway } from "./gateway.js";

/** One line of what Prometheus reads. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Where a gateway that was started with `METRICS_PORT` has its metrics. */
export function metricsUrl(gateway: Gateway): string {
  const [url] = /http:\S+\/metrics/.exec(gateway.output()) ?? [];
  if (url === undefined) throw new Error("the gateway has no metrics");
  return url;
}

export async function scrape(gateway: Gateway): Promise<Sample[]> {
  const response = await fetch(metricsUrl(gateway));
  return parseMetrics(await response.text());
}

/** Reads the text format of Prometheus. */
export function parseMetrics(text: string): Sample[] {
  return text.split("\n").flatMap((line) => {
    const [, name, labels = "", value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    return name === undefined ? [] : [{ name, labels: parseLabels(labels), value: Number(value) }];
  });
}

function parseLabels(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name, value]));
}

/** Labels as one text, in the order of their names. */
export function labelsOf({ labels }: Sample): string {
  const entries = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([name, value]) => `${name}=${value}`).join(",");
}

/** The sum of the samples with that name and, among others, these labels. */
export function sumOf(samples: readonly Sample[], name: string, labels: Readonly<Record<string, string>> = {}): number {
  const fitting = samples.filter(
    (sample) =>
      sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  );
  return fitting.reduce((sum, { value }) => sum + value, 0);
}
