import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";
import { ACCOUNT, policy, user } from "../support/demo.js";
import { type Gateway, startGateway } from "../support/gateway.js";

let database: TestDatabase;
let gateway: Gateway;

beforeAll(async () => {
  database = await createTestDatabase("quotas");
  gateway = await startGateway({ DATABASE_URL: database.url, SEED_DEMO: "true", LIMIT_GROUPS_PER_ACCOUNT: "3" });
});

afterAll(async () => {
  await gateway?.stop();
  await database?.drop();
});

test("a quota of the environment is the gateway's", async () => {
  const createGroup = (name: string) =>
    gateway.ask(
      `mutation { createGroup(input: { account: "${ACCOUNT}", name: "${name}" }) { changed userErrors { code message } } }`,
    );
  expect((await createGroup("third")).data.createGroup).toEqual({ changed: true, userErrors: [] });
  expect((await createGroup("fourth")).data.createGroup.userErrors).toEqual([
    { code: "LIMIT_EXCEEDED_GROUP", message: expect.stringContaining("already has 3 groups") },
  ]);
});

test("a list of a thousand attachments fits into one request", async () => {
  const attachment = (index: number) => ({
    policy: policy("ReadSecrets"),
    principal: user(index === 999 ? "nobody-with-a-long-name-that-makes-the-list-longer" : "bob"),
    resourceGroup: "rg-apollo",
    notBefore: "2030-01-01T00:00:00.000+08:00",
    expiresAt: "2031-01-01T00:00:00.000+08:00",
  });
  const attachments = Array.from({ length: 1_000 }, (_, index) => attachment(index));
  const query = `mutation ($input: AttachPoliciesInput!) {
    attachPolicies(input: $input) { changed changedCount attachments { id } userErrors { code field } } }`;
  const refused = await gateway.ask(query, { input: { attachments } });
  expect(refused.data.attachPolicies).toMatchObject({
    ...{ changed: false, attachments: null },
    userErrors: [{ code: "ENTITY_NOT_EXIST_USER", field: ["attachments", "999", "principal"] }],
  });
  const made = await gateway.ask(query, { input: { attachments: attachments.slice(0, 999) } });
  expect(made.data.attachPolicies).toMatchObject({ changed: true, changedCount: 1, userErrors: [] });
});
