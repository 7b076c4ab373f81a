import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";
import {
  ACCOUNT,
  APOLLO_KEY,
  APOLLO_SECRET,
  GEMINI_KEY,
  GEMINI_SECRET,
  group,
  OLD_KEY,
  policy,
  role,
  user,
} from "../support/demo.js";
import { type Gateway, startGateway } from "../support/gateway.js";

const EFFECTIVE = `query ($principal: Arn!, $resource: Arn!, $context: RequestContextInput) {
  effectivePermissions(principal: $principal, resource: $resource, context: $context) {
    principal { arn kind }
    cache
    evaluatedAt
    revision
    permissions {
      action outcome allowed decidedBy reason certainty validUntil missingContextKeys
      matchedStatements { effect version index policy { arn name } attachedTo { arn } scope { kind resourceGroup { id } } }
    }
    operations { operation outcome allowed usableNow blockedByKeyState legs { action resource outcome } }
  }
}`;

let database: TestDatabase;
let gateway: Gateway;

beforeAll(async () => {
  database = await createTestDatabase("demo");
  gateway = await startGateway({ DATABASE_URL: database.url, SEED_DEMO: "true" });
});

afterAll(async () => {
  await gateway?.stop();
  await database?.drop();
});

// biome-ignore lint/suspicious/noExplicitAny: rows of the query above
type Row = any;

async function effective(principal: string, resource: string, context?: object): Promise<Row> {
  const { data, errors } = await gateway.ask(EFFECTIVE, { principal, resource, context });
  expect(errors).toBeUndefined();
  return data.effectivePermissions;
}

const allowed = ({ permissions }: Row): string[] =>
  permissions.filter((row: Row) => row.allowed).map((row: Row) => row.action);
const row = ({ permissions }: Row, action: string): Row => permissions.find((each: Row) => each.action === action);
const operation = ({ operations }: Row, name: string): Row => operations.find((each: Row) => each.operation === name);

describe("the demo account", () => {
  test("bob uses the apollo key, whose tag differs from the policy in case only, with the whole path", async () => {
    const answer = await effective(user("bob"), APOLLO_KEY);
    expect(allowed(answer).sort()).toEqual(["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]);
    expect(row(answer, "kms:Decrypt")).toMatchObject({
      outcome: "ALLOW",
      decidedBy: "ACCOUNT_LEVEL_IDENTITY_BASED_POLICY",
      certainty: "EXACT",
      validUntil: null,
      matchedStatements: [
        {
          effect: "ALLOW",
          version: "v1",
          index: 0,
          policy: { arn: policy("UseApolloKeys"), name: "UseApolloKeys" },
          attachedTo: { arn: group("apollo-developers") },
          scope: { kind: "ACCOUNT", resourceGroup: null },
        },
      ],
    });
    expect(row(answer, "kms:Decrypt").reason).toContain("UseApolloKeys");
  });

  test("bob can do nothing with the gemini key", async () => {
    const answer = await effective(user("bob"), GEMINI_KEY);
    expect(allowed(answer)).toEqual([]);
    expect(answer.permissions.length).toBeGreaterThan(25);
    for (const each of answer.permissions) expect(each.outcome).toBe("IMPLICIT_DENY");
  });

  test.each([
    ["nobody says where from", undefined, "CONDITIONAL", ["acs:SourceIp"]],
    ["from outside", { sourceIp: "8.8.8.8" }, "EXPLICIT_DENY", []],
    ["from inside", { sourceIp: "10.1.2.3" }, "ALLOW", []],
  ])("alice schedules a deletion, %s", async (_name, context, outcome, missing) => {
    const decision = row(await effective(user("alice"), APOLLO_KEY, context), "kms:ScheduleKeyDeletion");
    expect(decision).toMatchObject({ outcome, missingContextKeys: missing, allowed: outcome === "ALLOW" });
  });

  test("carol's policy counts in its resource group only", async () => {
    const inside = row(await effective(user("carol"), GEMINI_KEY), "kms:Decrypt");
    expect(inside).toMatchObject({
      outcome: "ALLOW",
      decidedBy: "RESOURCE_GROUP_LEVEL_IDENTITY_BASED_POLICY",
      matchedStatements: [{ scope: { kind: "RESOURCE_GROUP", resourceGroup: { id: "rg-gemini" } } }],
    });
    expect(allowed(await effective(user("carol"), APOLLO_KEY))).toEqual([]);
    expect(allowed(await effective(user("carol"), OLD_KEY))).toEqual([]);
  });

  test("deploy-bot reads a secret through two legs when it has a key, else through one, until its grant ends", async () => {
    const apollo = await effective(role("deploy-bot"), APOLLO_SECRET);
    expect(operation(apollo, "GetSecretValue")).toMatchObject({
      outcome: "ALLOW",
      allowed: true,
      usableNow: true,
      legs: [
        { action: "kms:GetSecretValue", resource: APOLLO_SECRET, outcome: "ALLOW" },
        { action: "kms:Decrypt", resource: APOLLO_KEY, outcome: "ALLOW" },
      ],
    });
    const gemini = await effective(role("deploy-bot"), GEMINI_SECRET);
    expect(operation(gemini, "GetSecretValue").legs).toHaveLength(1);
    expect(row(apollo, "kms:GetSecretValue").validUntil).toBe("2030-01-01T00:00:00.000Z");
    expect(operation(apollo, "PutSecretValue")).toMatchObject({ outcome: "IMPLICIT_DENY", allowed: false });
  });

  test("alice may sign with a key that waits for its deletion, but cannot now", async () => {
    expect(operation(await effective(user("alice"), OLD_KEY), "AsymmetricSign")).toMatchObject({
      allowed: true,
      usableNow: false,
      blockedByKeyState: "PENDING_DELETION",
    });
  });

  test("asked twice, the second answer is a hit and the same", async () => {
    const context = { sourceIp: "10.9.9.9" };
    const first = await effective(user("dave"), APOLLO_KEY, context);
    const second = await effective(user("dave"), APOLLO_KEY, context);
    expect([first.cache, second.cache]).toEqual(["MISS", "HIT"]);
    expect(second.permissions).toEqual(first.permissions);
    expect(second.operations).toEqual(first.operations);
  });

  test("a batch keeps its order and a bad item fails alone", async () => {
    const { data } = await gateway.ask(
      `query ($inputs: [AccessCheckInput!]!) { checkAccessBatch(inputs: $inputs) {
        __typename ... on Decision { outcome } ... on AccessCheckError { code message } } }`,
      {
        inputs: [
          { principal: user("bob"), action: "kms:Decrypt", resource: APOLLO_KEY },
          { principal: "not an arn", action: "kms:Decrypt", resource: APOLLO_KEY },
          { principal: user("nobody"), action: "kms:Decrypt", resource: APOLLO_KEY },
          { principal: user("bob"), action: "kms:Decrypt", resource: GEMINI_KEY },
        ],
      },
    );
    expect(data.checkAccessBatch).toMatchObject([
      { outcome: "ALLOW" },
      { __typename: "AccessCheckError", code: "BAD_USER_INPUT" },
      { __typename: "AccessCheckError", code: "NOT_FOUND" },
      { outcome: "IMPLICIT_DENY" },
    ]);
  });

  test("records can be browsed", async () => {
    const { data, errors } = await gateway.ask(`{
      viewer { kind principal { arn } }
      principals(account: "${ACCOUNT}", first: 100) { edges { node { __typename arn } } }
      policies(account: "${ACCOUNT}", type: CUSTOM) { edges { node { name attachmentCount defaultVersion { version } } } }
      resources(account: "${ACCOUNT}", tag: { key: "Project", value: "Apollo" }) { edges { node { arn } } }
      resource(arn: "${APOLLO_SECRET}") { __typename ... on Secret { encryptionKey { arn } } resourceGroup { id } }
    }`);
    expect(errors).toBeUndefined();
    expect(data.viewer).toEqual({ kind: "OPERATOR", principal: null });
    expect(data.principals.edges).toHaveLength(8);
    expect(data.policies.edges).toHaveLength(5);
    expect(data.resources.edges).toEqual([{ node: { arn: APOLLO_SECRET } }]);
    expect(data.resource).toEqual({
      __typename: "Secret",
      encryptionKey: { arn: APOLLO_KEY },
      resourceGroup: { id: "rg-apollo" },
    });
  });
});
