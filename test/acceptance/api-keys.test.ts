import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase, withClient } from "../support/databases.js";
import { user } from "../support/demo.js";
import { askGateway, type Gateway, startGateway } from "../support/gateway.js";
import { type Issuer, issuerKey, startIssuer, tokenOf } from "../support/issuer.js";

const ISSUER_KEY = issuerKey("k1", "ES256");
const CREATE =
  "mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret repeated apiKey { keyId } } }";
const ROTATE = "mutation ($input: RotateApiKeyInput!) { rotateApiKey(input: $input) { secret repeated } }";
const REVOKE = "mutation ($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) { changed } }";
const VIEWER = "{ viewer { kind principal { arn } credential { id type } } }";

let database: TestDatabase;
let issuer: Issuer;
let gateways: readonly [Gateway, Gateway];

beforeAll(async () => {
  database = await createTestDatabase("keys");
  issuer = await startIssuer([ISSUER_KEY]);
  const settings = {
    ...{ DATABASE_URL: database.url, LOG_LEVEL: "trace", SEED_DEMO: "true", OIDC_ISSUER: "https://id.example.com" },
    ...{ OIDC_AUDIENCE: "ramgate", OIDC_JWKS_URL: issuer.url.href, OIDC_PRINCIPAL: "{arn}" },
  };
  const first = await startGateway(settings);
  gateways = [first, await startGateway({ ...settings, ADMIN_API_KEY: first.key })];
});

afterAll(async () => {
  await Promise.all((gateways ?? []).map((gateway) => gateway.stop()));
  await issuer?.close();
  await database?.drop();
});

/** The code of the refusal, or what the caller is. */
async function viewerOn({ url }: Gateway, key: string) {
  const { data, errors } = await askGateway(url, key, VIEWER);
  return errors?.[0]?.extensions.code ?? data.viewer;
}

async function create(input: object) {
  const { data } = await gateways[0].ask(CREATE, { input });
  return data.createApiKey;
}

test("a key that is revoked on one gateway is refused by the other at once", async () => {
  const [here, there] = gateways;
  for (let round = 0; round < 20; round += 1) {
    const { secret, apiKey } = await create({ principal: user("bob") });
    const bob = {
      kind: "PRINCIPAL",
      principal: { arn: user("bob") },
      credential: { id: apiKey.keyId, type: "API_KEY" },
    };
    expect([await viewerOn(there, secret), await viewerOn(there, secret)]).toEqual([bob, bob]);
    await here.ask(REVOKE, { input: { apiKey: apiKey.keyId } });
    expect([await viewerOn(there, secret), await viewerOn(here, secret)]).toEqual([
      "UNAUTHENTICATED",
      "UNAUTHENTICATED",
    ]);
  }
});

test("a key that is rotated on one gateway has its new secret on the other at once", async () => {
  const [here, there] = gateways;
  const { secret, apiKey } = await create({});
  expect(await viewerOn(there, secret)).toMatchObject({ kind: "OPERATOR" });
  const { data } = await here.ask(ROTATE, { input: { apiKey: apiKey.keyId } });
  expect(await viewerOn(there, secret)).toBe("UNAUTHENTICATED");
  expect(await viewerOn(there, data.rotateApiKey.secret)).toMatchObject({ credential: { id: apiKey.keyId } });
});

test("a token of the issuer signs its principal in, on every gateway", async () => {
  const at = Math.floor(Date.now() / 1_000);
  const payload = { iss: "https://id.example.com", aud: "ramgate", arn: user("bob"), iat: at, exp: at + 60 };
  const token = tokenOf({ alg: "ES256", kid: "k1" }, payload, ISSUER_KEY);
  const bob = { kind: "PRINCIPAL", principal: { arn: user("bob") }, credential: { type: "OIDC_TOKEN" } };
  for (const gateway of gateways) expect(await viewerOn(gateway, token)).toMatchObject(bob);
  expect(await viewerOn(gateways[0], token.slice(0, -8))).toBe("UNAUTHENTICATED");
});

test("no secret is in the database, in the logs, or in an answer that is repeated", async () => {
  const { secret, apiKey } = await create({ idempotencyKey: "one", description: "d" });
  const { data } = await gateways[0].ask(ROTATE, {
    input: { apiKey: apiKey.keyId, overlapSeconds: 60, idempotencyKey: "two" },
  });
  const next = data.rotateApiKey.secret;
  for (const key of [secret, next, `${next}x`]) await viewerOn(gateways[0], key);
  expect(await create({ idempotencyKey: "one", description: "d" })).toMatchObject({ secret: null, repeated: true });
  const again = await gateways[0].ask(ROTATE, {
    input: { apiKey: apiKey.keyId, overlapSeconds: 60, idempotencyKey: "two" },
  });
  expect(again.data.rotateApiKey).toEqual({ secret: null, repeated: true });
  const dump = await dumpOf(database.url);
  expect(dump).toContain(apiKey.keyId);
  const written = gateways.map((gateway) => gateway.output() + gateway.errors()).join("");
  for (const key of [secret, next]) {
    const hidden = key.split("_").slice(2).join("_");
    for (const form of [hidden, Buffer.from(hidden).toString("hex"), Buffer.from(key).toString("base64")]) {
      expect(dump).not.toContain(form);
      expect(written).not.toContain(form);
    }
  }
});

test("when a key was last used is there after a while", async () => {
  const { secret, apiKey } = await create({});
  await viewerOn(gateways[1], secret);
  const READ = "query ($id: ID!) { apiKey(id: $id) { lastUsedAt } }";
  const lastUsedAt = async () => (await gateways[0].ask(READ, { id: apiKey.keyId })).data.apiKey.lastUsedAt;
  await expect.poll(lastUsedAt, { timeout: 10_000 }).toEqual(expect.any(String));
});

/** All rows of all tables. */
function dumpOf(url: string): Promise<string> {
  return withClient(url, async (client) => {
    const tables = await client.query("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()");
    const rows = [];
    for (const { tablename } of tables.rows)
      rows.push(...(await client.query(`SELECT t::text FROM "${tablename}" t`)).rows);
    return JSON.stringify(rows);
  });
}
