import type { Administration, ChangeRequest, ChangeResult, Tag } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { requireResourceGroup } from "./look-up.js";
import { needs } from "./permissions.js";
import { insertResource, newResourceName, placing } from "./register-resource.js";
import { resourceChange } from "./resource-change.js";
import { refuseIfAny } from "./user-error.js";
import { checkTags, checkText } from "./validation.js";

export interface RegisterKeyInput {
  /** `acs:kms:<region>:<account>:key/<key id>` */
  readonly arn: string;
  readonly resourceGroup?: string | null | undefined;
  readonly tags?: readonly Tag[] | null | undefined;
  /** ENABLED unless given. */
  readonly state?: "ENABLED" | "DISABLED" | "PENDING_DELETION" | "PENDING_IMPORT" | null | undefined;
  /** `Aliyun_AES_256`, `RSA_2048`, … */
  readonly spec?: string | null | undefined;
  /** `ENCRYPT_DECRYPT`, `SIGN_VERIFY`, … */
  readonly usage?: string | null | undefined;
  /** `Aliyun_KMS` or `EXTERNAL`. */
  readonly origin?: string | null | undefined;
}

/** Makes a key known to the gateway, so that its tags, resource group and state count. */
export function registerKey(
  administration: Administration,
  input: RegisterKeyInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ resourceId: string }>> {
  const tags = input.tags ?? [];
  return changeAccount(administration, request, () => {
    refuseIfAny([
      ...checkTags(tags, administration.limits.tagsPerResource, "tags"),
      ...checkText(input.spec, 64, "spec"),
      ...checkText(input.usage, 64, "usage"),
      ...checkText(input.origin, 64, "origin"),
    ]);
    const key = newResourceName(input.arn, "KEY");
    return resourceChange({
      action: "registerKey",
      resource: key,
      requires: needs("registerKey", { "kms:CreateKey": [key.arn], ...placing(key, input) }),
      input,
      async run(tx) {
        const details = {
          resourceGroupId: await requireResourceGroup(tx, key.account, input.resourceGroup),
          keyState: input.state ?? "ENABLED",
          keySpec: input.spec ?? null,
          keyUsage: input.usage ?? null,
          origin: input.origin ?? null,
        };
        return insertResource(tx, key, details, tags);
      },
    });
  });
}
