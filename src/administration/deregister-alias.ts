import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import type { Deleted } from "./delete-principal.js";
import { deregisterChange } from "./deregister-resource.js";

export interface DeregisterAliasInput {
  /** ARN of the alias. */
  readonly alias: string;
}

/** Makes the gateway forget an alias. */
export function deregisterAlias(
  administration: Administration,
  input: DeregisterAliasInput,
  request: ChangeRequest,
): Promise<ChangeResult<Deleted>> {
  return changeAccount(administration, request, () =>
    deregisterChange({ action: "deregisterAlias", type: "ALIAS", arn: input.alias, field: "alias", input }),
  );
}
