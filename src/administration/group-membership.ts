import type { Transaction } from "../store/prisma-client.js";
import type { ChangeRequest } from "./administration.js";
import type { Change, Effect } from "./change-account.js";
import { type EntityName, entityName, findEntity } from "./look-up.js";
import { needs } from "./permissions.js";
import { refuse } from "./user-error.js";

export interface MembershipInput {
  /** ARN of the user. */
  readonly user: string;
  /** ARN of the group, in the user's account. */
  readonly group: string;
}

/** Ids of the two that a membership is between. */
export interface Membership {
  readonly principalId: string;
  readonly groupId: string;
}

/** What a change of a membership touches: the user's decisions. */
export function membershipChange(
  action: "addUserToGroup" | "removeUserFromGroup",
  input: MembershipInput & Partial<ChangeRequest>,
  apply: (tx: Transaction, ids: { userId: string; groupId: string; accountId: string }) => Promise<boolean>,
): Change<Membership> {
  const user = entityName(input.user, ["USER"], "user");
  const group = entityName(input.group, ["GROUP"], "group");
  return {
    action,
    requires: membershipPermissions(action, [user.arn, group.arn]),
    gift: { to: "PRINCIPALS", principals: [user] },
    account: user.account,
    lock: "shared",
    targets: [user.arn, group.arn],
    scopes: [`prin:${user.arnKey}`],
    input,
    run: async (tx) => {
      const { value, changed } = await changeMembership(tx, user, group, apply);
      const membership = { user: user.arn, group: group.arn };
      return { value, changed, [action === "addUserToGroup" ? "after" : "before"]: membership };
    },
  };
}

function membershipPermissions(action: "addUserToGroup" | "removeUserFromGroup", arns: readonly string[]) {
  return action === "addUserToGroup"
    ? needs(action, { "ram:AddUserToGroup": arns })
    : needs(action, { "ram:RemoveUserFromGroup": arns });
}

async function changeMembership(
  tx: Transaction,
  user: EntityName,
  group: EntityName,
  apply: (tx: Transaction, ids: { userId: string; groupId: string; accountId: string }) => Promise<boolean>,
): Promise<Effect<Membership>> {
  if (group.account !== user.account) {
    refuse("ENTITY_NOT_EXIST_GROUP", `the group \`${group.arn}\` does not exist in the account of the user`, "group");
  }
  const { id: userId } = await findEntity(tx, user, "user");
  const { id: groupId } = await findEntity(tx, group, "group");
  const changed = await apply(tx, { userId, groupId, accountId: user.account });
  return { value: { principalId: userId, groupId }, changed };
}
