import { deregisterAlias } from "../administration/deregister-alias.js";
import { registerAlias } from "../administration/register-alias.js";
import { updateAlias } from "../administration/update-alias.js";
import { usersOfKey } from "../store/lists.js";
import { builder } from "./builder.js";
import { change } from "./change.js";
import { deleted } from "./deleted.js";
import { Key } from "./key.js";
import { KmsResource, readResources } from "./kms-resource.js";
import { node, only } from "./node.js";
import { connectionOf, pageOf } from "./page.js";

export const Alias = builder.prismaObject("KmsResource", {
  variant: "Alias",
  description: "A second name of a key.",
  interfaces: [KmsResource],
  fields: (t) => ({
    name: t.exposeString("name", { description: "Name, `alias/` included." }),
    key: t.relation("key", { type: Key, onNull: "error", description: "The key that the alias points to." }),
  }),
});

node(
  Alias,
  ({ id }) => id,
  (ids, { resources }) => only(resources.loadMany(ids), ({ type }) => type === "ALIAS"),
);

const Aliases = connectionOf(Alias, "Alias", "aliases");

builder.prismaObjectField(Key, "aliases", (t) =>
  t.connection(
    {
      type: Alias,
      description: "The aliases that point to the key, by ARN.",
      resolve: ({ id }, args, context, info) =>
        pageOf({ listing: usersOfKey("ALIAS"), parent: id, read: readResources }, args, context, info),
    },
    Aliases,
  ),
);

change("registerAlias", {
  description: "Makes an alias known to the gateway. Refused with ENTITY_ALREADY_EXISTS_ALIAS when it already is.",
  input: (t) => ({
    arn: t.field({ type: "Arn", required: true, description: "`acs:kms:<region>:<account>:alias/<name>`." }),
    key: t.field({ type: "Arn", required: true, description: "ARN of the key it points to, in the same region." }),
  }),
}).by(registerAlias, (t) => ({
  alias: t.field({
    type: Alias,
    nullable: true,
    description: "The alias; null when it was refused or on a dry run.",
    resolve: ({ value }, _args, { records }) => value && records.resources.load(value.resourceId),
  }),
}));

change("updateAlias", {
  description: "Makes an alias point to another key of its account and region.",
  input: (t) => ({
    alias: t.field({ type: "Arn", required: true, description: "ARN of the alias." }),
    key: t.field({ type: "Arn", required: true, description: "ARN of the key it is to point to." }),
  }),
}).by(updateAlias, (t) => ({
  alias: t.field({
    type: Alias,
    nullable: true,
    description: "The alias; null when it was refused.",
    resolve: ({ value }, _args, { records }) => value && records.resources.load(value.resourceId),
  }),
}));

change("deregisterAlias", {
  description: "Makes the gateway forget an alias.",
  input: (t) => ({ alias: t.field({ type: "Arn", required: true, description: "ARN of the alias." }) }),
}).by(deregisterAlias, deleted);
