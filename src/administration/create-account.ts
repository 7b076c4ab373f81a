import type { Transaction } from "../store/prisma-client.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { refuse, refuseIfAny } from "./user-error.js";
import { checkText } from "./validation.js";

export interface CreateAccountInput {
  /** Account number: 1 to 32 digits. */
  readonly account: string;
  readonly alias?: string | null | undefined;
}

/** Makes an account with its owner (`acs:ram::<account>:root`). */
export function createAccount(
  administration: Administration,
  input: CreateAccountInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ accountId: string }>> {
  const { account, alias } = input;
  return changeAccount(administration, request, () => {
    refuseIfAny(checkText(alias, 64, "alias"));
    return {
      action: "createAccount",
      requires: "OPERATOR",
      account,
      lock: "exclusive",
      createsAccount: true,
      targets: [ownerArn(account)],
      scopes: [`acct:${account}`, `prin:${ownerArn(account)}`],
      input,
      async run(tx) {
        const known = await tx.account.findUnique({ where: { id: account }, select: { id: true } });
        if (known !== null)
          refuse("ENTITY_ALREADY_EXISTS_ACCOUNT", `the account \`${account}\` already exists`, "account");
        await insertAccount(tx, account, alias ?? null);
        const after = { account, alias: alias ?? null };
        return { value: { accountId: account }, changed: true, created: true, after };
      },
    };
  });
}

/** Writes an account and its owner. */
export async function insertAccount(tx: Transaction, id: string, alias: string | null): Promise<void> {
  await tx.account.create({ data: { id, alias }, select: { id: true } });
  const arn = ownerArn(id);
  await tx.principal.create({
    data: { accountId: id, kind: "ACCOUNT_OWNER", name: "root", arn, arnKey: arn },
    select: { id: true },
  });
}

function ownerArn(account: string): string {
  return `acs:ram::${account}:root`;
}
