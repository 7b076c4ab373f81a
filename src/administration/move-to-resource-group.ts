import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { resourceGroupArn } from "./create-resource-group.js";
import { findResource, requireResourceGroup, resourceName } from "./look-up.js";
import { needs } from "./permissions.js";
import { resourceChange } from "./resource-change.js";

export interface MoveToResourceGroupInput {
  /** ARN of a key or secret; aliases belong to no resource group. */
  readonly resource: string;
  /** Id of the resource group; null or left out: the resource leaves its group. */
  readonly resourceGroup?: string | null | undefined;
}

/** Moves a key or secret into a resource group, where the attachments limited to that group count for it. */
export function moveToResourceGroup(
  administration: Administration,
  input: MoveToResourceGroupInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ resourceId: string }>> {
  return changeAccount(administration, request, () => {
    const resource = resourceName(input.resource, ["KEY", "SECRET"], "resource");
    const { resourceGroup } = input;
    const groupArn = resourceGroup ? [resourceGroupArn(resource.account, resourceGroup)] : [];
    return resourceChange({
      action: "moveToResourceGroup",
      resource,
      requires: needs("moveToResourceGroup", { "resourcemanager:MoveResources": [resource.arn, ...groupArn] }),
      input,
      async run(tx) {
        const { id, resourceGroupId: current } = await findResource(tx, resource, "resource");
        const resourceGroupId = await requireResourceGroup(tx, resource.account, input.resourceGroup);
        const changed = resourceGroupId !== current;
        if (changed) await tx.kmsResource.update({ where: { id }, data: { resourceGroupId }, select: { id: true } });
        const [before, after] = [{ resourceGroup: current }, { resourceGroup: resourceGroupId }];
        return { value: { resourceId: id }, changed, before, after };
      },
    });
  });
}
