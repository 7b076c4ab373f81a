import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { type Deleted, deletePrincipalChange } from "./delete-principal.js";

export interface DeleteRoleInput {
  /** ARN of the role; not of a service-linked one. */
  readonly role: string;
}

/** Deletes a role with its tags and API credentials, once it has no policies. Its sessions end. */
export function deleteRole(
  administration: Administration,
  input: DeleteRoleInput,
  request: ChangeRequest,
): Promise<ChangeResult<Deleted>> {
  return changeAccount(administration, request, () =>
    deletePrincipalChange({ action: "deleteRole", kind: "ROLE", arn: input.role, field: "role", input }),
  );
}
