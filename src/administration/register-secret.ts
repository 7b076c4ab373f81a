import type { Administration, ChangeRequest, ChangeResult, Tag } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { type ResourceName, requireResourceGroup, resourceName } from "./look-up.js";
import { needs } from "./permissions.js";
import { findKeyFor, insertResource, newResourceName, placing } from "./register-resource.js";
import { resourceChange } from "./resource-change.js";
import { refuseIfAny } from "./user-error.js";
import { checkTags, checkText } from "./validation.js";

export interface RegisterSecretInput {
  /** `acs:kms:<region>:<account>:secret/<name>` */
  readonly arn: string;
  /** `Generic`, `Rds`, … */
  readonly type?: string | null | undefined;
  /** ARN of the user-managed key that encrypts the secret; a key managed by KMS unless given. */
  readonly encryptionKey?: string | null | undefined;
  readonly resourceGroup?: string | null | undefined;
  readonly tags?: readonly Tag[] | null | undefined;
}

/** Makes a secret known to the gateway, so that its tags, resource group and encryption key count. */
export function registerSecret(
  administration: Administration,
  input: RegisterSecretInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ resourceId: string }>> {
  const tags = input.tags ?? [];
  return changeAccount(administration, request, () => {
    refuseIfAny([
      ...checkTags(tags, administration.limits.tagsPerResource, "tags"),
      ...checkText(input.type, 64, "type"),
    ]);
    const secret = newResourceName(input.arn, "SECRET");
    const key = keyOf(input);
    return resourceChange({
      action: "registerSecret",
      resource: secret,
      requires: needs("registerSecret", {
        "kms:CreateSecret": [secret.arn],
        "kms:GenerateDataKey": key === null ? [] : [key.arn],
        ...placing(secret, input),
      }),
      input,
      async run(tx) {
        const details = {
          resourceGroupId: await requireResourceGroup(tx, secret.account, input.resourceGroup),
          keyId: key === null ? null : await findKeyFor(tx, secret, key, "encryptionKey"),
          secretType: input.type ?? null,
        };
        return insertResource(tx, secret, details, tags, key?.arn);
      },
    });
  });
}

/** An empty text is no ARN: taken for none, the secret would be read without the right to decrypt. */
function keyOf({ encryptionKey }: RegisterSecretInput): ResourceName | null {
  if (encryptionKey === null || encryptionKey === undefined) return null;
  return resourceName(encryptionKey, ["KEY"], "encryptionKey");
}
