import type { ClassStatement } from "./class-statement.js";
import type { Decision, Detail, Diagnostic, MatchedStatement, ResidualCondition, Verdict } from "./decision.js";
import { Diagnostics } from "./diagnostics.js";
import type { WeighedStatement } from "./evaluate-policies.js";
import type { Evaluation } from "./evaluation.js";
import type { EvaluationRequest } from "./evaluation-request.js";
import { SESSION_INACTIVE } from "./issued-session.js";
import { residualConditions } from "./match-statement.js";
import { findNearMisses } from "./near-misses.js";
import { explain } from "./reason.js";
import {
  containerArnRequired,
  inapplicableAction,
  RESOURCE_GROUP_DENY_SHADOWED,
  unregisteredResource,
} from "./request-diagnostics.js";
import type { Weighing } from "./weigh-stages.js";

const NONE: readonly never[] = [];

/** Adds the reasons to a verdict. They are taken from the very evaluation that gave it. */
export function explainVerdict(
  evaluation: Evaluation,
  slot: number,
  weighing: Weighing,
  verdict: Verdict,
  detail: Exclude<Detail, "OUTCOME">,
): Decision {
  const read = collect(evaluation, slot, weighing);
  const { matchedStatements, residualConditions: residual } = read;
  const missingContextKeys = residual.length === 0 ? NONE : [...new Set(residual.map(({ key }) => key))];
  return {
    principal: verdict.principal, // a spread costs more than all the rest
    action: verdict.action,
    resource: verdict.resource,
    outcome: verdict.outcome,
    certainty: verdict.certainty,
    decidedBy: verdict.decidedBy,
    validFrom: verdict.validFrom,
    validUntil: verdict.validUntil,
    reason: explain({ verdict, matchedStatements, missingContextKeys }, evaluation),
    matchedStatements,
    missingContextKeys,
    residualConditions: residual,
    diagnostics: diagnose(evaluation, slot, weighing, read),
    nearMisses: detail === "NEAR_MISSES" ? findNearMisses(evaluation, slot, weighing) : null,
  };
}

/** What the statements that some combination of outcomes reads have to tell, in the order of the policies. */
interface Collected {
  readonly matchedStatements: MatchedStatement[];
  readonly residualConditions: ResidualCondition[];
  readonly notes: Diagnostics;
}

function collect(evaluation: Evaluation, slot: number, { reads }: Weighing): Collected {
  const collected: Collected = { matchedStatements: [], residualConditions: [], notes: new Diagnostics() };
  for (const { policies, told } of evaluation.results) {
    if (told === null || !reads.has(policies.stage)) continue;
    for (const weighed of told) if (weighed.selected.slots.includes(slot)) add(collected, weighed, evaluation, slot);
  }
  return collected;
}

function add(collected: Collected, weighed: WeighedStatement, { request, actions }: Evaluation, slot: number): void {
  const { applies, notes, selected } = weighed;
  if (selected.textNotes !== null) collected.notes.addAll(selected.textNotes());
  if (notes !== null) collected.notes.addAll(notes.list());
  if (applies === "false") return;
  collected.matchedStatements.push(selected.candidate.matched(applies === "residual"));
  if (applies !== "residual") return;
  const asked = request.withAction(actions.names[slot] ?? "");
  collected.residualConditions.push(...describeResidual(selected.candidate, asked));
}

function describeResidual(
  { statement, member }: ClassStatement,
  request: EvaluationRequest,
): readonly ResidualCondition[] {
  if (statement === null) return NONE;
  return residualConditions(statement, request).map(({ source: { operator, setPrefix, key, values } }) => ({
    operator: setPrefix === null ? operator : `${setPrefix}:${operator}`,
    key,
    values,
    effect: statement.effect,
    policy: member.policy,
    version: member.version,
    statementIndex: statement.index,
  }));
}

function diagnose(
  evaluation: Evaluation,
  slot: number,
  weighing: Weighing,
  { notes }: Collected,
): readonly Diagnostic[] {
  const { resource, policies, actions } = evaluation;
  const action = actions.names[slot] ?? "";
  const diagnostics = new Diagnostics();
  if (policies.ended) diagnostics.add(SESSION_INACTIVE);
  diagnostics.addAll(policies.incomplete);
  if (resource.unregistered) diagnostics.add(unregisteredResource(resource.arn.text));
  const inapplicable = inapplicableAction(action, resource.name);
  if (inapplicable !== null) diagnostics.add(inapplicable);
  if (weighing.shadowed) diagnostics.add(RESOURCE_GROUP_DENY_SHADOWED);
  if (weighing.outcome === "IMPLICIT_DENY") {
    const container = containerArnRequired(evaluation, slot, weighing);
    if (container !== null) diagnostics.add(container);
  }
  diagnostics.addAll(notes.list());
  return diagnostics.list();
}
