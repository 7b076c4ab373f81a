import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { updatePrincipalChange } from "./update-principal.js";
import { refuseIfAny } from "./user-error.js";
import { checkName, checkText } from "./validation.js";

export interface UpdateGroupInput {
  /** ARN of the group. */
  readonly group: string;
  /** 1 to 64 letters, digits and `-`; null or left out: the name stays. */
  readonly newName?: string | null | undefined;
  /** Null: none; left out: as they were. */
  readonly comments?: string | null | undefined;
}

/** Changes a group. A new name changes its ARN; members and policies stay. */
export function updateGroup(
  administration: Administration,
  input: UpdateGroupInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ principalId: string }>> {
  const { group, newName, comments } = input;
  return changeAccount(administration, request, () => {
    refuseIfAny([
      ...(typeof newName === "string" ? checkName("GROUP", newName, "newName") : []),
      ...checkText(comments, 1_024, "comments"),
    ]);
    const columns = { comments };
    return updatePrincipalChange({
      action: "updateGroup",
      kind: "GROUP",
      arn: group,
      field: "group",
      input,
      newName,
      columns,
    });
  });
}
