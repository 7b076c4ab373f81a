import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { migrate } from "../../src/store/migrate.js";
import { breakBuild, killed } from "../support/broken-build.js";
import { MIGRATIONS, withClient } from "../support/databases.js";
import { ACCOUNT, policy, user } from "../support/demo.js";
import { askGateway, type Gateway, type GraphQLAnswer, startGateway } from "../support/gateway.js";
import { scrape, sumOf } from "../support/metrics.js";
import { type OwnPostgres, startOwnPostgres } from "../support/own-postgres.js";

/** A primary and a streaming replica of it, both of this test alone. */
let primary: OwnPostgres;
let standby: OwnPostgres;
let gateway: Gateway;
vi.setConfig({ testTimeout: 60_000 });

beforeAll(async () => {
  primary = await startOwnPostgres();
  await primary.stop();
  standby = await primary.fork();
  await primary.start();
  await standby.follow(primary.url());
  await standby.start();
  gateway = await start();
}, 120_000);

afterAll(async () => {
  await gateway?.kill();
  await standby?.remove();
  await primary?.remove();
});

async function start(settings: Record<string, string> = {}, program?: string): Promise<Gateway> {
  const urls = { DATABASE_URL: primary.url(), DATABASE_REPLICA_URL: standby.url() };
  return startGateway({ ...urls, SEED_DEMO: "true", METRICS_PORT: "0", LOG_LEVEL: "info", ...settings }, program);
}

// biome-ignore lint/suspicious/noExplicitAny: a test reads what its own query selected
function dataOf({ data, errors }: GraphQLAnswer): any {
  expect(errors).toBeUndefined();
  return data;
}

const onStandby = (sql: string) => withClient(standby.url(), (client) => client.query(sql));
const pause = () => onStandby("SELECT pg_wal_replay_pause()");
const resume = () => onStandby("SELECT pg_wal_replay_resume()");

async function readsOf(which: Gateway): Promise<Record<"replica" | "primary", number>> {
  const samples = await scrape(which);
  const from = (who: string) => sumOf(samples, "ramgate_record_reads_total", { from: who });
  return { replica: from("replica"), primary: from("primary") };
}

/** A replica that has failed, or was slow for once, is left alone for a second. */
const REST = { timeout: 10_000, interval: 200 };

/** It may be said before that the replica was slow. */
async function untilTold(astray: Gateway, problem: string): Promise<void> {
  const told = async () => {
    await namesIn(astray);
    return astray.errors();
  };
  await expect.poll(told, REST).toContain(problem);
}

const LIST = `{ principals(account: "${ACCOUNT}", nameContains: "seen", first: 50) {
  totalCount nodes { name tags { key } attachments { totalCount } } } }`;

async function create(which: Gateway, name: string) {
  const created = `mutation { createUser(input: { account: "${ACCOUNT}", name: "${name}" }) {
    userErrors { message } user { name arn attachments { totalCount } } } }`;
  return dataOf(await which.ask(created)).createUser;
}

const namesIn = async (which: Gateway): Promise<string[]> =>
  // biome-ignore lint/suspicious/noExplicitAny: rows of the query above
  dataOf(await which.ask(LIST)).principals.nodes.map((row: any) => row.name);

test("records come from the replica, and show every change that was acknowledged before", async () => {
  const before = await readsOf(gateway);
  for (let round = 0; round < 20; round += 1) {
    const name = `seen-${String(round).padStart(2, "0")}`;
    expect(await create(gateway, name)).toMatchObject({
      userErrors: [],
      user: { name, attachments: { totalCount: 0 } },
    });
    expect((await namesIn(gateway)).at(-1)).toBe(name);
  }
  await sleep(1_100); // had it been behind for once, it would be left alone for a second
  const quiet = await readsOf(gateway);
  expect(await namesIn(gateway)).toHaveLength(20);
  const after = await readsOf(gateway);
  expect(after.replica).toBeGreaterThan(quiet.replica);
  expect(after.primary).toBe(quiet.primary);
  expect(after.replica).toBeGreaterThan(before.replica);
});

test("a read that is wrong in itself does not keep the replica out of use", async () => {
  const before = await readsOf(gateway);
  const wrong = `{ principals(account: "${ACCOUNT}", nameContains: "\\u0000", first: 5) { totalCount nodes { name } } }`;
  expect((await gateway.ask(wrong)).errors?.[0]?.extensions.code).toBe("BAD_USER_INPUT");
  const between = await readsOf(gateway);
  expect(between.primary).toBeGreaterThan(before.primary); // it has come as far as the database
  await namesIn(gateway);
  expect((await readsOf(gateway)).replica).toBeGreaterThan(between.replica);
});

const READ = { Version: "1", Statement: [{ Effect: "Allow", Action: "ramgate:ReadPrincipal", Resource: "*" }] };
const ASK = `{ checkAccess(input: { principal: "${user("bob")}", action: "ramgate:ReadPrincipal", resource: "${user("seen-00")}" }) { allowed } }`;
const BOB = `mutation { createApiKey(input: { principal: "${user("bob")}" }) { secret } }`;
const GIVE = (name: "attachPolicy" | "detachPolicy") =>
  `mutation { ${name}(input: { policy: "${policy("read")}", principal: "${user("bob")}" }) { changed } }`;

test("while the replica stands still nothing is late: not records, not decisions, not who may read", async () => {
  const made = await gateway.ask(
    `mutation ($document: PolicyDocument!) { createPolicy(input: { account: "${ACCOUNT}", name: "read", document: $document }) { changed } }`,
    { document: READ },
  );
  expect(made.errors).toBeUndefined();
  const { secret } = dataOf(await gateway.ask(BOB)).createApiKey;
  await pause();
  await create(gateway, "seen-while-paused");
  expect(await namesIn(gateway)).toContain("seen-while-paused");
  for (const [name, is] of [
    ["attachPolicy", true],
    ["detachPolicy", false],
  ] as const) {
    expect(dataOf(await gateway.ask(GIVE(name)))[name].changed).toBe(true);
    expect(dataOf(await gateway.ask(ASK)).checkAccess.allowed).toBe(is);
    const read = await askGateway(gateway.url, secret, LIST);
    expect(read.errors?.[0]?.extensions.code ?? "may").toBe(is ? "may" : "FORBIDDEN");
  }
  const paused = await readsOf(gateway);
  await namesIn(gateway);
  expect((await readsOf(gateway)).primary).toBeGreaterThan(paused.primary);
  await resume();
  const turned = async () => {
    await namesIn(gateway);
    return (await readsOf(gateway)).replica > paused.replica;
  };
  await expect.poll(turned, REST).toBe(true);
  expect(gateway.errors().match(/not from the replica/g)?.length).toBeGreaterThanOrEqual(1);
  expect(gateway.errors()).toContain("records are read from the replica again");
});

test("where nobody asks how far it is, old records are found, and decisions and rights are still those of now", async () => {
  const find = "if (place.position >= goal.position)";
  const build = await breakBuild("credulous", [{ file: "store/replica.js", find, replace: "if (true)" }]);
  const credulous = await start({ ADMIN_API_KEY: gateway.key }, build.program);
  const { secret } = dataOf(await credulous.ask(BOB)).createApiKey;
  expect(dataOf(await credulous.ask(GIVE("attachPolicy"))).attachPolicy.changed).toBe(true);
  await pause();
  await create(credulous, "seen-too-late");
  let late = 0;
  const look = async () => {
    late += (await namesIn(credulous)).includes("seen-too-late") ? 0 : 1;
    return late;
  };
  await expect.poll(look, REST).toBe(1);
  killed("a replica that is behind is read", late);
  expect(dataOf(await credulous.ask(GIVE("detachPolicy"))).detachPolicy.changed).toBe(true);
  expect(dataOf(await credulous.ask(ASK)).checkAccess.allowed).toBe(false);
  expect((await askGateway(credulous.url, secret, LIST)).errors?.[0]?.extensions.code).toBe("FORBIDDEN");
  await resume();
  await credulous.stop();
  await build.remove();
});

test("another database of the replica's server is not read", async () => {
  await withClient(primary.url(), (client) => client.query("CREATE DATABASE other TEMPLATE template0"));
  const other = (server: OwnPostgres) => Object.assign(new URL(server.url()), { pathname: "/other" }).toString();
  await migrate(other(primary), MIGRATIONS);
  const isThere = () => withClient(other(standby), (client) => client.query("SELECT FROM principal")).then(() => true);
  await expect.poll(() => isThere().catch(() => false), { timeout: 10_000, interval: 50 }).toBe(true);
  const astray = await start({ ADMIN_API_KEY: gateway.key, DATABASE_REPLICA_URL: other(standby) });
  expect(await namesIn(astray)).toContain("seen-while-paused");
  await untilTold(astray, "the replica is of another database or schema");
  expect((await readsOf(astray)).replica).toBe(0);
  await astray.stop();
});

test("without the replica, and with another server in its place, the primary answers", async () => {
  await standby.crash();
  const { primary: before } = await readsOf(gateway);
  expect(await namesIn(gateway)).toContain("seen-while-paused");
  expect((await readsOf(gateway)).primary).toBeGreaterThan(before);
  const astray = await start({ ADMIN_API_KEY: gateway.key, DATABASE_REPLICA_URL: primary.url() });
  expect(await namesIn(astray)).toContain("seen-while-paused");
  await untilTold(astray, "the replica is none: it takes changes itself");
  expect((await readsOf(astray)).replica).toBe(0);
  await astray.stop();
});
