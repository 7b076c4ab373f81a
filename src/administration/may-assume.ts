import type { PrincipalFacts } from "../domain/evaluation/access-request.js";
import { decide } from "../domain/evaluation/decide.js";
import type { Decision, DecisionStage, Outcome } from "../domain/evaluation/decision.js";
import type { PrincipalName } from "../domain/principal.js";
import type { EvaluationInput } from "../store/evaluation-input.js";
import type { Transaction } from "../store/prisma-client.js";
import { loadAndHold } from "./load-and-hold.js";
import type { EntityName } from "./look-up.js";
import { refuse } from "./user-error.js";

/**
 * Makes sure that a principal may assume a role: its identity policies and the role's trust policy both have to allow
 * it (C22). What the decision rests on cannot change before the transaction ends.
 *
 * @param field input field that named the principal; none when it is the caller
 * @throws Refusal ENTITY_NOT_EXIST_… for an unknown principal, NO_PERMISSION with the side that refuses; the caller itself
 *   is not told more of a role of another account than that it may not
 */
export async function requireMayAssume(
  tx: Transaction,
  assumer: PrincipalName,
  role: EntityName,
  ...field: string[]
): Promise<void> {
  const input = await loadAndHold(tx, [assumer], [role.arn]);
  const principal = input.principal(assumer);
  if (principal === null) refuseUnknown(assumer, field);
  const decision = decideAssumption(input, principal, role);
  if (decision.outcome === "ALLOW") return;
  const ofAnother = field.length === 0 && role.account !== assumer.account;
  refuse("NO_PERMISSION", ofAnother ? `\`${assumer.arn}\` may not assume the role` : refusalOf(decision), ...field);
}

function refuseUnknown({ kind, arn }: PrincipalName, field: readonly string[]): never {
  const missing = kind === "USER" ? "USER" : kind === "ACCOUNT_OWNER" ? "ACCOUNT" : "ROLE";
  refuse(`ENTITY_NOT_EXIST_${missing}`, `\`${arn}\` does not exist`, ...field);
}

/** Of the request the gateway knows only the time; a role is in no resource group, so the precedence is all one. */
function decideAssumption(input: EvaluationInput, principal: PrincipalFacts, role: EntityName): Decision {
  const request = {
    principal,
    action: "sts:AssumeRole",
    resource: input.resource(role.arn),
    context: new Map(),
    now: input.now,
    sessionPolicy: null,
  };
  return decide(request, { scopePrecedence: "staged" });
}

function refusalOf(decision: Decision): string {
  const { principal, outcome, diagnostics } = decision;
  if (diagnostics.some(({ code }) => code === "SESSION_INACTIVE")) {
    return `the session \`${principal}\` has expired or was revoked`;
  }
  const side = SIDES[decision.decidedBy] ?? { name: "the identity policies of the caller", plural: true };
  if (outcome === "CONDITIONAL") return openRefusal(decision, side);
  return `\`${principal}\` may not assume the role: ${side.name} ${verbOf(outcome, side)} it`;
}

interface Side {
  readonly name: string;
  readonly plural?: boolean;
}

const SIDES: Partial<Record<DecisionStage, Side>> = {
  ROLE_TRUST: { name: "the trust policy of the role" },
  SESSION_POLICY: { name: "the session policy of the caller" },
  CROSS_ACCOUNT: { name: "the account of the role" },
};

function verbOf(outcome: Outcome, { plural = false }: Side): string {
  if (outcome === "EXPLICIT_DENY") return plural ? "deny" : "denies";
  return plural ? "do not allow" : "does not allow";
}

function openRefusal({ principal, missingContextKeys }: Decision, { name, plural = false }: Side): string {
  const keys = missingContextKeys.map((key) => `\`${key}\``).join(", ");
  const reason = keys === "" ? "a policy whose document is not known" : `${keys}, which the gateway does not know`;
  return `\`${principal}\` may not assume the role: ${name} ${plural ? "make" : "makes"} it depend on ${reason}`;
}
