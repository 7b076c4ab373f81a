import { randomBytes } from "node:crypto";
import { excerpt } from "../domain/arn.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { needs } from "./permissions.js";
import { refuse, refuseIfAny, type UserError, userError } from "./user-error.js";
import { checkText } from "./validation.js";

export interface CreateResourceGroupInput {
  readonly account: string;
  /** `rg-` and 1 to 61 letters, digits and `-`; a random one unless given. */
  readonly id?: string | null | undefined;
  readonly name: string;
}

const RESOURCE_GROUP_ID = /^rg-[A-Za-z0-9-]{1,61}$/;

/** Makes a resource group, which attachments can be limited to and resources moved into. */
export function createResourceGroup(
  administration: Administration,
  input: CreateResourceGroupInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ accountId: string; resourceGroupId: string }>> {
  const { account: accountId, name } = input;
  return changeAccount(administration, request, () => {
    const id = input.id ?? `rg-${randomBytes(8).toString("hex")}`;
    refuseIfAny([...checkResourceGroupId(id), ...checkText(name, 128, "name")]);
    return {
      action: "createResourceGroup",
      requires: needs("createResourceGroup", {
        "resourcemanager:CreateResourceGroup": [resourceGroupArn(accountId, id)],
      }),
      account: accountId,
      lock: "counted",
      targets: [resourceGroupArn(accountId, id)],
      scopes: [`acct:${accountId}`],
      input,
      async run(tx) {
        const known = await tx.resourceGroup.findUnique({
          where: { accountId_id: { accountId, id } },
          select: { id: true },
        });
        if (known !== null)
          refuse("ENTITY_ALREADY_EXISTS_RESOURCE_GROUP", `the resource group \`${id}\` already exists`, "id");
        await tx.resourceGroup.create({ data: { accountId, id, name }, select: { id: true } });
        return { value: { accountId, resourceGroupId: id }, changed: true, created: true, after: { id, name } };
      },
    };
  });
}

/** The ARN of a resource group. */
export function resourceGroupArn(account: string, id: string): string {
  return `acs:resourcemanager::${account}:resourcegroup/${id}`;
}

function checkResourceGroupId(id: string): UserError[] {
  if (RESOURCE_GROUP_ID.test(id)) return [];
  const message = `\`${excerpt(id)}\` is not a valid resource group id: it needs \`rg-\` and 1 to 61 letters, digits and \`-\``;
  return [userError("INVALID_PARAMETER_RESOURCE_GROUP", message, "id")];
}
