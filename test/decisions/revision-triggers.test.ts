import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { assertRevisionTriggers } from "../../src/store/revisions.js";
import {
  ACCOUNT,
  attach,
  type Fixture,
  group,
  key,
  OTHER_ACCOUNT,
  openFixture,
  role,
  secret,
  session,
  user,
} from "./fixture.js";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture("triggers");
});
afterAll(() => fixture.close());

const acct = `acct:${ACCOUNT}`;
const prin = (arn: string): string => `prin:${arn.toLowerCase()}`;
const grp = (name: string): string => `grp:${group(name)}`;
const res = (arn: string): string => `res:${arn}`;
const pol = (name: string, account = ACCOUNT): string => `pol:acs:ram::${account}:policy/${name}`;
/** The account's own copy of a built-in policy. */
const copy = pol("built-in");

async function tags(): Promise<Map<string, string>> {
  const { rows } = await fixture.sql.query<{ scope: string; tag: string }>("SELECT scope, tag FROM scope_revision");
  return new Map(rows.map(({ scope, tag }) => [scope, tag]));
}

/** The scopes that `change` moves. */
async function moved(change: () => Promise<unknown>): Promise<string[]> {
  const before = await tags();
  await change();
  const after = await tags();
  return [...after]
    .filter(([scope, tag]) => before.get(scope) !== tag)
    .map(([scope]) => scope)
    .sort();
}

const OVERRIDE = `account_id = '${ACCOUNT}' AND type = 'SYSTEM'`;

/** Each change in order: later ones build on earlier ones. `$name` stands for the id of that thing. */
const CHANGES: [what: string, sql: string, scopes: string[]][] = [
  ["account inserted", "INSERT INTO account (id) VALUES ('3333')", ["acct:3333"]],
  ["account updated", `UPDATE account SET imported_at = now() WHERE id = '${ACCOUNT}'`, [acct]],
  ["account deleted", "DELETE FROM account WHERE id = '3333'", ["acct:3333"]],
  ["resource group inserted", `INSERT INTO resource_group VALUES ('${ACCOUNT}', 'rg-9', 'nine')`, [acct]],
  ["resource group updated", "UPDATE resource_group SET name = 'n' WHERE id = 'rg-9'", [acct]],
  ["resource group deleted", "DELETE FROM resource_group WHERE id = 'rg-9'", [acct]],
  [
    "user inserted",
    `INSERT INTO principal (id, account_id, kind, name, arn, arn_key)
     VALUES (gen_random_uuid(), '${ACCOUNT}', 'USER', 'New', '${user("New")}', '${user("new")}')`,
    [prin(user("new"))],
  ],
  ["user updated", "UPDATE principal SET display_name = 'x' WHERE name = 'New'", [prin(user("new"))]],
  [
    "user renamed",
    `UPDATE principal SET name = 'old', arn = '${user("old")}', arn_key = '${user("old")}' WHERE name = 'New'`,
    [prin(user("new")), prin(user("old"))],
  ],
  [
    "user's credential inserted",
    `INSERT INTO credential (id, kind, secret_digest, principal_id)
     SELECT 'c8', 'PRINCIPAL', '\\x00', id FROM principal WHERE name = 'old'`,
    ["cred:c8"],
  ],
  ["user deleted with its credential", "DELETE FROM principal WHERE name = 'old'", ["cred:c8", prin(user("old"))]],
  [
    "group inserted",
    `INSERT INTO principal (id, account_id, kind, name, arn, arn_key)
     VALUES (gen_random_uuid(), '${ACCOUNT}', 'GROUP', 'New', '${group("New")}', '${group("new")}')`,
    [grp("new")],
  ],
  ["group deleted", "DELETE FROM principal WHERE kind = 'GROUP' AND name = 'New'", [grp("new")]],
  [
    "group renamed",
    `UPDATE principal SET name = 'dev', arn = '${group("dev")}', arn_key = '${group("dev")}' WHERE id = $devs`,
    [grp("devs"), grp("dev")],
  ],
  ["group updated", "UPDATE principal SET comments = 'x' WHERE id = $ops", [grp("ops")]],
  ["trust policy updated", "UPDATE principal SET trust_policy = '{}' WHERE id = $bot", [acct, prin(role("bot"))]],
  ["principal tag inserted", "INSERT INTO principal_tag VALUES ($bob, 'a', 'b')", [prin(user("bob"))]],
  ["principal tag updated", "UPDATE principal_tag SET value = 'c' WHERE principal_id = $bob", [prin(user("bob"))]],
  [
    "principal tag moved",
    "UPDATE principal_tag SET principal_id = $Mixed WHERE principal_id = $bob",
    [prin(user("bob")), prin(user("Mixed"))],
  ],
  ["principal tag deleted", "DELETE FROM principal_tag WHERE principal_id = $Mixed", [prin(user("Mixed"))]],
  ["member added", `INSERT INTO group_membership VALUES ($devs, $bob, '${ACCOUNT}')`, [prin(user("bob"))]],
  [
    "member moved to another group",
    "UPDATE group_membership SET group_id = $ops WHERE user_id = $bob",
    [prin(user("bob"))],
  ],
  [
    "membership handed to another user",
    "UPDATE group_membership SET user_id = $Mixed WHERE user_id = $bob",
    [prin(user("bob")), prin(user("Mixed"))],
  ],
  ["member removed", "DELETE FROM group_membership WHERE user_id = $Mixed", [prin(user("Mixed"))]],
  ["custom policy updated", "UPDATE policy SET description = 'x' WHERE id = $own", [pol("own")]],
  ["built-in policy updated", "UPDATE policy SET description = 'x' WHERE id = $built-in", ["glob"]],
  [
    "policy given to another account",
    `UPDATE policy SET account_id = '${OTHER_ACCOUNT}' WHERE id = $spare`,
    [pol("spare"), pol("spare", OTHER_ACCOUNT)],
  ],
  [
    "policy taken back",
    `UPDATE policy SET account_id = '${ACCOUNT}' WHERE id = $spare`,
    [pol("spare"), pol("spare", OTHER_ACCOUNT)],
  ],
  [
    "policy renamed",
    "UPDATE policy SET name = 'Other', name_key = 'other', arn = arn || '2' WHERE id = $spare",
    [pol("spare"), pol("other")],
  ],
  [
    "policy renamed back, in another case",
    "UPDATE policy SET name = 'Spare', name_key = 'spare' WHERE id = $spare",
    [pol("spare"), pol("other")],
  ],
  ["policy made one of the system", "UPDATE policy SET type = 'SYSTEM' WHERE id = $spare", [acct, pol("spare")]],
  ["policy made a custom one again", "UPDATE policy SET type = 'CUSTOM' WHERE id = $spare", [acct, pol("spare")]],
  [
    "custom policy inserted",
    `INSERT INTO policy (id, account_id, type, name, name_key, arn)
     VALUES (gen_random_uuid(), '${ACCOUNT}', 'CUSTOM', 'Made', 'made', 'acs:ram::${ACCOUNT}:policy/Made')`,
    [pol("made")],
  ],
  [
    "system override inserted",
    `INSERT INTO policy (id, account_id, type, name, name_key, arn)
     VALUES (gen_random_uuid(), '${ACCOUNT}', 'SYSTEM', 'built-in', 'built-in', 'acs:ram::system:policy/built-in')`,
    [acct, copy],
  ],
  [
    "version of a system override added that is not the default",
    `INSERT INTO policy_version (id, policy_id, number, document)
     SELECT gen_random_uuid(), id, 1, '{}' FROM policy WHERE ${OVERRIDE}`,
    [copy],
  ],
  [
    "default version of a system override set",
    `UPDATE policy_version SET is_default = true WHERE policy_id = (SELECT id FROM policy WHERE ${OVERRIDE})`,
    [acct, copy],
  ],
  [
    "default document of a system override changed",
    `UPDATE policy_version SET document = '[]' WHERE policy_id = (SELECT id FROM policy WHERE ${OVERRIDE})`,
    [acct, copy],
  ],
  ["system override deleted", `DELETE FROM policy WHERE ${OVERRIDE}`, [acct, copy]],
  [
    "version added that is not the default",
    "INSERT INTO policy_version (id, policy_id, number, document) VALUES (gen_random_uuid(), $own, 2, '{}')",
    [pol("own")],
  ],
  [
    "document changed that is not the default",
    "UPDATE policy_version SET document = '[1]' WHERE policy_id = $own AND number = 2",
    [pol("own")],
  ],
  [
    "version given to another policy",
    "UPDATE policy_version SET policy_id = $spare WHERE policy_id = $own AND number = 2",
    [pol("own"), pol("spare")],
  ],
  [
    "version taken back",
    "UPDATE policy_version SET policy_id = $own WHERE policy_id = $spare AND number = 2",
    [pol("own"), pol("spare")],
  ],
  [
    "default version changed",
    "UPDATE policy_version SET is_default = NOT is_default WHERE policy_id = $own AND number = 1",
    [pol("own")],
  ],
  [
    "default version set",
    "UPDATE policy_version SET is_default = true WHERE policy_id = $own AND number = 2",
    [pol("own")],
  ],
  [
    "default document changed",
    "UPDATE policy_version SET document = '[]' WHERE policy_id = $own AND number = 2",
    [pol("own")],
  ],
  ["default version deleted", "DELETE FROM policy_version WHERE policy_id = $own AND number = 2", [pol("own")]],
  [
    "version deleted that is not the default",
    "DELETE FROM policy_version WHERE policy_id = $own AND number = 1",
    [pol("own")],
  ],
  ["version of a built-in changed", "UPDATE policy_version SET document = '{}' WHERE policy_id = $built-in", ["glob"]],
  [
    "attached to a user",
    `INSERT INTO attachment (id, account_id, policy_id, principal_id) VALUES (gen_random_uuid(), '${ACCOUNT}', $spare, $bob)`,
    [prin(user("bob"))],
  ],
  [
    "attachment window changed",
    "UPDATE attachment SET expires_at = now() WHERE policy_id = $spare",
    [prin(user("bob"))],
  ],
  [
    "attachment moved to a group",
    "UPDATE attachment SET principal_id = $devs WHERE policy_id = $spare",
    [grp("dev"), prin(user("bob"))],
  ],
  [
    "group attachment scoped",
    "UPDATE attachment SET resource_group_id = 'rg-1' WHERE policy_id = $spare",
    [grp("dev")],
  ],
  [
    "attachment to a group given another policy",
    "UPDATE attachment SET policy_id = $own WHERE policy_id = $spare",
    [grp("dev")],
  ],
  [
    "attachment to a group given the policy back",
    "UPDATE attachment SET policy_id = $spare WHERE policy_id = $own AND principal_id = $devs",
    [grp("dev")],
  ],
  [
    "attachment moved to a role",
    "UPDATE attachment SET principal_id = $bot WHERE policy_id = $spare",
    [grp("dev"), prin(role("bot"))],
  ],
  ["detached", "DELETE FROM attachment WHERE policy_id = $spare", [prin(role("bot"))]],
  ["key disabled", "UPDATE kms_resource SET key_state = 'DISABLED' WHERE id = $k1", ["alias/one", "db", "k1"]],
  ["key moved to a group", "UPDATE kms_resource SET resource_group_id = 'rg-2' WHERE id = $k2", [res(key("k2"))]],
  [
    "key inserted",
    `INSERT INTO kms_resource (id, account_id, type, region, name, arn, key_state)
     VALUES (gen_random_uuid(), '${ACCOUNT}', 'KEY', 'cn-hangzhou', 'k3', '${key("k3")}', 'ENABLED')`,
    [res(key("k3"))],
  ],
  ["key deleted", "DELETE FROM kms_resource WHERE name = 'k3'", [res(key("k3"))]],
  ["alias moved", "UPDATE kms_resource SET key_id = $k2 WHERE id = $alias/one", ["alias/one"]],
  ["alias deleted", "DELETE FROM kms_resource WHERE id = $alias/one", ["alias/one"]],
  ["secret re-encrypted", "UPDATE kms_resource SET key_id = $k2 WHERE id = $db", [res(secret("db"))]],
  ["resource tag inserted", "INSERT INTO resource_tag VALUES ($k2, 'a', 'b')", [res(key("k2"))]],
  ["resource tag updated", "UPDATE resource_tag SET value = 'c' WHERE resource_id = $k2", [res(key("k2"))]],
  [
    "resource tag moved",
    "UPDATE resource_tag SET resource_id = $db WHERE resource_id = $k2",
    [res(key("k2")), res(secret("db"))],
  ],
  ["resource tag deleted", "DELETE FROM resource_tag WHERE resource_id = $db", [res(secret("db"))]],
  ["secret deleted", "DELETE FROM kms_resource WHERE id = $db", [res(secret("db"))]],
  ["custom policy deleted", "DELETE FROM policy WHERE id = $lost", [pol("lost")]],
  [
    "credential inserted",
    "INSERT INTO credential (id, kind, secret_digest) VALUES ('c9', 'OPERATOR', '\\x00')",
    ["cred:c9"],
  ],
  [
    "credential rotated",
    "UPDATE credential SET secret_digest = '\\x01', previous_digest = sha256(''), previous_until = now() WHERE id = 'c9'",
    ["cred:c9"],
  ],
  ["use of a credential noted", "INSERT INTO credential_use VALUES ('c9', now())", []],
  ["use of a credential noted again", "UPDATE credential_use SET last_used_at = now()", []],
  ["credential revoked", "UPDATE credential SET revoked_at = now() WHERE id = 'c9'", ["cred:c9"]],
  ["credential deleted", "DELETE FROM credential WHERE id = 'c9'", ["cred:c9"]],
  [
    "session issued",
    `INSERT INTO role_session (id, account_id, role_id, arn, session_name, token_digest, issued_to, issued_at, expires_at)
     VALUES (gen_random_uuid(), '${ACCOUNT}', $bot, '${session("bot")}', 's1', sha256(''), 'x', now(), now() + interval '1 hour')`,
    [`prin:${session("bot")}`],
  ],
  [
    "session given a policy",
    "UPDATE role_session SET session_policy = '{}' WHERE session_name = 's1'",
    [`prin:${session("bot")}`],
  ],
  [
    "session renamed",
    `UPDATE role_session SET session_name = 'S1', arn = '${session("bot").replace(/s1$/, "S1")}'`,
    [`prin:${session("bot")}`, `prin:${session("bot").replace(/s1$/, "S1")}`],
  ],
  [
    "session revoked",
    "UPDATE role_session SET revoked_at = now() WHERE session_name = 'S1'",
    [`prin:${session("bot").replace(/s1$/, "S1")}`, prin(role("bot"))],
  ],
  ["session deleted", "DELETE FROM role_session", [`prin:${session("bot").replace(/s1$/, "S1")}`, prin(role("bot"))]],
  ["session ended with its role", `INSERT INTO ended_session VALUES ('${session("r")}')`, [`prin:${session("r")}`]],
  [
    "ended session renamed",
    `UPDATE ended_session SET arn = '${session("q")}'`,
    [`prin:${session("r")}`, `prin:${session("q")}`],
  ],
  ["ended session forgotten", "DELETE FROM ended_session", [`prin:${session("q")}`]],
  ["gateway secret inserted", "INSERT INTO gateway_secret VALUES ('s', '\\x00')", ["glob"]],
  ["gateway secret updated", "UPDATE gateway_secret SET value = '\\x01' WHERE name = 's'", ["glob"]],
  ["gateway secret deleted", "DELETE FROM gateway_secret WHERE name = 's'", ["glob"]],
  [
    "role made",
    `INSERT INTO principal (id, account_id, kind, name, arn, arn_key, role_kind, trust_policy)
     VALUES (gen_random_uuid(), '${ACCOUNT}', 'ROLE', 'r', '${role("r")}', '${role("r")}', 'REGULAR', '{}')`,
    [acct, prin(role("r"))],
  ],
  ["role deleted", "DELETE FROM principal WHERE name = 'r'", [acct, prin(role("r"))]],
  ["group deleted with its members", "DELETE FROM principal WHERE id = $ops", [grp("ops"), prin(user("ann"))]],
];

/** Names of fixture resources stand for their scopes. */
const SHORT: Record<string, string> = {
  k1: res(key("k1")),
  db: res(secret("db")),
  "alias/one": res(`acs:kms:cn-hangzhou:${ACCOUNT}:alias/one`),
};

describe("revision triggers", () => {
  it.each(CHANGES)("%s", async (_what, text, expected) => {
    const sql = text.replace(/\$([A-Za-z][\w/-]*)/g, (_, name) => `'${fixture.ids[name]}'`);
    const scopes = await moved(() => fixture.sql.query(sql));
    expect(scopes).toEqual(expected.map((scope) => SHORT[scope] ?? scope).sort());
  });

  it("move every scope of a change to many rows", async () => {
    await attach(fixture.sql, fixture.ids, "bots", "bob");
    await attach(fixture.sql, fixture.ids, "bots", "devs");
    const scopes = await moved(() => fixture.sql.query("UPDATE attachment SET expires_at = now() + interval '1 day'"));
    expect(scopes).toEqual([grp("dev"), prin(role("bot")), prin(user("ann")), prin(user("bob"))].sort());
  });

  it("move nothing when nothing changes, and nothing when the change is rolled back", async () => {
    expect(await moved(() => fixture.sql.query("DELETE FROM attachment WHERE false"))).toEqual([]);
    const rolledBack = fixture.sql.query("BEGIN; UPDATE account SET alias = 'x'; ROLLBACK");
    expect(await moved(() => rolledBack)).toEqual([]);
  });

  it("also fire where replication turns ordinary triggers off", async () => {
    const client = await fixture.sql.connect();
    try {
      await client.query("SET session_replication_role = replica");
      expect(
        await moved(() => client.query("UPDATE principal SET comments = 'r' WHERE id = $1", [fixture.ids["bob"]])),
      ).toEqual([prin(user("bob"))]);
    } finally {
      client.release(true);
    }
  });

  it.each(["attachment", "policy_version", "kms_resource", "role_session", "ended_session", "scope_revision"])(
    "forbid to truncate %s",
    async (table) => {
      await expect(fixture.sql.query(`TRUNCATE ${table} CASCADE`)).rejects.toThrow(/forbidden/);
    },
  );

  it("keep revisions for ever", async () => {
    await expect(fixture.sql.query("DELETE FROM scope_revision WHERE scope = 'glob'")).rejects.toThrow(/forbidden/);
  });

  it("a scope that comes back has another tag", async () => {
    const insert = `INSERT INTO principal (id, account_id, kind, name, arn, arn_key)
      VALUES (gen_random_uuid(), '${ACCOUNT}', 'USER', 'again', '${user("again")}', '${user("again")}')`;
    await fixture.sql.query(insert);
    const first = (await tags()).get(prin(user("again")));
    await fixture.sql.query("DELETE FROM principal WHERE name = 'again'");
    await fixture.sql.query(insert);
    expect((await tags()).get(prin(user("again")))).not.toBe(first);
  });
});

describe("start-up check of the triggers", () => {
  /** Runs `sabotage` in a transaction of its own and gives the check's complaint. */
  async function complaint(sabotage: string): Promise<string> {
    const client = await fixture.sql.connect();
    try {
      await client.query("BEGIN");
      await client.query(sabotage);
      return await assertRevisionTriggers(client as unknown as typeof fixture.sql).then(
        () => "none",
        (error: Error) => error.message,
      );
    } finally {
      await client.query("ROLLBACK");
      client.release();
    }
  }

  it("is content with a migrated database", async () => {
    await expect(assertRevisionTriggers(fixture.sql)).resolves.toBeUndefined();
  });

  it("misses any single trigger, dropped or disabled", async () => {
    const { rows } = await fixture.sql.query<{ table: string; name: string }>(
      `SELECT tgrelid::regclass::text AS table, tgname AS name FROM pg_trigger
       WHERE NOT tgisinternal AND tgname LIKE 'authz_%'`,
    );
    expect(rows.length).toBe(14 * 5 + 2);
    for (const { table, name } of rows) {
      const named = `\`${name}\` on \`${table}\``;
      expect(await complaint(`DROP TRIGGER ${name} ON ${table}`)).toContain(named);
      expect(await complaint(`ALTER TABLE ${table} DISABLE TRIGGER ${name}`)).toContain(named);
      expect(await complaint(`ALTER TABLE ${table} ENABLE TRIGGER ${name}`)).toContain(named);
    }
  });

  it("notices a trigger that was narrowed", async () => {
    const narrowed = `DROP TRIGGER authz_update_new ON policy;
      CREATE TRIGGER authz_update_new AFTER UPDATE ON policy REFERENCING NEW TABLE AS changed
      FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION authz_bump_policy();
      ALTER TABLE policy ENABLE ALWAYS TRIGGER authz_update_new`;
    expect(await complaint(narrowed)).toContain("`authz_update_new` on `policy`");
  });
});
