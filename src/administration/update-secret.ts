import type { Transaction } from "../store/prisma-client.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { findResource, type ResourceName, resourceName } from "./look-up.js";
import { needs } from "./permissions.js";
import { findKeyFor } from "./register-resource.js";
import { resourceChange } from "./resource-change.js";
import { updateResource } from "./update-resource.js";
import { refuseIfAny } from "./user-error.js";
import { checkText } from "./validation.js";

export interface UpdateSecretInput {
  /** ARN of the secret. */
  readonly secret: string;
  /** Null: not known; left out: as it was. */
  readonly type?: string | null | undefined;
  /** ARN of the user-managed key that encrypts it; null: one that KMS manages; left out: as it was. */
  readonly encryptionKey?: string | null | undefined;
}

/** Changes what the gateway knows of a secret; under another key, reading it needs the right to decrypt with that one. */
export function updateSecret(
  administration: Administration,
  input: UpdateSecretInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ resourceId: string }>> {
  return changeAccount(administration, request, () => {
    refuseIfAny(checkText(input.type, 64, "type"));
    const secret = resourceName(input.secret, ["SECRET"], "secret");
    const { encryptionKey } = input;
    const key =
      typeof encryptionKey === "string" ? resourceName(encryptionKey, ["KEY"], "encryptionKey") : encryptionKey;
    return resourceChange({
      action: "updateSecret",
      resource: secret,
      requires: needs("updateSecret", {
        "kms:UpdateSecret": [secret.arn],
        "kms:GenerateDataKey": key ? [key.arn] : [],
      }),
      input,
      async run(tx) {
        await findResource(tx, secret, "secret"); // whoever names two unknown things learns of the secret first
        return updateResource(tx, secret, "secret", { secretType: input.type, keyId: await keyIdOf(tx, secret, key) });
      },
    });
  });
}

async function keyIdOf(tx: Transaction, secret: ResourceName, key: ResourceName | null | undefined) {
  return key ? findKeyFor(tx, secret, key, "encryptionKey") : key;
}
