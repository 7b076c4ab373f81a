import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { resourceName } from "./look-up.js";
import { needs } from "./permissions.js";
import { findKeyFor, insertResource, newResourceName } from "./register-resource.js";

export interface RegisterAliasInput {
  /** `acs:kms:<region>:<account>:alias/<name>` */
  readonly arn: string;
  /** ARN of the key that the alias points to, in the alias's account and region. */
  readonly key: string;
}

/** Makes an alias known to the gateway. */
export function registerAlias(
  administration: Administration,
  input: RegisterAliasInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ resourceId: string }>> {
  return changeAccount(administration, request, () => {
    const alias = newResourceName(input.arn, "ALIAS");
    const key = resourceName(input.key, ["KEY"], "key");
    return {
      action: "registerAlias",
      requires: needs("registerAlias", { "kms:CreateAlias": [alias.arn, key.arn] }),
      account: alias.account,
      lock: "shared",
      targets: [alias.arn, key.arn],
      scopes: [`res:${alias.arn}`],
      input,
      run: async (tx) => insertResource(tx, alias, { keyId: await findKeyFor(tx, alias, key, "key") }, [], key.arn),
    };
  });
}
