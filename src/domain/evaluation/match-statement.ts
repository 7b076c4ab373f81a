import type { CompiledCondition } from "../condition/evaluate-conditions.js";
import { resolveUnknown, type Truth } from "../condition/truth.js";
import type { CompiledStatement } from "../policy/compile-policy.js";
import type { Diagnostics } from "./diagnostics.js";
import type { EvaluationRequest } from "./evaluation-request.js";

/** Whether a statement applies to a request. */
export type Applies = "true" | "false" | "residual";

/**
 * Combines the parts of a statement whose action matches (C1). Every condition is looked at once resource and caller
 * match, so that notes do not depend on the order of conditions (C15).
 * @param notes receives what there is to say about the statement; null when nobody asks why
 */
export function matchStatement(
  statement: CompiledStatement,
  request: EvaluationRequest,
  notes: Diagnostics | null,
): Applies {
  const { effect, conditions } = statement;
  const scope = matchScope(statement, request);
  if (notes !== null && statement.resources.diagnostics !== null) notes.addAll(statement.resources.diagnostics());
  if (scope === "false") return "false";
  if (conditions.length === 0) return resolveUnknown(scope, effect) === "false" ? "false" : "true";
  const applies = matchConditions(statement, request, notes);
  return resolveUnknown(scope, effect) === "false" ? "false" : applies;
}

/** Resource and caller together: their conditions are consulted unless this is `false` (C15). */
export function matchScope({ resources, matchesCaller }: CompiledStatement, request: EvaluationRequest): Truth {
  if (resources.cost > 0) request.spend(resources.cost * request.target.arn.text.length);
  const resource = resources.matches(request.target);
  if (resource === "false" || matchesCaller === null) return resource;
  const caller = matchesCaller(request.caller);
  return caller === "true" ? resource : caller;
}

function matchConditions(
  { effect, conditions }: CompiledStatement,
  request: EvaluationRequest,
  notes: Diagnostics | null,
): Applies {
  let applies: Applies = "true";
  for (const condition of conditions) {
    if (notes !== null && !notes.full) notes.addAll(condition.diagnostics());
    const value = resolveUnknown(condition.evaluate(request, notes), effect);
    if (value === "false") applies = "false";
    else if (value === "residual" && applies === "true") applies = "residual";
  }
  return applies;
}

/** The conditions that leave a statement open which came out as `residual`. */
export function residualConditions({ conditions }: CompiledStatement, request: EvaluationRequest): CompiledCondition[] {
  return conditions.filter((condition) => condition.evaluate(request, null) === "residual");
}
