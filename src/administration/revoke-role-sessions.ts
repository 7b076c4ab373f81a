import type { Transaction } from "../store/prisma-client.js";
import { readClock } from "../store/revisions.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount, type Effect } from "./change-account.js";
import { type EntityName, entityName, findEntity } from "./look-up.js";
import { needs } from "./permissions.js";
import { refuse } from "./user-error.js";

export interface RevokeRoleSessionsInput {
  /** ARN of the role. */
  readonly role: string;
  /** Sessions issued before this instant; all that were issued so far unless given. */
  readonly before?: Date | null | undefined;
}

export interface RevokedSessions {
  readonly roleId: string;
  /** How many were active until now. */
  readonly revoked: number;
}

/** Ends the sessions of a role that were issued before an instant: from now on they decide nothing. */
export function revokeRoleSessions(
  administration: Administration,
  input: RevokeRoleSessionsInput,
  request: ChangeRequest,
): Promise<ChangeResult<RevokedSessions>> {
  const before = input.before ?? null;
  return changeAccount(administration, request, () => {
    const role = entityName(input.role, ["ROLE"], "role");
    if (before !== null && before.getUTCFullYear() < 1) {
      refuse("INVALID_PARAMETER", "`before` must lie in the years 1 to 9999", "before");
    }
    return {
      action: "revokeRoleSessions",
      requires: needs("revokeRoleSessions", { "ramgate:RevokeRoleSessions": [role.arn] }),
      account: role.account,
      lock: "exclusive", // waits for sessions that are being issued: none may come to light afterwards
      targets: [role.arn],
      scopes: [`prin:${role.arnKey}`], // moved by each revocation
      input,
      run: (tx) => revoke(tx, role, before),
    };
  });
}

async function revoke(tx: Transaction, role: EntityName, before: Date | null): Promise<Effect<RevokedSessions>> {
  const { id: roleId } = await findEntity(tx, role, "role");
  const now = await readClock(tx);
  const issuedAt = before === null ? { lte: now } : { lt: before };
  const { count: revoked } = await tx.roleSession.updateMany({
    where: { roleId, revokedAt: null, expiresAt: { gt: now }, issuedAt },
    data: { revokedAt: now },
  });
  const [were, are] = [{ active: revoked }, { active: 0, revokedAt: now }];
  return { value: { roleId, revoked }, changed: revoked > 0, before: were, after: are };
}
