import { InvalidInputError } from "../errors.js";
import { parseAction } from "../kms/actions.js";
import type { AccessRequest, AttachedPolicy, ScopePrecedence } from "./access-request.js";
import {
  crossAccountEnding,
  decidingStage,
  type Ending,
  gateEndings,
  identityEndings,
  outcomeOf,
  type StageOutcomes,
  trustEndings,
} from "./combine-stages.js";
import type { Decision, DecisionStage, Outcome } from "./decision.js";
import {
  type ClassResult,
  evaluateClass,
  identityClass,
  isActive,
  type PolicyClass,
  SILENT,
  singlePolicyClass,
} from "./evaluate-policies.js";
import { Diagnostics, type EvaluationRequest } from "./evaluation-request.js";
import { prepareRequest } from "./prepare-request.js";
import { explain, type UnexplainedDecision } from "./reason.js";
import {
  containerArnRequired,
  inapplicableAction,
  incompletePolicies,
  RESOURCE_GROUP_DENY_SHADOWED,
  unregisteredResource,
} from "./request-diagnostics.js";
import { Validity } from "./validity.js";

export interface DecideOptions {
  readonly scopePrecedence: ScopePrecedence;
}

/** A question about one principal and one resource, without the action. */
export type Question = Omit<AccessRequest, "action">;

/**
 * Decides whether the principal may perform the action on the resource, and says why (docs/evaluation.md).
 * Pure: everything it depends on is in the request; `request.now` is the one instant of the decision.
 * @throws InvalidInputError for a malformed action or ARN, or a session policy with anybody but a role or session (C13)
 */
export function decide(request: AccessRequest, options: DecideOptions): Decision {
  const [decision] = decideActions(request, [request.action], options);
  if (decision === undefined) throw new Error("one action gives one decision");
  return decision;
}

/** Decides several actions of one question, in their order, sharing the work. @throws InvalidInputError as `decide` */
export function decideActions(question: Question, actions: readonly string[], options: DecideOptions): Decision[] {
  refuseSessionPolicy(question);
  const requestFor = prepareRequest(question);
  const classes = divide(question);
  return actions.map((action) => decideOne(question, classes, requestFor(parseAction(action)), options));
}

/** C13. */
function refuseSessionPolicy({ principal, sessionPolicy }: Question): void {
  if (sessionPolicy === null || principal.kind === "ROLE" || principal.kind === "ROLE_SESSION") return;
  throw new InvalidInputError("a session policy applies to roles and role sessions only", "/sessionPolicy");
}

/** The policy classes of a question; null where there is none. */
interface Classes {
  readonly active: readonly AttachedPolicy[];
  readonly session: PolicyClass | null;
  readonly account: PolicyClass;
  readonly resourceGroup: PolicyClass | null;
  readonly trust: PolicyClass | null;
}

function divide({ principal, resource, now, sessionPolicy }: Question): Classes {
  const { attachments } = principal;
  const group = resource.registered ? resource.resourceGroup : null;
  const inGroup = attachments.filter(
    ({ scope }) => scope.kind === "RESOURCE_GROUP" && group !== null && scope.resourceGroup === group,
  );
  const trust = resource.registered ? resource.trustPolicy : null;
  return {
    active: attachments.filter((attachment) => isActive(attachment, now)),
    session: sessionPolicy === null ? null : singlePolicyClass("SESSION_POLICY", sessionPolicy),
    account: identityClass(
      attachments.filter(({ scope }) => scope.kind === "ACCOUNT"),
      now,
    ),
    resourceGroup: inGroup.length === 0 ? null : identityClass(inGroup, now),
    trust: trust === null ? null : singlePolicyClass("TRUST_POLICY", trust),
  };
}

/** A class that some combination of outcomes read, with what it came to. */
interface StageRead {
  readonly stage: DecisionStage;
  readonly policies: PolicyClass;
  readonly result: ClassResult;
}

/** How a request was answered, before it is put into words. */
interface Verdict {
  readonly outcome: Outcome;
  readonly decidedBy: DecisionStage;
  readonly read: readonly StageRead[];
  /** The two readings of D1 differ. */
  readonly shadowed: boolean;
}

function decideOne(question: Question, classes: Classes, request: EvaluationRequest, options: DecideOptions): Decision {
  const verdict =
    request.action === "kms:DescribeRegions"
      ? settled("ALLOW", "NO_AUTHORIZATION_REQUIRED")
      : evaluateStages(question, classes, request, options);
  return describe(question, classes, request, verdict);
}

function settled(outcome: Outcome, decidedBy: DecisionStage): Verdict {
  return { outcome, decidedBy, read: [], shadowed: false };
}

/** Gate, identity step, trust policy: in RAM's order, for every combination of possible outcomes. */
function evaluateStages(
  question: Question,
  classes: Classes,
  request: EvaluationRequest,
  options: DecideOptions,
): Verdict {
  const session = classes.session === null ? null : evaluateClass(classes.session, request);
  const gate =
    classes.session === null || session === null ? [] : [stageRead("SESSION_POLICY", classes.session, session)];
  if (session !== null && !session.possible.includes("ALLOW")) {
    return verdictOf(gateEndings(session.possible, []), gate, false);
  }
  const rest = evaluateBehindGate(question, classes, request, options);
  const endings = session === null ? rest.endings : gateEndings(session.possible, rest.endings);
  const alternative = session === null ? rest.alternative : gateEndings(session.possible, rest.alternative);
  return verdictOf(endings, [...gate, ...rest.read], outcomeOf(endings) !== outcomeOf(alternative));
}

/** What the identity step, or a step after it, comes to; `alternative`: under the other reading of D1. */
interface StepResult {
  readonly endings: readonly Ending[];
  readonly alternative: readonly Ending[];
  readonly read: readonly StageRead[];
}

function evaluateBehindGate(
  question: Question,
  classes: Classes,
  request: EvaluationRequest,
  options: DecideOptions,
): StepResult {
  const foreign = isForeign(question, request);
  const identity = evaluateIdentity(question, classes, request, options, foreign);
  if (request.foldedAction !== "sts:assumerole") return foreign ? mapEndings(identity, crossAccountEnding) : identity;
  if (foreign && (classes.trust === null || question.principal.kind === "ACCOUNT_OWNER")) {
    return mapEndings(identity, crossAccountEnding);
  }
  return withTrust(identity, classes, request);
}

/** True for a resource of another account; a resource whose account is not stated is the caller's own. */
function isForeign({ principal }: Question, { target }: EvaluationRequest): boolean {
  const { account } = target.arn;
  return /^\d/.test(account) && account !== principal.account;
}

function mapEndings(step: StepResult, change: (ending: Ending) => Ending): StepResult {
  return { endings: step.endings.map(change), alternative: step.alternative.map(change), read: step.read };
}

function evaluateIdentity(
  { principal }: Question,
  classes: Classes,
  request: EvaluationRequest,
  { scopePrecedence }: DecideOptions,
  foreign: boolean,
): StepResult {
  if (principal.kind === "ACCOUNT_OWNER") return ownerStep(foreign);
  const account = evaluateClass(classes.account, request);
  const accountRead = stageRead("ACCOUNT_LEVEL_IDENTITY_BASED_POLICY", classes.account, account);
  if (foreign || classes.resourceGroup === null) {
    const endings = identityEndings(account.possible, SILENT, scopePrecedence);
    return { endings, alternative: endings, read: [accountRead] };
  }
  const group = evaluateClass(classes.resourceGroup, request);
  const groupRead = stageRead("RESOURCE_GROUP_LEVEL_IDENTITY_BASED_POLICY", classes.resourceGroup, group);
  const other: ScopePrecedence = scopePrecedence === "staged" ? "deny-overrides" : "staged";
  return {
    endings: identityEndings(account.possible, group.possible, scopePrecedence),
    alternative: identityEndings(account.possible, group.possible, other),
    read: readsResourceGroup(account, scopePrecedence) ? [accountRead, groupRead] : [accountRead],
  };
}

/** D26. */
function ownerStep(foreign: boolean): StepResult {
  const ending: Ending = foreign
    ? { outcome: "IMPLICIT_DENY", stage: "CROSS_ACCOUNT" }
    : { outcome: "ALLOW", stage: "ACCOUNT_OWNER" };
  return { endings: [ending], alternative: [ending], read: [] };
}

function readsResourceGroup({ possible }: ClassResult, precedence: ScopePrecedence): boolean {
  if (precedence === "staged") return possible.includes("IMPLICIT_DENY");
  return possible.some((outcome) => outcome !== "EXPLICIT_DENY");
}

/** A role without a known trust policy can be assumed by nobody. */
function withTrust(identity: StepResult, { trust }: Classes, request: EvaluationRequest): StepResult {
  const result = trust === null ? null : evaluateClass(trust, request);
  const possible = result?.possible ?? SILENT;
  const read = trust === null || result === null ? [] : [stageRead("ROLE_TRUST", trust, result)];
  return {
    endings: trustEndings(identity.endings, possible),
    alternative: trustEndings(identity.alternative, possible),
    read: [...identity.read, ...read],
  };
}

function stageRead(stage: DecisionStage, policies: PolicyClass, result: ClassResult): StageRead {
  return { stage, policies, result };
}

function verdictOf(endings: readonly Ending[], read: readonly StageRead[], shadowed: boolean): Verdict {
  const outcome = outcomeOf(endings);
  const stages: StageOutcomes[] = read.map(({ stage, result }) => ({ stage, possible: result.possible }));
  return { outcome, decidedBy: decidingStage(outcome, endings, stages), read, shadowed };
}

function describe(question: Question, classes: Classes, request: EvaluationRequest, verdict: Verdict): Decision {
  const { principal, resource } = question;
  const diagnostics = new Diagnostics();
  const incomplete = incompletePolicies(classes.active);
  diagnostics.addAll([...incomplete, ...unregisteredResource(request, resource), ...inapplicableAction(request)]);
  if (verdict.shadowed) diagnostics.add(RESOURCE_GROUP_DENY_SHADOWED);
  if (verdict.outcome === "IMPLICIT_DENY") {
    diagnostics.addAll(containerArnRequired(request, policiesRead(verdict)));
  }
  const validity = new Validity(question.now);
  for (const { result } of verdict.read) {
    diagnostics.addAll(result.diagnostics.list());
    validity.addAll(result.validity);
  }
  const residualConditions = verdict.read.flatMap(({ result }) => result.residual);
  const decision: UnexplainedDecision & { reason: string } = {
    principal: principal.arn,
    action: request.action,
    resource: request.target.arn.text,
    outcome: verdict.outcome,
    certainty: incomplete.length === 0 ? "EXACT" : "CONSERVATIVE",
    decidedBy: verdict.decidedBy,
    matchedStatements: verdict.read.flatMap(({ result }) => result.matched),
    missingContextKeys: [...new Set(residualConditions.map(({ key }) => key))],
    residualConditions,
    diagnostics: diagnostics.list(),
    validFrom: validity.validFrom,
    validUntil: validity.validUntil,
    reason: "",
  };
  decision.reason = explain(decision, principal);
  return decision;
}

/** Trust policies name no resource, so they never miss a container. */
function policiesRead({ read }: Verdict): PolicyClass[] {
  return read.filter(({ stage }) => stage !== "ROLE_TRUST").map(({ policies }) => policies);
}
