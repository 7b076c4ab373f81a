import type { Logger } from "pino";
import type { OnRequest, Route } from "./request-notes.js";

/** Probes come every few seconds from everywhere: at `info` they would be all there is to see. */
const PROBES: readonly Route[] = ["healthz", "readyz"];

/** One line for each request: who did what, how it came out and how long it took, and nothing of its content. */
export function createRequestLog(log: Logger): OnRequest {
  return ({ requestId, traceId, method, route, caller, operationType, operationName, outcome }, response) => {
    const level = PROBES.includes(route) ? "debug" : "info";
    if (!log.isLevelEnabled(level)) return;
    log[level](
      {
        ...{
          requestId,
          method,
          route,
          status: response.status,
          durationMs: roundToMicroseconds(response.milliseconds),
        },
        ...(traceId === null ? {} : { traceId }),
        ...(response.aborted ? { aborted: true } : {}),
        ...(caller === null ? {} : { caller: caller.kind, credentialId: caller.credentialId }),
        ...(operationType === "none" ? {} : { operation: operationName, type: operationType }),
        ...(outcome === null ? {} : { outcome }),
      },
      "request",
    );
  };
}

function roundToMicroseconds(milliseconds: number): number {
  return Math.round(milliseconds * 1_000) / 1_000;
}
