import type { Transaction } from "../store/prisma-client.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { resourceGroupArn } from "./create-resource-group.js";
import { checkObstacles, findHolders, NAMED_OBSTACLES } from "./delete-conflict.js";
import type { Deleted } from "./delete-principal.js";
import { findResourceGroup } from "./look-up.js";
import { needs } from "./permissions.js";
import { refuseIfAny, type UserError } from "./user-error.js";

export interface DeleteResourceGroupInput {
  readonly account: string;
  /** Its id, `rg-…`. */
  readonly resourceGroup: string;
}

interface GroupKey {
  readonly accountId: string;
  readonly resourceGroupId: string;
}

/** Deletes a resource group, once no resource is in it and no attachment is limited to it. */
export function deleteResourceGroup(
  administration: Administration,
  input: DeleteResourceGroupInput,
  request: ChangeRequest,
): Promise<ChangeResult<Deleted>> {
  const { account: accountId, resourceGroup: resourceGroupId } = input;
  const key = { accountId, resourceGroupId };
  return changeAccount(administration, request, () => ({
    action: "deleteResourceGroup",
    requires: needs("deleteResourceGroup", {
      "resourcemanager:DeleteResourceGroup": [resourceGroupArn(accountId, resourceGroupId)],
    }),
    account: accountId,
    lock: "shared",
    targets: [resourceGroupArn(accountId, resourceGroupId)],
    scopes: [`acct:${accountId}`],
    input,
    async run(tx) {
      const before = await findResourceGroup(tx, accountId, resourceGroupId);
      refuseIfAny([...(await checkResources(tx, key)), ...(await checkAttachments(tx, key))]);
      const where = { accountId_id: { accountId, id: resourceGroupId } };
      await tx.resourceGroup.delete({ where, select: { id: true } });
      const deletedArn = resourceGroupArn(accountId, resourceGroupId);
      return { value: { deletedArn }, changed: true, before, after: null };
    },
  }));
}

async function checkResources(tx: Transaction, where: GroupKey): Promise<UserError[]> {
  const resources = await tx.kmsResource.findMany({
    where,
    select: { arn: true },
    orderBy: { arn: "asc" },
    take: NAMED_OBSTACLES,
  });
  const obstacles = { names: resources.map(({ arn }) => arn), count: await tx.kmsResource.count({ where }) };
  const what = `resources are still in the resource group \`${where.resourceGroupId}\``;
  return checkObstacles("DELETE_CONFLICT_RESOURCE_GROUP_RESOURCE", what, obstacles, "resourceGroup");
}

async function checkAttachments(tx: Transaction, where: GroupKey): Promise<UserError[]> {
  const obstacles = await findHolders(tx, where);
  const what = `policies are still attached for the resource group \`${where.resourceGroupId}\` to`;
  return checkObstacles("DELETE_CONFLICT_RESOURCE_GROUP_POLICY", what, obstacles, "resourceGroup");
}
