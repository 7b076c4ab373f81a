import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";
import { ACCOUNT, user } from "../support/demo.js";
import { askGateway, type Gateway, startGateway } from "../support/gateway.js";
import { change, KEY, nameOf, prepareGrants, readGrant, setGrant } from "../support/grants.js";

const LOG = `query ($account: String!, $first: Int, $last: Int, $after: String) {
  decisionLog(account: $account, first: $first, last: $last, after: $after) { totalCount pageInfo { hasNextPage endCursor }
    nodes { at principal action resource outcome decidedBy error caller requestId } } }`;
const CREATE_KEY = "mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }";
const ASK = `query ($principal: Arn!, $resource: Arn!) {
  checkAccess(input: { principal: $principal, action: "kms:Decrypt", resource: $resource,
    context: { sourceIp: "10.98.76.54" } }) { allowed } }`;

let database: TestDatabase;
let gateway: Gateway;
beforeAll(async () => {
  database = await createTestDatabase("decision_log");
  gateway = await startGateway({ DATABASE_URL: database.url, DECISION_LOG: "all", DECISION_LOG_ROWS: "50" });
  await prepareGrants(gateway, 2);
});
afterAll(async () => {
  await gateway?.stop();
  await database?.drop();
});

const PATIENCE = { timeout: 5_000 };

async function logOf(variables: object = {}) {
  const { data, errors } = await gateway.ask(LOG, { account: ACCOUNT, ...variables });
  expect(errors).toBeUndefined();
  return data.decisionLog;
}

const untilLogged = (count: number) => expect.poll(async () => (await logOf()).totalCount, PATIENCE).toBe(count);

test("denials and questions that failed are found, oldest first, with who asked; what was allowed is not", async () => {
  await setGrant(gateway, 1, true);
  expect((await readGrant(gateway, 1)).granted).toBe(true);
  expect((await readGrant(gateway, 0)).granted).toBe(false);
  await gateway.ask(ASK, { principal: nameOf(0), resource: KEY });
  await gateway.ask(ASK, { principal: user("nobody"), resource: KEY });
  await untilLogged(3);
  const { nodes } = await logOf();
  const denied = { principal: nameOf(0), action: "kms:Decrypt", resource: KEY, outcome: "IMPLICIT_DENY", error: null };
  const failed = { principal: user("nobody"), action: null, resource: KEY, outcome: null, decidedBy: null };
  expect(nodes).toMatchObject([denied, denied, { ...failed, error: "NOT_FOUND" }]);
  for (const { caller, requestId, at } of nodes) {
    expect(caller).toMatch(/^operator:test/);
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(Math.abs(Date.now() - Date.parse(at))).toBeLessThan(60_000);
  }
  expect(nodes[0].decidedBy).toEqual(expect.any(String));
  expect(JSON.stringify(nodes)).not.toContain("10.98.76.54");
});

test("it is paged through like other lists, and new entries of a gateway come behind the last cursor", async () => {
  const first = await logOf({ first: 2 });
  expect(first.pageInfo.hasNextPage).toBe(true);
  const rest = await logOf({ after: first.pageInfo.endCursor });
  await gateway.ask(ASK, { principal: nameOf(0), resource: KEY });
  await untilLogged(4);
  const next = await logOf({ after: rest.pageInfo.endCursor });
  expect([first.nodes.length, rest.nodes.length, next.nodes.length]).toEqual([2, 1, 1]);
  expect((await logOf({ last: 1 })).nodes).toEqual(next.nodes);
});

test("it is for operators; to principals it is the same whether there is the account", async () => {
  const { data } = await gateway.ask(CREATE_KEY, { input: { principal: nameOf(0) } });
  const { secret } = data.createApiKey;
  const answers = [];
  for (const account of [ACCOUNT, "42"]) {
    const { errors } = await askGateway(gateway.url, secret, LOG, { account });
    expect(errors?.[0]?.extensions.code).toBe("FORBIDDEN");
    answers.push(errors?.[0]?.message.replace(account, "…"));
  }
  expect(answers[0]).toBe(answers[1]);
  const { errors } = await gateway.ask(LOG, { account: "42" });
  expect(errors?.[0]?.extensions.code).toBe("NOT_FOUND");
});

test("an account sees its own principals only", async () => {
  await change(gateway, "createAccount", { account: "77" });
  expect((await logOf({ account: "77" })).nodes).toEqual([]);
});

test("it has an end: the oldest give way", async () => {
  const question = { principal: nameOf(0), resource: KEY, action: "kms:Decrypt" };
  const ask = "query ($inputs: [AccessCheckInput!]!) { checkAccessBatch(inputs: $inputs) { __typename } }";
  for (let n = 0; n < 3; n += 1) {
    const inputs = Array.from({ length: 40 }, (_, k) => ({ ...question, context: { sourceIp: `10.0.${n}.${k}` } }));
    await gateway.ask(ask, { inputs });
  }
  await expect.poll(async () => (await logOf()).totalCount, PATIENCE).toBeGreaterThan(100);
  await gateway.ask(ASK, { principal: nameOf(0), resource: KEY });
  await untilLogged(50);
});

test("a gateway that stops writes what it has, and one without the log writes nothing", async () => {
  const settings = { DATABASE_URL: database.url, ADMIN_API_KEY: gateway.key };
  const other = await startGateway({ ...settings, DECISION_LOG: "denials" });
  const ask = (asked: Gateway) => askGateway(asked.url, gateway.key, ASK, { principal: user("late"), resource: KEY });
  await ask(other);
  expect(await other.stop()).toBe(0);
  const lastPrincipal = async () => (await logOf({ last: 1 })).nodes[0].principal;
  expect(await lastPrincipal()).toBe(user("late"));
  const silent = await startGateway(settings);
  await askGateway(silent.url, gateway.key, ASK, { principal: user("later"), resource: KEY });
  await silent.stop();
  expect(await lastPrincipal()).toBe(user("late"));
});
