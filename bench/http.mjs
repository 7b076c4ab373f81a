/**
 * The gateway over HTTP beside the policy server Cerbos, on the same account and the same questions: 1,000 users, 500
 * policies, 10,000 keys. `npm run bench -- http`; BENCH_SECONDS (3) is the length of one run, BENCH_RUNS (3) their number,
 * BENCH_CONNECTIONS ("1 10 50"). With CHECK=1 a missed bar is a failure; BENCH_DOC=docs/benchmarks.md keeps the tables
 * there. Uses BENCH_DATABASE_URL and BENCH_REDIS_URL, else the standard local ports.
 *
 * The gateway is one process with an API key, full consistency, PostgreSQL and Redis; it knows the account, and keeps
 * answers, as in production: what is asked again comes from the cache after its revisions were read. Cerbos has the policies
 * in memory and is sent roles and tags with each request. One of them is under load at a time, and they take turns. All
 * answers are compared before; BENCH_BROKEN=1 takes the Denies out of what Cerbos has, to see that this finds it.
 * BENCH_TRANSLATION=policies is the other translation (see http/cerbos-policies).
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { describeAccount, makeAccount, snapshotOf } from "./http/account.mjs";
import { cerbosAllows, gatewayAllows, requireEqual } from "./http/answers.mjs";
import { TRANSLATIONS, withoutDenies } from "./http/cerbos-policies.mjs";
import { load } from "./http/load.mjs";
import { cerbosBody, gatewayBody, makeQuestions, WORKLOADS } from "./http/questions.mjs";
import { databaseTimes, importInto, processorTime, startCerbos, startEcho, startGateway } from "./http/servers.mjs";
import { withDatabase } from "./support/database.mjs";
import { markdown, openReport } from "./support/report.mjs";

const REDIS = process.env.BENCH_REDIS_URL ?? "redis://127.0.0.1:6379";
const SECONDS = Number(process.env.BENCH_SECONDS ?? 3);
const RUNS = Number(process.env.BENCH_RUNS ?? 3);
const CONNECTIONS = (process.env.BENCH_CONNECTIONS ?? "1 10 50").split(/\s+/).map(Number);
const TRANSLATION = process.env.BENCH_TRANSLATION ?? "users";
const QUESTIONS = 500;
const AT_ONCE = 10;
const API_KEY = `rg_bench_${randomBytes(32).toString("base64url")}`;
const HEADERS = { authorization: `Bearer ${API_KEY}` };

const { print, write } = openReport("http");
const bars = [];
const bar = (what, holds) => bars.push({ bar: what, result: holds ? "PASS" : "FAIL" });
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const whole = (number) => Math.round(number).toLocaleString("en");

/** The questions of a workload as both servers take them. */
function prepare(account, workload) {
  const { roles } = TRANSLATIONS[TRANSLATION];
  const questions = makeQuestions(account, workload, QUESTIONS);
  return {
    workload,
    questions,
    gateway: questions.map((question) => gatewayBody(workload, question)),
    cerbos: questions.map((question) => cerbosBody(roles(account, question.user), question)),
  };
}

async function postForText(url, body) {
  const headers = { "content-type": "application/json", ...HEADERS };
  const response = await fetch(url, { method: "POST", headers, body });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return response.text();
}

const post = async (url, body) => JSON.parse(await postForText(url, body));

/** Asks both everything that they will be asked beside each other; a difference ends the run. */
async function compareAnswers(servers, { workload, questions, gateway, cerbos }) {
  let [compared, allowed] = [0, 0];
  const one = async (place) => {
    const question = questions[place];
    const [ours, theirs] = await Promise.all([
      post(servers.gateway.url, gateway[place]),
      post(servers.cerbos.url, cerbos[place]),
    ]);
    const outcomes = gatewayAllows(workload, ours);
    requireEqual(question, outcomes, cerbosAllows(question, theirs));
    compared += outcomes.length;
    allowed += outcomes.filter(Boolean).length;
  };
  for (let first = 0; first < questions.length; first += AT_ONCE)
    await Promise.all(questions.slice(first, first + AT_ONCE).map((_, offset) => one(first + offset)));
  const share = Math.round((allowed / compared) * 100);
  return `${whole(compared)} outcomes of ${QUESTIONS} requests for ${workload.name}, ${share} % of them ALLOW`;
}

/** What PostgreSQL has done for the gateway since a moment, in milliseconds of processor time. */
async function sinceThen({ client, name }, before) {
  let sum = 0;
  for (const [pid, time] of await databaseTimes(client, name)) sum += time - (before.get(pid) ?? 0);
  return sum;
}

async function measure({ url, pid, database, requestsOfConnection }, bodies, connections, seconds = SECONDS) {
  const before = { server: processorTime(pid), database: await databaseTimes(database.client, database.name) };
  const result = await load({ url, headers: HEADERS, bodies, connections, seconds, requestsOfConnection });
  return {
    ...result,
    cpu: (processorTime(pid) - before.server) / result.requests,
    postgres: (await sinceThen(database, before.database)) / result.requests,
  };
}

/** The median of each figure over some runs. */
function medians(runs) {
  return Object.fromEntries(Object.keys(runs[0]).map((name) => [name, median(runs.map((run) => run[name]))]));
}

/** Both servers in turns, and the other one first in every other run. */
async function contest(servers, prepared, connections) {
  const names = ["gateway", "cerbos"];
  const runs = { gateway: [], cerbos: [] };
  for (let turn = 0; turn < RUNS; turn += 1)
    for (const name of turn % 2 === 0 ? names : names.toReversed())
      runs[name].push(await measure(servers[name], prepared[name], connections));
  return { gateway: medians(runs.gateway), cerbos: medians(runs.cerbos) };
}

function rowOf(connections, server, figures, other) {
  const { perSecond, p50, p99, cpu, postgres, busy } = figures;
  return {
    connections,
    server,
    "requests/s": whole(perSecond),
    "× Cerbos": other ? (perSecond / other.perSecond).toFixed(1) : "",
    "p50 ms": p50.toFixed(2),
    "p99 ms": p99.toFixed(2),
    "CPU ms/request": cpu.toFixed(3),
    "× less": other ? (other.cpu / cpu).toFixed(1) : "",
    PostgreSQL: other ? postgres.toFixed(3) : "",
    "load's CPU": `${Math.round(busy * 100)} %`,
  };
}

/** What Node's HTTP lets any gateway reach: the same bodies, and an answer of the same size that costs nothing. */
async function measureEcho({ gateway }, prepared, cerbos) {
  const echo = await startEcho(await postForText(gateway.url, prepared.gateway[0]));
  try {
    const runs = [];
    for (let turn = 0; turn < RUNS; turn += 1)
      runs.push(await measure({ ...echo, database: gateway.database }, prepared.gateway, AT_ONCE));
    return { ...rowOf(AT_ONCE, "bare node:http", medians(runs), cerbos), PostgreSQL: "" };
  } finally {
    await echo.stop();
  }
}

async function measureWorkload(servers, prepared) {
  const { name, bar: wanted } = prepared.workload;
  for (const server of ["gateway", "cerbos"]) await measure(servers[server], prepared[server], AT_ONCE, 2);
  const rows = [];
  for (const connections of CONNECTIONS) {
    const { gateway, cerbos } = await contest(servers, prepared, connections);
    const ratio = gateway.perSecond / cerbos.perSecond;
    rows.push(rowOf(connections, "ramgate", gateway, cerbos), rowOf(connections, "Cerbos", cerbos, null));
    if (connections === AT_ONCE) {
      rows.push(await measureEcho(servers, prepared, cerbos));
      bar(`${name}, ${AT_ONCE} connections: at least ${wanted} times Cerbos (${ratio.toFixed(1)})`, ratio >= wanted);
    }
    if (connections > 1)
      bar(`${name}, ${connections} connections: p99 no worse than Cerbos`, gateway.p99 <= cerbos.p99);
  }
  print(`**${name[0].toUpperCase()}${name.slice(1)}**\n\n${markdown(rows)}`);
}

/** A context nobody has asked with before, so the answer cannot be in the cache. */
function newContext(workload, questions) {
  let asked = 0;
  return () => {
    const entries = [{ key: "bench:n", values: [randomBytes(6).toString("hex")] }];
    return gatewayBody(workload, { ...questions[asked++ % questions.length], entries });
  };
}

/** What the parts of an answer cost: `{ __typename }` pays for HTTP, authentication and GraphQL only. */
async function measureGateway(gateway, settings, { workload, questions, gateway: warm }) {
  const run = async (server, name, bodies) => {
    await measure(server, bodies, AT_ONCE, 1);
    const { perSecond, p50, p99, cpu } = await measure(server, bodies, AT_ONCE);
    return {
      request: name,
      "requests/s": whole(perSecond),
      "p50 ms": p50.toFixed(2),
      "p99 ms": p99.toFixed(2),
      "CPU ms/request": cpu.toFixed(3),
    };
  };
  const rows = [
    await run(gateway, "`{ __typename }`", [JSON.stringify({ query: "{ __typename }" })]),
    await run(gateway, "all actions, asked before", warm),
    await run(gateway, "all actions, never asked before", newContext(workload, questions)),
  ];
  const uncached = await startGateway({ ...settings, DECISION_CACHE: "off" });
  try {
    rows.push(await run({ ...uncached, database: gateway.database }, "all actions, DECISION_CACHE=off", warm));
  } finally {
    await uncached.stop();
  }
  print(`**The gateway by itself, ${AT_ONCE} connections**\n\n${markdown(rows)}`);
}

async function versionOfPostgres(client) {
  return (await client.query("show server_version")).rows[0].server_version.split(" ")[0];
}

function describe(postgres, cerbos) {
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? "unknown cpu"}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  const versions = `Node ${process.version}, PostgreSQL ${postgres}, Cerbos ${cerbos} (translation: ${TRANSLATION})`;
  const date = new Date().toISOString().slice(0, 10);
  print(`${date}. ${machine}; ${versions}. Medians of ${RUNS} runs of ${SECONDS} s each.`);
}

async function run(folder, url, database) {
  const account = makeAccount();
  const file = join(folder, "snapshot.json");
  await writeFile(file, JSON.stringify(snapshotOf(account)));
  await importInto(url, file);
  const documents = TRANSLATIONS[TRANSLATION].documents(account);
  const settings = { DATABASE_URL: url, REDIS_URL: REDIS, ADMIN_API_KEY: API_KEY };
  const cerbos = await startCerbos(folder, process.env.BENCH_BROKEN ? withoutDenies(documents) : documents);
  const servers = { cerbos: { ...cerbos, database } };
  try {
    servers.gateway = { ...(await startGateway(settings)), database };
    describe(await versionOfPostgres(database.client), cerbos.version);
    const prepared = WORKLOADS.map((workload) => prepare(account, workload));
    const compared = [];
    for (const one of prepared) compared.push(await compareAnswers(servers, one));
    print(`${describeAccount(account)}.`);
    print(`Compared before, and all equal: ${compared.join("; ")}.`);
    for (const one of prepared) await measureWorkload(servers, one);
    await measureGateway(servers.gateway, settings, prepared[1]);
  } finally {
    for (const server of Object.values(servers)) await server.stop();
  }
}

const folder = await mkdtemp(join(tmpdir(), "ramgate-bench-"));
try {
  await withDatabase((url, client, name) => run(folder, url, { client, name }));
} finally {
  await rm(folder, { recursive: true });
}
if (bars.length > 0) print(markdown(bars));
await write();
if (process.env.CHECK && bars.some(({ result }) => result === "FAIL")) process.exitCode = 1;
