import { deregisterSecret } from "../administration/deregister-secret.js";
import { registerSecret } from "../administration/register-secret.js";
import { updateSecret } from "../administration/update-secret.js";
import { usersOfKey } from "../store/lists.js";
import { builder } from "./builder.js";
import { change } from "./change.js";
import { deleted } from "./deleted.js";
import { Key } from "./key.js";
import { KmsResource, readResources } from "./kms-resource.js";
import { node, only } from "./node.js";
import { connectionOf, pageOf } from "./page.js";
import { TagInput } from "./tag.js";

export const Secret = builder.prismaObject("KmsResource", {
  variant: "Secret",
  description: "A secret of the KMS Secrets Manager. The gateway never holds its value.",
  interfaces: [KmsResource],
  fields: (t) => ({
    name: t.exposeString("name", { description: "Name; may contain `/`." }),
    type: t.exposeString("secretType", {
      nullable: true,
      description: "Secret type, e.g. `Generic` or `Rds`; null when not known.",
    }),
    encryptionKey: t.relation("key", {
      type: Key,
      nullable: true,
      description:
        "The user-managed key that encrypts it; null when KMS's own does. Reading the value then needs Decrypt on it too.",
    }),
  }),
});

node(
  Secret,
  ({ id }) => id,
  (ids, { resources }) => only(resources.loadMany(ids), ({ type }) => type === "SECRET"),
);

const Secrets = connectionOf(Secret, "Secret", "secrets");

builder.prismaObjectField(Key, "secrets", (t) =>
  t.connection(
    {
      type: Secret,
      description: "The secrets that the key encrypts, by ARN.",
      resolve: ({ id }, args, context, info) =>
        pageOf({ listing: usersOfKey("SECRET"), parent: id, read: readResources }, args, context, info),
    },
    Secrets,
  ),
);

change("registerSecret", {
  description: "Makes a secret known to the gateway. Refused with ENTITY_ALREADY_EXISTS_SECRET when it already is.",
  input: (t) => ({
    arn: t.field({ type: "Arn", required: true, description: "`acs:kms:<region>:<account>:secret/<name>`." }),
    type: t.string({ description: "Secret type, e.g. `Generic` or `Rds`." }),
    encryptionKey: t.field({
      type: "Arn",
      description: "ARN of the user-managed key that encrypts it. Default: KMS's own.",
    }),
    resourceGroup: t.string({ description: "`rg-…` id of the resource group it is in. Default: none." }),
    tags: t.field({ type: [TagInput], description: "Tags, at most 20 unless configured otherwise, each key once." }),
  }),
}).by(registerSecret, (t) => ({
  secret: t.field({
    type: Secret,
    nullable: true,
    description: "The secret; null when it was refused or on a dry run.",
    resolve: ({ value }, _args, { records }) => value && records.resources.load(value.resourceId),
  }),
}));

change("updateSecret", {
  description: "Changes what the gateway knows of a secret.",
  input: (t) => ({
    secret: t.field({ type: "Arn", required: true, description: "ARN of the secret." }),
    type: t.string({ description: "Secret type, e.g. `Generic` or `Rds`. Null: not known; left out: as it was." }),
    encryptionKey: t.field({
      type: "Arn",
      description:
        "ARN of the user-managed key that encrypts it, of the same account and region. Null: KMS's own; left out: as it was.",
    }),
  }),
}).by(updateSecret, (t) => ({
  secret: t.field({
    type: Secret,
    nullable: true,
    description: "The secret; null when it was refused.",
    resolve: ({ value }, _args, { records }) => value && records.resources.load(value.resourceId),
  }),
}));

change("deregisterSecret", {
  description: "Makes the gateway forget a secret and its tags.",
  input: (t) => ({ secret: t.field({ type: "Arn", required: true, description: "ARN of the secret." }) }),
}).by(deregisterSecret, deleted);
