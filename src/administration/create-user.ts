import type { Administration, ChangeRequest, ChangeResult, Tag } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { insertPrincipal, type NewPrincipal, principalArn, principalScopes } from "./create-principal.js";
import { needs } from "./permissions.js";
import { refuseIfAny } from "./user-error.js";
import { checkName, checkTags, checkText } from "./validation.js";

export interface CreateUserInput {
  readonly account: string;
  /** 1 to 64 letters, digits, `.`, `_` and `-`; unique whatever its case. */
  readonly name: string;
  readonly displayName?: string | null | undefined;
  readonly comments?: string | null | undefined;
  readonly tags?: readonly Tag[] | null | undefined;
}

/** Makes a RAM user without any policy. */
export function createUser(
  administration: Administration,
  input: CreateUserInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ principalId: string }>> {
  const { account, name, displayName, comments } = input;
  const { usersPerAccount, tagsPerResource } = administration.limits;
  const tags = input.tags ?? [];
  const user: NewPrincipal = { accountId: account, kind: "USER", name };
  return changeAccount(administration, request, () => {
    refuseIfAny([
      ...checkName("USER", name, "name"),
      ...checkText(displayName, 128, "displayName"),
      ...checkText(comments, 1_024, "comments"),
      ...checkTags(tags, tagsPerResource, "tags"),
    ]);
    return {
      action: "createUser",
      requires: needs("createUser", { "ram:CreateUser": [principalArn(user)] }),
      account,
      lock: "counted",
      targets: [principalArn(user)],
      scopes: principalScopes(user),
      input,
      run: (tx) => insertPrincipal(tx, user, { displayName, comments, tags }, usersPerAccount),
    };
  });
}
