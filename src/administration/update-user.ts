import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { updatePrincipalChange } from "./update-principal.js";
import { refuseIfAny } from "./user-error.js";
import { checkName, checkText } from "./validation.js";

export interface UpdateUserInput {
  /** ARN of the user. */
  readonly user: string;
  /** 1 to 64 letters, digits, `.`, `_` and `-`; null or left out: the name stays. */
  readonly newName?: string | null | undefined;
  /** Null: none; left out: as it was. */
  readonly displayName?: string | null | undefined;
  /** Null: none; left out: as they were. */
  readonly comments?: string | null | undefined;
}

/** Changes a user. A new name changes its ARN; groups, policies, tags and credentials stay. */
export function updateUser(
  administration: Administration,
  input: UpdateUserInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ principalId: string }>> {
  const { user, newName, displayName, comments } = input;
  return changeAccount(administration, request, () => {
    refuseIfAny([
      ...(typeof newName === "string" ? checkName("USER", newName, "newName") : []),
      ...checkText(displayName, 128, "displayName"),
      ...checkText(comments, 1_024, "comments"),
    ]);
    const columns = { displayName, comments };
    return updatePrincipalChange({
      action: "updateUser",
      kind: "USER",
      arn: user,
      field: "user",
      input,
      newName,
      columns,
    });
  });
}
