import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Caller } from "../../src/domain/caller.js";
import { ACCOUNT, role, user } from "../support/demo.js";
import { type Fixture, openFixture } from "./fixture.js";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture("demo");
});
afterAll(() => fixture?.close());
beforeEach(() => fixture.db.credential.deleteMany());

const KEY = `id keyId kind principal { arn } description createdAt expiresAt rotatedAt previousSecretUntil revokedAt
  lastUsedAt active`;
const PAYLOAD = `apiKey { ${KEY} } changed revision userErrors { code message field }`;
const CREATE = `mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret repeated ${PAYLOAD} } }`;
const ROTATE = `mutation ($input: RotateApiKeyInput!) { rotateApiKey(input: $input) { secret repeated ${PAYLOAD} } }`;
const REVOKE = `mutation ($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) { ${PAYLOAD} } }`;
const READ = `query ($id: ID!) { apiKey(id: $id) { ${KEY} } }`;
const NODE = `query ($id: ID!) { node(id: $id) { ... on ApiKey { ${KEY} } } }`;
const LIST = `query ($account: String, $principal: Arn, $first: Int, $after: String, $last: Int, $before: String) {
  apiKeys(account: $account, principal: $principal, first: $first, after: $after, last: $last, before: $before) {
    totalCount nodes { keyId } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;

const as = (principalArn: string): Caller => ({ kind: "PRINCIPAL", credentialId: "c", principalArn });
const create = async (input: object = {}) => (await fixture.ask(CREATE, { input })).createApiKey;

/** A key made by the test, seconds ago. */
async function keyOf(id: string, name: string | null, ago = 0): Promise<void> {
  const principal = name === null ? null : await fixture.db.principal.findUniqueOrThrow({ where: { arnKey: name } });
  const kind = principal === null ? "OPERATOR" : "PRINCIPAL";
  const createdAt = new Date(Date.now() - ago * 1_000);
  const secretDigest = new Uint8Array(32);
  await fixture.db.credential.create({
    data: { id, kind, principalId: principal?.id ?? null, secretDigest, createdAt },
  });
}

describe("changes of api keys", () => {
  it("show the secret once and say when they repeat an answer", async () => {
    const first = await create({ principal: user("bob"), description: "ci", idempotencyKey: "k" });
    expect(first).toMatchObject({ changed: true, userErrors: [], repeated: false });
    expect(first.secret).toMatch(new RegExp(`^rg_${first.apiKey.keyId}_[\\w-]{43}$`));
    expect(first.apiKey).toMatchObject({
      ...{ kind: "PRINCIPAL", principal: { arn: user("bob") }, description: "ci", active: true },
      ...{ rotatedAt: null, previousSecretUntil: null, revokedAt: null, lastUsedAt: null },
    });
    const again = await create({ principal: user("bob"), description: "ci", idempotencyKey: "k" });
    expect(again).toEqual({ ...first, secret: null, repeated: true });
    expect((await create({ dryRun: true })).apiKey).toBeNull();
    const refused = await create({ principal: user("none") });
    expect(refused).toMatchObject({ apiKey: null, secret: null, repeated: false, changed: false });
    expect(refused.userErrors).toMatchObject([{ code: "ENTITY_NOT_EXIST_USER", field: ["principal"] }]);
  });

  it("rotate and revoke", async () => {
    const { apiKey, secret } = await create();
    const turned = (await fixture.ask(ROTATE, { input: { apiKey: apiKey.keyId, overlapSeconds: 60 } })).rotateApiKey;
    expect(turned.apiKey).toMatchObject({ keyId: apiKey.keyId, active: true, previousSecretUntil: expect.any(String) });
    expect(turned.secret).not.toBe(secret);
    const ended = (await fixture.ask(REVOKE, { input: { apiKey: apiKey.keyId } })).revokeApiKey;
    expect(ended).toMatchObject({ changed: true, apiKey: { active: false, revokedAt: expect.any(String) } });
    const TRAIL = `{ auditEvents(account: "gateway", last: 3) { nodes { id action targets before after input } } }`;
    const { nodes } = (await fixture.ask(TRAIL)).auditEvents;
    expect(nodes.map(({ action }: { action: string }) => action)).toEqual([
      "createApiKey",
      "rotateApiKey",
      "revokeApiKey",
    ]);
    const FIND = `query ($id: ID!) { node(id: $id) { ... on AuditEvent { action } } }`;
    expect((await fixture.ask(FIND, { id: nodes[0].id })).node).toEqual({ action: "createApiKey" });
    expect(JSON.stringify(nodes)).not.toContain(secret.slice(-43));
  });
});

describe("api keys as records", () => {
  it("are found by id and listed, newest first, in pages", async () => {
    for (const [ago, name] of [user("bob"), null, user("carol"), user("bob")].entries())
      await keyOf(`k${ago}`, name, ago);
    await fixture.db.credentialUse.create({ data: { credentialId: "k0", lastUsedAt: new Date(0) } });
    const { apiKey } = await fixture.ask(READ, { id: "k0" });
    expect(apiKey).toMatchObject({
      keyId: "k0",
      principal: { arn: user("bob") },
      lastUsedAt: "1970-01-01T00:00:00.000Z",
    });
    expect((await fixture.ask(NODE, { id: apiKey.id })).node).toEqual(apiKey);
    for (const id of ["none", "", "K0", "\0", "x".repeat(99)])
      expect((await fixture.ask(READ, { id })).apiKey).toBeNull();
    const list = async (variables: object = {}) => (await fixture.ask(LIST, { ...variables })).apiKeys;
    const ids = ({ nodes }: { nodes: { keyId: string }[] }) => nodes.map(({ keyId }) => keyId);
    expect(ids(await list())).toEqual(["k0", "k1", "k2", "k3"]);
    expect(ids(await list({ account: ACCOUNT }))).toEqual(["k0", "k2", "k3"]);
    const { statements } = await fixture.run(`{ apiKeys { totalCount nodes { ${KEY} } } }`);
    expect(statements.length).toBeLessThanOrEqual(6); // places, count, keys with principals and uses, principals of keys
    const page = await list({ principal: user("bob"), first: 1 });
    expect(page).toMatchObject({ totalCount: 2, nodes: [{ keyId: "k0" }], pageInfo: { hasNextPage: true } });
    expect(ids(await list({ principal: user("BOB"), first: 1, after: page.pageInfo.endCursor }))).toEqual(["k3"]);
    expect(ids(await list({ last: 2 }))).toEqual(["k2", "k3"]);
    expect(await fixture.fail(LIST, { after: page.pageInfo.endCursor })).toMatchObject({ code: "BAD_USER_INPUT" });
    expect(await fixture.fail(LIST, { account: "404" })).toMatchObject({ code: "NOT_FOUND" });
    expect(await fixture.fail(LIST, { principal: user("none") })).toMatchObject({ code: "NOT_FOUND" });
    expect(await fixture.fail(LIST, { principal: "bob" })).toMatchObject({ code: "BAD_USER_INPUT" });
  });

  it("of others are not there for principals", async () => {
    await keyOf("mine", user("bob"));
    await keyOf("hers", user("carol"));
    await keyOf("operator", null);
    const bob = as(user("bob"));
    const id = async (key: string) => (await fixture.ask(READ, { id: key })).apiKey.id;
    const nodes = { mine: await id("mine"), hers: await id("hers"), operator: await id("operator") };
    const listed = async (variables: Record<string, unknown>) => fixture.run(LIST, variables, bob);
    for (const variables of [{}, { account: ACCOUNT }, { principal: user("BOB") }]) {
      const { data, errors } = await listed(variables);
      expect(errors).toEqual([]);
      expect(data.apiKeys).toMatchObject({ totalCount: 1, nodes: [{ keyId: "mine" }] });
    }
    for (const variables of [{ account: "404" }, { principal: user("carol") }, { principal: user("none") }]) {
      const [error] = (await listed(variables)).errors;
      expect(error).toMatchObject({
        extensions: { code: "FORBIDDEN" },
        message: "principals may list their own api keys only",
      });
    }
    const read = async (key: string) => (await fixture.run(READ, { id: key }, bob)).data.apiKey;
    expect(await read("mine")).toMatchObject({ keyId: "mine" });
    expect([await read("hers"), await read("operator"), await read("none")]).toEqual([null, null, null]);
    const node = async (key: string) => (await fixture.run(NODE, { id: key }, bob)).data.node;
    expect(await node(nodes.mine)).toMatchObject({ keyId: "mine" });
    expect([await node(nodes.hers), await node(nodes.operator)]).toEqual([null, null]);
  });
});

describe("viewer", () => {
  const VIEWER = "{ viewer { kind principal { arn kind } credential { id type apiKey { keyId } } } }";

  it("says who calls, and with what", async () => {
    await keyOf("k1", user("bob"));
    await keyOf("k2", null);
    const session = `acs:ram::${ACCOUNT}:assumed-role/deploy-bot/s1`;
    const view = async (caller: Caller) => (await fixture.run(VIEWER, {}, caller)).data.viewer;
    expect(await view({ kind: "OPERATOR", credentialId: "k2" })).toEqual({
      ...{ kind: "OPERATOR", principal: null, credential: { id: "k2", type: "API_KEY", apiKey: { keyId: "k2" } } },
    });
    expect(await view({ kind: "PRINCIPAL", credentialId: "k1", principalArn: user("bob") })).toEqual({
      ...{ kind: "PRINCIPAL", principal: { arn: user("bob"), kind: "USER" } },
      credential: { id: "k1", type: "API_KEY", apiKey: { keyId: "k1" } },
    });
    const signedIn = async (signedInBy: "SESSION_TOKEN" | "OIDC_TOKEN", principalArn: string) =>
      view({ kind: "PRINCIPAL", credentialId: "x", principalArn, signedInBy });
    expect(await signedIn("SESSION_TOKEN", session)).toEqual({
      ...{ kind: "PRINCIPAL", principal: { arn: session, kind: "ROLE_SESSION" } },
      credential: { id: "x", type: "SESSION_TOKEN", apiKey: null },
    });
    expect(await signedIn("OIDC_TOKEN", role("deploy-bot"))).toEqual({
      ...{ kind: "PRINCIPAL", principal: { arn: role("deploy-bot"), kind: "ROLE" } },
      credential: { id: "x", type: "OIDC_TOKEN", apiKey: null },
    });
  });
});
