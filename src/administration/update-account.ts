import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { needs } from "./permissions.js";
import { refuseIfAny } from "./user-error.js";
import { checkText } from "./validation.js";

export interface UpdateAccountInput {
  readonly account: string;
  /** Null: none; left out: as it was. */
  readonly alias?: string | null | undefined;
}

/** Changes the name that an account goes by; its number, and so every ARN, stays. */
export function updateAccount(
  administration: Administration,
  input: UpdateAccountInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ accountId: string }>> {
  const { account: id, alias } = input;
  return changeAccount(administration, request, () => {
    refuseIfAny(checkText(alias, 64, "alias"));
    return {
      action: "updateAccount",
      requires: needs("updateAccount", { "ramgate:UpdateAccount": [`acs:ram::${id}:*`] }),
      account: id,
      lock: "counted",
      targets: [`acs:ram::${id}:root`],
      scopes: [`acct:${id}`],
      input,
      async run(tx) {
        const before = await tx.account.findUniqueOrThrow({ where: { id }, select: { alias: true } });
        const value = { accountId: id };
        if (alias === undefined || alias === before.alias) return { value, changed: false };
        const after = await tx.account.update({ where: { id }, data: { alias }, select: { alias: true } });
        return { value, changed: true, before, after };
      },
    };
  });
}
