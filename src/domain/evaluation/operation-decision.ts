import { stateBlocks } from "../kms/key-state.js";
import type { OperationPlan } from "../kms/operations.js";
import type { KeyState } from "./access-request.js";
import type { Outcome, Verdict } from "./decision.js";

/** The answer to "may this principal perform this operation on these targets". */
export interface OperationDecision {
  readonly operation: string;
  readonly outcome: Outcome;
  readonly allowed: boolean;
  readonly legs: readonly Verdict[];
  /** Whether the states of the keys let the operation work; independent of the permission; null when unknown or no key matters. */
  readonly usableNow: boolean | null;
  readonly blockedByKeyState: KeyState | null;
}

const WORST_FIRST: readonly Outcome[] = ["EXPLICIT_DENY", "IMPLICIT_DENY", "CONDITIONAL", "ALLOW"];

/**
 * Combines the decisions on all legs of `plan`: the worst wins, no legs is ALLOW (C16). Key states stand beside (D28).
 * @param legs one decision per leg of the plan, in its order
 */
export function combineLegs(
  plan: OperationPlan,
  legs: readonly Verdict[],
  keyState: (keyArn: string) => KeyState | null,
): OperationDecision {
  if (legs.length !== plan.legs.length) throw new Error(`${plan.operation} needs ${plan.legs.length} decisions`);
  const outcome = worstOf(legs.map((leg) => leg.outcome));
  return { operation: plan.operation, outcome, allowed: outcome === "ALLOW", legs, ...usability(plan, keyState) };
}

/** The outcome of an operation whose legs have these (C16). */
export function worstOf(outcomes: readonly Outcome[]): Outcome {
  return WORST_FIRST.find((candidate) => outcomes.includes(candidate)) ?? "ALLOW";
}

function usability(
  plan: OperationPlan,
  keyState: (keyArn: string) => KeyState | null,
): Pick<OperationDecision, "usableNow" | "blockedByKeyState"> {
  const states = plan.keysUsed.map((key) => ({ key, state: keyState(key) }));
  const blocking = states.find(({ key, state }) => state !== null && keyRefuses(plan, key, state));
  if (blocking !== undefined) return { usableNow: false, blockedByKeyState: blocking.state };
  const known = states.length > 0 && states.every(({ state }) => state !== null);
  return { usableNow: known ? true : null, blockedByKeyState: null };
}

function keyRefuses(plan: OperationPlan, key: string, state: KeyState): boolean {
  return plan.legs.some((leg) => leg.resource === key && stateBlocks(leg.action, state));
}
