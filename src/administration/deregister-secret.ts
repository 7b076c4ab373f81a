import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import type { Deleted } from "./delete-principal.js";
import { deregisterChange } from "./deregister-resource.js";

export interface DeregisterSecretInput {
  /** ARN of the secret. */
  readonly secret: string;
}

/** Makes the gateway forget a secret and its tags. */
export function deregisterSecret(
  administration: Administration,
  input: DeregisterSecretInput,
  request: ChangeRequest,
): Promise<ChangeResult<Deleted>> {
  return changeAccount(administration, request, () =>
    deregisterChange({ action: "deregisterSecret", type: "SECRET", arn: input.secret, field: "secret", input }),
  );
}
