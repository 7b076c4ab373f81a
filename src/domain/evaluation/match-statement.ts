import type { CompiledCondition } from "../condition/evaluate-conditions.js";
import { resolveUnknown, type Truth } from "../condition/truth.js";
import type { CompiledStatement } from "../policy/compile-policy.js";
import type { Diagnostics } from "./diagnostics.js";
import type { EvaluationRequest } from "./evaluation-request.js";

/** Whether a statement applies to a request. */
export type Applies = "true" | "false" | "residual";

/** Resource and caller together: their conditions are consulted unless this is `false` (C15). */
export function matchScope({ resources, matchesCaller }: CompiledStatement, request: EvaluationRequest): Truth {
  if (resources.cost > 0) request.spend(resources.cost * request.target.arn.text.length);
  const resource = resources.matches(request.target);
  if (resource === "false" || matchesCaller === null) return resource;
  const caller = matchesCaller(request.caller);
  return caller === "true" ? resource : caller;
}

/**
 * The conditions of a statement whose action, resource and caller match (C1).
 * @param notes receives what the conditions give rise to, all of them, so that it does not depend on their order; null
 *   when nobody asks why
 */
export function matchConditions(
  { effect, conditions }: CompiledStatement,
  request: EvaluationRequest,
  notes: Diagnostics | null,
): Applies {
  let applies: Applies = "true";
  for (const condition of conditions) {
    if (notes !== null && !notes.full) notes.addAll(condition.diagnostics());
    const value = resolveUnknown(condition.evaluate(request, notes), effect);
    if (value === "false") {
      if (notes === null) return "false";
      applies = "false";
    } else if (value === "residual" && applies === "true") applies = "residual";
  }
  return applies;
}

/** The conditions that leave a statement open which came out as `residual`. */
export function residualConditions({ conditions }: CompiledStatement, request: EvaluationRequest): CompiledCondition[] {
  return conditions.filter((condition) => condition.evaluate(request, null) === "residual");
}
