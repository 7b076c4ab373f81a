import { createGroup } from "../administration/create-group.js";
import { builder } from "./builder.js";
import { change } from "./change.js";
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
