import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { portOf } from "../../src/server/http-server.js";
import { breakBuild, killed, type Slip } from "../support/broken-build.js";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";
import { GEMINI_KEY, policy, user } from "../support/demo.js";
import { type Gateway, type GraphQLAnswer, operatorKey, startGateway } from "../support/gateway.js";
import { scrape, sumOf } from "../support/metrics.js";

const WORKERS = 2;
/** Enough connections for each worker to get some, one after the other. */
const ASKED = 6;

let database: TestDatabase;
let running: Gateway[] = [];
const key = operatorKey();

beforeAll(async () => {
  database = await createTestDatabase("workers");
});
afterEach(async () => {
  await Promise.all(running.map((gateway) => gateway.kill()));
  running = [];
});
afterAll(() => database?.drop());
vi.setConfig({ testTimeout: 90_000 }); // three processes start where one does otherwise

/** Without Redis: what the workers know of each other they know by way of their supervisor. */
async function start(settings: Record<string, string> = {}, program?: string): Promise<Gateway> {
  const common = { DATABASE_URL: database.url, REDIS_URL: "", ADMIN_API_KEY: key, SEED_DEMO: "true" };
  const gateway = await startGateway({ ...common, WORKERS: String(WORKERS), LOG_LEVEL: "info", ...settings }, program);
  running.push(gateway);
  return gateway;
}

/** On a connection of its own. */
async function ask(gateway: Gateway, query: string): Promise<GraphQLAnswer> {
  const headers = { "content-type": "application/json", authorization: `Bearer ${gateway.key}`, connection: "close" };
  const response = await fetch(`${gateway.url}/graphql`, { method: "POST", headers, body: JSON.stringify({ query }) });
  return (await response.json()) as GraphQLAnswer;
}

const askAll = <Result>(work: () => Promise<Result>) => Promise.all(Array.from({ length: ASKED }, work));

function linesOf(gateway: Gateway): { pid: number; msg: string; port?: number; worker?: number }[] {
  const lines = gateway.errors().split("\n");
  return lines.flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []));
}

/** Workers that have become ready, in this order. */
function readyWorkers(gateway: Gateway): number[] {
  return linesOf(gateway).flatMap(({ pid, msg }) => (msg === "ready" && pid !== gateway.pid ? [pid] : []));
}

/** The workers that answer these requests. */
async function workersThatAnswer(gateway: Gateway): Promise<number[]> {
  const before = linesOf(gateway).length;
  await askAll(() => ask(gateway, "{ __typename }"));
  const requests = () =>
    linesOf(gateway)
      .slice(before)
      .filter(({ msg }) => msg === "request");
  await expect.poll(() => requests().length).toBeGreaterThanOrEqual(ASKED);
  return [...new Set(requests().map(({ pid }) => pid))].sort((a, b) => a - b);
}

/** One that has ended may be a zombie, where nobody asks for the exit codes of orphans. */
function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

const CHECK = (how = "") =>
  `{ checkAccess(input: { principal: "${user("bob")}", action: "kms:Decrypt", resource: "${GEMINI_KEY}" } ${how}) { allowed } }`;
const LATE = "consistency: { minimizeLatency: true }";
const CHANGE = (name: "attachPolicy" | "detachPolicy") =>
  `mutation { ${name}(input: { policy: "${policy("QueryAndUseKeys")}", principal: "${user("bob")}" }) { changed } }`;

const CHANGES = [
  ["attachPolicy", true],
  ["detachPolicy", false],
] as const;

const allowed = async (gateway: Gateway, how?: string): Promise<boolean> =>
  (await ask(gateway, CHECK(how))).data.checkAccess.allowed;

test("workers share a port, see each other's changes, are counted together and replaced, and stop together", async () => {
  const gateway = await start({ METRICS_PORT: "0", MAX_STALENESS_MS: "5000", DRAIN_GRACE_MS: "1500" });
  const first = await workersThatAnswer(gateway);
  expect(first).toEqual([...readyWorkers(gateway)].sort((a, b) => a - b));
  expect(first).toHaveLength(WORKERS);
  expect(gateway.output().match(/ramgate is ready/g)).toHaveLength(1);

  const all = (is: boolean) => Array(ASKED).fill(is);
  for (const [name, is] of CHANGES) {
    expect(await askAll(() => allowed(gateway))).toEqual(all(!is));
    expect((await ask(gateway, CHANGE(name))).data[name].changed).toBe(true);
    expect(await askAll(() => allowed(gateway))).toEqual(all(is));
  }
  for (const [name, is] of CHANGES) {
    expect(await askAll(() => allowed(gateway, LATE))).toEqual(all(!is));
    await ask(gateway, CHANGE(name));
    // what may be five seconds late is told from worker to worker
    await expect.poll(() => askAll(() => allowed(gateway, LATE)), { timeout: 2_500 }).toEqual(all(is));
  }

  const operations = async () => sumOf(await scrape(gateway), "ramgate_graphql_operations_total");
  const counted = await operations();
  await askAll(() => ask(gateway, "{ __typename }"));
  expect((await operations()) - counted).toBe(ASKED);
  expect(sumOf(await scrape(gateway), "ramgate_pool_connections_max", { pool: "load" })).toBe(WORKERS * 8);

  const [victim = 0] = first;
  process.kill(victim, "SIGSTOP"); // takes the connections that it is given no more
  const fates = Array.from({ length: WORKERS }, () => fate(gateway));
  await sleep(200);
  process.kill(victim, "SIGKILL");
  expect((await Promise.all(fates)).sort()).toEqual(["answered", "closed"]);
  expect(await fate(gateway)).toBe("answered");
  await expect.poll(() => readyWorkers(gateway).length, { timeout: 20_000 }).toBe(WORKERS + 1);
  const second = await workersThatAnswer(gateway);
  expect(second).toHaveLength(WORKERS);
  expect(second).not.toContain(victim);
  expect(await operations()).toBeGreaterThanOrEqual(counted + 2 * ASKED + 1); // what the killed one had counted, too

  const open = Array.from({ length: WORKERS }, () => openRequest(gateway));
  await sleep(100);
  process.kill(gateway.pid, "SIGTERM");
  for (const pid of [gateway.pid, ...second]) expect(isAlive(pid)).toBe(true);
  await expect.poll(() => askAll(() => readiness(gateway))).toEqual(Array(ASKED).fill(503));
  expect((await ask(gateway, "{ __typename }")).data).toEqual({ __typename: "Query" });
  await sleep(1_700);
  expect(await Promise.all(open.map((each) => each.finish()))).toEqual(Array(WORKERS).fill(200));
  expect(await gateway.ended()).toBe(0);
  for (const pid of second) expect(isAlive(pid)).toBe(false);
});

/** What becomes of a request. Whose worker ends is not to wait for ever. */
async function fate(gateway: Gateway): Promise<string> {
  const answer = ask(gateway, "{ __typename }").then(
    () => "answered",
    () => "closed",
  );
  return Promise.race([answer, sleep(10_000, "left waiting")]);
}

async function readiness(gateway: Gateway): Promise<number> {
  return (await fetch(`${gateway.url}/readyz`, { headers: { connection: "close" } })).status;
}

/** A request whose body is not all there yet. */
function openRequest(gateway: Gateway): { finish(): Promise<number> } {
  const body = '{"query":"{ __typename }"}';
  const headers = { "content-type": "application/json", "content-length": body.length };
  const sent = request(`${gateway.url}/graphql`, {
    ...{ method: "POST", headers: { ...headers, authorization: `Bearer ${gateway.key}` }, agent: false },
  });
  sent.write(body.slice(0, 5));
  const answer = once(sent, "response").then(([response]) => (response as IncomingMessage).statusCode ?? 0);
  const settled = answer.catch(() => 0);
  return {
    finish: () => {
      sent.end(body.slice(5));
      return settled;
    },
  };
}

test("a gateway that does not replace its workers, or ends them at once, is found", async () => {
  const slips: Slip[] = [
    { file: "crew.js", find: "this.#replace(how, wasReady);", replace: "" },
    {
      file: "crew.js",
      find: 'this.#tellAllFromNowOn({ kind: "stop", signal });',
      replace: "for (const worker of this.#workers) worker.process.kill('SIGKILL');",
    },
  ];
  const build = await breakBuild("workers", slips);
  const gateway = await start({}, build.program);
  const [victim = 0] = readyWorkers(gateway);
  process.kill(victim, "SIGKILL");
  await sleep(2_500);
  killed("no worker takes the place of another", WORKERS - (await workersThatAnswer(gateway)).length);
  const open = openRequest(gateway);
  await sleep(100);
  process.kill(gateway.pid, "SIGTERM");
  const code = await gateway.ended();
  killed("a request is lost when workers are ended at once", (await open.finish()) === 200 ? 0 : 1);
  killed("workers are ended at once, and the exit code says so", code === 0 ? 0 : 1);
  await build.remove();
});

test("a second signal ends all at once", async () => {
  const gateway = await start({ DRAIN_GRACE_MS: "60000" });
  const workers = readyWorkers(gateway);
  for (const pid of workers) process.kill(pid, "SIGTERM"); // as some service managers do
  process.kill(gateway.pid, "SIGTERM");
  await sleep(800);
  expect([gateway.pid, ...workers].map(isAlive)).toEqual([true, true, true]);
  process.kill(gateway.pid, "SIGTERM");
  expect(await gateway.ended()).toBe(143);
  await expect.poll(() => workers.map(isAlive)).toEqual([false, false]);
});

test("what keeps a gateway from starting is said once, as by a single process", async () => {
  const taken = createServer();
  taken.listen(0, "127.0.0.1");
  await once(taken, "listening");
  const PORT = String(portOf(taken as never));
  const [single, several] = await Promise.all(["1", "2"].map((count) => failure({ PORT, WORKERS: count })));
  taken.close();
  expect(single).toContain(`port \`${PORT}\` on \`127.0.0.1\` is in use; set PORT`);
  expect(several).toBe(single);

  const conflict = { ADMIN_API_KEY: `${key}x` };
  const [alone, together] = await Promise.all(["1", "2"].map((count) => failure({ ...conflict, WORKERS: count })));
  expect(alone).toContain("the gateway ended with 2");
  expect(together).toBe(alone);
});

/** Why it does not start. */
async function failure(settings: Record<string, string>, program?: string): Promise<string> {
  const gateway = await start({ ...settings, LOG_LEVEL: "silent" }, program).catch((error: Error) => error.message);
  return typeof gateway === "string" ? gateway : "it starts";
}

test("a gateway whose workers keep ending at their start gives up", async () => {
  const slip = {
    file: "cli/ramgate.js",
    find: 'await (await import("../worker.js")).serveAsWorker(config)',
    replace: "await process.exit(7)",
  };
  const build = await breakBuild("endless", [slip]);
  expect(await failure({}, build.program)).toContain(
    "the gateway ended with 2: ramgate: workers keep ending at their start, the last one by code 7",
  );
  await build.remove();
});
