import type { Logger } from "pino";
import type { Config } from "../config.js";
import type { Tracing } from "./open-telemetry.js";

const SECONDS_BETWEEN_WARNINGS = 60;

/** Begins to trace where it is wanted. Only then OpenTelemetry is loaded. */
export async function startTracing(
  settings: Config["tracing"],
  version: string,
  log: Pick<Logger, "warn">,
): Promise<Tracing | null> {
  if (settings === null) return null;
  const { createTracing } = await import("./open-telemetry.js");
  return createTracing({ ...settings, version, onLoss: warner(log) });
}

/** A collector that is away is so for every batch. */
function warner(log: Pick<Logger, "warn">): (error: unknown) => void {
  let warned = Number.NEGATIVE_INFINITY;
  return (error) => {
    if (performance.now() - warned < SECONDS_BETWEEN_WARNINGS * 1_000) return;
    warned = performance.now();
    log.warn({ err: error }, "spans cannot be delivered to OTEL_EXPORTER_OTLP_ENDPOINT and are lost");
  };
}
