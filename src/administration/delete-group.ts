import type { Transaction } from "../store/prisma-client.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { checkObstacles, NAMED_OBSTACLES } from "./delete-conflict.js";
import { type Deleted, deletePrincipalChange } from "./delete-principal.js";
import type { StoredEntity } from "./look-up.js";
import type { UserError } from "./user-error.js";

export interface DeleteGroupInput {
  /** ARN of the group. */
  readonly group: string;
}

/** Deletes a group, once it has no policies and no members. */
export function deleteGroup(
  administration: Administration,
  input: DeleteGroupInput,
  request: ChangeRequest,
): Promise<ChangeResult<Deleted>> {
  return changeAccount(administration, request, () =>
    deletePrincipalChange({
      action: "deleteGroup",
      kind: "GROUP",
      arn: input.group,
      field: "group",
      input,
      obstacles: checkMembers,
    }),
  );
}

async function checkMembers(tx: Transaction, { id: groupId, name }: StoredEntity): Promise<UserError[]> {
  const memberships = await tx.groupMembership.findMany({
    where: { groupId },
    select: { user: { select: { arn: true } } },
    orderBy: { userId: "asc" },
    take: NAMED_OBSTACLES,
  });
  const names = memberships.map(({ user }) => user.arn);
  const count = await tx.groupMembership.count({ where: { groupId } });
  const what = `the group \`${name}\` still has members`;
  return checkObstacles("DELETE_CONFLICT_GROUP_USER", what, { names, count }, "group");
}
