import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { resourceGroupArn } from "./create-resource-group.js";
import { findResourceGroup } from "./look-up.js";
import { needs } from "./permissions.js";
import { refuseIfAny } from "./user-error.js";
import { checkText } from "./validation.js";

export interface UpdateResourceGroupInput {
  readonly account: string;
  /** Its id, `rg-…`. */
  readonly resourceGroup: string;
  /** Null or left out: as it was. */
  readonly name?: string | null | undefined;
}

/** Changes the name of a resource group; its id, which attachments use, stays. */
export function updateResourceGroup(
  administration: Administration,
  input: UpdateResourceGroupInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ accountId: string; resourceGroupId: string }>> {
  const { account: accountId, resourceGroup: id } = input;
  return changeAccount(administration, request, () => {
    refuseIfAny(checkText(input.name, 128, "name"));
    return {
      action: "updateResourceGroup",
      requires: needs("updateResourceGroup", {
        "resourcemanager:UpdateResourceGroup": [resourceGroupArn(accountId, id)],
      }),
      account: accountId,
      lock: "shared",
      targets: [resourceGroupArn(accountId, id)],
      scopes: [`acct:${accountId}`],
      input,
      async run(tx) {
        const before = await findResourceGroup(tx, accountId, id);
        const name = input.name ?? before.name;
        const value = { accountId, resourceGroupId: id };
        if (name === before.name) return { value, changed: false };
        const where = { accountId_id: { accountId, id } };
        const after = await tx.resourceGroup.update({ where, data: { name }, select: { id: true, name: true } });
        return { value, changed: true, before, after };
      },
    };
  });
}
