import type { CompiledCondition } from "../condition/evaluate-conditions.js";
import { resolveUnknown, type Truth } from "../condition/truth.js";
import type { CompiledStatement } from "../policy/compile-policy.js";
import type { Diagnostics, EvaluationRequest } from "./evaluation-request.js";
import type { Validity } from "./validity.js";

/** Whether a statement applies to a request. */
export interface StatementMatch {
  readonly value: "true" | "false" | "residual";
  /** The conditions that leave it open; empty unless `value` is `residual`. */
  readonly residual: readonly CompiledCondition[];
}

const NO_MATCH: StatementMatch = { value: "false", residual: [] };
const MATCH: StatementMatch = { value: "true", residual: [] };

/**
 * Combines the parts of a statement (C1). Every condition is looked at once action, resource and caller
 * match, so that diagnostics and validity do not depend on the order of conditions (C15).
 */
export function matchStatement(
  statement: CompiledStatement,
  request: EvaluationRequest,
  diagnostics: Diagnostics,
  validity: Validity,
): StatementMatch {
  if (!statement.matchesAction(request.foldedAction)) return NO_MATCH;
  diagnostics.addAll(statement.resources.diagnostics);
  const resource = statement.resources.matches(request.target);
  if (resource === "false") return NO_MATCH;
  const caller = statement.matchesCaller?.(request.caller) ?? "true";
  if (caller === "false") return NO_MATCH;
  const scope =
    resolveUnknown(resource, statement.effect) === "false" || resolveUnknown(caller, statement.effect) === "false";
  const conditions = matchConditions(statement, request, diagnostics, validity);
  return scope ? NO_MATCH : conditions;
}

function matchConditions(
  statement: CompiledStatement,
  request: EvaluationRequest,
  diagnostics: Diagnostics,
  validity: Validity,
): StatementMatch {
  if (statement.conditions.length === 0) return MATCH;
  const residual: CompiledCondition[] = [];
  let failed = false;
  for (const condition of statement.conditions) {
    consult(condition, diagnostics, validity);
    const value: Truth = resolveUnknown(condition.evaluate(request, diagnostics), statement.effect);
    if (value === "false") failed = true;
    if (value === "residual") residual.push(condition);
  }
  if (failed) return NO_MATCH;
  return residual.length === 0 ? MATCH : { value: "residual", residual };
}

function consult(condition: CompiledCondition, diagnostics: Diagnostics, validity: Validity): void {
  diagnostics.addAll(condition.diagnostics);
  for (const flip of condition.flips) validity.addConstant(flip);
  if (condition.timeVolatile) validity.addInstant();
}
