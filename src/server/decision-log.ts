import type { Logger } from "pino";
import type { Answer, Question } from "../decisions/decide-many.js";
import { type Caller, callerName } from "../domain/caller.js";
import { InvalidInputError } from "../domain/errors.js";
import { parsePrincipalArn } from "../domain/principal.js";
import { publicError } from "../graphql/errors.js";
import type { Denial } from "../store/denials.js";

/** Who asks, and in which request. */
export interface Asker {
  readonly requestId: string;
  readonly caller: Caller;
}

/** Hears what was asked in one go, and what came of it, in the same order. */
export type OnDecisions = (asker: Asker, questions: readonly Question[], answers: readonly (Answer | Error)[]) => void;

export interface DecisionLogOptions {
  readonly log: Logger;
  /** `denials`: whatever is not ALLOW, errors included. */
  readonly mode: "denials" | "all";
  /** Share of these that gets a line, 0 to 1. */
  readonly sample: number;
  /** Takes secrets out of what is kept; the log sees to its lines itself. */
  readonly redact: (text: string) => string;
  /** Milliseconds, monotonic; default: the process's. */
  readonly clock?: () => number;
}

export interface DecisionLog {
  readonly onDecisions: OnDecisions;
  /** From now on whatever has a line and is not ALLOW is also handed to `keep`, without secrets. */
  keepIn(keep: (denial: Denial) => void): void;
  /** Numbers of lines since the start. */
  counts(): { readonly written: number; readonly dropped: number };
}

/** A gateway decides far more in a second than anybody can keep; writing must not take the time of deciding. */
const MOST_LINES_A_SECOND = 1_000;
const LONGEST = 512;

/** A line of the log, but for who asked. */
interface Line {
  readonly principal: string;
  /** Left out: the question failed as a whole. */
  readonly action?: string;
  readonly resource: string;
  readonly outcome: string;
  /** The step that settled it, or the code of the error. */
  readonly reason: string;
  readonly revision?: string;
  readonly cache?: string;
}

/** One line for each decision that counts and is in the sample; beyond 1,000 lines in a second they are dropped, and counted. */
export function createDecisionLog(options: DecisionLogOptions): DecisionLog {
  const { log, mode, sample, redact, clock = () => performance.now() } = options;
  const own = log.child({}, log.level === "silent" ? {} : { level: "info" });
  const budget = createBudget(clock, (dropped) => own.warn({ dropped }, "decision log: lines were dropped"));
  let keep: (denial: Denial) => void = () => {};
  const write = (asker: Asker, lineOf: () => Line) => {
    if ((sample < 1 && Math.random() >= sample) || !budget.take()) return;
    const line = lineOf();
    own.info({ requestId: asker.requestId, ...line }, "decision");
    const denial = denialOf(asker, line, redact);
    if (denial !== null) keep(denial);
  };
  const onDecisions: OnDecisions = (asker, questions, answers) => {
    for (const [index, answer] of answers.entries()) {
      const question = questions[index];
      if (answer instanceof Error) write(asker, () => describeFailure(question, answer, asker.requestId));
      else writeVerdicts(answer, mode, (lineOf) => write(asker, lineOf));
    }
  };
  return {
    onDecisions,
    counts: budget.counts,
    keepIn(next) {
      keep = next;
    },
  };
}

function writeVerdicts(answer: Answer, mode: "denials" | "all", write: (lineOf: () => Line) => void): void {
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

function describeFailure(question: Question | undefined, error: Error, requestId: string): Line {
  const { principal = "", resource = "" } = question ?? {};
  return {
    ...{ principal: principal.slice(0, LONGEST), resource: resource.slice(0, LONGEST) },
    ...{ outcome: FAILED, reason: publicError(error, requestId).code },
  };
}

const FAILED = "ERROR";

/** Null for what is no denial, or about nobody who could have an account. */
function denialOf({ requestId, caller }: Asker, line: Line, redact: (text: string) => string): Denial | null {
  const account = line.outcome === "ALLOW" ? null : accountOf(line.principal);
  if (account === null) return null;
  const { principal, action = null, resource, outcome, reason } = line;
  const result =
    outcome === FAILED
      ? { outcome: null, decidedBy: null, error: reason }
      : { outcome, decidedBy: reason, error: null };
  const texts = { principal: redact(principal), action: action && redact(action), resource: redact(resource) };
  return { at: Date.now(), account, ...texts, ...result, caller: callerName(caller), requestId: redact(requestId) };
}

function accountOf(principal: string): string | null {
  try {
    return parsePrincipalArn(principal).account;
  } catch (error) {
    if (error instanceof InvalidInputError) return null;
    throw error;
  }
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
