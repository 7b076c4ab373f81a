import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { insertPrincipal, type NewPrincipal, principalArn, principalScopes } from "./create-principal.js";
import { needs } from "./permissions.js";
import { refuseIfAny } from "./user-error.js";
import { checkName, checkText } from "./validation.js";

export interface CreateGroupInput {
  readonly account: string;
  /** 1 to 64 letters, digits and `-`; unique whatever its case. */
  readonly name: string;
  readonly comments?: string | null | undefined;
}

/** Makes a RAM user group without members. */
export function createGroup(
  administration: Administration,
  input: CreateGroupInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ principalId: string }>> {
  const { account, name, comments } = input;
  const group: NewPrincipal = { accountId: account, kind: "GROUP", name };
  return changeAccount(administration, request, () => {
    refuseIfAny([...checkName("GROUP", name, "name"), ...checkText(comments, 1_024, "comments")]);
    return {
      action: "createGroup",
      requires: needs("createGroup", { "ram:CreateGroup": [principalArn(group)] }),
      account,
      lock: "counted",
      targets: [principalArn(group)],
      scopes: principalScopes(group),
      input,
      run: (tx) => insertPrincipal(tx, group, { comments }, administration.limits.groupsPerAccount),
    };
  });
}
