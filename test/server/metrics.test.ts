import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";
import { GEMINI_KEY, user } from "../support/demo.js";
import { type Gateway, startGateway } from "../support/gateway.js";
import { labelsOf, metricsUrl, type Sample, scrape, sumOf } from "../support/metrics.js";

let database: TestDatabase;
let gateway: Gateway;

beforeAll(async () => {
  database = await createTestDatabase("metrics");
  gateway = await startGateway({
    ...{ DATABASE_URL: database.url, SEED_DEMO: "true", METRICS_PORT: "0" },
    ...{ DECISION_LOG: "all", DECISION_CACHE_VERIFY: "1" },
  });
});

afterAll(async () => {
  await gateway?.stop();
  await database?.drop();
});

const CHECK = `query Bobs($resource: Arn!) {
  checkAccess(input: { principal: "${user("bob")}", action: "kms:Decrypt", resource: $resource }) { outcome } }`;

/** What has been added between two scrapes, without what was left as it was. */
function added(before: readonly Sample[], after: readonly Sample[], name: string): Record<string, number> {
  const changes = after
    .filter((sample) => sample.name === name)
    .map((sample) => [labelsOf(sample), sample.value - sumOf(before, name, sample.labels)] as const);
  return Object.fromEntries(changes.filter(([, change]) => change !== 0));
}

async function during(work: () => Promise<unknown>) {
  const before = await scrape(gateway);
  await work();
  const after = await scrape(gateway);
  return (name: string) => added(before, after, name);
}

async function times(count: number, work: () => Promise<unknown>): Promise<void> {
  for (let time = 0; time < count; time += 1) await work();
}

const send = (body: string, headers: Record<string, string> = {}) =>
  fetch(`${gateway.url}/graphql`, {
    ...{ method: "POST", body },
    headers: { "content-type": "application/json", authorization: `Bearer ${gateway.key}`, ...headers },
  }).then((response) => response.text());

describe("/metrics counts exactly what was asked", () => {
  test("requests, operations, decisions and where they came from", async () => {
    const change = await during(async () => {
      await times(7, () => gateway.ask(CHECK, { resource: GEMINI_KEY }));
      await times(3, () => gateway.ask("{ viewer { kind } }"));
      await times(2, () => send('{"query":"{ nonsense }"}'));
      await send("{");
      await send('{"query":"{ __typename }"}', { authorization: "Bearer nobody" });
      await fetch(`${gateway.url}/readyz`);
      await times(2, () => fetch(`${gateway.url}/not/here`));
    });
    expect(change("ramgate_http_requests_total")).toEqual({
      ...{ "route=graphql,status=2xx": 10 + 2, "route=graphql,status=4xx": 2 },
      ...{ "route=readyz,status=2xx": 1, "route=other,status=4xx": 2 },
    });
    expect(change("ramgate_http_request_duration_seconds_count")).toEqual({
      ...{ "route=graphql": 14, "route=readyz": 1, "route=other": 2 },
    });
    expect(change("ramgate_graphql_operations_total")).toEqual({
      ...{ "outcome=OK,type=query": 10, "outcome=GRAPHQL_VALIDATION_FAILED,type=none": 2 },
      ...{ "outcome=BAD_USER_INPUT,type=none": 1, "outcome=UNAUTHENTICATED,type=none": 1 },
    });
    expect(change("ramgate_decisions_total")).toEqual({ "outcome=IMPLICIT_DENY": 7 });
    expect(change("ramgate_decision_answers_total")).toEqual({ "cache=HIT": 6, "cache=MISS": 1 });
    expect(change("ramgate_decision_log_lines_total")).toEqual({ "result=written": 7 });
  });

  test("what cannot be decided, and changes", async () => {
    const nobody = `query { checkAccess(input: { principal: "${user("nobody")}", action: "kms:Decrypt", resource: "${GEMINI_KEY}" }) { outcome } }`;
    const create = `mutation { createUser(input: { account: "1234567890123456", name: "new" }) { changed } }`;
    const change = await during(async () => {
      await gateway.ask(nobody);
      await gateway.ask(create);
    });
    expect(change("ramgate_graphql_operations_total")).toEqual({
      ...{ "outcome=NOT_FOUND,type=query": 1, "outcome=OK,type=mutation": 1 },
    });
    expect(change("ramgate_decisions_total")).toEqual({ "outcome=ERROR": 1 });
    expect(change("ramgate_sql_duration_seconds_count")["statement=transaction"]).toBeGreaterThanOrEqual(2);
    expect(change("ramgate_sql_duration_seconds_count")["statement=insert"]).toBeGreaterThanOrEqual(1);
  });

  test("statements of the hot path, commands to Redis, and hits that were evaluated again", async () => {
    const change = await during(() => times(5, () => gateway.ask(CHECK, { resource: GEMINI_KEY })));
    const statements = change("ramgate_sql_duration_seconds_count");
    expect(statements["statement=revisions"]).toBeGreaterThanOrEqual(5);
    expect(sumOf(await scrape(gateway), "ramgate_decision_cache_verified_total")).toBeGreaterThanOrEqual(5);
    expect(sumOf(await scrape(gateway), "ramgate_decision_cache_mismatches_total")).toBe(0);
    if (inject("redisUrl") === null) return;
    const fresh = await during(async () => {
      await gateway.ask(CHECK, { resource: GEMINI_KEY.replace("gemini", "unheard-of") });
    });
    expect(fresh("ramgate_redis_duration_seconds_count")).toEqual({ "command=get,result=ok": 1 });
  });

  test("pools, Redis, the event loop and the process", async () => {
    const samples = await scrape(gateway);
    const names = new Set(samples.map(({ name }) => name));
    expect(sumOf(samples, "ramgate_pool_connections_max", { pool: "load" })).toBe(8);
    expect(sumOf(samples, "ramgate_pool_connections", { pool: "revisions", state: "waiting" })).toBe(0);
    expect(names).toContain("nodejs_eventloop_lag_p99_seconds");
    expect(names).toContain("process_resident_memory_bytes");
    expect(names.has("ramgate_redis_circuit_open")).toBe(inject("redisUrl") !== null);
  });
});

test("no label holds anything that a sender has written", async () => {
  const name = "SomebodysOwnName";
  await send(JSON.stringify({ query: `query ${name} { viewer { kind } }`, operationName: name }), {
    "x-request-id": name,
  });
  await fetch(`${gateway.url}/${name}`, { method: "PATCH" });
  await send(JSON.stringify({ query: `{ ${name} }` }));
  const text = await (await fetch(metricsUrl(gateway))).text();
  expect(text).not.toMatch(/acs:|SomebodysOwnName|rg_|1234567890123456/);
  expect(text.split("\n").length).toBeLessThan(1_000);
});

test("the metrics are on a port of their own, and nowhere unless they are wanted", async () => {
  expect((await fetch(`${gateway.url}/metrics`)).status).toBe(404);
  expect((await fetch(metricsUrl(gateway).replace("/metrics", "/graphql"))).status).toBe(404);
  const other = await startGateway({ DATABASE_URL: database.url });
  expect(other.output()).not.toContain("/metrics");
  await other.stop();
});
