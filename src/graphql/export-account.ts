import { exportAccount } from "../administration/export-account.js";
import { builder } from "./builder.js";

/** Longest snapshot in an answer, in characters; `ramgate export` knows no limit. */
const MOST_CHARACTERS = 16_000_000;

builder.queryField("exportAccount", (t) =>
  t.field({
    type: "JSON",
    description:
      "The account as a snapshot, format version 1, as of one moment: `importAccount` of it changes nothing. Unknown account: NOT_FOUND. More than 16 million characters: BAD_USER_INPUT, use `ramgate export`.",
    args: { account: t.arg.string({ required: true, description: "Account number." }) },
    resolve: (_root, { account }, { services }) => exportAccount(services.db, account, MOST_CHARACTERS),
  }),
);
