import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { breakBuild, killed, type Slip } from "../support/broken-build.js";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";
import { type Gateway, startGateway } from "../support/gateway.js";
import { startRedis } from "../support/redis.js";
import { openTcpProxy } from "../support/tcp-proxy.js";

let database: TestDatabase;
let running: Gateway[] = [];

beforeAll(async () => {
  database = await createTestDatabase("stop");
});
afterEach(async () => {
  await Promise.all(running.map((gateway) => gateway.kill()));
  running = [];
});
afterAll(() => database?.drop());

async function start(settings: Record<string, string> = {}, program?: string): Promise<Gateway> {
  const gateway = await startGateway({ DATABASE_URL: database.url, ...settings }, program);
  running.push(gateway);
  return gateway;
}

const probe = async (gateway: Gateway, path: string) => {
  const response = await fetch(`${gateway.url}${path}`);
  return { status: response.status, connection: response.headers.get("connection"), body: await response.json() };
};

/** A request whose body is not all there yet. */
function openRequest(gateway: Gateway): { finish(): Promise<number> } {
  const body = '{"query":"{ __typename }"}';
  const headers = { "content-type": "application/json", "content-length": body.length };
  const sent = request(`${gateway.url}/graphql`, {
    ...{ method: "POST", headers: { ...headers, authorization: `Bearer ${gateway.key}` } },
  });
  sent.write(body.slice(0, 5));
  const answer = once(sent, "response").then(([response]) => (response as IncomingMessage).statusCode ?? 0);
  answer.catch(() => {}); // where the gateway ends first
  return {
    finish: () => {
      sent.end(body.slice(5));
      return answer;
    },
  };
}

describe("SIGTERM", () => {
  test("is seen at /readyz at once, while requests are still answered, and ends with 0", async () => {
    const gateway = await start({ DRAIN_GRACE_MS: "4000" });
    const told = performance.now();
    process.kill(gateway.pid, "SIGTERM");
    const seen = await untilDraining(gateway);
    expect(seen).toBeLessThan(2_000);
    expect((await gateway.ask("{ __typename }")).data).toEqual({ __typename: "Query" });
    expect(await probe(gateway, "/healthz")).toMatchObject({ status: 200, connection: "close" });
    expect(await gateway.ended()).toBe(0);
    expect(performance.now() - told).toBeGreaterThan(3_900);
  });

  test("waits for a request that is under way when the grace is over", async () => {
    const gateway = await start({ DRAIN_GRACE_MS: "100" });
    const open = openRequest(gateway);
    await sleep(200);
    process.kill(gateway.pid, "SIGTERM");
    await sleep(900);
    expect(gateway.isRunning()).toBe(true);
    await expect(fetch(`${gateway.url}/healthz`)).rejects.toThrow();
    expect(await open.finish()).toBe(200);
    const finished = performance.now();
    expect(await gateway.ended()).toBe(0);
    expect(performance.now() - finished).toBeLessThan(5_000); // a kept connection does not keep the process
  });

  test("a second one ends it at once", async () => {
    const gateway = await start({ DRAIN_GRACE_MS: "60000" });
    process.kill(gateway.pid, "SIGTERM");
    await sleep(800);
    expect(gateway.isRunning()).toBe(true);
    process.kill(gateway.pid, "SIGTERM");
    const second = performance.now();
    expect(await gateway.ended()).toBe(143);
    expect(performance.now() - second).toBeLessThan(10_000); // of a minute of grace
  });

  test("during the grace readiness that stays is found", async () => {
    const slip: Slip = { file: "main.js", find: "stop.then(() => gateway.retire());", replace: "" };
    const build = await breakBuild("never-retires", [slip]);
    const gateway = await start({ DRAIN_GRACE_MS: "1500" }, build.program);
    process.kill(gateway.pid, "SIGTERM");
    await sleep(500);
    const { status } = await probe(gateway, "/readyz");
    await gateway.ended();
    await build.remove();
    killed("SIGTERM leaves /readyz as it was", status === 200 ? 1 : 0);
  });
});

async function untilDraining(gateway: Gateway): Promise<number> {
  const began = performance.now();
  for (;;) {
    const { status, body } = await probe(gateway, "/readyz");
    if (status === 503) {
      expect(body).toEqual({ status: "draining" });
      return performance.now() - began;
    }
  }
}

test("Ctrl-C, which npm passes on a second time, stops without a grace and with 0", async () => {
  const gateway = await start({ DRAIN_GRACE_MS: "60000" });
  process.kill(gateway.pid, "SIGINT");
  await sleep(20);
  if (gateway.isRunning()) process.kill(gateway.pid, "SIGINT");
  expect(await gateway.ended()).toBe(0);
});

describe.each([
  ["an error that nobody has caught", `throw new Error("boom rg_ops_${"A".repeat(43)}")`],
  ["a promise that nobody waits for", `void Promise.reject(new Error("boom rg_ops_${"A".repeat(43)}"))`],
])("%s", (_name, fault) => {
  test("is logged, without secrets, and ends the process with 1", async () => {
    const find = "stop.then(() => gateway.retire());";
    const replace = `${find} process.on("SIGUSR2", () => { ${fault}; });`;
    const build = await breakBuild("crash", [{ file: "main.js", find, replace }]);
    const gateway = await start({}, build.program);
    process.kill(gateway.pid, "SIGUSR2");
    expect(await gateway.ended()).toBe(1);
    await build.remove();
    const last = JSON.parse(gateway.errors().trim().split("\n").at(-1) ?? "");
    expect(last).toMatchObject({ level: 60, err: { message: "boom rg_ops_[redacted]" } });
    expect(last.err.stack).toContain("main.js");
    expect(gateway.errors()).not.toContain("A".repeat(43));
  });
});

test("readiness names the part that is missing, liveness does not care", async () => {
  const redis = await startRedis();
  const toRedis = await openTcpProxy(redis.url);
  const toPostgres = await openTcpProxy(database.url);
  const urls = { DATABASE_URL: toPostgres.through(database.url), REDIS_URL: toRedis.through(redis.url) };
  const gateway = await start(urls);
  const readiness = async () => {
    const { status, body } = await probe(gateway, "/readyz");
    return [status, body];
  };
  const ready = { status: "ready", parts: { postgres: "up", redis: "up" } };
  await expect.poll(readiness).toEqual([200, ready]);
  await toRedis.refuse();
  await expect.poll(readiness).toEqual([200, { ...ready, parts: { postgres: "up", redis: "down" } }]);
  await toPostgres.refuse();
  const away = { status: "unavailable", parts: { postgres: "down", redis: "down" } };
  await expect.poll(readiness, { timeout: 5_000 }).toEqual([503, away]);
  expect((await probe(gateway, "/healthz")).status).toBe(200);
  await Promise.all([toRedis.accept(), toPostgres.accept()]);
  await expect.poll(readiness, { timeout: 10_000 }).toEqual([200, ready]);
  await gateway.stop();
  await Promise.all([toRedis.close(), toPostgres.close(), redis.stop()]);
});

test("idle connections outlive those of the usual load balancers", async () => {
  const gateway = await start();
  const response = await fetch(`${gateway.url}/healthz`);
  expect(response.headers.get("keep-alive")).toBe("timeout=75, max=1000");
});
