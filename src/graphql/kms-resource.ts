import { moveToResourceGroup } from "../administration/move-to-resource-group.js";
import type { TaggedValue } from "../administration/tag-change.js";
import { tagResource } from "../administration/tag-resource.js";
import { untagResource } from "../administration/untag-resource.js";
import { parseArn } from "../domain/arn.js";
import { resourcesOf } from "../store/lists.js";
import type { Database } from "../store/prisma-client.js";
import { requireAccount } from "./account.js";
import { builder } from "./builder.js";
import { change, type PayloadBuilder } from "./change.js";
import { connectionOf, pageOf } from "./page.js";
import { Principal } from "./principal.js";
import { type KmsResourceRow, recordsOf } from "./records.js";
import { ResourceGroup } from "./resource-group.js";
import { Tag, TagInput } from "./tag.js";

export const ResourceType = builder.enumType("ResourceType", {
  description: "Kinds of KMS resources.",
  values: {
    KEY: { description: "A key." },
    SECRET: { description: "A secret of the Secrets Manager." },
    ALIAS: { description: "A second name of a key." },
  } as const,
});

const TYPE_NAMES = { KEY: "Key", SECRET: "Secret", ALIAS: "Alias" } as const;

/** Keys, secrets and aliases are one model; the row's type says which. */
export const KmsResource = builder.prismaInterface("KmsResource", {
  name: "KmsResource",
  description: "A KMS resource that the gateway knows: decisions on it take its tags and resource group into account.",
  interfaces: [builder.nodeInterfaceRef()],
  resolveType: ({ type }) => TYPE_NAMES[type],
  fields: (t) => ({
    arn: t.expose("arn", {
      type: "Arn",
      description: "`acs:kms:<region>:<account>:key/<id>`, `…:secret/<name>` or `…:alias/<name>`; case counts.",
    }),
    region: t.exposeString("region", { description: "Region id, e.g. `cn-hangzhou`." }),
    account: t.relation("account", { description: "The account that owns the resource." }),
    resourceGroup: t.relation("resourceGroup", {
      type: ResourceGroup,
      nullable: true,
      description: "The resource group the resource is in; null when in none known. Aliases are never in one.",
    }),
    tags: t.field({
      type: [Tag],
      description: "Tags of a key or secret, by key; at most 20 unless configured otherwise. Aliases have none.",
      select: { tags: { orderBy: { key: "asc" } } },
      resolve: ({ tags }) => tags,
    }),
    createdAt: t.expose("createdAt", { type: "DateTime", description: "When the gateway learned of the resource." }),
  }),
});

const KmsResources = connectionOf(KmsResource, "KmsResource", "KMS resources");

builder.queryField("resource", (t) =>
  t.prismaField({
    type: KmsResource,
    nullable: true,
    description: "The key, secret or alias with this ARN; null when it is not registered. Malformed: BAD_USER_INPUT.",
    args: { arn: t.arg({ type: "Arn", required: true, description: "ARN of the resource; case counts." }) },
    resolve: (query, _root, { arn }, { services }) =>
      recordsOf(services).kmsResource.findUnique({ ...query, where: { arn: parseArn(arn).text } }),
  }),
);

const TagFilterInput = builder.inputType("TagFilterInput", {
  description: "Which tag a resource must have.",
  fields: (t) => ({
    key: t.string({ required: true, description: "Key, exactly." }),
    value: t.string({ description: "Value, exactly. Default: any." }),
  }),
});

builder.queryField("resources", (t) =>
  t.connection(
    {
      type: KmsResource,
      description: "The keys, secrets and aliases of an account, by ARN. Unknown account: NOT_FOUND.",
      args: {
        account: t.arg.string({ required: true, description: "Account number." }),
        type: t.arg({ type: ResourceType, description: "Only resources of this type." }),
        tag: t.arg({ type: TagFilterInput, description: "Only resources with this tag." }),
        resourceGroup: t.arg.string({ description: "Only resources in the resource group with this `rg-…` id." }),
      },
      resolve: async (_root, args, context, info) => {
        await requireAccount(args.account, context);
        return pageOf({ listing: resourcesOf(args), read: readResources }, args, context, info);
      },
    },
    KmsResources,
  ),
);

/** KMS resources of a page. */
export function readResources(db: Database, ids: string[], query: object): Promise<KmsResourceRow[]> {
  return db.kmsResource.findMany({ ...query, where: { id: { in: ids } } });
}

function tagged(t: PayloadBuilder<TaggedValue>) {
  return {
    resource: t.field({
      type: KmsResource,
      nullable: true,
      description: "The tagged key or secret; null when it was refused or a user or role was tagged.",
      resolve: ({ value }, _args, { records }) =>
        value && "resourceId" in value ? records.resources.load(value.resourceId) : null,
    }),
    principal: t.field({
      type: Principal,
      nullable: true,
      description: "The tagged user or role; null when it was refused or a key or secret was tagged.",
      resolve: ({ value }, _args, { records }) =>
        value && "principalId" in value ? records.principals.load(value.principalId) : null,
    }),
  };
}

change("tagResource", {
  description: "Sets tags of a key, secret, user or role; others stay. Decisions see them at once.",
  input: (t) => ({
    resource: t.field({ type: "Arn", required: true, description: "ARN of the key, secret, user or role." }),
    tags: t.field({
      type: [TagInput],
      required: true,
      description: "Tags to set, at most 20 unless configured otherwise, each key once.",
    }),
  }),
}).by(tagResource, tagged);

change("untagResource", {
  description: "Removes tags of a key, secret, user or role. Keys it does not have are no error.",
  input: (t) => ({
    resource: t.field({ type: "Arn", required: true, description: "ARN of the key, secret, user or role." }),
    tagKeys: t.stringList({ required: true, description: "Keys of the tags to remove, spelled exactly." }),
  }),
}).by(untagResource, tagged);

change("moveToResourceGroup", {
  description:
    "Moves a key or secret into a resource group, or out of any: policies attached for the groups follow at once.",
  input: (t) => ({
    resource: t.field({ type: "Arn", required: true, description: "ARN of the key or secret." }),
    resourceGroup: t.string({ description: "`rg-…` id of the group to move it to; null or left out: into none." }),
  }),
}).by(moveToResourceGroup, (t) => ({
  resource: t.field({
    type: KmsResource,
    nullable: true,
    description: "The moved key or secret; null when it was refused.",
    resolve: ({ value }, _args, { records }) => value && records.resources.load(value.resourceId),
  }),
}));
