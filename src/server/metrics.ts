import { type Aggregator, Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Answer, DecisionCounts } from "../decisions/decide-many.js";
import type { Outcome } from "../domain/evaluation/decision.js";
import type { OnRequest } from "./request-notes.js";
import type { CountedMetric } from "./summed-metrics.js";

/** A number of times, by what it is told apart by; kept apart from prom-client, whose counters cost more than a decision. */
type Tally = Map<string, number>;

/** What the gateway stands on, as far as somebody can count it. */
export interface Counted {
  readonly version: string;
  decisions(): DecisionCounts;
  readonly decisionLog: { counts(): { readonly written: number; readonly dropped: number } } | null;
  /** Null: none are kept. */
  readonly denials: { counts(): { readonly kept: number; readonly lost: number } } | null;
  readonly pools: Readonly<Record<string, PoolUse>>;
  /** Where records were read; null: there is no replica. */
  readonly recordReads: (() => { readonly replica: number; readonly primary: number }) | null;
  /** Number of open subscriptions. */
  subscriptions(): number;
  /** Null: there is none. */
  readonly redis: { isConnected(): boolean; isCircuitOpen(): boolean } | null;
}

interface PoolUse {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
  readonly options: { readonly max: number };
}

export interface Metrics {
  readonly onRequest: OnRequest;
  onStatement(kind: string, seconds: number): void;
  onCommand(command: string, seconds: number, succeeded: boolean): void;
  onAnswers(answers: readonly (Answer | Error)[]): void;
  /** From now on also shows what is counted elsewhere. */
  show(counted: Counted): void;
  readonly contentType: string;
  /** The text that Prometheus reads. */
  text(): Promise<string>;
  /** The same for {@link SummedMetrics}. */
  counted(): Promise<CountedMetric[]>;
}

const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const SQL_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
const REDIS_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1];

/**
 * Counts what the gateway does. The values of every label are from a list of ours: never an ARN, and nothing that a sender
 * has written.
 */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const sql = new Histogram({
    ...{ name: "ramgate_sql_duration_seconds", help: "Time of SQL statements, by kind.", registers },
    ...{ labelNames: ["statement"], buckets: SQL_SECONDS },
  });
  const redis = new Histogram({
    ...{ name: "ramgate_redis_duration_seconds", help: "Time of commands to Redis, by command and result.", registers },
    ...{ labelNames: ["command", "result"], buckets: REDIS_SECONDS },
  });
  const outcomes: Tally = new Map([...OUTCOMES, FAILED].map((outcome) => [outcome, 0]));
  showTally(
    registers,
    "ramgate_decisions_total",
    "Decisions by outcome; ERROR counts questions.",
    "outcome",
    () => outcomes,
  );
  return {
    onRequest: requestMetrics(registers),
    onStatement: (statement, seconds) => sql.observe({ statement }, seconds),
    onCommand: (command, seconds, succeeded) =>
      redis.observe({ command, result: succeeded ? "ok" : "failed" }, seconds),
    onAnswers: (answers) => {
      for (const answer of answers) countOutcomes(outcomes, answer);
    },
    show: (counted) => showCounted(registers, counted),
    contentType: registry.contentType,
    text: () => registry.metrics(),
    counted: async () => (await registry.getMetricsAsJSON()) as unknown as CountedMetric[],
  };
}

const FAILED = "ERROR";
const OUTCOMES: readonly Outcome[] = ["ALLOW", "EXPLICIT_DENY", "IMPLICIT_DENY", "CONDITIONAL"];

function countOutcomes(outcomes: Tally, answer: Answer | Error): void {
  if (answer instanceof Error) add(outcomes, FAILED);
  else for (const { outcome } of answer.decisions) add(outcomes, outcome);
}

function add(tally: Tally, key: string): void {
  tally.set(key, (tally.get(key) ?? 0) + 1);
}

function requestMetrics(registers: Registry[]): OnRequest {
  const requests = new Counter({
    ...{ name: "ramgate_http_requests_total", help: "HTTP requests by route and class of status.", registers },
    labelNames: ["route", "status"],
  });
  const duration = new Histogram({
    ...{ name: "ramgate_http_request_duration_seconds", help: "Time from request to response, by route.", registers },
    ...{ labelNames: ["route"], buckets: REQUEST_SECONDS },
  });
  const operations = new Counter({
    ...{ name: "ramgate_graphql_operations_total", help: "GraphQL requests by type and first error.", registers },
    labelNames: ["type", "outcome"],
  });
  return ({ route, operationType: type, outcome }, { status, aborted, milliseconds }) => {
    requests.inc({ route, status: aborted ? "aborted" : `${Math.floor(status / 100)}xx` });
    if (type !== "subscription") duration.observe({ route }, milliseconds / 1_000); // as long as its client likes
    if (outcome !== null) operations.inc({ type, outcome });
  };
}

function showCounted(registers: Registry[], counted: Counted): void {
  const { version, decisions, decisionLog, denials, pools, redis, subscriptions, recordReads } = counted;
  gauge(registers, "ramgate_info", "1, with the version of the gateway.", { version }, () => 1, "first");
  showTally(registers, "ramgate_decision_answers_total", "Answers to questions by cache status.", "cache", () => {
    const { hits, misses, bypasses } = decisions();
    return Object.entries({ HIT: hits, MISS: misses, BYPASS: bypasses });
  });
  showChecks(registers, decisions);
  if (decisionLog !== null) {
    const help = "Lines of the decision log; dropped ones were too many for a second.";
    showTally(registers, "ramgate_decision_log_lines_total", help, "result", () =>
      Object.entries(decisionLog.counts()),
    );
  }
  if (denials !== null) {
    const help = "Denials for decisionLog; lost ones were too many at a time, or could not be written.";
    showTally(registers, "ramgate_denials_total", help, "result", () => Object.entries(denials.counts()));
  }
  if (recordReads !== null) {
    const help = "Reads of records by who answered: the replica, or the primary in its place.";
    showTally(registers, "ramgate_record_reads_total", help, "from", () => Object.entries(recordReads()));
  }
  showPools(registers, pools);
  gauge(registers, "ramgate_subscriptions", "Open subscriptions.", {}, subscriptions);
  if (redis === null) return;
  gauge(registers, "ramgate_redis_up", "1 while Redis is connected.", {}, () => Number(redis.isConnected()), "min");
  const help = "1 while Redis is left alone because it fails or is too slow.";
  gauge(registers, "ramgate_redis_circuit_open", help, {}, () => Number(redis.isCircuitOpen()), "max");
}

function showChecks(registers: Registry[], decisions: () => DecisionCounts): void {
  const names = {
    verified: ["ramgate_decision_cache_verified_total", "Cached answers that were evaluated again and were right."],
    mismatches: ["ramgate_decision_cache_mismatches_total", "Cached answers that were evaluated again and were wrong."],
    forgeries: ["ramgate_decision_cache_forgeries_total", "Entries in Redis that no gateway has sealed for their key."],
  } as const;
  for (const [count, [name, help]] of Object.entries(names)) {
    new Counter({
      ...{ name, help, registers },
      collect() {
        this.reset();
        this.inc(decisions()[count as keyof typeof names]);
      },
    });
  }
}

function showPools(registers: Registry[], pools: Counted["pools"]): void {
  new Gauge({
    ...{ name: "ramgate_pool_connections", help: "Connections to PostgreSQL, and who waits for one.", registers },
    labelNames: ["pool", "state"],
    collect() {
      for (const [pool, { totalCount, idleCount, waitingCount }] of Object.entries(pools)) {
        this.set({ pool, state: "busy" }, totalCount - idleCount);
        this.set({ pool, state: "idle" }, idleCount);
        this.set({ pool, state: "waiting" }, waitingCount);
      }
    },
  });
  new Gauge({
    ...{ name: "ramgate_pool_connections_max", help: "Most connections of a pool.", registers },
    labelNames: ["pool"],
    collect() {
      for (const [pool, { options }] of Object.entries(pools)) this.set({ pool }, options.max);
    },
  });
}

function showTally(
  registers: Registry[],
  name: string,
  help: string,
  label: string,
  tally: () => Iterable<readonly [string, number]>,
): void {
  new Counter({
    ...{ name, help, registers, labelNames: [label] },
    collect() {
      this.reset();
      for (const [value, count] of tally()) this.inc({ [label]: value }, count);
    },
  });
}

function gauge(
  registers: Registry[],
  name: string,
  help: string,
  labels: Readonly<Record<string, string>>,
  value: () => number,
  aggregator: Aggregator = "sum",
): void {
  new Gauge({
    ...{ name, help, registers, aggregator, labelNames: Object.keys(labels) },
    collect() {
      this.set(labels, value());
    },
  });
}
