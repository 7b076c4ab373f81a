import { prismaConnectionHelpers } from "@pothos/plugin-prisma";
import { addUserToGroup } from "../administration/add-user-to-group.js";
import type { Membership } from "../administration/group-membership.js";
import { removeUserFromGroup } from "../administration/remove-user-from-group.js";
import { builder } from "./builder.js";
import { change, type InputBuilder, type PayloadBuilder } from "./change.js";
import { Group, Groups } from "./group.js";
import { Principal } from "./principal.js";
import { User, Users } from "./user.js";

const groupsOf = prismaConnectionHelpers(builder, "GroupMembership", {
  cursor: "groupId_userId",
  select: () => ({ group: true }), // in full: planned from what is selected, it may be an empty selection
  query: { orderBy: { group: { arnKey: "asc" } } },
  resolveNode: ({ group }) => group,
});

const membersOf = prismaConnectionHelpers(builder, "GroupMembership", {
  cursor: "groupId_userId",
  select: () => ({ user: true }),
  query: { orderBy: { user: { arnKey: "asc" } } },
  resolveNode: ({ user }) => user,
});

builder.prismaInterfaceField(Principal, "groups", (t) =>
  t.connection(
    {
      type: Group,
      description: "The groups that a user is a member of, by ARN. Others are in none.",
      select: (args, context, nestedSelection) => ({
        _count: { select: { memberOf: true } },
        memberOf: groupsOf.getQuery(args, context, nestedSelection),
      }),
      resolve: ({ memberOf, _count }, args, context) => ({
        ...groupsOf.resolve(memberOf, args, context),
        totalCount: _count.memberOf,
      }),
    },
    Groups,
  ),
);

builder.prismaInterfaceField(Principal, "members", (t) =>
  t.connection(
    {
      type: User,
      description: "The members of a group, by ARN. Others have none.",
      select: (args, context, nestedSelection) => ({
        _count: { select: { members: true } },
        members: membersOf.getQuery(args, context, nestedSelection),
      }),
      resolve: ({ members, _count }, args, context) => ({
        ...membersOf.resolve(members, args, context),
        totalCount: _count.members,
      }),
    },
    Users,
  ),
);

change("addUserToGroup", {
  description: "Makes a user a member of a group of the same account: the group's policies count for it at once.",
  input: membershipInput,
}).by(addUserToGroup, membershipPayload);

change("removeUserFromGroup", {
  description: "Ends a membership: the group's policies stop counting for the user at once.",
  input: membershipInput,
}).by(removeUserFromGroup, membershipPayload);

function membershipInput(t: InputBuilder) {
  return {
    user: t.field({ type: "Arn", required: true, description: "ARN of the user." }),
    group: t.field({ type: "Arn", required: true, description: "ARN of the group." }),
  };
}

function membershipPayload(t: PayloadBuilder<Membership>) {
  return {
    user: t.field({
      type: User,
      nullable: true,
      description: "The user; null when it was refused.",
      resolve: ({ value }, _args, { records }) => value && records.principals.load(value.principalId),
    }),
    group: t.field({
      type: Group,
      nullable: true,
      description: "The group; null when it was refused.",
      resolve: ({ value }, _args, { records }) => value && records.principals.load(value.groupId),
    }),
  };
}
