import { InvalidInputError } from "../errors.js";
import type { CompiledPolicy } from "../policy/compile-policy.js";
import type { AccessRequest, ScopePrecedence } from "./access-request.js";
import { ActionSet } from "./action-set.js";
import { type Decision, type Detail, type Verdict, withReasons } from "./decision.js";
import { type ClassResult, evaluateClass, outcomesIn, outcomesOfGates } from "./evaluate-policies.js";
import type { Evaluation, PolicyStage, Question, StageResult } from "./evaluation.js";
import { EvaluationRequest } from "./evaluation-request.js";
import { explainVerdict } from "./explain-verdict.js";
import { SESSION_ENDED } from "./issued-session.js";
import { type PolicyClass, singlePolicyClass } from "./policy-class.js";
import { type RequestedResource, requestedResourceOf } from "./requested-resource.js";
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
 * `detail` is `OUTCOME`.
 * @throws InvalidInputError as `decide`
 */
export function decideActions(question: Question, actions: readonly string[], options: DecideOptions): Verdict[] {
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

function decideSet(
  question: Question,
  resource: RequestedResource,
  actions: ActionSet,
  options: DecideOptions,
): Verdict[] {
  const detail = options.detail ?? "REASONS";
  const evaluation = evaluate(question, resource, actions, detail !== "OUTCOME");
  return actions.names.map((_, slot) => {
    const weighing = weigh(evaluation, slot, options.scopePrecedence);
    const verdict = verdictOf(evaluation, slot, weighing);
    return detail === "OUTCOME" ? verdict : explainVerdict(evaluation, slot, weighing, verdict, detail);
  });
}

function evaluate(question: Question, resource: RequestedResource, actions: ActionSet, explained: boolean): Evaluation {
  const { principal, context, now } = question;
  const subject = subjectOf(principal);
  const policies = subject.inForceAt(now);
  const target = resource.targetFor(actions.service ?? "");
  const tags = resource.tagsFor(target);
  const parts = { target, resource, caller: subject.caller, tags, context, now };
  const request = new EvaluationRequest(parts, actions.names[0] ?? "");
  const foreign = resource.owner !== null && resource.owner !== principal.account;
  const isOwner = principal.kind === "ACCOUNT_OWNER";
  const { resourceGroup } = resource;
  const group = foreign || isOwner || resourceGroup === null ? undefined : policies.byResourceGroup.get(resourceGroup);
  const results: StageResult[] = [];
  const weighed = (stage: PolicyStage, policyClass: PolicyClass | null | undefined): ClassResult | null => {
    if (policyClass == null) return null;
    const result = evaluateClass(policyClass, actions, request, explained);
    results.push({ stage, result });
    return result;
  };
  for (const gate of gatesOf(question, policies)) weighed("SESSION_POLICY", gate);
  const gates = results.length === 0 ? NO_GATES : results.map(({ result }) => result);
  const stages = {
    ACCOUNT_LEVEL_IDENTITY_BASED_POLICY: weighed(
      "ACCOUNT_LEVEL_IDENTITY_BASED_POLICY",
      isOwner ? null : policies.account,
    ),
    RESOURCE_GROUP_LEVEL_IDENTITY_BASED_POLICY: weighed("RESOURCE_GROUP_LEVEL_IDENTITY_BASED_POLICY", group),
    ROLE_TRUST: weighed("ROLE_TRUST", actions.assumesRole ? resource.trust : null),
  };
  const { sessionBounds } = subject;
  const timeless = sessionBounds.length === 0 && isTimeless(results);
  return { question, actions, request, resource, policies, foreign, gates, stages, results, sessionBounds, timeless };
}

function isTimeless(results: readonly StageResult[]): boolean {
  for (const { result } of results) if (result.policies.bounds.length > 0 || result.timed.length > 0) return false;
  return true;
}

const SESSION_CLASSES = new WeakMap<CompiledPolicy, PolicyClass>();

const NO_GATES: readonly ClassResult[] = [];

/** What comes with the question, then what issued sessions carry. */
function gatesOf({ sessionPolicy }: Question, { gates }: PoliciesInForce): readonly PolicyClass[] {
  return sessionPolicy === null ? gates : [sessionClassOf(sessionPolicy), ...gates];
}

function sessionClassOf(policy: CompiledPolicy): PolicyClass {
  const made = SESSION_CLASSES.get(policy) ?? singlePolicyClass("SESSION_POLICY", policy);
  SESSION_CLASSES.set(policy, made);
  return made;
}

function weigh(
  { question, actions, resource, policies, foreign, gates, stages }: Evaluation,
  slot: number,
  precedence: ScopePrecedence,
): Weighing {
  if (policies.ended) return SESSION_ENDED;
  if (actions.names[slot] === "kms:DescribeRegions") return OPEN_TO_ALL;
  const owner = question.principal.kind === "ACCOUNT_OWNER";
  const assumesRole = actions.assumesRole && actions.folded[slot] === "sts:assumerole";
  const weights = {
    session: outcomesOfGates(gates, slot),
    account: outcomesIn(stages.ACCOUNT_LEVEL_IDENTITY_BASED_POLICY, slot),
    resourceGroup: outcomesIn(stages.RESOURCE_GROUP_LEVEL_IDENTITY_BASED_POLICY, slot),
    trust: assumesRole ? outcomesIn(stages.ROLE_TRUST, slot) : 0,
    owner,
    foreign,
    trusted: assumesRole && !(foreign && (resource.trust === null || owner)),
  };
  return weighStages(weights, precedence);
}

function verdictOf(evaluation: Evaluation, slot: number, weighing: Weighing): Verdict {
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

function validityOf(
  { question, results, sessionBounds, timeless }: Evaluation,
  slot: number,
  { reads }: Weighing,
): Validity {
  if (timeless) return FOREVER;
  const validity = new Validity(question.now);
  for (const bound of sessionBounds) validity.addBound(bound);
  for (const { stage, result } of results) {
    if (!reads.has(stage)) continue;
    for (const bound of result.policies.bounds) validity.addBound(bound);
    for (const { statement, slots } of result.timed) {
      if (slots.includes(slot)) validity.addConditions(statement?.conditions ?? []);
    }
  }
  return validity;
}
