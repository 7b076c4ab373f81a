import type { Logger } from "pino";
import type { Answer, Question } from "../decisions/decide-many.js";
import { publicError } from "../graphql/errors.js";

/** Hears what was asked in one go, and what came of it, in the same order. */
export type OnDecisions = (
  requestId: string,
  questions: readonly Question[],
  answers: readonly (Answer | Error)[],
) => void;

export interface DecisionLogOptions {
  readonly log: Logger;
  /** `denials`: whatever is not ALLOW, errors included. */
  readonly mode: "denials" | "all";
  /** Share of these that gets a line, 0 to 1. */
  readonly sample: number;
  /** Milliseconds, monotonic; default: the process's. */
  readonly clock?: () => number;
}

export interface DecisionLog {
  readonly onDecisions: OnDecisions;
  /** Numbers of lines since the start. */
  counts(): { readonly written: number; readonly dropped: number };
}

/** A gateway decides far more in a second than anybody can keep; writing must not take the time of deciding. */
const MOST_LINES_A_SECOND = 1_000;
const LONGEST = 512;

/** One line for each decision that counts and is in the sample; beyond 1,000 lines in a second they are dropped, and counted. */
export function createDecisionLog({
  log,
  mode,
  sample,
  clock = () => performance.now(),
}: DecisionLogOptions): DecisionLog {
  const own = log.child({}, log.level === "silent" ? {} : { level: "info" });
  const budget = createBudget(clock, (dropped) => own.warn({ dropped }, "decision log: lines were dropped"));
  const write = (line: () => object) => {
    if ((sample >= 1 || Math.random() < sample) && budget.take()) own.info(line(), "decision");
  };
  const onDecisions: OnDecisions = (requestId, questions, answers) => {
    for (const [index, answer] of answers.entries()) {
      const question = questions[index];
      if (answer instanceof Error) write(() => ({ requestId, ...describeFailure(question, answer, requestId) }));
      else writeVerdicts(answer, mode, (line) => write(() => ({ requestId, ...line() })));
    }
  };
  return { onDecisions, counts: budget.counts };
}

function writeVerdicts(answer: Answer, mode: "denials" | "all", write: (line: () => object) => void): void {
  let token: string | null = null;
  const revision = () => {
    token ??= answer.revision();
    return token;
  };
  for (const { principal, action, resource, outcome, decidedBy } of answer.decisions) {
    if (mode === "denials" && outcome === "ALLOW") continue;
    const { cache } = answer;
    write(() => ({ principal, action, resource, outcome, reason: decidedBy, revision: revision(), cache }));
  }
}

function describeFailure(question: Question | undefined, error: Error, requestId: string): object {
  const { principal = "", resource = "" } = question ?? {};
  return {
    ...{ principal: principal.slice(0, LONGEST), resource: resource.slice(0, LONGEST) },
    ...{ outcome: "ERROR", reason: publicError(error, requestId).code },
  };
}

function createBudget(clock: () => number, onDropped: (lines: number) => void) {
  const total = { written: 0, dropped: 0 };
  let until = Number.NEGATIVE_INFINITY;
  let written = 0;
  let dropped = 0;
  const renew = (now: number) => {
    const lost = dropped;
    [until, written, dropped] = [now + 1_000, 0, 0];
    if (lost > 0) onDropped(lost);
  };
  return {
    take(): boolean {
      const now = clock();
      if (now >= until) renew(now);
      if (written >= MOST_LINES_A_SECOND) {
        dropped += 1;
        total.dropped += 1;
        return false;
      }
      written += 1;
      total.written += 1;
      return true;
    },
    counts: () => ({ ...total }),
  };
}
