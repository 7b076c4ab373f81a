import { prismaConnectionHelpers } from "@pothos/plugin-prisma";
import { addUserToGroup } from "../administration/add-user-to-group.js";
import { removeUserFromGroup } from "../administration/remove-user-from-group.js";
import { builder } from "./builder.js";
import { change } from "./change.js";
import { Group, Groups } from "./group.js";
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

builder.prismaObjectField(User, "groups", (t) =>
  t.connection(
    {
      type: Group,
      description: "The groups that the user is a member of, by ARN.",
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

builder.prismaObjectField(Group, "members", (t) =>
  t.connection(
    {
      type: User,
      description: "The members of the group, by ARN.",
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
  input: (t) => ({
    user: t.field({ type: "Arn", required: true, description: "ARN of the user." }),
    group: t.field({ type: "Arn", required: true, description: "ARN of the group." }),
  }),
}).by(addUserToGroup, (t) => ({
  user: t.field({
    type: User,
    nullable: true,
    description: "The user; null when it was refused.",
    resolve: ({ value }, _args, { records }) => value && records.principals.load(value.principalId),
  }),
}));

change("removeUserFromGroup", {
  description: "Ends a membership: the group's policies stop counting for the user at once.",
  input: (t) => ({
    user: t.field({ type: "Arn", required: true, description: "ARN of the user." }),
    group: t.field({ type: "Arn", required: true, description: "ARN of the group." }),
  }),
}).by(removeUserFromGroup, (t) => ({
  user: t.field({
    type: User,
    nullable: true,
    description: "The user; null when it was refused.",
    resolve: ({ value }, _args, { records }) => value && records.principals.load(value.principalId),
  }),
}));
