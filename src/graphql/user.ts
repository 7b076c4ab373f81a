import { createUser } from "../administration/create-user.js";
import { builder } from "./builder.js";
import { change } from "./change.js";
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
    tags: t.field({ type: [TagInput], description: "Tags, at most 20." }),
  }),
}).by(createUser, (t) => ({
  user: t.field({
    type: User,
    nullable: true,
    description: "The new user; null when it was refused or on a dry run.",
    resolve: ({ value }, _args, { records }) => value && records.principals.load(value.principalId),
  }),
}));
