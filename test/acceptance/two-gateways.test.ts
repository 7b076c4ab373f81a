import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";
import { GEMINI_KEY, group, policy, role, user } from "../support/demo.js";
import { askGateway, type Gateway, startGateway } from "../support/gateway.js";

const CHECK = `query ($principal: Arn!, $resource: Arn!) {
  effectivePermissions(principal: $principal, resource: $resource) { cache permissions { action allowed } } }`;
const CHANGE = (name: string) => `mutation ($input: ${name[0]?.toUpperCase()}${name.slice(1)}Input!) {
  ${name}(input: $input) { changed revision userErrors { code message } } }`;

let database: TestDatabase;
let gateways: readonly [Gateway, Gateway];

beforeAll(async () => {
  database = await createTestDatabase("two");
  const first = await startGateway({ DATABASE_URL: database.url, SEED_DEMO: "true" });
  gateways = [first, await startGateway({ DATABASE_URL: database.url, ADMIN_API_KEY: first.key })];
});

afterAll(async () => {
  await Promise.all((gateways ?? []).map((gateway) => gateway.stop()));
  await database?.drop();
});

async function decrypts(gateway: Gateway): Promise<boolean> {
  const { data } = await gateway.ask(CHECK, { principal: user("bob"), resource: GEMINI_KEY });
  // biome-ignore lint/suspicious/noExplicitAny: rows of the query above
  return data.effectivePermissions.permissions.find((row: any) => row.action === "kms:Decrypt").allowed;
}

async function change(gateway: Gateway, name: string, input: object): Promise<boolean> {
  const { data, errors } = await gateway.ask(CHANGE(name), { input });
  expect(errors).toBeUndefined();
  expect(data[name].userErrors).toEqual([]);
  return data[name].changed;
}

test("a response says how many of its decisions came from the cache", async () => {
  const ask = async () =>
    (await gateways[0].ask(CHECK, { principal: user("bob"), resource: GEMINI_KEY })) as { extensions?: unknown };
  await ask();
  expect((await ask()).extensions).toEqual({ cache: { HIT: 1, MISS: 0, BYPASS: 0 } });
  expect(await gateways[0].ask("{ __typename }")).not.toHaveProperty("extensions");
});

test.each([
  [
    "bob's own attachment",
    "attachPolicy",
    "detachPolicy",
    { policy: policy("QueryAndUseKeys"), principal: user("bob") },
  ],
  [
    "an attachment of bob's group",
    "attachPolicy",
    "detachPolicy",
    { policy: policy("QueryAndUseKeys"), principal: group("apollo-developers") },
  ],
  ["a membership", "addUserToGroup", "removeUserFromGroup", { user: user("bob"), group: group("kms-operators") }],
])("%s shows at once in both gateways, and is gone at once in both", async (_name, grant, revoke, input) => {
  for (let round = 0; round < 10; round += 1) {
    const [writer, reader] = round % 2 === 0 ? gateways : [gateways[1], gateways[0]];
    expect(await Promise.all(gateways.map(decrypts))).toEqual([false, false]);
    expect(await change(writer, grant, input)).toBe(true);
    expect([await decrypts(reader), await decrypts(writer)]).toEqual([true, true]);
    expect(await change(writer, revoke, input)).toBe(true);
    expect([await decrypts(reader), await decrypts(writer)]).toEqual([false, false]);
  }
});

test("a change of the tag, of the resource group and of the default version counts at once elsewhere", async () => {
  const [writer, reader] = gateways;
  await change(writer, "tagResource", { resource: GEMINI_KEY, tags: [{ key: "Project", value: "APOLLO" }] });
  expect(await decrypts(reader)).toBe(true);
  await change(writer, "untagResource", { resource: GEMINI_KEY, tagKeys: ["Project"] });
  expect(await decrypts(reader)).toBe(false);

  const own = { policy: policy("QueryAndUseKeys"), principal: user("bob"), resourceGroup: "rg-apollo" };
  await change(writer, "attachPolicy", own);
  expect(await decrypts(reader)).toBe(false);
  await change(writer, "moveToResourceGroup", { resource: GEMINI_KEY, resourceGroup: "rg-apollo" });
  expect(await decrypts(reader)).toBe(true);

  const document = { Version: "1", Statement: [{ Effect: "Allow", Action: "kms:List*", Resource: "*" }] };
  await change(writer, "createPolicyVersion", { policy: policy("QueryAndUseKeys"), document });
  expect(await decrypts(reader)).toBe(true);
  await change(writer, "setDefaultPolicyVersion", { policy: policy("QueryAndUseKeys"), version: "v2" });
  expect(await decrypts(reader)).toBe(false);
});

test("what one gateway evaluated the other finds in Redis; without Redis each has a cache of its own", async () => {
  const question = { principal: user("carol"), resource: GEMINI_KEY };
  const [first, second] = gateways;
  await first.ask(CHECK, question);
  const { data } = await second.ask(CHECK, question);
  expect(data.effectivePermissions.cache).toBe(inject("redisUrl") === null ? "MISS" : "HIT");
});

test("a gateway with a MAC key of its own believes nothing that others have cached, and answers the same", async () => {
  const [first] = gateways;
  const stranger = await startGateway({
    DATABASE_URL: database.url,
    ADMIN_API_KEY: first.key,
    CACHE_MAC_KEY: randomBytes(32).toString("base64url"),
  });
  const question = { principal: user("dave"), resource: GEMINI_KEY };
  await first.ask(CHECK, question);
  const known = (await first.ask(CHECK, question)).data.effectivePermissions;
  const own = (await stranger.ask(CHECK, question)).data.effectivePermissions;
  await stranger.stop();
  expect([known.cache, own.cache]).toEqual(["HIT", "MISS"]);
  expect(own.permissions).toEqual(known.permissions);
});

test("a session opened through one gateway signs in at the other, until either ends it", async () => {
  const [writer, reader] = gateways;
  const input = { role: role("deploy-bot"), sessionName: "build-1" };
  const assumed = await writer.ask(
    `mutation ($input: AssumeRoleInput!) { assumeRole(input: $input) { token session { arn } userErrors { message } } }`,
    { input },
  );
  const { token, session } = assumed.data.assumeRole;
  const who = "{ viewer { kind principal { arn } } }";
  const viewer = { kind: "PRINCIPAL", principal: { arn: session.arn } };
  expect((await askGateway(reader.url, token, who)).data.viewer).toEqual(viewer);
  const refused = await askGateway(
    reader.url,
    token,
    `mutation { createUser(input: { account: "1", name: "x" }) { userErrors { code } } }`,
  );
  expect(refused.errors?.[0]?.extensions.code).toBe("FORBIDDEN");
  expect(await change(reader, "revokeRoleSessions", { role: role("deploy-bot") })).toBe(true);
  for (const { url } of gateways) {
    expect((await askGateway(url, token, who)).errors?.[0]?.extensions.code).toBe("UNAUTHENTICATED");
  }
});
