import { deregisterKey } from "../administration/deregister-key.js";
import { registerKey } from "../administration/register-key.js";
import { updateKey } from "../administration/update-key.js";
import { builder } from "./builder.js";
import { change } from "./change.js";
import { deleted } from "./deleted.js";
import { KmsResource } from "./kms-resource.js";
import { node, only } from "./node.js";
import { TagInput } from "./tag.js";

export const KeyState = builder.enumType("KeyState", {
  description: "State of a key. It is no part of a permission: decisions report it beside them.",
  values: {
    ENABLED: { description: "Usable." },
    DISABLED: { description: "Not usable for cryptography until enabled again." },
    PENDING_DELETION: { description: "Scheduled for deletion; can be cancelled." },
    PENDING_IMPORT: { description: "Waiting for external key material." },
  } as const,
});

export const Key = builder.prismaObject("KmsResource", {
  variant: "Key",
  description: "A KMS key.",
  interfaces: [KmsResource],
  fields: (t) => ({
    keyId: t.exposeString("name", { description: "Key id, the last part of the ARN." }),
    state: t.field({
      type: KeyState,
      description: "State of the key.",
      resolve: ({ keyState }) => keyState as NonNullable<typeof keyState>, // the database keeps it with every key
    }),
    spec: t.exposeString("keySpec", {
      nullable: true,
      description: "Key spec, e.g. `Aliyun_AES_256`; null when not known.",
    }),
    usage: t.exposeString("keyUsage", {
      nullable: true,
      description: "Key usage, e.g. `ENCRYPT_DECRYPT`; null when not known.",
    }),
    origin: t.exposeString("origin", {
      nullable: true,
      description: "Where the material comes from, e.g. `Aliyun_KMS`; null when not known.",
    }),
  }),
});

node(
  Key,
  ({ id }) => id,
  (ids, { resources }) => only(resources.loadMany(ids), ({ type }) => type === "KEY"),
);

change("registerKey", {
  description: "Makes a key known to the gateway. Refused with ENTITY_ALREADY_EXISTS_KEY when it already is.",
  input: (t) => ({
    arn: t.field({ type: "Arn", required: true, description: "`acs:kms:<region>:<account>:key/<id>`." }),
    resourceGroup: t.string({ description: "`rg-…` id of the resource group it is in. Default: none." }),
    tags: t.field({ type: [TagInput], description: "Tags, at most 20 unless configured otherwise, each key once." }),
    state: t.field({ type: KeyState, description: "State of the key. Default ENABLED." }),
    spec: t.string({ description: "Key spec, e.g. `Aliyun_AES_256`." }),
    usage: t.string({ description: "Key usage, e.g. `ENCRYPT_DECRYPT`." }),
    origin: t.string({ description: "Where the material comes from, e.g. `Aliyun_KMS`." }),
  }),
}).by(registerKey, (t) => ({
  key: t.field({
    type: Key,
    nullable: true,
    description: "The key; null when it was refused or on a dry run.",
    resolve: ({ value }, _args, { records }) => value && records.resources.load(value.resourceId),
  }),
}));

change("updateKey", {
  description: "Changes what the gateway knows of a key. It follows KMS, so any state may follow any other.",
  input: (t) => ({
    key: t.field({ type: "Arn", required: true, description: "ARN of the key." }),
    state: t.field({ type: KeyState, description: "State of the key. Null or left out: as it was." }),
    spec: t.string({ description: "Key spec, e.g. `Aliyun_AES_256`. Null: not known; left out: as it was." }),
    usage: t.string({ description: "Key usage, e.g. `ENCRYPT_DECRYPT`. Null: not known; left out: as it was." }),
    origin: t.string({
      description: "Where the material comes from, e.g. `Aliyun_KMS`. Null: not known; left out: as it was.",
    }),
  }),
}).by(updateKey, (t) => ({
  key: t.field({
    type: Key,
    nullable: true,
    description: "The key; null when it was refused.",
    resolve: ({ value }, _args, { records }) => value && records.resources.load(value.resourceId),
  }),
}));

change("deregisterKey", {
  description:
    "Makes the gateway forget a key and its tags. Refused with DELETE_CONFLICT_KEY_SECRET while secrets are encrypted with it and with DELETE_CONFLICT_KEY_ALIAS while aliases point to it.",
  input: (t) => ({ key: t.field({ type: "Arn", required: true, description: "ARN of the key." }) }),
}).by(deregisterKey, deleted);
