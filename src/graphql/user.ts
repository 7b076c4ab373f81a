import { createUser } from "../administration/create-user.js";
import { deleteUser } from "../administration/delete-user.js";
import { updateUser } from "../administration/update-user.js";
import { builder } from "./builder.js";
import { change } from "./change.js";
import { deleted } from "./deleted.js";
import { node, only } from "./node.js";
import { connectionOf } from "./page.js";
import { Principal } from "./principal.js";
import { TagInput } from "./tag.js";

export const User = builder.prismaObject("Principal", {
  variant: "User",
  description: "A RAM user. It has its own policies and those of its groups.",
  interfaces: [Principal],
  fields: (t) => ({
    displayName: t.exposeString("displayName", {
      nullable: true,
      description: "Name for people; null when not given.",
    }),
    comments: t.exposeString("comments", { nullable: true, description: "Free text; null when not given." }),
  }),
});

node(
  User,
  ({ id }) => id,
  (ids, { principals }) => only(principals.loadMany(ids), ({ kind }) => kind === "USER"),
);

export const Users = connectionOf(User, "User", "users");

change("createUser", {
  description: "Creates a user without any rights. Refused with ENTITY_ALREADY_EXISTS_USER when the name is taken.",
  input: (t) => ({
    account: t.string({ required: true, description: "Account number." }),
    name: t.string({ required: true, description: "Name, 1 to 64 characters; unique without regard to case." }),
    displayName: t.string({ description: "Name for people." }),
    comments: t.string({ description: "Free text." }),
    tags: t.field({ type: [TagInput], description: "Tags, at most 20 unless configured otherwise." }),
  }),
}).by(createUser, (t) => ({
  user: t.field({
    type: User,
    nullable: true,
    description: "The new user; null when it was refused or on a dry run.",
    resolve: ({ value }, _args, { records }) => value && records.principals.load(value.principalId),
  }),
}));

change("updateUser", {
  description:
    "Changes a user. A new name gives it another ARN; its groups, policies, tags and credentials stay, and policies that name the old ARN keep naming the old ARN. The account owner is no user.",
  input: (t) => ({
    user: t.field({ type: "Arn", required: true, description: "ARN of the user." }),
    newName: t.string({
      description: "New name, 1 to 64 characters, unique without regard to case. Null or left out: the name stays.",
    }),
    displayName: t.string({ description: "Name for people. Null: none; left out: as it was." }),
    comments: t.string({ description: "Free text. Null: none; left out: as it was." }),
  }),
}).by(updateUser, (t) => ({
  user: t.field({
    type: User,
    nullable: true,
    description: "The user, under its new name if it has one; null when it was refused.",
    resolve: ({ value }, _args, { records }) => value && records.principals.load(value.principalId),
  }),
}));

change("deleteUser", {
  description:
    "Deletes a user with its tags and API credentials. Refused with DELETE_CONFLICT_USER_POLICY while policies are attached to it and with DELETE_CONFLICT_USER_GROUP while it is in a group. The account owner is no user.",
  input: (t) => ({ user: t.field({ type: "Arn", required: true, description: "ARN of the user." }) }),
}).by(deleteUser, deleted);
