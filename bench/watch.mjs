/**
 * What it costs to be watched: a gateway without metrics and request lines, one with both, one that also logs every
 * decision, and two that trace some requests or all; and, before that, what counting costs by itself. They run side by
 * side and are asked in turns, so that what else the machine does meets all alike; the figure is processor time of the
 * gateway, medians over the turns. Uses BENCH_DATABASE_URL, else the standard local port.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import autocannon from "autocannon";
import { createMetrics } from "../dist/server/metrics.js";
import { REQUESTS_OF_CONNECTION } from "./http/servers.mjs";
import { withDatabase } from "./support/database.mjs";

const BIN = fileURLToPath(new URL("../dist/cli/ramgate.js", import.meta.url));
const TURNS = Number(process.env.BENCH_TURNS ?? 9);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 2);
const CONNECTIONS = 8;
const BATCH = 100;
const KEY = `rg_bench_${randomBytes(32).toString("base64url")}`;
const CLOCK_TICKS = 100; // per second, on every Linux that Node runs on

const QUESTION = {
  principal: "acs:ram::1234567890123456:user/bob",
  action: "kms:Decrypt",
  resource: "acs:kms:cn-hangzhou:1234567890123456:key/key-apollo-01",
};
const ONE = {
  query: "query ($q: AccessCheckInput!) { checkAccess(input: $q) { outcome } }",
  variables: { q: QUESTION },
};
const MANY = {
  query: "query ($qs: [AccessCheckInput!]!) { checkAccessBatch(inputs: $qs) { ... on Decision { outcome } } }",
  variables: {
    qs: Array.from({ length: BATCH }, (_, n) => ({
      ...QUESTION,
      context: { entries: [{ key: "bench:n", values: [`${n}`] }] },
    })),
  },
};
const LOADS = [
  { name: "one decision a request", body: ONE, decisions: 1 },
  { name: `${BATCH} decisions a request`, body: MANY, decisions: BATCH },
];
const GATEWAYS = [
  { name: "unwatched", settings: { LOG_LEVEL: "warn" } },
  { name: "metrics, request lines", settings: { LOG_LEVEL: "info", METRICS_PORT: "0" } },
  { name: "and DECISION_LOG=all", settings: { LOG_LEVEL: "info", METRICS_PORT: "0", DECISION_LOG: "all" } },
  { name: "traces of 5 %", settings: { LOG_LEVEL: "warn", OTEL_TRACES_SAMPLER_ARG: "0.05" }, traces: true },
  { name: "traces of all", settings: { LOG_LEVEL: "warn" }, traces: true },
];

/** Takes whatever spans come. */
async function openCollector() {
  const server = createServer((request, response) => request.resume().on("end", () => response.end("{}")));
  await once(server.listen(0, "127.0.0.1"), "listening");
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close().closeAllConnections() };
}

async function startGateway(url, settings) {
  const env = {
    PATH: process.env.PATH,
    PORT: "0",
    ADMIN_API_KEY: KEY,
    SEED_DEMO: "true",
    DATABASE_URL: url,
    DRAIN_GRACE_MS: "0",
  };
  const child = spawn(process.execPath, [BIN, "serve"], {
    env: { ...env, ...settings },
    stdio: ["ignore", "pipe", "ignore"],
  });
  let printed = "";
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    printed += chunk;
    const address = /POST (http:\S+)/.exec(printed)?.[1];
    if (address) return { child, address };
  }
  throw new Error("the gateway did not start");
}

/** Milliseconds of processor time that a process has used. */
function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / CLOCK_TICKS;
}

async function measure({ child, address }, { body, decisions }) {
  const before = cpu(child.pid);
  const { requests, non2xx, errors } = await autocannon({
    ...{ url: address, connections: CONNECTIONS, duration: SECONDS, method: "POST", body: JSON.stringify(body) },
    reconnectRate: REQUESTS_OF_CONNECTION,
    headers: { "content-type": "application/json", authorization: `Bearer ${KEY}` },
  });
  if (non2xx + errors > 0) throw new Error(`${non2xx + errors} requests failed`);
  const made = requests.total * decisions;
  return { microseconds: ((cpu(child.pid) - before) * 1000) / made, perSecond: made / SECONDS };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function compare(gateways, load) {
  const runs = gateways.map(() => []);
  for (const gateway of gateways) await measure(gateway, load); // warm
  for (let turn = 0; turn < TURNS; turn += 1) {
    for (const [place, gateway] of gateways.entries()) runs[place].push(await measure(gateway, load));
  }
  const rows = runs.map((run) => ({
    perSecond: median(run.map(({ perSecond }) => perSecond)),
    microseconds: median(run.map(({ microseconds }) => microseconds)),
  }));
  console.log(`\n${load.name}`);
  for (const [place, { perSecond, microseconds }] of rows.entries()) {
    const more = ((microseconds / rows[0].microseconds - 1) * 100).toFixed(1);
    const figures = `${Math.round(perSecond).toString().padStart(8)} decisions/s ${microseconds.toFixed(1).padStart(8)} us of processor each`;
    console.log(`  ${GATEWAYS[place].name.padEnd(24)} ${figures}  ${place === 0 ? "" : `${more} %`}`);
  }
}

/** Nanoseconds of one call, the best of some runs: what else the machine does only adds to it. */
function nanoseconds(work, calls = 200_000) {
  const runs = Array.from({ length: 7 }, () => {
    const began = performance.now();
    for (let call = 0; call < calls; call += 1) work();
    return ((performance.now() - began) * 1e6) / calls;
  });
  return Math.round(Math.min(...runs));
}

function countAlone() {
  const { onRequest, onAnswers, onStatement } = createMetrics();
  const answers = [{ decisions: Array.from({ length: BATCH }, () => ({ outcome: "ALLOW" })) }];
  const notes = { route: "graphql", operationType: "query", outcome: "OK" };
  const response = { status: 200, aborted: false, milliseconds: 1 };
  console.log("\ncounting alone");
  console.log(`  a request      ${nanoseconds(() => onRequest(notes, response))} ns`);
  console.log(`  a statement    ${nanoseconds(() => onStatement("revisions", 0.001))} ns`);
  console.log(`  a decision     ${(nanoseconds(() => onAnswers(answers), 20_000) / BATCH).toFixed(1)} ns`);
}

countAlone();
if (TURNS === 0) process.exit();
await withDatabase(async (url) => {
  const gateways = [];
  const collector = await openCollector();
  try {
    for (const { settings, traces } of GATEWAYS) {
      const endpoint = traces ? { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } : {};
      gateways.push(await startGateway(url, { ...settings, ...endpoint }));
    }
    for (const load of LOADS) await compare(gateways, load);
  } finally {
    for (const { child } of gateways) {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    }
    collector.close();
  }
});
