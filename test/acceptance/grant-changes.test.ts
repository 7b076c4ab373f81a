import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";
import { ACCOUNT, group, policy, user } from "../support/demo.js";
import { askGateway, type Gateway, startGateway } from "../support/gateway.js";
import { change, prepareGrants, setGrant } from "../support/grants.js";
import { type StreamedResult, type Subscriber, subscribe, untilResults } from "../support/subscriber.js";

const CHANGES = `subscription ($account: String!, $principal: Arn, $after: String) {
  grantChanges(account: $account, principal: $principal, after: $after) {
    cursor event { sequence action targets actor before after revision changeCursor } } }`;
const TRAIL =
  "query ($account: String!) { auditEvents(account: $account, last: 1) { nodes { changeCursor sequence } } }";
const CREATE_KEY = "mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret apiKey { keyId } } }";
const REVOKE_KEY = "mutation ($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) { changed } }";

let database: TestDatabase;
let gateways: readonly [Gateway, Gateway];
let open: Subscriber[] = [];

beforeAll(async () => {
  database = await createTestDatabase("grant_changes");
  const settings = { DATABASE_URL: database.url, NODE_ENV: "test", MAX_SUBSCRIPTIONS: "4" };
  const first = await startGateway({ ...settings, MAX_SUBSCRIPTIONS_PER_CREDENTIAL: "3" });
  gateways = [first, await startGateway({ ...settings, ADMIN_API_KEY: first.key })];
  await prepareGrants(first, 3);
});
afterEach(async () => {
  for (const subscriber of open) subscriber.leave();
  await Promise.all(open.map(({ ended }) => ended));
  open = [];
});
afterAll(async () => {
  await Promise.all((gateways ?? []).map((gateway) => gateway.stop()));
  await database?.drop();
});

interface Way {
  readonly key?: string;
  readonly method?: "GET" | "POST";
}

async function listen(gateway: Gateway, variables: object = {}, { key = gateway.key, ...way }: Way = {}) {
  const options = { url: gateway.url, key, query: CHANGES, variables: { account: ACCOUNT, ...variables } };
  const subscriber = await subscribe({ ...options, ...way });
  open.push(subscriber);
  return subscriber;
}

const eventsOf = ({ results }: Subscriber) => results.map(({ data }) => data.grantChanges.event);
const errorOf = ({ results }: Subscriber) => results.at(-1)?.errors?.[0];
const cursorOf = (result: StreamedResult | undefined): string => result?.data.grantChanges.cursor;

async function lastEvent(gateway: Gateway): Promise<{ changeCursor: string; sequence: number }> {
  return (await gateway.ask(TRAIL, { account: ACCOUNT })).data.auditEvents.nodes[0];
}

async function createKey(input: object): Promise<{ secret: string; id: string }> {
  const { data } = await gateways[0].ask(CREATE_KEY, { input });
  return { secret: data.createApiKey.secret, id: data.createApiKey.apiKey.keyId };
}

describe("a subscriber", () => {
  test.each(["POST", "GET"] as const)("hears by %s of a change that another gateway makes", async (method) => {
    const subscriber = await listen(gateways[1], {}, { method });
    expect(subscriber.status).toBe(200);
    expect(subscriber.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    await setGrant(gateways[0], 0, true);
    await setGrant(gateways[0], 0, false);
    await untilResults(subscriber, 2);
    const target = { targets: [policy("switched"), user("switched-0")], actor: expect.stringMatching(/^operator:/) };
    expect(eventsOf(subscriber)).toMatchObject([
      { action: "attachPolicy", ...target, before: null, after: expect.anything() },
      { action: "detachPolicy", ...target, before: expect.anything(), after: null },
    ]);
    const last = await lastEvent(gateways[0]);
    expect(eventsOf(subscriber)[1]).toMatchObject(last);
    expect(cursorOf(subscriber.results[1])).toBe(last.changeCursor);
  });

  test("who comes with a cursor gets what is behind it, then what is new", async () => {
    const { changeCursor: after, sequence } = await lastEvent(gateways[0]);
    await setGrant(gateways[0], 0, true);
    await setGrant(gateways[0], 0, false);
    const subscriber = await listen(gateways[1], { after });
    await untilResults(subscriber, 2);
    await setGrant(gateways[1], 1, true);
    await setGrant(gateways[1], 1, false);
    await untilResults(subscriber, 4);
    const behind = await listen(gateways[0], { after: cursorOf(subscriber.results[2]) });
    await untilResults(behind, 1);
    expect(eventsOf(subscriber).map((event) => event.sequence - sequence)).toEqual([1, 2, 3, 4]);
    expect(behind.results).toEqual(subscriber.results.slice(3));
  });

  test("who asks for a principal hears of changes about him only, in any spelling, near and far behind", async () => {
    const { changeCursor: after } = await lastEvent(gateways[0]);
    for (let n = 0; n < 30; n += 1) await setGrant(gateways[0], 1, n % 2 === 0);
    await change(gateways[0], "createGroup", { account: ACCOUNT, name: "listened" });
    await change(gateways[0], "addUserToGroup", { user: user("switched-2"), group: group("listened") });
    for (let n = 0; n < 30; n += 1) await setGrant(gateways[0], 1, n % 2 === 0);
    const subscriber = await listen(gateways[1], { after, principal: user("SWITCHED-2") });
    await untilResults(subscriber, 1);
    await setGrant(gateways[0], 1, true);
    await setGrant(gateways[0], 2, true);
    await untilResults(subscriber, 2);
    expect(eventsOf(subscriber).map(({ action }) => action)).toEqual(["addUserToGroup", "attachPolicy"]);
  });

  test("hears nothing of api keys, which change no grants", async () => {
    const subscriber = await listen(gateways[1]);
    const { id } = await createKey({ principal: user("switched-0") });
    await gateways[0].ask(REVOKE_KEY, { input: { apiKey: id } });
    await setGrant(gateways[0], 0, true);
    await setGrant(gateways[0], 0, false);
    await untilResults(subscriber, 2);
    const [{ sequence }] = eventsOf(subscriber);
    expect(eventsOf(subscriber)).toMatchObject([{ action: "attachPolicy" }, { sequence: sequence + 1 }]);
  });

  test("gets a sign of life while nothing happens, and is not cut off at the deadline of requests", async () => {
    const gateway = await startGateway({
      ...{ DATABASE_URL: database.url, ADMIN_API_KEY: gateways[0].key },
      ...{ NODE_ENV: "test", REQUEST_DEADLINE_MS: "500" },
    });
    const subscriber = await listen(gateway);
    await sleep(1_500);
    expect(subscriber.comments()).toBeGreaterThan(2);
    await setGrant(gateways[0], 0, true);
    await setGrant(gateways[0], 0, false);
    await untilResults(subscriber, 2);
    await gateway.stop();
  });
});

describe("a subscription is refused", () => {
  test.each([
    ["an unknown account", { account: "42" }, "NOT_FOUND"],
    ["the trail of the gateway", { account: "gateway" }, "NOT_FOUND"],
    ["a malformed principal", { principal: "bob" }, "BAD_USER_INPUT"],
    ["a cursor that is none", { after: "17" }, "BAD_USER_INPUT"],
  ])("with %s", async (_name, variables, code) => {
    const subscriber = await listen(gateways[0], variables);
    await subscriber.ended;
    expect(errorOf(subscriber)?.extensions["code"]).toBe(code);
    expect(subscriber.isComplete()).toBe(true);
  });

  test("with a cursor of another account, or of an event that the trail does not hold", async () => {
    await change(gateways[0], "createAccount", { account: "77" });
    const { changeCursor } = await lastEvent(gateways[0]);
    const [binding, sequence, digest] = JSON.parse(Buffer.from(changeCursor, "base64url").toString());
    const forged = (...parts: string[]) => Buffer.from(JSON.stringify(parts)).toString("base64url");
    const cases = [
      { account: "77", after: changeCursor },
      { after: forged(binding, String(Number(sequence) + 1), digest) },
      { after: forged(binding, "1", digest) },
      { after: forged(binding, "x", digest) },
    ];
    for (const variables of cases) {
      const subscriber = await listen(gateways[0], variables);
      await subscriber.ended;
      expect(errorOf(subscriber)?.extensions).toMatchObject({ code: "BAD_USER_INPUT", reason: "INVALID_CURSOR" });
    }
  });

  test("to principals, in the same words whether there is such an account", async () => {
    const { secret } = await createKey({ principal: user("switched-0") });
    const answers = [];
    for (const account of [ACCOUNT, "42"]) {
      const subscriber = await listen(gateways[0], { account }, { key: secret });
      await subscriber.ended;
      expect(errorOf(subscriber)?.extensions["code"]).toBe("FORBIDDEN");
      answers.push(errorOf(subscriber)?.message.replace(account, "…"));
    }
    expect(answers[0]).toBe(answers[1]);
  });

  test.each(["application/json", "*/*", "multipart/mixed"])(
    "to who accepts `%s`, at once and as JSON",
    async (accept) => {
      const response = await fetch(`${gateways[0].url}/graphql`, {
        method: "POST",
        headers: { accept, authorization: `Bearer ${gateways[0].key}`, "content-type": "application/json" },
        body: JSON.stringify({ query: CHANGES, variables: { account: ACCOUNT } }),
      });
      expect(response.status).toBe(406);
      if (accept === "multipart/mixed") return; // GraphQL over HTTP has nothing to say to such a client
      expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: "BAD_USER_INPUT" } }] });
    },
  );

  test("beyond the number of one credential, and beyond that of all; a place is free when its client has gone", async () => {
    const [gateway] = gateways;
    const other = await createKey({});
    const first = await listen(gateway);
    for (let n = 0; n < 2; n += 1) await listen(gateway);
    const ownTooMany = await listen(gateway);
    await ownTooMany.ended;
    expect(ownTooMany.status).toBe(429);
    expect(ownTooMany.headers.get("retry-after")).toBe("1");
    expect(errorOf(ownTooMany)?.extensions).toMatchObject({
      code: "RATE_LIMITED",
      exceeded: "subscriptions",
      limit: 3,
    });
    await listen(gateway, {}, { key: other.secret });
    const tooMany = await listen(gateway, {}, { key: other.secret });
    await tooMany.ended;
    expect(tooMany.status).toBe(503);
    expect(errorOf(tooMany)?.extensions).toMatchObject({ code: "UNAVAILABLE" });
    first.leave();
    await expect.poll(async () => (await listen(gateway, {}, { key: other.secret })).status).toBe(200);
  });
});

describe("a stream ends", () => {
  test("within about a second after its credential was revoked, and tells nothing that was done since", async () => {
    const { secret, id } = await createKey({});
    const subscriber = await listen(gateways[1], {}, { key: secret });
    await setGrant(gateways[0], 0, true);
    await untilResults(subscriber, 1);
    await gateways[0].ask(REVOKE_KEY, { input: { apiKey: id } });
    const revoked = performance.now();
    await setGrant(gateways[0], 0, false);
    await subscriber.ended;
    expect(performance.now() - revoked).toBeLessThan(3_000);
    expect(subscriber.results.slice(1)).toMatchObject([
      { data: null, errors: [{ extensions: { code: "UNAUTHENTICATED" } }] },
    ]);
    expect(subscriber.isComplete()).toBe(true);
  });

  test("though nothing happens when its credential has expired", async () => {
    const { secret } = await createKey({ expiresAt: new Date(Date.now() + 1_500).toISOString() });
    const subscriber = await listen(gateways[1], {}, { key: secret });
    await subscriber.ended;
    expect(errorOf(subscriber)?.extensions["code"]).toBe("UNAUTHENTICATED");
  });

  test("complete when its gateway is told to stop, which waits for nothing else then", async () => {
    const leaving = await startGateway({ DATABASE_URL: database.url, ADMIN_API_KEY: gateways[0].key });
    const subscriber = await listen(leaving);
    await setGrant(gateways[0], 0, true);
    await untilResults(subscriber, 1);
    const began = performance.now();
    const code = leaving.stop();
    await subscriber.ended;
    expect(subscriber.isComplete()).toBe(true);
    expect(errorOf(subscriber)).toBeUndefined();
    await setGrant(gateways[0], 0, false);
    const again = await listen(gateways[1], { after: cursorOf(subscriber.results[0]) });
    await untilResults(again, 1);
    expect(eventsOf(again)).toMatchObject([{ action: "detachPolicy" }]);
    expect(await code).toBe(0);
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

test("a mutation and a query over server-sent events are answered as ever, a mutation over GET is not", async () => {
  const [{ url, key }] = gateways;
  const query = await subscribe({ url, key, query: "{ __typename }" });
  await query.ended;
  expect(query.results).toEqual([{ data: { __typename: "Query" } }]);
  const mutation = `mutation { createAccount(input: { account: "78" }) { changed } }`;
  const refused = await subscribe({ url, key, query: mutation, method: "GET" });
  await refused.ended;
  expect(refused.status).toBe(405);
  const { errors } = await askGateway(url, key, `{ auditEvents(account: "78") { totalCount } }`);
  expect(errors?.[0]?.extensions.code).toBe("NOT_FOUND");
});
