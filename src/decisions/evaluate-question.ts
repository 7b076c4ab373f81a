import { NotFoundError } from "../domain/errors.js";
import type { ResourceFacts, ScopePrecedence } from "../domain/evaluation/access-request.js";
import { decideActions } from "../domain/evaluation/decide.js";
import type { Verdict } from "../domain/evaluation/decision.js";
import { subjectOf } from "../domain/evaluation/subject.js";
import type { Facts } from "./known-facts.js";
import type { PreparedQuestion } from "./prepare-question.js";
import type { ResourceSummary } from "./question.js";
import type { CachedAnswer } from "./sealed-answer.js";

/**
 * Answers a question from what is known in one snapshot.
 * @param now milliseconds since the epoch; what the caller states goes before it
 * @throws NotFoundError for an unknown principal, InvalidInputError as `decideActions`
 */
export function evaluateQuestion(
  question: PreparedQuestion,
  { principal, resource }: Facts,
  scopePrecedence: ScopePrecedence,
  now: number,
): CachedAnswer {
  if (principal === null) throw new NotFoundError(`\`${question.principal.arn}\` does not exist`);
  const { context, sessionPolicy, actions, statedInstant, detail } = question;
  const instant = statedInstant ?? now;
  const request = { principal, resource, context, now: instant, sessionPolicy };
  const decisions = decideActions(request, actions, { scopePrecedence, detail });
  const window = windowOf(decisions, subjectOf(principal).bounds, instant);
  return { decisions, resource: summaryOf(resource), evaluatedAt: now, ...window };
}

function summaryOf({ arn, registered, keyState, encryptionKeyArn, aliasTargetArn }: ResourceFacts): ResourceSummary {
  return { arn, registered, keyState, encryptionKeyArn, aliasTargetArn };
}

/** An answer holds where all its decisions hold and no attachment or session comes into force or ends. */
function windowOf(
  decisions: readonly Verdict[],
  bounds: readonly number[],
  now: number,
): Pick<CachedAnswer, "validFrom" | "validUntil"> {
  const from = [...known(decisions.map(({ validFrom }) => validFrom)), ...bounds.filter((at) => at <= now)];
  const until = [...known(decisions.map(({ validUntil }) => validUntil)), ...bounds.filter((at) => at > now)];
  return {
    validFrom: from.length === 0 ? null : from.reduce((a, b) => Math.max(a, b)),
    validUntil: until.length === 0 ? null : until.reduce((a, b) => Math.min(a, b)),
  };
}

function known(instants: readonly (number | null)[]): number[] {
  return instants.filter((instant) => instant !== null);
}
