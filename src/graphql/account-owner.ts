import { builder } from "./builder.js";
import { node, only } from "./node.js";
import { Principal } from "./principal.js";

export const AccountOwner = builder.prismaObject("Principal", {
  variant: "AccountOwner",
  description:
    "The account itself, `acs:ram::<account>:root`. May do everything in its own account and nothing elsewhere.",
  interfaces: [Principal],
});

node(
  AccountOwner,
  ({ id }) => id,
  (ids, { principals }) => only(principals.loadMany(ids), ({ kind }) => kind === "ACCOUNT_OWNER"),
);
