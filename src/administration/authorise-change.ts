import type { Caller } from "../domain/caller.js";
import { ForbiddenError } from "../domain/errors.js";
import type { PrincipalFacts } from "../domain/evaluation/access-request.js";
import { decideActions } from "../domain/evaluation/decide.js";
import { parsePrincipalArn } from "../domain/principal.js";
import type { EvaluationInput } from "../store/evaluation-input.js";
import type { Transaction } from "../store/prisma-client.js";
import type { Administration } from "./administration.js";
import { loadAndHold } from "./load-and-hold.js";
import type { Permission } from "./permissions.js";

/** A principal that makes a change, with its rights as they are in the transaction. */
export interface Grantor {
  readonly facts: PrincipalFacts;
  /** Database clock, in ms since the epoch. */
  readonly now: number;
  /** Whether it may, of those permissions that were asked for. */
  may(permission: Permission): boolean;
}

/** What of a change principals have to be allowed. */
export interface Authorisation {
  /** `OPERATOR`: no principal may; `USE_CASE`: the use case says who may. */
  readonly requires: readonly Permission[] | "OPERATOR" | "USE_CASE";
  /** Account number; null: the gateway's own. */
  readonly account: string | null;
}

/**
 * Turns away principals of other accounts before anything is looked up or locked: no policy can give them anything, and
 * they learn nothing.
 *
 * @throws ForbiddenError
 */
export function refuseForeign(caller: Caller, { requires, account }: Authorisation): void {
  if (caller.kind === "OPERATOR" || requires === "USE_CASE") return;
  if (requires === "OPERATOR") throw new ForbiddenError("only operators may make this change");
  if (parsePrincipalArn(caller.principalArn).account !== account) throw new ForbiddenError(OTHER_ACCOUNT);
}

const OTHER_ACCOUNT = "principals may change their own account only";

/**
 * Makes sure that the caller of a change is allowed all it requires, by the same rules as any other question. What the
 * answer rests on cannot change before the transaction ends: whoever has lost a right can commit nothing with it.
 *
 * @param besides what to be able to ask the grantor about later
 * @returns null for those who need no permission
 * @throws ForbiddenError with the first thing that is not allowed
 */
export async function authoriseChange(
  tx: Transaction,
  administration: Administration,
  caller: Caller,
  { requires }: Authorisation,
  besides: readonly Permission[] = [],
): Promise<Grantor | null> {
  if (caller.kind === "OPERATOR" || typeof requires === "string") return null;
  const principal = parsePrincipalArn(caller.principalArn);
  const resources = [...new Set([...requires, ...besides].map(({ resource }) => resource))];
  const input = await loadAndHold(tx, principal, resources);
  const facts = input.principal(principal);
  if (facts === null) throw new ForbiddenError("the principal of this credential does not exist any more");
  const may = (permission: Permission) => isAllowed(permission, facts, input, administration);
  const missing = requires.find((permission) => !may(permission));
  if (missing === undefined) return { facts, now: input.now, may };
  const { action, resource } = missing;
  throw new ForbiddenError(`\`${principal.arn}\` needs an Allow for \`${action}\` on \`${resource}\``);
}

/** Of the request the gateway knows only the time; what depends on more is not allowed. */
function isAllowed(
  { action, resource: arn }: Permission,
  principal: PrincipalFacts,
  { resource, now }: EvaluationInput,
  { scopePrecedence = "staged" }: Administration,
): boolean {
  const question = { principal, resource: resource(arn), context: new Map(), now, sessionPolicy: null };
  const [verdict] = decideActions(question, [action], { scopePrecedence, detail: "OUTCOME" });
  return verdict?.outcome === "ALLOW";
}
