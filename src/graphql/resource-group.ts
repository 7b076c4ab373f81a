import { createResourceGroup } from "../administration/create-resource-group.js";
import { deleteResourceGroup } from "../administration/delete-resource-group.js";
import { updateResourceGroup } from "../administration/update-resource-group.js";
import { resourceGroupsOfAccount } from "../store/lists.js";
import type { Database } from "../store/prisma-client.js";
import { Account } from "./account.js";
import { builder } from "./builder.js";
import { change } from "./change.js";
import { deleted } from "./deleted.js";
import { connectionOf, pageOf } from "./page.js";
import { readResourceGroupKey, resourceGroupKey } from "./records.js";

/** A group of resources that policies can be attached for. */
export const ResourceGroup = builder.prismaObject("ResourceGroup", {
  description:
    "A group of resources within an account. A policy attached with it as scope counts for its resources only.",
  fields: (t) => ({
    id: t.exposeID("id", {
      description: "`rg-…`: what `resourceGroup` arguments take. Unique within the account only; not for `node`.",
    }),
    name: t.exposeString("name", { description: "Name within the account." }),
    createdAt: t.expose("createdAt", { type: "DateTime", description: "When the gateway learned of the group." }),
    account: t.relation("account", { description: "The account the group belongs to." }),
  }),
});

export const ResourceGroups = connectionOf(ResourceGroup, "ResourceGroup", "resource groups");

builder.prismaObjectField(Account, "resourceGroups", (t) =>
  t.connection(
    {
      type: ResourceGroup,
      description: "The resource groups of the account, by id.",
      resolve: ({ id }, args, context, info) =>
        pageOf(
          {
            listing: resourceGroupsOfAccount,
            parent: id,
            read: readResourceGroups,
            idOf: (row) => resourceGroupKey(row),
          },
          args,
          context,
          info,
        ),
    },
    ResourceGroups,
  ),
);

function readResourceGroups(db: Database, keys: string[], query: object) {
  return db.resourceGroup.findMany({ ...query, where: { OR: keys.map(readResourceGroupKey) } });
}

change("createResourceGroup", {
  description: "Creates a resource group. Refused with ENTITY_ALREADY_EXISTS_RESOURCE_GROUP when the id is taken.",
  input: (t) => ({
    account: t.string({ required: true, description: "Account number." }),
    id: t.string({ description: "`rg-` and 1 to 61 letters, digits and hyphens. Default: a random one." }),
    name: t.string({ required: true, description: "Name, up to 128 characters." }),
  }),
}).by(createResourceGroup, (t) => ({
  resourceGroup: t.field({
    type: ResourceGroup,
    nullable: true,
    description: "The resource group; null when it was refused or on a dry run.",
    resolve: ({ value }, _args, { records }) =>
      value && records.resourceGroups.load(resourceGroupKey({ accountId: value.accountId, id: value.resourceGroupId })),
  }),
}));

change("updateResourceGroup", {
  description: "Changes the name of a resource group. Its id stays.",
  input: (t) => ({
    account: t.string({ required: true, description: "Account number." }),
    resourceGroup: t.string({ required: true, description: "`rg-…` id of the group." }),
    name: t.string({ description: "Name, up to 128 characters. Null or left out: as it was." }),
  }),
}).by(updateResourceGroup, (t) => ({
  resourceGroup: t.field({
    type: ResourceGroup,
    nullable: true,
    description: "The resource group; null when it was refused.",
    resolve: ({ value }, _args, { records }) =>
      value && records.resourceGroups.load(resourceGroupKey({ accountId: value.accountId, id: value.resourceGroupId })),
  }),
}));

change("deleteResourceGroup", {
  description:
    "Deletes a resource group. Refused with DELETE_CONFLICT_RESOURCE_GROUP_RESOURCE while keys or secrets are in it and with DELETE_CONFLICT_RESOURCE_GROUP_POLICY while policies are attached for it. `deletedArn` is `acs:resourcemanager::<account>:resourcegroup/<id>`.",
  input: (t) => ({
    account: t.string({ required: true, description: "Account number." }),
    resourceGroup: t.string({ required: true, description: "`rg-…` id of the group." }),
  }),
}).by(deleteResourceGroup, deleted);
