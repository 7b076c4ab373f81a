import { createGroup } from "../administration/create-group.js";
import { deleteGroup } from "../administration/delete-group.js";
import { updateGroup } from "../administration/update-group.js";
import { builder } from "./builder.js";
import { change } from "./change.js";
import { deleted } from "./deleted.js";
import { node, only } from "./node.js";
import { connectionOf } from "./page.js";
import { Principal } from "./principal.js";

export const Group = builder.prismaObject("Principal", {
  variant: "Group",
  description: "A RAM group. Its policies count for every member; it cannot act itself.",
  interfaces: [Principal],
  fields: (t) => ({
    comments: t.exposeString("comments", { nullable: true, description: "Free text; null when not given." }),
  }),
});

node(
  Group,
  ({ id }) => id,
  (ids, { principals }) => only(principals.loadMany(ids), ({ kind }) => kind === "GROUP"),
);

export const Groups = connectionOf(Group, "Group", "groups");

change("createGroup", {
  description: "Creates a group without members. Refused with ENTITY_ALREADY_EXISTS_GROUP when the name is taken.",
  input: (t) => ({
    account: t.string({ required: true, description: "Account number." }),
    name: t.string({ required: true, description: "Name, 1 to 64 characters; unique without regard to case." }),
    comments: t.string({ description: "Free text." }),
  }),
}).by(createGroup, (t) => ({
  group: t.field({
    type: Group,
    nullable: true,
    description: "The new group; null when it was refused or on a dry run.",
    resolve: ({ value }, _args, { records }) => value && records.principals.load(value.principalId),
  }),
}));

change("updateGroup", {
  description: "Changes a group. A new name gives it another ARN; its members and policies stay.",
  input: (t) => ({
    group: t.field({ type: "Arn", required: true, description: "ARN of the group." }),
    newName: t.string({
      description: "New name, 1 to 64 characters, unique without regard to case. Null or left out: the name stays.",
    }),
    comments: t.string({ description: "Free text. Null: none; left out: as it was." }),
  }),
}).by(updateGroup, (t) => ({
  group: t.field({
    type: Group,
    nullable: true,
    description: "The group, under its new name if it has one; null when it was refused.",
    resolve: ({ value }, _args, { records }) => value && records.principals.load(value.principalId),
  }),
}));

change("deleteGroup", {
  description:
    "Deletes a group. Refused with DELETE_CONFLICT_GROUP_POLICY while policies are attached to it and with DELETE_CONFLICT_GROUP_USER while it has members.",
  input: (t) => ({ group: t.field({ type: "Arn", required: true, description: "ARN of the group." }) }),
}).by(deleteGroup, deleted);
