import type { ClassStatement } from "./class-statement.js";
import type { Decision, Detail, MatchedStatement, ResidualCondition, Verdict } from "./decision.js";
import { Diagnostics } from "./diagnostics.js";
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
import type { WeighedStatement } from "./selected-statement.js";
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
  const diagnostics = new Diagnostics();
  noteRequest(evaluation, slot, weighing, diagnostics);
  const collected = collect(evaluation, slot, weighing, diagnostics);
  const matchedStatements = collected.matchedStatements ?? NONE;
  const residual = collected.residualConditions ?? NONE;
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
    diagnostics: diagnostics.list(),
    nearMisses: detail === "NEAR_MISSES" ? findNearMisses(evaluation, slot, weighing) : null,
  };
}

/** What the statements that some combination of outcomes reads have to tell, in the order of the policies. */
interface Collected {
  matchedStatements: MatchedStatement[] | null;
  residualConditions: ResidualCondition[] | null;
}

function collect(evaluation: Evaluation, slot: number, { reads }: Weighing, diagnostics: Diagnostics): Collected {
  const collected: Collected = { matchedStatements: null, residualConditions: null };
  const alone = evaluation.actions.slots.length === 1;
  for (const { policies, told } of evaluation.results) {
    if (told === null || !reads.has(policies.stage)) continue;
    for (const weighed of told) {
      if (weighed === null || !(alone || weighed.selected.slots.includes(slot))) continue;
      note(weighed, diagnostics);
      if (weighed.applies !== "false") add(collected, weighed, evaluation, slot);
    }
  }
  return collected;
}

function note({ notes, selected }: WeighedStatement, diagnostics: Diagnostics): void {
  if (selected.textNotes !== null) diagnostics.addAll(selected.textNotes());
  if (notes !== null) diagnostics.addAll(notes.list());
}

function add(
  collected: Collected,
  { applies, selected: { candidate } }: WeighedStatement,
  { request, actions }: Evaluation,
  slot: number,
): void {
  const matched = candidate.matched(applies === "residual");
  if (collected.matchedStatements === null) collected.matchedStatements = [matched];
  else collected.matchedStatements.push(matched);
  if (applies !== "residual") return;
  const asked = request.withAction(actions.names[slot] ?? "");
  collected.residualConditions ??= [];
  collected.residualConditions.push(...describeResidual(candidate, asked));
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

/** What there is to say about the request itself. */
function noteRequest(evaluation: Evaluation, slot: number, weighing: Weighing, diagnostics: Diagnostics): void {
  const { resource, policies, actions } = evaluation;
  if (policies.ended) diagnostics.add(SESSION_INACTIVE);
  diagnostics.addAll(policies.incomplete);
  if (resource.unregistered) diagnostics.add(unregisteredResource(resource.arn.text));
  const inapplicable = inapplicableAction(actions.names[slot] ?? "", resource.type);
  if (inapplicable !== null) diagnostics.add(inapplicable);
  if (weighing.shadowed) diagnostics.add(RESOURCE_GROUP_DENY_SHADOWED);
  if (weighing.outcome !== "IMPLICIT_DENY") return;
  const container = containerArnRequired(evaluation, slot, weighing);
  if (container !== null) diagnostics.add(container);
}
