import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { type Membership, type MembershipInput, membershipChange } from "./group-membership.js";
import { refuse } from "./user-error.js";

/** Makes a user a member of a group, which gives it the group's policies. */
export function addUserToGroup(
  administration: Administration,
  input: MembershipInput,
  request: ChangeRequest,
): Promise<ChangeResult<Membership>> {
  const most = administration.limits.groupsPerUser;
  return changeAccount(administration, request, () =>
    membershipChange("addUserToGroup", input, async (tx, { userId, groupId, accountId }) => {
      const groups = await tx.groupMembership.findMany({ where: { userId }, select: { groupId: true } });
      if (groups.some((membership) => membership.groupId === groupId)) return false;
      if (groups.length >= most) {
        refuse("LIMIT_EXCEEDED_USER_GROUP", `the user is already in ${most} groups, the most it may be in`, "user");
      }
      await tx.groupMembership.create({ data: { userId, groupId, accountId }, select: { userId: true } });
      return true;
    }),
  );
}
