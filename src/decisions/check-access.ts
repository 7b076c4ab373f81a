import type { Verdict } from "../domain/evaluation/decision.js";
import { type Ask, type Circumstances, circumstancesOf } from "./question.js";

export interface CheckAccessInput extends Circumstances {
  readonly principal: string;
  readonly action: string;
  readonly resource: string;
}

/** May `principal` perform `action` on `resource`? Rejects with the errors of `decideMany`. */
export async function checkAccess(ask: Ask, input: CheckAccessInput): Promise<Verdict> {
  const { principal, action, resource } = input;
  const { decisions } = await ask({ principal, resource, actions: [action], ...circumstancesOf(input) });
  const [decision] = decisions;
  if (decision === undefined) throw new Error("an answer without a decision");
  return decision;
}
