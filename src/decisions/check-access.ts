import type { Verdict } from "../domain/evaluation/decision.js";
import type { Answer, Ask, Circumstances } from "./question.js";

export interface CheckAccessInput extends Circumstances {
  readonly principal: string;
  readonly action: string;
  readonly resource: string;
}

/** May `principal` perform `action` on `resource`? Rejects with the errors of `decideMany`. */
export function checkAccess(ask: Ask, input: CheckAccessInput): Promise<Verdict> {
  const { principal, action, resource, context, sessionPolicy, consistency, detail } = input;
  return ask({ principal, resource, actions: [action], context, sessionPolicy, consistency, detail }).then(
    onlyDecision,
  );
}

function onlyDecision({ decisions: [decision] }: Answer): Verdict {
  if (decision === undefined) throw new Error("an answer without a decision");
  return decision;
}
