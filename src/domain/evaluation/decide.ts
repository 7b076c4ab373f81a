import { InvalidInputError } from "../errors.js";
import type { AccessRequest, ScopePrecedence } from "./access-request.js";
import { ActionSet } from "./action-set.js";
import { type Decision, type Detail, type Verdict, withReasons } from "./decision.js";
import { classesOf, type Evaluation, evaluate, isForeign, type Question, requestOf } from "./evaluation.js";
import { explainVerdict } from "./explain-verdict.js";
import { SESSION_ENDED } from "./issued-session.js";
import { combineGates, outcomesOf } from "./outcome-set.js";
import type { PolicyStage } from "./policy-class.js";
import { type RequestedResource, requestedResourceOf } from "./requested-resource.js";
import { type Answers, Standing } from "./standing.js";
import { type PoliciesInForce, subjectOf } from "./subject.js";
import { Validity } from "./validity.js";
import { OPEN_TO_ALL, type Weighing, weighStages } from "./weigh-stages.js";

export type { Question } from "./evaluation.js";

export interface DecideOptions {
  readonly scopePrecedence: ScopePrecedence;
  /** Default: `REASONS`. They take time, so nobody should ask for them in vain. */
  readonly detail?: Detail;
}

/**
 * Decides whether the principal may perform the action on the resource, and says why (docs/evaluation.md).
 * Pure: everything it depends on is in the request; `request.now` is the one instant of the decision.
 * @throws InvalidInputError for a malformed action or ARN, a session policy with anybody but a role or session (C13),
 *   or a request that is too large for the policies in force
 */
export function decide(request: AccessRequest, options: DecideOptions): Decision {
  const [decision] = decideActions(request, [request.action], options);
  if (decision === undefined) throw new Error("one action gives one decision");
  return withReasons(decision);
}

/**
 * Decides several actions of one question, in their order, sharing the work. With reasons (`withReasons`) unless
 * `detail` is `OUTCOME`. What comes out may be shared with other callers.
 * @throws InvalidInputError as `decide`
 */
export function decideActions(
  question: Question,
  actions: readonly string[],
  options: DecideOptions,
): readonly Verdict[] {
  refuseSessionPolicy(question);
  const set = ActionSet.of(actions);
  const resource = requestedResourceOf(question.resource);
  if (resource.arn.text !== "*" || set.service !== null) return decideSet(question, resource, set, options);
  return set.names.flatMap((name) => decideSet(question, resource, ActionSet.of([name]), options)); // what `*` is depends on the service
}

/** C13. */
function refuseSessionPolicy({ principal, sessionPolicy }: Question): void {
  if (sessionPolicy === null || principal.kind === "ROLE" || principal.kind === "ROLE_SESSION") return;
  throw new InvalidInputError("a session policy applies to roles and role sessions only", "/sessionPolicy");
}

/** Takes the answer that is known, if there is one. */
function decideSet(
  question: Question,
  resource: RequestedResource,
  actions: ActionSet,
  options: DecideOptions,
): readonly Verdict[] {
  const { now, sessionPolicy } = question;
  const policies = subjectOf(question.principal).inForceAt(now).behindGate(sessionPolicy);
  const answers = answersFor(question, policies, resource, actions, options.detail ?? "REASONS");
  const explained = (options.detail ?? "REASONS") !== "OUTCOME";
  if (answers === null) return verdictsOf(evaluate(question, policies, resource, actions, explained), options);
  const key = answers.unconditional ? 0 : answers.keyOf(requestOf(question, policies, resource, actions));
  const known = key === null ? null : answers.find(key, options.scopePrecedence, now);
  if (known !== null) return known;
  const evaluation = evaluate(question, policies, resource, actions, explained);
  const verdicts = verdictsOf(evaluation, options);
  if (key !== null) answers.keep(key, options.scopePrecedence, verdicts, validityOfAll(evaluation));
  return verdicts;
}

/** Null: this question is not asked often enough, or not in a way that is worth keeping. */
function answersFor(
  question: Question,
  policies: PoliciesInForce,
  resource: RequestedResource,
  actions: ActionSet,
  detail: Detail,
): Answers | null {
  if (!resource.registered || actions.place === null || detail === "NEAR_MISSES") return null;
  const known = policies.standings.get(resource, actions);
  if (known != null) return detail === "OUTCOME" ? known.outcome : known.reasons;
  if (known === undefined) {
    policies.standings.set(resource, actions, null);
    return null;
  }
  const classes = classesOf(policies, resource, actions, isForeign(resource, policies));
  const standing = new Standing(classes, actions, requestOf(question, policies, resource, actions));
  policies.standings.set(resource, actions, standing);
  return detail === "OUTCOME" ? standing.outcome : standing.reasons;
}

function verdictsOf(evaluation: Evaluation, options: DecideOptions): readonly Verdict[] {
  const { slots } = evaluation.actions;
  if (slots.length === 1) return [verdictOf(evaluation, 0, options)];
  return slots.map((slot) => verdictOf(evaluation, slot, options));
}

function verdictOf(evaluation: Evaluation, slot: number, { scopePrecedence, detail = "REASONS" }: DecideOptions) {
  const weighing = weigh(evaluation, slot, scopePrecedence);
  const verdict = outcomeOf(evaluation, slot, weighing);
  return detail === "OUTCOME" ? verdict : explainVerdict(evaluation, slot, weighing, verdict, detail);
}

function weigh(evaluation: Evaluation, slot: number, precedence: ScopePrecedence): Weighing {
  const { question, actions, resource, policies, foreign, results } = evaluation;
  if (policies.ended) return SESSION_ENDED;
  if (actions.names[slot] === "kms:DescribeRegions") return OPEN_TO_ALL;
  const owner = question.principal.kind === "ACCOUNT_OWNER";
  const assumesRole = actions.assumesRole && actions.folded[slot] === "sts:assumerole";
  const trusted = assumesRole && !(foreign && (resource.trust === null || owner));
  let [session, account, resourceGroup, trust] = [0, 0, 0, 0];
  for (const { policies, applying } of results) {
    const outcomes = outcomesOf(applying[slot] ?? 0);
    if (policies.stage === "ACCOUNT_LEVEL_IDENTITY_BASED_POLICY") account = outcomes;
    else if (policies.stage === "RESOURCE_GROUP_LEVEL_IDENTITY_BASED_POLICY") resourceGroup = outcomes;
    else if (policies.stage === "SESSION_POLICY") session = combineGates(session, outcomes);
    else if (assumesRole) trust = outcomes;
  }
  return weighStages({ session, account, resourceGroup, trust, owner, foreign, trusted }, precedence);
}

function outcomeOf(evaluation: Evaluation, slot: number, weighing: Weighing): Verdict {
  const { question, actions, resource, policies } = evaluation;
  const { validFrom, validUntil } = validityOf(evaluation, slot, weighing);
  return {
    principal: question.principal.arn,
    action: actions.names[slot] ?? "",
    resource: resource.arn.text,
    outcome: weighing.outcome,
    certainty: policies.incomplete.length === 0 ? "EXACT" : "CONSERVATIVE",
    decidedBy: weighing.decidedBy,
    validFrom,
    validUntil,
  };
}

const FOREVER: Validity = new Validity(0);

function validityOf(evaluation: Evaluation, slot: number, { reads }: Weighing): Validity {
  if (isTimeless(evaluation)) return FOREVER;
  return collectValidity(evaluation, (stage, slots) => reads.has(stage) && (slots === null || slots.includes(slot)));
}

/** As long as this nothing at all changes but by the context. */
function validityOfAll(evaluation: Evaluation): Validity {
  return isTimeless(evaluation) ? FOREVER : collectValidity(evaluation, () => true);
}

/** Time alone changes nothing: no window, no session, no condition on the current time. */
function isTimeless({ policies: { sessionBounds }, results }: Evaluation): boolean {
  if (sessionBounds.length > 0) return false;
  for (const { policies, timed } of results) if (policies.bounds.length > 0 || timed.length > 0) return false;
  return true;
}

/** @param counts tells by stage and, for conditions, by action */
function collectValidity(
  { question, policies: { sessionBounds }, results }: Evaluation,
  counts: (stage: PolicyStage, slots: readonly number[] | null) => boolean,
): Validity {
  const validity = new Validity(question.now);
  for (const bound of sessionBounds) validity.addBound(bound);
  for (const { policies, timed } of results) {
    if (!counts(policies.stage, null)) continue;
    for (const bound of policies.bounds) validity.addBound(bound);
    for (const { statement, slots } of timed) {
      if (counts(policies.stage, slots)) validity.addConditions(statement?.conditions ?? []);
    }
  }
  return validity;
}
