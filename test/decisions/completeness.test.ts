import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Answer, Question } from "../../src/decisions/decide-many.js";
import { createPolicyCompiler } from "../../src/store/compiled-policies.js";
import {
  ACCOUNT,
  alias,
  allow,
  attach,
  deny,
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

// Whatever changes the answer to a question moves at least one revision of that question. Everything else rests on it.

const SEED = Number(process.env["SEED"] ?? 20_260_701);
const MUTATIONS = Number(process.env["MUTATIONS"] ?? 400);

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture("complete");
  await addNeighbour();
  await attach(fixture.sql, fixture.ids, "foreign", "Mixed");
});
afterAll(() => fixture.close());

const NEIGHBOUR = `acs:ram::${OTHER_ACCOUNT}:user/neighbour`;

/** A user of the other account who may assume any role that trusts its account. */
async function addNeighbour(): Promise<void> {
  await fixture.sql.query(
    `WITH p AS (INSERT INTO principal (id, account_id, kind, name, arn, arn_key)
                VALUES (gen_random_uuid(), '${OTHER_ACCOUNT}', 'USER', 'neighbour', $1, $1) RETURNING id),
          q AS (INSERT INTO policy (id, account_id, type, name, name_key, arn)
                VALUES (gen_random_uuid(), '${OTHER_ACCOUNT}', 'CUSTOM', 'go', 'go', 'acs:ram::${OTHER_ACCOUNT}:policy/go') RETURNING id),
          v AS (INSERT INTO policy_version (id, policy_id, number, document, is_default)
                SELECT gen_random_uuid(), id, 1, $2, true FROM q)
     INSERT INTO attachment (id, account_id, policy_id, principal_id)
     SELECT gen_random_uuid(), '${OTHER_ACCOUNT}', q.id, p.id FROM p, q`,
    [NEIGHBOUR, allow("sts:AssumeRole")],
  );
}

/** mulberry32 */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const DOCUMENTS = [
  allow("kms:*"),
  allow("*"),
  allow("kms:Decrypt", "acs:kms:*:*:key/k1"),
  allow("kms:*", "*", { StringEquals: { "kms:tag/Project": "Apollo" } }),
  allow("kms:*", "*", { IpAddress: { "acs:SourceIp": "10.0.0.0/8" } }),
  allow("sts:AssumeRole"),
  deny("kms:Decrypt"),
  deny("kms:*", "*", { StringNotEquals: { "kms:tag/Project": "Apollo" } }),
  deny("kms:*", "*", { DateGreaterThan: { "acs:CurrentTime": "2030-01-01T00:00:00Z" } }),
  "{}",
];
const TRUSTS = [user("ann"), user("bob"), `acs:ram::${ACCOUNT}:root`, `acs:ram::${OTHER_ACCOUNT}:root`].map((ram) =>
  JSON.stringify({
    Version: "1",
    Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM: [ram] } }],
  }),
);
const POLICIES = ["own", "group", "bots", "spare", "lost", "foreign", "built-in"];
const HOLDERS = ["ann", "bob", "Mixed", "ops", "devs", "bot", "root"];
const RESOURCES = ["k1", "k2", "db", "alias/one"];
const WINDOWS = ["NULL", "'2000-01-01Z'", "'2050-01-01Z'"];

/** One random change of the model, as SQL. */
function mutation(pick: (below: number) => number): string {
  const one = <T>(list: readonly T[]): T => list[pick(list.length)] as T;
  const id = (names: readonly string[]): string => `'${fixture.ids[one(names)]}'`;
  const text = (list: readonly string[]): string => `'${one(list).replaceAll("'", "''")}'`;
  const account = `'${ACCOUNT}'`;
  const someAttachment = "(SELECT id FROM attachment ORDER BY md5(id::text) LIMIT 1)";
  const someSession = "(SELECT id FROM role_session ORDER BY md5(id::text) LIMIT 1)";
  const resourceGroup = one(["NULL", "'rg-1'", "'rg-2'"]);
  const mutations: (() => string)[] = [
    () => `INSERT INTO attachment (id, account_id, policy_id, principal_id, resource_group_id)
           VALUES (gen_random_uuid(), ${account}, ${id(POLICIES)}, ${id(HOLDERS)}, ${resourceGroup}) ON CONFLICT DO NOTHING`,
    () => `DELETE FROM attachment WHERE id = ${someAttachment}`,
    () => `UPDATE attachment SET expires_at = ${one(WINDOWS)} WHERE policy_id = ${id(POLICIES)}`,
    () => `UPDATE attachment SET not_before = ${one(["NULL", "'1999-01-01Z'"])} WHERE principal_id = ${id(HOLDERS)}`,
    () =>
      `INSERT INTO group_membership VALUES (${id(["ops", "devs"])}, ${id(["ann", "bob", "Mixed"])}, ${account}) ON CONFLICT DO NOTHING`,
    () => `DELETE FROM group_membership WHERE group_id = ${id(["ops", "devs"])}`,
    () => `UPDATE policy_version SET document = ${text(DOCUMENTS)} WHERE policy_id = ${id(POLICIES)}`,
    () => `UPDATE policy_version SET is_default = NOT is_default WHERE policy_id = ${id(POLICIES)}`,
    () => `UPDATE policy SET account_id = CASE account_id WHEN ${account} THEN '${OTHER_ACCOUNT}' ELSE ${account} END
           WHERE id = ${id(["spare", "foreign"])}`,
    () => `INSERT INTO policy (id, account_id, type, name, name_key, arn)
           VALUES (gen_random_uuid(), ${account}, 'SYSTEM', 'built-in', 'built-in', 'acs:ram::system:policy/built-in') ON CONFLICT DO NOTHING`,
    () => `DELETE FROM policy p WHERE account_id = ${account} AND type = 'SYSTEM'
           AND NOT EXISTS (SELECT FROM attachment WHERE policy_id = p.id)`,
    () => `UPDATE principal SET trust_policy = ${text(TRUSTS)} WHERE id = ${id(["bot"])}`,
    () => `INSERT INTO resource_tag VALUES (${id(["k1", "k2", "db"])}, 'Project', ${text(["Apollo", "apollo", "Gemini"])})
           ON CONFLICT (resource_id, key) DO UPDATE SET value = excluded.value`,
    () => `DELETE FROM resource_tag WHERE resource_id = ${id(["k1", "k2", "db"])}`,
    () => `UPDATE kms_resource SET resource_group_id = ${resourceGroup} WHERE id = ${id(["k1", "k2", "db"])}`,
    () =>
      `UPDATE kms_resource SET key_state = ${text(["ENABLED", "DISABLED", "PENDING_DELETION"])} WHERE id = ${id(["k1", "k2"])}`,
    () => `UPDATE kms_resource SET key_id = ${id(["k1", "k2"])} WHERE id = ${id(["db", "alias/one"])}`,
    () =>
      `UPDATE kms_resource SET arn = CASE WHEN arn LIKE '%-gone' THEN left(arn, -5) ELSE arn || '-gone' END WHERE id = ${id(RESOURCES)}`,
    () => `UPDATE principal SET arn = CASE WHEN arn LIKE '%-gone' THEN left(arn, -5) ELSE arn || '-gone' END,
           arn_key = CASE WHEN arn_key LIKE '%-gone' THEN left(arn_key, -5) ELSE arn_key || '-gone' END WHERE id = ${id(["bob", "bot", "devs"])}`,
    () => `UPDATE policy_version SET document = ${text(DOCUMENTS)} WHERE policy_id = ${id(["foreign"])}`,
    () => `UPDATE policy SET arn = arn || '' WHERE id = ${id(POLICIES)}`,
    () => `INSERT INTO role_session (id, account_id, role_id, arn, session_name, token_digest, session_policy, issued_to, issued_at, expires_at)
           VALUES (gen_random_uuid(), ${account}, ${id(["bot"])}, '${session("bot")}', 's1', sha256(''), ${one(["NULL", text(DOCUMENTS)])}, 'x',
           ${one(["'2000-01-01Z'", "'2001-01-01Z'"])}, ${one(["'2010-01-01Z'", "'2050-01-01Z'"])})`,
    () => `UPDATE role_session SET revoked_at = ${one(WINDOWS)} WHERE id = ${someSession}`,
    () => `UPDATE role_session SET session_policy = ${one(["NULL", text(DOCUMENTS)])} WHERE id = ${someSession}`,
    () => `DELETE FROM role_session WHERE id = ${someSession} OR ${one(["true", "false"])}`,
    () => `INSERT INTO ended_session VALUES ('${session("bot")}') ON CONFLICT DO NOTHING`,
    () => "DELETE FROM ended_session",
    () => `INSERT INTO resource_group VALUES (${account}, 'rg-${pick(9)}', 'x') ON CONFLICT DO NOTHING`,
    () => `DELETE FROM resource_group WHERE id = 'rg-${3 + pick(6)}'`,
    () => `DELETE FROM policy_version WHERE policy_id = ${id(POLICIES)}`,
    () => `INSERT INTO policy_version (id, policy_id, number, document, is_default)
           SELECT gen_random_uuid(), id, ${1 + pick(9)}, ${text(DOCUMENTS)}, true FROM policy p
           WHERE id = ${id(POLICIES)} AND NOT EXISTS (SELECT FROM policy_version WHERE policy_id = p.id)`,
    () => `DELETE FROM kms_resource WHERE id = ${id(["alias/one"])}`,
    () => `INSERT INTO kms_resource (id, account_id, type, region, name, arn, key_id)
           VALUES (${id(["alias/one"])}, ${account}, 'ALIAS', 'cn-hangzhou', 'alias/one', '${alias("one")}', ${id(["k1", "k2"])})
           ON CONFLICT DO NOTHING`,
  ];
  return one(mutations)();
}

function questions(): Question[] {
  const principals = [
    ...["ann", "bob", "mixed"].map(user),
    group("devs"),
    role("bot"),
    session("bot"),
    `acs:ram::${ACCOUNT}:root`,
    `acs:ram::${OTHER_ACCOUNT}:root`,
    NEIGHBOUR,
  ];
  const resources = [key("k1"), key("k2"), secret("db"), alias("one"), role("bot"), "*"];
  const actions = ["kms:Decrypt", "kms:GetSecretValue", "kms:UpdateAlias", "sts:AssumeRole"];
  return principals.flatMap((principal) => resources.map((resource) => ({ principal, resource, actions })));
}

/** What the caller sees of an answer, without time and tokens. */
function visible(answer: Answer | Error | undefined): string {
  if (answer === undefined || answer instanceof Error) return `${answer?.name}: ${answer?.message}`;
  return JSON.stringify([answer.decisions, answer.resource]);
}

const tagsOf = (answer: Answer | Error | undefined): string =>
  answer === undefined || answer instanceof Error
    ? "none"
    : JSON.stringify([...answer.vector].map(([scope, revision]) => [scope, revision?.tag]));

describe("completeness of the revision vector", () => {
  it(`${MUTATIONS} random changes: an answer that changed has another vector; cached and evaluated answers agree (SEED=${SEED})`, async () => {
    const pick = random(SEED);
    const compile = createPolicyCompiler();
    const plain = fixture.decisions({ cache: null, compile });
    const cached = fixture.decisions({ compile });
    const asked = questions();
    let before = await plain.decideMany(asked);
    let changed = 0;
    for (let turn = 0; turn < MUTATIONS; turn += 1) {
      const sql = mutation(pick);
      await fixture.sql.query(sql);
      const after = await plain.decideMany(asked);
      const fromCache = await cached.decideMany(asked);
      for (const [index, question] of asked.entries()) {
        const told = `${sql}\n${question.principal} on ${question.resource}`;
        expect(visible(fromCache[index]), told).toBe(visible(after[index]));
        if (visible(before[index]) === visible(after[index])) continue;
        changed += 1;
        const known = !(before[index] instanceof Error) && !(after[index] instanceof Error);
        if (known) expect(tagsOf(after[index]), told).not.toBe(tagsOf(before[index]));
      }
      before = after;
    }
    expect(changed).toBeGreaterThan(MUTATIONS); // the changes are not idle
  }, 120_000);
});
