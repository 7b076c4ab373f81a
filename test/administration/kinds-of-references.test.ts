import { beforeAll, expect, test } from "vitest";
import { importAccount } from "../../src/administration/import-account.js";
import { ACCOUNT, arn, request, TRUST, useAdministration } from "./setup.js";

const context = useAdministration("kinds");

beforeAll(async () => {
  const key = (id: string) => ({ region: "cn-hangzhou", id });
  const snapshot = {
    ...{ version: 1, account: { id: ACCOUNT }, groups: [{ name: "g" }, { name: "h" }] },
    users: [{ name: "ann", groups: ["g"] }, { name: "bob" }],
    roles: [{ name: "r", trustPolicy: TRUST }],
    keys: [key("k1"), key("k2")],
    secrets: [{ region: "cn-hangzhou", name: "s", encryptionKeyId: "k1" }],
    aliases: [{ region: "cn-hangzhou", name: "alias/a", keyId: "k1" }],
  };
  const result = await importAccount(context.administration, { account: ACCOUNT, snapshot, mode: "MERGE" }, request());
  expect(result.userErrors).toEqual([]);
});

const principal = (name: string) => `(SELECT id FROM principal WHERE arn = '${name}')`;
const resource = (name: string) => `(SELECT id FROM kms_resource WHERE arn = '${name}')`;
const member = (group: string, user: string) =>
  `INSERT INTO group_membership VALUES (${principal(group)}, ${principal(user)}, '${ACCOUNT}')`;
const session = (of: string) =>
  `INSERT INTO role_session (id, account_id, role_id, arn, session_name, token_digest, issued_to, issued_at, expires_at)
   VALUES (gen_random_uuid(), '${ACCOUNT}', ${principal(of)}, 'acs:ram::${ACCOUNT}:assumed-role/r/s1', 's1', sha256(''), 'x', now(), now() + interval '1 hour')`;

test.each([
  ["a member of a user", member(arn.user("ann"), arn.user("bob")), "group_membership"],
  ["a group in a group", member(arn.group("g"), arn.group("h")), "group_membership"],
  [
    "a membership moved to a role",
    `UPDATE group_membership SET group_id = ${principal(arn.role("r"))}`,
    "group_membership",
  ],
  ["a session of a user", session(arn.user("ann")), "role_session"],
  [
    "an alias of a secret",
    `UPDATE kms_resource SET key_id = ${resource(arn.secret("s"))} WHERE type = 'ALIAS'`,
    "kms_resource",
  ],
  [
    "a secret that an alias encrypts",
    `UPDATE kms_resource SET key_id = ${resource(arn.alias("a"))} WHERE type = 'SECRET'`,
    "kms_resource",
  ],
  [
    "a key that becomes a secret",
    "UPDATE kms_resource SET type = 'SECRET', key_state = NULL WHERE type = 'KEY'",
    "kind",
  ],
  ["a group that becomes a user", "UPDATE principal SET kind = 'USER' WHERE kind = 'GROUP'", "kind"],
])("%s is refused by the database", async (_, sql, named) => {
  await expect(context.administration.db.$executeRawUnsafe(sql)).rejects.toThrow(named);
});

test.each([
  ["a user joins a group", member(arn.group("h"), arn.user("bob"))],
  ["a session of a role", session(arn.role("r"))],
  ["an alias of another key", `UPDATE kms_resource SET key_id = ${resource(arn.key("k2"))} WHERE type = 'ALIAS'`],
])("%s", async (_, sql) => {
  expect(await context.administration.db.$executeRawUnsafe(sql)).toBe(1);
});
