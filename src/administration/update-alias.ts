import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { findResource, resourceName } from "./look-up.js";
import { needs } from "./permissions.js";
import { findKeyFor } from "./register-resource.js";
import { updateResource } from "./update-resource.js";

export interface UpdateAliasInput {
  /** ARN of the alias. */
  readonly alias: string;
  /** ARN of the key that it is to point to, in the alias's account and region. */
  readonly key: string;
}

/** Makes an alias point to another key. */
export function updateAlias(
  administration: Administration,
  input: UpdateAliasInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ resourceId: string }>> {
  return changeAccount(administration, request, () => {
    const alias = resourceName(input.alias, ["ALIAS"], "alias");
    const key = resourceName(input.key, ["KEY"], "key");
    return {
      action: "updateAlias",
      requires: needs("updateAlias", { "kms:UpdateAlias": [alias.arn, key.arn] }),
      account: alias.account,
      lock: "shared",
      targets: [alias.arn, key.arn],
      scopes: [`res:${alias.arn}`],
      input,
      async run(tx) {
        await findResource(tx, alias, "alias"); // whoever names two unknown things learns of the alias first
        return updateResource(tx, alias, "alias", { keyId: await findKeyFor(tx, alias, key, "key") });
      },
    };
  });
}
