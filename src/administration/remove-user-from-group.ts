import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { type Membership, type MembershipInput, membershipChange } from "./group-membership.js";

/** Ends a user's membership of a group, and with it the group's policies for the user. */
export function removeUserFromGroup(
  administration: Administration,
  input: MembershipInput,
  request: ChangeRequest,
): Promise<ChangeResult<Membership>> {
  return changeAccount(administration, request, () =>
    membershipChange("removeUserFromGroup", input, async (tx, { userId, groupId }) => {
      const { count } = await tx.groupMembership.deleteMany({ where: { userId, groupId } });
      return count > 0;
    }),
  );
}
