import { addUserToGroup } from "../administration/add-user-to-group.js";
import type { Membership } from "../administration/group-membership.js";
import { removeUserFromGroup } from "../administration/remove-user-from-group.js";
import { groupsOfUser, membersOfGroup } from "../store/lists.js";
import { builder } from "./builder.js";
import { change, type InputBuilder, type PayloadBuilder } from "./change.js";
import { Group, Groups } from "./group.js";
import { pageOf } from "./page.js";
import { Principal, readPrincipals } from "./principal.js";
import { User, Users } from "./user.js";

builder.prismaInterfaceFields(Principal, (t) => ({
  groups: t.connection(
    {
      type: Group,
      description: "The groups that a user is a member of, by ARN. Others are in none.",
      resolve: ({ id }, args, context, info) =>
        pageOf({ listing: groupsOfUser, parent: id, read: readPrincipals }, args, context, info),
    },
    Groups,
  ),
  members: t.connection(
    {
      type: User,
      description: "The members of a group, by ARN. Others have none.",
      resolve: ({ id }, args, context, info) =>
        pageOf({ listing: membersOfGroup, parent: id, read: readPrincipals }, args, context, info),
    },
    Users,
  ),
}));

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
