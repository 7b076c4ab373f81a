import { formatInstant } from "../condition/date.js";
import type { CompiledCondition } from "../condition/evaluate-conditions.js";
import { InvalidInputError } from "../errors.js";
import type { CompiledStatement } from "../policy/compile-policy.js";
import type { PatternBlock } from "../policy/document.js";
import { compileGlob, foldCase } from "../wildcard.js";
import type { AttachedPolicy } from "./access-request.js";
import { type ClassMember, ClassStatement } from "./class-statement.js";
import type { NearMiss, StatementFailure, StatementPart } from "./decision.js";
import type { Evaluation } from "./evaluation.js";
import type { EvaluationRequest } from "./evaluation-request.js";
import { isActive, memberOf } from "./policy-class.js";
import type { Weighing } from "./weigh-stages.js";

/** More would not help anybody. */
const MOST_NEAR_MISSES = 5;

/** How far a failing part puts a statement from the request. */
const DISTANCE: Readonly<Record<StatementPart, number>> = {
  WINDOW: 1,
  SCOPE: 1,
  CONDITION: 1,
  RESOURCE: 2,
  PRINCIPAL: 2,
  ACTION: 3,
};

/** A policy that could have allowed the request, with what keeps the whole of it from counting. */
interface Source {
  readonly member: ClassMember;
  readonly failures: readonly StatementFailure[];
}

/**
 * The Allow statements that come closest to a request that was denied, nearest first, with the parts that failed. They
 * are taken from the stage that refused, policies included that are attached for another resource group or another
 * time. Empty when nothing is near, and for what was not denied.
 */
export function findNearMisses(evaluation: Evaluation, slot: number, weighing: Weighing): NearMiss[] {
  const { outcome } = weighing;
  if (outcome !== "IMPLICIT_DENY" && outcome !== "EXPLICIT_DENY") return [];
  const { actions } = evaluation;
  const request = evaluation.request.withAction(actions.names[slot] ?? "");
  const folded = actions.folded[slot] ?? "";
  return search(sourcesOf(evaluation, weighing), request, folded)
    .map((miss) => ({ miss, distance: distanceOf(miss) }))
    .sort((left, right) => left.distance - right.distance)
    .slice(0, MOST_NEAR_MISSES)
    .map(({ miss }) => miss);
}

/** The answer stands already: when the rest of its work budget is spent, what has been found so far must do. */
function search(sources: readonly Source[], request: EvaluationRequest, action: string): NearMiss[] {
  const found: NearMiss[] = [];
  try {
    for (const source of sources) found.push(...missesOf(source, request, action));
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
  }
  return found;
}

function distanceOf({ failures }: NearMiss): number {
  return failures.reduce((sum, { part }) => sum + DISTANCE[part], 0);
}

function sourcesOf(evaluation: Evaluation, { decidedBy }: Weighing): Source[] {
  const { results, question, foreign } = evaluation;
  if (foreign) return [];
  if (decidedBy === "SESSION_POLICY" || decidedBy === "ROLE_TRUST") {
    const read = results.filter(({ policies }) => policies.stage === decidedBy);
    const statements = read.flatMap(({ policies }) => policies.statements);
    return [...new Set(statements.map(({ member }) => member))].map((member) => ({ member, failures: [] }));
  }
  if (question.principal.kind === "ACCOUNT_OWNER") return [];
  return question.principal.attachments.map((attachment) => ({
    member: memberOf(attachment),
    failures: [...windowFailures(attachment, question.now), ...scopeFailures(attachment, evaluation)],
  }));
}

function windowFailures(attachment: AttachedPolicy, now: number): StatementFailure[] {
  const { notBefore, expiresAt } = attachment;
  if (isActive(attachment, now)) return [];
  const begins = notBefore !== null && now < notBefore;
  const at = formatInstant((begins ? notBefore : expiresAt) ?? now);
  const message = begins ? `the attachment begins at ${at}` : `the attachment expired at ${at}`;
  return [failure("WINDOW", message, [at], [formatInstant(now)])];
}

function scopeFailures({ scope }: AttachedPolicy, { resource }: Evaluation): StatementFailure[] {
  const { resourceGroup } = resource;
  if (scope.kind === "ACCOUNT" || scope.resourceGroup === resourceGroup) return [];
  const where = resourceGroup === null ? "no resource group" : `\`${resourceGroup}\``;
  const message = `the policy is attached for resource group \`${scope.resourceGroup}\`, and the resource is in ${where}`;
  return [failure("SCOPE", message, [scope.resourceGroup], resourceGroup === null ? null : [resourceGroup])];
}

function failure(
  part: StatementPart,
  message: string,
  expected: readonly string[],
  actual: readonly string[] | null,
): StatementFailure {
  return { part, message, operator: null, key: null, expected, actual };
}

function missesOf({ member, failures }: Source, request: EvaluationRequest, action: string): NearMiss[] {
  const statements = member.compiled?.statements ?? [];
  return statements.flatMap((statement) => {
    if (statement.effect !== "Allow") return [];
    const all = [...failures, ...statementFailures(statement, member, request, action)];
    if (all.length === 0 || !isNear(all, statement, member, action)) return [];
    return [{ statement: new ClassStatement(member, statement, "Allow").matched(false), failures: all }];
  });
}

/** A statement about other actions is near only when all else fits, and when it is about the same service. */
function isNear(
  failures: readonly StatementFailure[],
  { index }: CompiledStatement,
  { compiled }: ClassMember,
  action: string,
): boolean {
  if (!failures.some(({ part }) => part === "ACTION")) return true;
  const service = action.slice(0, action.indexOf(":"));
  const patterns = compiled?.document.statements[index]?.actions.patterns ?? [];
  return failures.length === 1 && patterns.some((pattern) => namesService(pattern, service));
}

function namesService(pattern: string, service: string): boolean {
  return compileGlob(foldCase(pattern.split(":")[0] ?? ""))(service);
}

function statementFailures(
  statement: CompiledStatement,
  { compiled }: ClassMember,
  request: EvaluationRequest,
  action: string,
): StatementFailure[] {
  const source = compiled?.document.statements[statement.index];
  const failures: StatementFailure[] = [];
  if (statement.resources.cost > 0) request.spend(statement.resources.cost * request.target.arn.text.length);
  if (!statement.actions.matches(action)) failures.push(actionFailure(source?.actions, request));
  if (statement.resources.matches(request.target) !== "true") {
    failures.push(resourceFailure(source?.resources ?? null, request));
  }
  if (statement.matchesCaller !== null && statement.matchesCaller(request.caller) !== "true") {
    failures.push(callerFailure(source?.principal?.ram ?? [], request));
  }
  return [...failures, ...statement.conditions.flatMap((condition) => conditionFailure(condition, request))];
}

function actionFailure(block: PatternBlock | undefined, request: EvaluationRequest): StatementFailure {
  const action = request.actionValue.map(({ text }) => text);
  const message = block?.negated
    ? `its \`NotAction\` leaves out \`${action}\``
    : `\`${action}\` is not among the actions of the statement`;
  return failure("ACTION", message, block?.patterns ?? [], action);
}

function resourceFailure(block: PatternBlock | null, { target }: EvaluationRequest): StatementFailure {
  const message = block?.negated
    ? "`NotResource` grants nothing in an Allow statement"
    : `\`${target.arn.text}\` is not among the resources of the statement`;
  return failure("RESOURCE", message, block?.patterns ?? [], [target.arn.text]);
}

function callerFailure(trusted: readonly string[], { caller }: EvaluationRequest): StatementFailure {
  const names = caller.names.map(({ arn }) => arn.text);
  return failure("PRINCIPAL", "the statement does not name the caller", trusted, names);
}

function conditionFailure(condition: CompiledCondition, request: EvaluationRequest): StatementFailure[] {
  const value = condition.evaluate(request, null);
  if (value === "true" || value === "residual") return [];
  const { operator: name, setPrefix, key, values } = condition.source;
  const operator = setPrefix === null ? name : `${setPrefix}:${name}`;
  const actual = condition.requestValues(request)?.map(({ text }) => text) ?? null;
  return [
    { part: "CONDITION", message: conditionMessage(operator, key, actual), operator, key, expected: values, actual },
  ];
}

function conditionMessage(operator: string, key: string, actual: readonly string[] | null): string {
  const has = actual === null || actual.length === 0 ? "nothing" : actual.map((text) => `\`${text}\``).join(", ");
  return `\`${operator}\` on \`${key}\` does not hold: the request has ${has} there`;
}
