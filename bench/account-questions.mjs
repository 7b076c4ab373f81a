/**
 * What questions about a whole account take, on one at RAM's quotas: 5,000 users, 300 groups, 1,000 roles, 1,500 policies,
 * and 2,000 keys. `npm run bench -- account-questions`. Uses BENCH_DATABASE_URL, else the standard local port.
 */
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { DEFAULT_LIMITS } from "../dist/administration/administration.js";
import { importAccount } from "../dist/administration/import-account.js";
import { createAccountQuestions } from "../dist/decisions/account-questions.js";
import { createPolicyCompiler } from "../dist/store/compiled-policies.js";
import { openLoadPool } from "../dist/store/evaluation-input.js";
import { migrate } from "../dist/store/migrate.js";
import { openDatabase } from "../dist/store/prisma-client.js";
import { createTokens } from "../dist/store/revision-token.js";
import { withDatabase } from "./support/database.mjs";

const ACCOUNT = "9000000000000009";
const KEYS = 2_000;
const MIGRATIONS = fileURLToPath(new URL("../prisma/migrations", import.meta.url));
const each = (count, make) => Array.from({ length: count }, (_, index) => make(index));
const keyArn = (index) => `acs:kms:cn-hangzhou:${ACCOUNT}:key/key-${index}`;
/** Three roles in four trust the whole account, the others the role before and two users. */
function trust(role) {
  const some = [`role/role-${role - 1}`, `user/user-${role}`, `user/user-${role * 5}`];
  const RAM = (role % 4 === 3 ? some : ["root"]).map((name) => `acs:ram::${ACCOUNT}:${name}`);
  return { Version: "1", Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM } }] };
}

/** Four statements, about a kilobyte; one policy in fifty looks at who asks, one in five has roles to assume. */
function document(policy) {
  const allow = (Action, Resource, Condition) => ({
    Effect: "Allow",
    Action,
    Resource,
    ...(Condition && { Condition }),
  });
  const byCaller = { StringLike: { "acs:PrincipalARN": `acs:ram::${ACCOUNT}:user/user-${policy % 10}*` } };
  const byTag = { StringEquals: { "kms:tag/Project": [`project-${policy % 20}`] } };
  return {
    Version: "1",
    Statement: [
      allow(
        ["kms:Encrypt", "kms:Decrypt"],
        each(6, (i) => keyArn((policy * 7 + i) % KEYS)),
      ),
      allow(["kms:Decrypt", "kms:GenerateDataKey*"], ["acs:kms:*:*:key/*"], policy % 50 === 0 ? byCaller : byTag),
      allow(["kms:List*", "kms:Describe*"], ["*"], { IpAddress: { "acs:SourceIp": ["10.0.0.0/8"] } }),
      { Effect: "Deny", Action: ["kms:ScheduleKeyDeletion"], Resource: [keyArn(policy % KEYS)] },
      ...(policy % 5 === 0 ? [allow(["sts:AssumeRole"], [`acs:ram:*:${ACCOUNT}:role/role-${policy % 100}*`])] : []),
    ],
  };
}

/** A user has a policy of its own and is in three groups with three each; a role has two. */
function snapshot() {
  const to = (principal, policy) => ({
    policy: { type: "CUSTOM", name: `policy-${policy % 1_500}` },
    principal,
    scope: "ACCOUNT",
  });
  return {
    version: 1,
    account: { id: ACCOUNT },
    resourceGroups: [],
    groups: each(300, (i) => ({ name: `group-${i}` })),
    users: each(5_000, (i) => ({
      name: `user-${i}`,
      groups: each(3, (place) => `group-${(i * 7 + place * 101) % 300}`),
    })),
    roles: each(1_000, (i) => ({ name: `role-${i}`, kind: "REGULAR", trustPolicy: trust(i) })),
    policies: each(1_500, (i) => ({
      type: "CUSTOM",
      name: `policy-${i}`,
      defaultVersion: "v1",
      versions: [{ id: "v1", document: document(i) }],
    })),
    attachments: [
      ...each(5_000, (i) => to(`user/user-${i}`, i * 13)),
      ...each(900, (i) => to(`group/group-${i % 300}`, i * 31)),
      ...each(2_000, (i) => to(`role/role-${i % 1_000}`, i * 17)),
    ],
    keys: each(KEYS, (i) => ({ region: "cn-hangzhou", id: `key-${i}`, tags: { Project: `project-${i % 200}` } })),
    secrets: [],
    aliases: [],
  };
}

async function timed(work) {
  const start = performance.now();
  const result = await work();
  return { ms: performance.now() - start, result };
}

function quantiles(times) {
  const sorted = [...times].sort((a, b) => a - b);
  return { "p50 ms": sorted[Math.floor(sorted.length / 2)].toFixed(1), "max ms": sorted.at(-1).toFixed(1) };
}

async function measure(url, db) {
  const pool = openLoadPool(url, 2);
  const tokens = createTokens({ environment: "bench", key: randomBytes(32) });
  const open = (compile) => createAccountQuestions({ loadPool: pool, compile, tokens, scopePrecedence: "staged" });
  const who = (questions, index, more = {}) =>
    questions.whoCan({
      ...{ action: "kms:Decrypt", resource: keyArn(index), includeConditional: false, moment: null },
      ...more,
    });
  const what = (questions, index) =>
    questions.whatCan({
      principal: `acs:ram::${ACCOUNT}:user/user-${index}`,
      action: "kms:Decrypt",
      includeConditional: false,
      moment: null,
    });
  await pool.query("ANALYZE");
  const cold = [];
  for (let turn = 0; turn < 7; turn++) cold.push((await timed(() => who(open(createPolicyCompiler()), turn))).ms);
  const questions = open(createPolicyCompiler());
  const { result } = await timed(() => who(questions, 0));
  const changed = [];
  for (let turn = 0; turn < 7; turn++) {
    await db.$executeRawUnsafe(
      `UPDATE principal SET comments = 'x' WHERE arn = 'acs:ram::${ACCOUNT}:user/user-${turn}'`,
    );
    changed.push((await timed(() => who(questions, turn))).ms);
  }
  const warm = [];
  for (let turn = 0; turn < 60; turn++) warm.push((await timed(() => who(questions, turn * 31))).ms);
  const assumable = { includeAssumable: true };
  const { rows } = await who(questions, 0, assumable);
  const lengths = new Map();
  for (const { assumes } of rows) lengths.set(assumes.length, (lengths.get(assumes.length) ?? 0) + 1);
  const certain = [];
  for (let turn = 0; turn < 20; turn++) certain.push((await timed(() => who(questions, turn * 31, assumable))).ms);
  const conditional = [];
  const both = { ...assumable, includeConditional: true };
  for (let turn = 0; turn < 20; turn++) conditional.push((await timed(() => who(questions, turn * 31, both))).ms);
  const things = [];
  for (let turn = 0; turn < 30; turn++) things.push((await timed(() => what(questions, turn * 31))).ms);
  console.log(`${result.rows.length} of 6,001 principals may use the first key`);
  const ways = [...lengths].sort(([one], [other]) => one - other).map(([steps, count]) => `${steps} roles: ${count}`);
  console.log(`with those who could assume a role that may, by roles on the way: ${ways.join(", ")}`);
  console.table({
    "whoCan, first question of a gateway": quantiles(cold),
    "whoCan, after a change in the account": quantiles(changed),
    "whoCan, nothing has changed": quantiles(warm),
    "whoCan, includeAssumable": quantiles(certain),
    "whoCan, includeAssumable and includeConditional": quantiles(conditional),
    [`whatCan, ${KEYS} keys`]: quantiles(things),
  });
  await pool.end();
}

await withDatabase(async (url) => {
  await migrate(url, MIGRATIONS);
  const db = openDatabase(url, 4);
  const administration = {
    db,
    tokens: createTokens({ environment: "bench", key: randomBytes(32) }),
    limits: DEFAULT_LIMITS,
    auditKey: randomBytes(32),
  };
  const request = { caller: { kind: "OPERATOR", credentialId: "bench" }, requestId: "bench" };
  const { userErrors } = await importAccount(
    administration,
    { account: ACCOUNT, mode: "MERGE", snapshot: snapshot() },
    request,
  );
  if (userErrors.length > 0) throw new Error(JSON.stringify(userErrors.slice(0, 3)));
  await measure(url, db);
  await db.$disconnect();
});
