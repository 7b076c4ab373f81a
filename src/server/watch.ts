import { readFileSync } from "node:fs";
import type { Logger } from "pino";
import type { Decisions } from "../decisions/decide-many.js";
import type { OnCommand } from "../decisions/redis-decision-cache.js";
import type { Denials } from "../store/denials.js";
import type { OnStatement } from "../store/statement-timing.js";
import { createDecisionLog, type OnDecisions } from "./decision-log.js";
import { type Counted, createMetrics, type Metrics } from "./metrics.js";
import type { Tracing } from "./open-telemetry.js";
import { createPartsCheck, type Parts, type PartsOptions } from "./readiness.js";
import { createRequestLog } from "./request-log.js";
import type { OnRequest } from "./request-notes.js";

export interface WatchOptions {
  readonly log: Logger;
  readonly decisionLog: { readonly mode: "off" | "denials" | "all"; readonly sample: number };
  /** Takes secrets out of a text. */
  readonly redact: (text: string) => string;
  /** Whether there are metrics. */
  readonly counting: boolean;
  /** Null: nothing is traced. */
  readonly tracing?: Tracing | null;
}

/** The parts of the gateway that are watched. */
export interface Watched {
  readonly decisions: Pick<Decisions, "counts">;
  readonly denials: Pick<Denials, "add" | "counts">;
  readonly vitals: Pick<Counted, "pools" | "recordReads" | "redis" | "subscriptions"> &
    Pick<PartsOptions, "askDatabase">;
}

/** Logs and metrics of the process. */
export interface Watch {
  readonly onRequest: OnRequest;
  /** Null: nobody wants to know. */
  readonly onDecisions: OnDecisions | null;
  readonly observers: Partial<Pick<Tracing, "onStatement" | "onCommand" | "inStage">>;
  readonly metrics: Metrics | null;
  /** From now on the metrics show how these are, and denials that are logged are kept there. */
  show(watched: Watched): void;
  checkPartsOf(watched: Watched): () => Promise<Parts>;
}

/** Creates logs and metrics; what is not wanted costs nothing. */
export function createWatch(options: WatchOptions): Watch {
  const { log, decisionLog: wanted, redact, counting, tracing = null } = options;
  const metrics = counting ? createMetrics() : null;
  const listeners = [metrics, tracing].filter((each) => each !== null);
  const { mode, sample } = wanted;
  const decisionLog = mode === "off" ? null : createDecisionLog({ log, mode, sample, redact });
  const logRequest = createRequestLog(log);
  return {
    metrics,
    onRequest: (notes, response) => {
      logRequest(notes, response);
      for (const each of listeners) each.onRequest(notes, response);
    },
    onDecisions: both(metrics, decisionLog?.onDecisions ?? null),
    observers: listeners.length === 0 ? {} : { ...tell(listeners), ...(tracing && { inStage: tracing.inStage }) },
    show: ({ decisions, denials, vitals: { pools, recordReads, redis, subscriptions } }) => {
      decisionLog?.keepIn(denials.add);
      metrics?.show({
        ...{ version: readVersion(), decisions: () => decisions.counts(), decisionLog },
        ...{ denials: decisionLog && denials, pools, recordReads, redis, subscriptions },
      });
    },
    checkPartsOf: ({ vitals }) => createPartsCheck(vitals),
  };
}

function tell(listeners: readonly Pick<Tracing, "onStatement" | "onCommand">[]) {
  const onStatement: OnStatement = (...statement) => {
    for (const each of listeners) each.onStatement(...statement);
  };
  const onCommand: OnCommand = (...command) => {
    for (const each of listeners) each.onCommand(...command);
  };
  return { onStatement, onCommand };
}

function both(metrics: Metrics | null, onDecisions: OnDecisions | null): OnDecisions | null {
  if (metrics === null) return onDecisions;
  return (asker, questions, answers) => {
    metrics.onAnswers(answers);
    onDecisions?.(asker, questions, answers);
  };
}

/** Of the package. */
export function readVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
