import { createAccount } from "../administration/create-account.js";
import { updateAccount } from "../administration/update-account.js";
import { accountsOf } from "../store/lists.js";
import type { Database } from "../store/prisma-client.js";
import { builder } from "./builder.js";
import { change } from "./change.js";
import type { GraphQLContext } from "./context.js";
import { node } from "./node.js";
import { connectionOf, pageOf } from "./page.js";
import { found } from "./records.js";

/** An Alibaba Cloud account: everything else belongs to one. */
export const Account = builder.prismaObject("Account", {
  description: "An Alibaba Cloud account. Principals, policies, attachments and KMS resources belong to one.",
  fields: (t) => ({
    accountId: t.exposeString("id", { description: "Account number, decimal digits: what `account` arguments take." }),
    alias: t.exposeString("alias", { nullable: true, description: "Name the account goes by; null when it has none." }),
    createdAt: t.expose("createdAt", { type: "DateTime", description: "When the gateway learned of the account." }),
    importedAt: t.expose("importedAt", {
      type: "DateTime",
      nullable: true,
      description: "When an import last changed anything in the account; null when none has.",
    }),
  }),
});

node(
  Account,
  ({ id }) => id,
  (ids, { accounts }) => accounts.loadMany(ids),
);

export const Accounts = connectionOf(Account, "Account", "accounts");

builder.queryField("accounts", (t) =>
  t.connection(
    {
      type: Account,
      description: "The accounts that the gateway knows, by account number.",
      resolve: (_root, args, context, info) =>
        pageOf({ listing: accountsOf(context.permissions?.account ?? null), read: readAccounts }, args, context, info),
    },
    Accounts,
  ),
);

function readAccounts(db: Database, ids: string[], query: object) {
  return db.account.findMany({ ...query, where: { id: { in: ids } } });
}

/** Lists of an account that does not exist are an error, not empty. */
export async function requireAccount(account: string, { records }: GraphQLContext): Promise<void> {
  await found(records.accounts.load(account), account);
}

change("createAccount", {
  description: "Makes an account known, with its owner. Refused with ENTITY_ALREADY_EXISTS_ACCOUNT when it already is.",
  input: (t) => ({
    account: t.string({ required: true, description: "Account number, 1 to 32 digits." }),
    alias: t.string({ description: "Name the account goes by, up to 64 characters." }),
  }),
}).by(createAccount, (t) => ({
  account: t.field({
    type: Account,
    nullable: true,
    description: "The account; null when it was refused or on a dry run.",
    resolve: ({ value }, _args, { records }) => value && records.accounts.load(value.accountId),
  }),
}));

change("updateAccount", {
  description: "Changes the alias of an account. Its number, and so every ARN, stays.",
  input: (t) => ({
    account: t.string({ required: true, description: "Account number." }),
    alias: t.string({
      description: "Name the account goes by, up to 64 characters. Null: none; left out: as it was.",
    }),
  }),
}).by(updateAccount, (t) => ({
  account: t.field({
    type: Account,
    nullable: true,
    description: "The account; null when it was refused.",
    resolve: ({ value }, _args, { records }) => value && records.accounts.load(value.accountId),
  }),
}));
