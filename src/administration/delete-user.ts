import type { Transaction } from "../store/prisma-client.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { checkObstacles, NAMED_OBSTACLES } from "./delete-conflict.js";
import { type Deleted, deletePrincipalChange } from "./delete-principal.js";
import type { StoredEntity } from "./look-up.js";
import type { UserError } from "./user-error.js";

export interface DeleteUserInput {
  /** ARN of the user. */
  readonly user: string;
}

/** Deletes a user with its tags and API credentials, once it has no policies and is in no group. */
export function deleteUser(
  administration: Administration,
  input: DeleteUserInput,
  request: ChangeRequest,
): Promise<ChangeResult<Deleted>> {
  return changeAccount(administration, request, () =>
    deletePrincipalChange({
      action: "deleteUser",
      kind: "USER",
      arn: input.user,
      field: "user",
      input,
      obstacles: checkGroups,
    }),
  );
}

async function checkGroups(tx: Transaction, { id: userId, name }: StoredEntity): Promise<UserError[]> {
  const memberships = await tx.groupMembership.findMany({
    where: { userId },
    select: { group: { select: { arn: true } } },
    orderBy: { groupId: "asc" },
    take: NAMED_OBSTACLES,
  });
  const names = memberships.map(({ group }) => group.arn);
  const count = await tx.groupMembership.count({ where: { userId } });
  const what = `the user \`${name}\` is still in groups`;
  return checkObstacles("DELETE_CONFLICT_USER_GROUP", what, { names, count }, "user");
}
