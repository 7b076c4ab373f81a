import type { Caller } from "../domain/caller.js";
import { parsePrincipalArn } from "../domain/principal.js";
import { foldCase } from "../domain/wildcard.js";
import type { Transaction } from "../store/prisma-client.js";
import { refuse } from "./user-error.js";

/**
 * Makes sure, just before a change is committed, that its caller has not been shut out since it signed in, and that nobody
 * shuts it out before the commit: after a revocation was acknowledged nothing of the revoked credential comes to be.
 *
 * @param targets ARNs that the change was about: one that is about its caller has found it, and may have renamed it
 * @throws Refusal NO_PERMISSION
 */
export async function holdCaller(tx: Transaction, caller: Caller, targets: readonly string[]): Promise<void> {
  if (!(await isShutOut(tx, caller)) && (isAmong(targets, caller) || (await isThere(tx, caller)))) return;
  refuse("NO_PERMISSION", "the credential of this request has been revoked meanwhile");
}

/** The flag stands in the list of columns: of a row that another transaction has just changed, it is worked out anew. */
async function isShutOut(tx: Transaction, { credentialId: id, signedInBy = "API_KEY" }: Caller): Promise<boolean> {
  if (signedInBy === "OIDC_TOKEN") return false;
  const rows =
    signedInBy === "API_KEY"
      ? await tx.$queryRaw<Ended[]>`
          SELECT revoked_at IS NOT NULL AS ended FROM credential WHERE id = ${id} FOR SHARE`
      : await tx.$queryRaw<Ended[]>`
          SELECT revoked_at IS NOT NULL AS ended FROM role_session WHERE id = ${id}::uuid FOR SHARE`;
  return rows.some(({ ended }) => ended);
}

interface Ended {
  readonly ended: boolean;
}

function isAmong(targets: readonly string[], caller: Caller): boolean {
  if (caller.kind === "OPERATOR") return false;
  const { arnKey } = parsePrincipalArn(caller.principalArn);
  return targets.some((arn) => foldCase(arn) === arnKey);
}

/** Credentials go with their principal. */
async function isThere(tx: Transaction, caller: Caller): Promise<boolean> {
  if (caller.kind === "OPERATOR") return true;
  const { arnKey, roleArnKey } = parsePrincipalArn(caller.principalArn);
  const key = roleArnKey ?? arnKey;
  const rows = await tx.$queryRaw<unknown[]>`SELECT 1 FROM principal WHERE arn_key = ${key} FOR KEY SHARE`;
  return rows.length > 0;
}
