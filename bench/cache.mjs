/**
 * What the cache of decisions saves: one principal with 20 policies of 10 statements each, `effectivePermissions` on a key,
 * by 32 callers at a time, over HTTP. Warm answers (every one a hit) with Redis and without, beside the same gateway with
 * the cache off, where everything but compiled policies is done anew; how many SQL statements a warm decision takes at 64
 * callers; how large an entry in Redis and an audit event are; and how many answers come from the cache while ten changes
 * a second are made to other things of the account. With a new source address in every question no answer can be a hit:
 * what it saves then is what is kept of principals and resources. All gateways run at once and take turns, so that a noisy moment meets them alike. Uses BENCH_DATABASE_URL and
 * BENCH_REDIS_URL, else the standard local ports; with CHECK=1 a missed bar is a failure.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import autocannon from "autocannon";
import { Redis } from "ioredis";
import pg from "pg";
import { withDatabase } from "./support/database.mjs";

const BIN = fileURLToPath(new URL("../dist/cli/ramgate.js", import.meta.url));
const REDIS = process.env.BENCH_REDIS_URL ?? "redis://127.0.0.1:6379";
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 3);
const KEY = `rg_bench_${randomBytes(32).toString("base64url")}`;
const ACCOUNT = "1000000000000001";
const USER = `acs:ram::${ACCOUNT}:user/reader`;
const RESOURCE = `acs:kms:cn-hangzhou:${ACCOUNT}:key/key-1`;

const NEW_ADDRESSES = "action and outcome, always from a new address";
const ASKED = {
  "action and outcome": "permissions { action outcome }",
  "reasons and operations":
    "permissions { action outcome reason matchedStatements { source effect index residual } } operations { operation outcome legs { action outcome } }",
  [NEW_ADDRESSES]: "permissions { action outcome }",
};
const GATEWAYS = {
  "Redis and process": { REDIS_URL: REDIS },
  "process only": { REDIS_URL: REDIS, DECISION_CACHE: "local" },
  "process, minimizeLatency": { REDIS_URL: REDIS, DECISION_CACHE: "local" },
  off: { REDIS_URL: REDIS, DECISION_CACHE: "off" },
};
const consistencyOf = (name) => (name.endsWith("minimizeLatency") ? ", consistency: { minimizeLatency: true }" : "");
const queryOf = (name, asked) => {
  const [variables, context] =
    asked === NEW_ADDRESSES ? ["query ($ip: String!) ", ", context: { sourceIp: $ip }"] : ["", ""];
  const question = `principal: "${USER}", resource: "${RESOURCE}"${context}${consistencyOf(name)}`;
  return `${variables}{ effectivePermissions(${question}) { ${ASKED[asked]} } }`;
};

const bars = [];
const bar = (what, holds) => bars.push({ bar: what, result: holds ? "PASS" : "FAIL" });
const median = (list) => [...list].sort((left, right) => left - right)[Math.floor(list.length / 2)];

/** Twenty policies of ten statements: about other actions, other keys, and a few about this one. */
function snapshot() {
  const actions = ["kms:Decrypt", "kms:Encrypt", "kms:DescribeKey", "kms:List*", "kms:GetPublicKey", "kms:TagResource"];
  const statement = (policy, index) => ({
    Effect: index === 9 ? "Deny" : "Allow",
    Action: [actions[(policy + index) % actions.length], `kms:Get*`],
    Resource: [index % 3 === 0 ? "*" : `acs:kms:*:*:key/key-${policy * 10 + index}`],
    ...(index % 3 === 1 && { Condition: { StringEquals: { "kms:tag/Project": "Apollo" } } }),
    ...(index === 9 && { Condition: { IpAddress: { "acs:SourceIp": "198.51.100.0/24" } } }),
  });
  const documents = Array.from({ length: 20 }, (_, policy) => ({
    Version: "1",
    Statement: Array.from({ length: 10 }, (_, index) => statement(policy, index)),
  }));
  return documents;
}

async function send(url, query, variables) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${KEY}` },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  const refused = Object.values(data ?? {}).flatMap((payload) => payload?.userErrors ?? []);
  if (errors?.length > 0 || refused.length > 0) throw new Error(JSON.stringify(errors ?? refused));
  return data;
}

const mutate = (url, name, input) =>
  send(
    url,
    `mutation ($input: ${name[0].toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) { userErrors { message } } }`,
    { input },
  );

const READERS = Array.from({ length: 20 }, (_, n) => `acs:ram::${ACCOUNT}:user/reader-${n}`);
const KEYS = Array.from({ length: 20 }, (_, n) => `acs:kms:cn-hangzhou:${ACCOUNT}:key/asked-${n}`);
const other = (kind, name) => `acs:ram::${ACCOUNT}:${kind}/${name}`;

/** Who is asked about, each with five policies of his own and five of a group, and beside them what is changed meanwhile. */
async function fillForChanges(url) {
  const group = other("group", "readers");
  const policies = Array.from({ length: 10 }, (_, index) => other("policy", `policy-${index}`));
  const give = (list, principal) =>
    mutate(url, "attachPolicies", { attachments: list.map((policy) => ({ policy, principal })) });
  await mutate(url, "createGroup", { account: ACCOUNT, name: "readers" });
  await give(policies.slice(5), group);
  for (const user of READERS) {
    await mutate(url, "createUser", { account: ACCOUNT, name: user.split("/")[1] });
    await give(policies.slice(0, 5), user);
    await mutate(url, "addUserToGroup", { user, group });
  }
  for (const arn of KEYS) await mutate(url, "registerKey", { arn });
  await mutate(url, "createUser", { account: ACCOUNT, name: "other" });
  await mutate(url, "createGroup", { account: ACCOUNT, name: "other" });
  await mutate(url, "createPolicy", { account: ACCOUNT, name: "other", document: snapshot()[0] });
  await mutate(url, "registerKey", { arn: `acs:kms:cn-hangzhou:${ACCOUNT}:key/other` });
}

/** A fifth each: attachments and memberships of another user, tags of another key, policies of another group, new versions. */
function unrelatedChange(url, turn) {
  const on = Math.floor(turn / 5) % 2 === 0;
  const attachment = (principal) => ({ policy: other("policy", "other"), principal });
  const membership = { user: other("user", "other"), group: other("group", "other") };
  const version = {
    policy: other("policy", "other"),
    document: snapshot()[turn % 20],
    setAsDefault: true,
    rotateStrategy: "DELETE_OLDEST_NON_DEFAULT_VERSION_WHEN_LIMIT_EXCEEDED",
  };
  const tags = [{ key: "Turn", value: `${turn}` }];
  const changes = [
    [on ? "attachPolicy" : "detachPolicy", attachment(other("user", "other"))],
    [on ? "addUserToGroup" : "removeUserFromGroup", membership],
    ["tagResource", { resource: `acs:kms:cn-hangzhou:${ACCOUNT}:key/other`, tags }],
    [on ? "attachPolicy" : "detachPolicy", attachment(other("group", "other"))],
    ["createPolicyVersion", version],
  ];
  return mutate(url, ...changes[turn % 5]);
}

/** 400 questions, asked once before, in turn by 8 callers, for a while, with ten changes a second beside them. */
async function hitRate({ url }) {
  const counts = { HIT: 0, MISS: 0, BYPASS: 0 };
  for (let turn = 0; turn < 400; turn++) await statusOf(url, turn);
  const ends = performance.now() + SECONDS * 2_000;
  const caller = async (first) => {
    for (let turn = first; performance.now() < ends; turn += 8) {
      counts[await statusOf(url, turn)] += 1;
    }
  };
  const changes = async () => {
    for (let turn = 0; performance.now() < ends; turn++) {
      await Promise.all([unrelatedChange(url, turn), new Promise((resolve) => setTimeout(resolve, 100))]);
    }
  };
  await Promise.all([changes(), ...Array.from({ length: 8 }, (_, first) => caller(first))]);
  return { rate: counts.HIT / (counts.HIT + counts.MISS + counts.BYPASS), ...counts };
}

async function statusOf(url, turn) {
  const { effectivePermissions } = await send(
    url,
    "query ($p: Arn!, $r: Arn!) { effectivePermissions(principal: $p, resource: $r) { cache } }",
    { p: READERS[turn % 20], r: KEYS[Math.floor(turn / 20) % 20] },
  );
  return effectivePermissions.cache;
}

/** What Redis says an entry takes, with its key: the mean of those that have come during `work`. */
async function bytesOfEntries(work) {
  const redis = new Redis(REDIS);
  try {
    const before = await entriesIn(redis);
    await work();
    const added = [...(await entriesIn(redis))].filter((key) => !before.has(key)).slice(0, 1_000);
    const sizes = await Promise.all(added.map((key) => redis.memory("USAGE", key)));
    return { count: sizes.length, mean: sizes.reduce((sum, size) => sum + size, 0) / sizes.length };
  } finally {
    redis.disconnect();
  }
}

/** What a decision leaves in Redis, and a change in the audit trail. */
async function reportSizes(url, database) {
  for (const [name, ask] of Object.entries({ "all actions": statusOf, "one action": checkOf })) {
    const { count, mean } = await bytesOfEntries(async () => {
      for (let turn = 0; turn < 400; turn++) await ask(url, turn);
      await new Promise((resolve) => setTimeout(resolve, 500)); // entries are written beside the answers
    });
    console.log(`bytes of an entry in Redis, key included, ${name}: ${Math.round(mean)} (mean of ${count})`);
  }
  const client = new pg.Client(database);
  await client.connect();
  const { rows } = await client.query("SELECT count(*), avg(pg_column_size(e.*))::int AS mean FROM audit_event e");
  console.log(`bytes of an audit event, without indexes: ${rows[0].mean} (mean of ${rows[0].count})`);
  await client.end();
}

async function entriesIn(redis) {
  const keys = new Set();
  for await (const some of redis.scanStream({ match: "az:d:*", count: 10_000 })) for (const key of some) keys.add(key);
  return keys;
}

function checkOf(url, turn) {
  const input = `{ principal: "${READERS[turn % 20]}", resource: "${KEYS[Math.floor(turn / 20) % 20]}", action: "kms:Decrypt" }`;
  return send(url, `{ checkAccess(input: ${input}) { outcome } }`);
}

async function fill(url) {
  await mutate(url, "createAccount", { account: ACCOUNT });
  await mutate(url, "createUser", { account: ACCOUNT, name: "reader" });
  await mutate(url, "registerKey", { arn: RESOURCE, tags: [{ key: "Project", value: "Apollo" }] });
  for (const [index, document] of snapshot().entries()) {
    await mutate(url, "createPolicy", { account: ACCOUNT, name: `policy-${index}`, document });
    await mutate(url, "attachPolicy", { policy: `acs:ram::${ACCOUNT}:policy/policy-${index}`, principal: USER });
  }
}

async function startGateway(settings) {
  const quotas = { LIMIT_CUSTOM_POLICIES_PER_IDENTITY: "20" };
  const env = {
    ...process.env,
    PORT: "0",
    ADMIN_API_KEY: KEY,
    LOG_LEVEL: "warn",
    DRAIN_GRACE_MS: "0",
    RATE_LIMIT: "10000000",
    ...quotas,
    ...settings,
  };
  const child = spawn(process.execPath, [BIN, "serve"], { env, stdio: ["ignore", "pipe", "inherit"] });
  let printed = "";
  for await (const chunk of child.stdout) {
    printed += chunk;
    const url = /POST (http:\S+)/.exec(printed)?.[1];
    if (url) {
      child.stdout.resume();
      return { url, child };
    }
  }
  throw new Error("the gateway did not start");
}

let addresses = 0;
function newAddress() {
  addresses += 1;
  return `10.${(addresses >> 16) & 255}.${(addresses >> 8) & 255}.${addresses & 255}`;
}

async function load(url, query, connections, seconds) {
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${KEY}` },
    requests: [
      { setupRequest: (request) => ({ ...request, body: JSON.stringify({ query, variables: { ip: newAddress() } }) }) },
    ],
  });
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${result.non2xx} refused, ${result.errors} failed`);
  return { perSecond: result.requests.average, p50: result.latency.p50, requests: result.requests.total };
}

/** Rounds of all gateways in turn. */
async function compare(gateways, asked) {
  const rounds = new Map(gateways.map(({ name }) => [name, []]));
  for (const { name, url } of gateways) await send(url, queryOf(name, asked), { ip: newAddress() }); // throws when it is not a good query
  for (let round = 0; round <= ROUNDS; round++) {
    for (const { name, url } of gateways) {
      const result = await load(url, queryOf(name, asked), 32, round === 0 ? 2 : SECONDS);
      if (round > 0) rounds.get(name).push(result);
    }
  }
  return new Map(
    [...rounds].map(([name, results]) => [
      name,
      { perSecond: median(results.map((r) => r.perSecond)), p50: median(results.map((r) => r.p50)) },
    ]),
  );
}

function report(asked, results) {
  const off = results.get("off");
  console.log(`\neffectivePermissions, ${asked}, 32 callers`);
  console.table(
    [...results].map(([cache, { perSecond, p50 }]) => ({
      cache,
      "req/s": Math.round(perSecond),
      "p50 ms": p50,
      "× off": (perSecond / off.perSecond).toFixed(1),
      "p50 of off": (p50 / off.p50).toFixed(2),
    })),
  );
  const warm = results.get("Redis and process");
  if (asked === NEW_ADDRESSES) {
    bar("always from a new address: at least 1.2 times the throughput", warm.perSecond >= 1.2 * off.perSecond);
  } else if (asked === "action and outcome") {
    bar("action and outcome: warm at least 5 times the throughput", warm.perSecond >= 5 * off.perSecond);
    bar("action and outcome: warm at most a third of the median latency", warm.p50 <= off.p50 / 3);
  } else bar("reasons and operations: warm at least twice the throughput", warm.perSecond >= 2 * off.perSecond);
}

/** Statements of the database, as PostgreSQL itself counts transactions: each statement of the hot path is one. */
async function statementsPerDecision({ name, url }, client, database) {
  const query = queryOf(name, "action and outcome");
  const count = async () => {
    await new Promise((resolve) => setTimeout(resolve, 1_500)); // PostgreSQL tells once a second
    const { rows } = await client.query("select xact_commit from pg_stat_database where datname = $1", [database]);
    return Number(rows[0].xact_commit);
  };
  await load(url, query, 64, 1);
  const before = await count();
  const { requests } = await load(url, query, 64, SECONDS);
  return ((await count()) - before) / requests;
}

console.log(`${cpus().length} × ${cpus()[0]?.model ?? "unknown cpu"}, Node ${process.version}`);
await withDatabase(async (DATABASE_URL, client, database) => {
  const gateways = [];
  try {
    for (const [name, settings] of Object.entries(GATEWAYS)) {
      gateways.push({ name, ...(await startGateway({ DATABASE_URL, ...settings })) });
    }
    await fill(gateways[0].url);
    for (const asked of Object.keys(ASKED)) report(asked, await compare(gateways, asked));
    const statements = await statementsPerDecision(gateways[0], client, database);
    console.log(
      `\nSQL statements for a warm decision at 64 callers, authentication included: ${statements.toFixed(3)}`,
    );
    bar("at most 0.1 SQL statements for a decision", statements <= 0.1);
    await fillForChanges(gateways[0].url);
    await reportSizes(gateways[0].url, DATABASE_URL);
    const { rate, HIT, MISS } = await hitRate(gateways[0]);
    console.log(
      `hits under ten unrelated changes a second, 400 questions in turn: ${(100 * rate).toFixed(1)} % (${HIT} hits, ${MISS} misses)`,
    );
    bar("at least 95 % hits under unrelated changes", rate >= 0.95);
  } finally {
    for (const { child } of gateways) {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    }
  }
});
console.table(bars);
if (process.env.CHECK && bars.some(({ result }) => result === "FAIL")) process.exitCode = 1;
