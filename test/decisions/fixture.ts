import { randomBytes, randomUUID } from "node:crypto";
import { Pool } from "pg";
import { createDecisions, type Decisions, type DecisionsOptions } from "../../src/decisions/decide-many.js";
import { openLoadPool } from "../../src/store/evaluation-input.js";
import { createTokens, type Tokens } from "../../src/store/revision-token.js";
import { openRevisionPool } from "../../src/store/revisions.js";
import { createTestDatabase } from "../support/databases.js";
import { createMemoryDecisionCache } from "../support/memory-decision-cache.js";

export const ACCOUNT = "1111111111111111";
export const OTHER_ACCOUNT = "2222222222222222";

/** A database of the test's own with a small account in it, and everything that reads it. */
export interface Fixture {
  readonly url: string;
  /** For the test's own SQL. */
  readonly sql: Pool;
  readonly pool: Pool;
  readonly loadPool: Pool;
  readonly tokens: Tokens;
  readonly ids: Readonly<Record<string, string>>;
  /** SQL statements sent by the decision point since the last call of `countStatements`. */
  countStatements(): number;
  decisions(options?: Partial<DecisionsOptions>): Decisions;
  close(): Promise<void>;
}

export const user = (name: string): string => `acs:ram::${ACCOUNT}:user/${name}`;
export const group = (name: string): string => `acs:ram::${ACCOUNT}:group/${name}`;
export const role = (name: string): string => `acs:ram::${ACCOUNT}:role/${name}`;
export const session = (name: string): string => `acs:ram::${ACCOUNT}:assumed-role/${name}/s1`;
export const key = (name: string): string => `acs:kms:cn-hangzhou:${ACCOUNT}:key/${name}`;
export const secret = (name: string): string => `acs:kms:cn-hangzhou:${ACCOUNT}:secret/${name}`;
export const alias = (name: string): string => `acs:kms:cn-hangzhou:${ACCOUNT}:alias/${name}`;

export const allow = (action: string, resource = "*", condition?: object): string =>
  document("Allow", action, resource, condition);
export const deny = (action: string, resource = "*", condition?: object): string =>
  document("Deny", action, resource, condition);

function document(effect: string, action: string, resource: string, condition?: object): string {
  const statement = {
    Effect: effect,
    Action: [action],
    Resource: [resource],
    ...(condition && { Condition: condition }),
  };
  return JSON.stringify({ Version: "1", Statement: [statement] });
}

const TRUST = JSON.stringify({
  Version: "1",
  Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM: [user("ann")] } }],
});

export async function openFixture(label = "decisions"): Promise<Fixture> {
  const database = await createTestDatabase(label);
  const sql = new Pool({ connectionString: database.url, max: 4 });
  sql.on("error", () => {});
  const ids = await fill(sql);
  const pool = openRevisionPool(database.url);
  const loadPool = openLoadPool(database.url, 4);
  const tokens = createTokens({ environment: "env-1", key: randomBytes(32) });
  const statements = [counting(pool), counting(loadPool)];
  const common = { pool, loadPool, tokens, environment: "env-1", engineVersion: "test", cacheKey: randomBytes(32) };
  return {
    url: database.url,
    sql,
    pool,
    loadPool,
    tokens,
    ids,
    countStatements: () => statements.reduce((sum, count) => sum + count(), 0),
    decisions: (options = {}) =>
      createDecisions({ ...common, cache: createMemoryDecisionCache(), scopePrecedence: "staged", ...options }),
    close: async () => {
      await Promise.all([sql.end(), pool.end(), loadPool.end()]);
      await database.drop();
    },
  };
}

/** Counts what goes through a pool; the returned function reads and resets. */
function counting(pool: Pool): () => number {
  let count = 0;
  const query = pool.query.bind(pool);
  pool.query = ((...args: Parameters<Pool["query"]>) => {
    count += 1;
    return query(...args);
  }) as Pool["query"];
  return () => {
    const seen = count;
    count = 0;
    return seen;
  };
}

/** ann is in `ops` and has `own`, bob has nothing, the role `bot` has `bots`; keys k1 (in rg-1, tagged) and k2. */
async function fill(sql: Pool): Promise<Record<string, string>> {
  const ids: Record<string, string> = {};
  const insert = async (name: string, table: string, row: Record<string, unknown>): Promise<string> => {
    const id = randomUUID();
    const columns = Object.keys({ id, ...row });
    const places = columns.map((_, index) => `$${index + 1}`);
    await sql.query(`INSERT INTO ${table} (${columns}) VALUES (${places})`, [id, ...Object.values(row)]);
    ids[name] = id;
    return id;
  };
  for (const account of [ACCOUNT, OTHER_ACCOUNT]) await sql.query("INSERT INTO account (id) VALUES ($1)", [account]);
  for (const id of ["rg-1", "rg-2"]) {
    await sql.query("INSERT INTO resource_group (account_id, id, name) VALUES ($1, $2, $2)", [ACCOUNT, id]);
  }
  const principal = (kind: string, name: string, arn: string, extra: object = {}): Promise<string> =>
    insert(name, "principal", { account_id: ACCOUNT, kind, name, arn, arn_key: arn.toLowerCase(), ...extra });
  await principal("USER", "ann", user("ann"));
  await principal("USER", "bob", user("bob"));
  await principal("USER", "Mixed", user("Mixed"));
  await principal("GROUP", "ops", group("ops"));
  await principal("GROUP", "devs", group("devs"));
  await principal("ROLE", "bot", role("bot"), { role_kind: "REGULAR", trust_policy: TRUST });
  await principal("ACCOUNT_OWNER", "root", `acs:ram::${ACCOUNT}:root`);
  await sql.query("INSERT INTO group_membership (group_id, user_id, account_id) VALUES ($1, $2, $3)", [
    ids["ops"],
    ids["ann"],
    ACCOUNT,
  ]);
  await sql.query("INSERT INTO principal_tag (principal_id, key, value) VALUES ($1, 'team', 'red')", [ids["ann"]]);
  const policy = async (name: string, text: string | null, account: string | null = ACCOUNT): Promise<void> => {
    const type = account === null ? "SYSTEM" : "CUSTOM";
    const arn = `acs:ram::${account ?? "system"}:policy/${name}`;
    const row = { account_id: account, type, name, name_key: name.toLowerCase(), arn };
    const policyId = await insert(name, "policy", row);
    if (text === null) return;
    await insert(`${name}-v1`, "policy_version", { policy_id: policyId, number: 1, document: text, is_default: true });
  };
  await policy("own", allow("kms:Encrypt"));
  await policy("group", allow("kms:Decrypt", "*", { StringEquals: { "kms:tag/Project": "Apollo" } }));
  await policy("bots", allow("kms:GetSecretValue"));
  await policy("spare", allow("kms:*"));
  await policy("lost", null);
  await policy("foreign", allow("kms:*"), OTHER_ACCOUNT);
  await policy("built-in", allow("kms:ListKeys"), null);
  await attach(sql, ids, "own", "ann", "a-own");
  await attach(sql, ids, "group", "ops", "a-group");
  await attach(sql, ids, "bots", "bot", "a-bots");
  const resource = (type: string, name: string, arn: string, extra: object = {}): Promise<string> =>
    insert(name, "kms_resource", { account_id: ACCOUNT, type, region: "cn-hangzhou", name, arn, ...extra });
  await resource("KEY", "k1", key("k1"), { key_state: "ENABLED", resource_group_id: "rg-1" });
  await resource("KEY", "k2", key("k2"), { key_state: "DISABLED" });
  await resource("SECRET", "db", secret("db"), { key_id: ids["k1"] });
  await resource("ALIAS", "alias/one", alias("one"), { key_id: ids["k1"] });
  await sql.query("INSERT INTO resource_tag (resource_id, key, value) VALUES ($1, 'Project', 'Apollo')", [ids["k1"]]);
  await sql.query("INSERT INTO credential (id, kind, secret_digest) VALUES ('op', 'OPERATOR', '\\x00')");
  return ids;
}

/** Attaches through plain SQL, as psql would. */
export async function attach(
  sql: Pool,
  ids: Readonly<Record<string, string>>,
  policy: string,
  principal: string,
  name = `a-${policy}-${principal}`,
  extra: Record<string, unknown> = {},
): Promise<string> {
  const id = randomUUID();
  const row = { id, account_id: ACCOUNT, policy_id: ids[policy], principal_id: ids[principal], ...extra };
  const columns = Object.keys(row);
  const places = columns.map((_, index) => `$${index + 1}`);
  await sql.query(`INSERT INTO attachment (${columns}) VALUES (${places})`, Object.values(row));
  (ids as Record<string, string>)[name] = id;
  return id;
}
