import { exportAccount } from "../administration/export-account.js";
import { builder } from "./builder.js";
import { UnauthenticatedError } from "./errors.js";

/** Longest snapshot in an answer, in characters; `ramgate export` knows no limit. */
const MOST_CHARACTERS = 16_000_000;

builder.queryField("exportAccount", (t) =>
  t.field({
    type: "JSON",
    description:
      "The account as a snapshot, format version 1, as of one moment: `importAccount` of it changes nothing. For operators. Unknown account: NOT_FOUND. More than 16 million characters: BAD_USER_INPUT, use `ramgate export`.",
    args: { account: t.arg.string({ required: true, description: "Account number." }) },
    resolve: (_root, { account }, { services, caller }) => {
      if (!caller) throw new UnauthenticatedError("nobody sent this request");
      return exportAccount(services.db, caller, account, MOST_CHARACTERS);
    },
  }),
);
