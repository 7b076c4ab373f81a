import type { PrincipalName } from "../domain/principal.js";
import { createPolicyCompiler } from "../store/compiled-policies.js";
import { type EvaluationInput, loadInTransaction } from "../store/evaluation-input.js";
import type { Transaction } from "../store/prisma-client.js";
import { holdRevisions, principalScopes, resourceScopes } from "../store/revisions.js";

/** What changes evaluate is compiled once for all of them. */
export const compile = createPolicyCompiler(16 * 1024 * 1024);

/**
 * Loads what decisions of principals about resources depend on, and keeps it from changing before the transaction ends.
 * It looks until all of it is held: as a rule twice, since the first look says what that is. It is held in one statement,
 * in the order in which changes lock it. Nothing is added to what is held, so there is an end to it.
 */
export async function loadAndHold(
  tx: Transaction,
  principals: readonly PrincipalName[],
  resources: readonly string[],
): Promise<EvaluationInput> {
  const scopes = [...new Set([...principals.flatMap(principalScopes), ...resources.flatMap(resourceScopes)])];
  const look = () => loadInTransaction(tx, { principals, resources, scopes }, compile);
  const held = new Set<string>();
  for (let input = await look(); ; input = await look()) {
    const open = [...scopes, ...[...input.followed.values()].flat()].filter((scope) => !held.has(scope));
    if (open.length === 0) return input;
    await holdRevisions(tx, open);
    for (const scope of open) held.add(scope);
  }
}
