import type { Caller } from "../domain/caller.js";
import { ForbiddenError } from "../domain/errors.js";
import type { PrincipalFacts } from "../domain/evaluation/access-request.js";
import { decideActions } from "../domain/evaluation/decide.js";
import { type PrincipalName, parsePrincipalArn } from "../domain/principal.js";
import { foldCase } from "../domain/wildcard.js";
import { type EvaluationInput, loadInTransaction } from "../store/evaluation-input.js";
import type { Transaction } from "../store/prisma-client.js";
import type { Administration } from "./administration.js";
import { compile, loadAndHold } from "./load-and-hold.js";
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
  /** What else to be able to ask about the caller. */
  readonly asks?: readonly Permission[] | undefined;
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
 * Makes sure that the caller of a change is allowed all it requires, by the same rules as any other question.
 *
 * @param hold what the answer rests on cannot change before the transaction ends: whoever has lost a right can commit
 *   nothing with it
 * @returns null for those who need no permission
 * @throws ForbiddenError with the first thing that is not allowed
 */
export async function authoriseChange(
  tx: Transaction,
  administration: Administration,
  caller: Caller,
  { requires, asks = [] }: Authorisation,
  hold?: "held",
): Promise<Grantor | null> {
  if (caller.kind === "OPERATOR" || typeof requires === "string") return null;
  const principal = parsePrincipalArn(caller.principalArn);
  const names = await storedNames(tx, requires);
  const resources = [...new Set([...requires, ...asks].map(({ resource }) => names.get(resource) ?? resource))];
  const input = await (hold ? loadAndHold : loadWithout)(tx, [principal], resources);
  const facts = input.principal(principal);
  if (facts === null) throw new ForbiddenError("the principal of this credential does not exist any more");
  const may = ({ action, resource }: Permission) =>
    isAllowed({ action, resource: names.get(resource) ?? resource }, facts, input, administration);
  if (requires.length === 0) throw new Error("a change without a permission that it requires");
  const missing = requires.find((permission) => !may(permission));
  if (missing === undefined) return { facts, now: input.now, may };
  const { action, resource } = missing;
  throw new ForbiddenError(`\`${principal.arn}\` needs an Allow for \`${action}\` on \`${resource}\``);
}

function loadWithout(tx: Transaction, principals: readonly PrincipalName[], resources: readonly string[]) {
  return loadInTransaction(tx, { principals, resources, scopes: [] }, compile);
}

/**
 * Policies are found whatever the case of their names, while a policy that allows something about them means one spelling:
 * the one that they have.
 */
async function storedNames(tx: Transaction, permissions: readonly Permission[]): Promise<ReadonlyMap<string, string>> {
  const arns = permissions.map(({ resource }) => resource).filter((arn) => /^acs:ram::\d+:policy\//.test(arn));
  if (arns.length === 0) return new Map();
  const rows = await tx.$queryRaw<{ arn: string; key: string }[]>`
    SELECT arn, 'acs:ram::' || account_id || ':policy/' || name_key AS key FROM policy
    WHERE type = 'CUSTOM' AND account_id || ':policy/' || name_key = ANY(${arns.map((arn) => foldCase(arn.slice("acs:ram::".length)))}::text[])`;
  const stored = new Map(rows.map(({ arn, key }) => [key, arn]));
  return new Map(arns.map((arn) => [arn, stored.get(foldCase(arn)) ?? arn]));
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
