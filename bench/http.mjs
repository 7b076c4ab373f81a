/**
 * What `effectivePermissions` costs over HTTP, warm (every answer a cache hit), cold (every question new to the cache) and
 * with the cache off, beside `{ __typename }`, which only pays for HTTP, authentication and GraphQL. One gateway process at
 * a time; ratios are within this run. Uses BENCH_DATABASE_URL and BENCH_REDIS_URL, else the standard local ports.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import autocannon from "autocannon";
import { withDatabase } from "./support/database.mjs";

const BIN = fileURLToPath(new URL("../dist/cli/ramgate.js", import.meta.url));
const REDIS = process.env.BENCH_REDIS_URL ?? "redis://127.0.0.1:6379";
const SECONDS = Number(process.env.BENCH_SECONDS ?? 5);
const CONNECTIONS = Number(process.env.BENCH_CONNECTIONS ?? 16);
const KEY = `rg_bench_${randomBytes(32).toString("base64url")}`;
const PRINCIPAL = "acs:ram::1234567890123456:user/bob";
const RESOURCE = "acs:kms:cn-hangzhou:1234567890123456:key/key-apollo-01";
const CLOCK_TICKS = 100; // per second, on every Linux that Node runs on

const QUERY = `query ($context: RequestContextInput) {
  effectivePermissions(principal: "${PRINCIPAL}", resource: "${RESOURCE}", context: $context) {
    cache permissions { action outcome } } }`;
const EXPLAINED = `query ($context: RequestContextInput) {
  effectivePermissions(principal: "${PRINCIPAL}", resource: "${RESOURCE}", context: $context) {
    cache permissions { action outcome reason matchedStatements { index policy { name } } }
    operations { operation outcome legs { action outcome } } } }`;

const variants = [
  { name: "{ __typename }", body: () => ({ query: "{ __typename }" }) },
  { name: "warm, action and outcome", body: () => ({ query: QUERY }) },
  { name: "warm, reasons and operations", body: () => ({ query: EXPLAINED }) },
  { name: "cold, action and outcome", body: () => ({ query: QUERY, variables: newContext() }) },
  { name: "cache off, action and outcome", body: () => ({ query: QUERY }), settings: { DECISION_CACHE: "off" } },
];

/** A context nobody has asked with before, so the answer cannot be in the cache. */
function newContext() {
  return { context: { entries: [{ key: "bench:n", values: [randomBytes(6).toString("hex")] }] } };
}

async function withGateway(settings, work) {
  const env = {
    ...process.env,
    PORT: "0",
    ADMIN_API_KEY: KEY,
    SEED_DEMO: "true",
    LOG_LEVEL: "warn",
    DRAIN_GRACE_MS: "0",
    RATE_LIMIT: "10000000",
    ...settings,
  };
  const child = spawn(process.execPath, [BIN, "serve"], { env, stdio: ["ignore", "pipe", "inherit"] });
  try {
    let printed = "";
    for await (const chunk of child.stdout) {
      printed += chunk;
      const url = /POST (http:\S+)/.exec(printed)?.[1];
      if (url) return await work(url, child.pid);
    }
    throw new Error("the gateway did not start");
  } finally {
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
  }
}

/** Milliseconds of processor time that a process has used. */
function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / CLOCK_TICKS;
}

function load(url, body, seconds) {
  return autocannon({
    url,
    connections: CONNECTIONS,
    duration: seconds,
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${KEY}` },
    requests: [{ setupRequest: (request) => ({ ...request, body: JSON.stringify(body()) }) }],
  });
}

async function measure(url, pid, { name, body }) {
  await load(url, body, 2);
  const before = cpu(pid);
  const result = await load(url, body, SECONDS);
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${name}: ${result.non2xx} refused, ${result.errors} failed`);
  const requests = result.requests.total;
  return {
    variant: name,
    "req/s": Math.round(result.requests.average),
    "p50 ms": result.latency.p50,
    "p99 ms": result.latency.p99,
    "cpu ms/req": ((cpu(pid) - before) / requests).toFixed(2),
  };
}

const rows = await withDatabase(async (DATABASE_URL) => {
  const results = [];
  for (const variant of variants) {
    const settings = { DATABASE_URL, REDIS_URL: REDIS, ...variant.settings };
    results.push(await withGateway(settings, (url, pid) => measure(url, pid, variant)));
  }
  return results;
});
const floor = rows[0]["req/s"];
console.table(rows.map((row) => ({ ...row, "of floor": (row["req/s"] / floor).toFixed(2) })));
console.log(
  `${CONNECTIONS} connections, ${SECONDS} s each, Redis cache; "of floor": throughput against { __typename }`,
);
