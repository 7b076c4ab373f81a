import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ACCOUNT, APOLLO_KEY, APOLLO_SECRET, GEMINI_KEY, OLD_KEY, role, user } from "../support/demo.js";
import { type Fixture, openFixture, requests } from "./fixture.js";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture("demo");
});
afterAll(() => fixture?.close());

const CHECK = `query ($input: AccessCheckInput!, $consistency: ConsistencyInput) {
  checkAccess(input: $input, consistency: $consistency) { outcome allowed certainty decidedBy reason missingContextKeys validUntil
    residualConditions { operator key values effect policy { name } version statementIndex }
    diagnostics { code message } matchedStatements { source sid effect residual } } }`;
const BATCH = `query ($inputs: [AccessCheckInput!]!) { checkAccessBatch(inputs: $inputs) {
  __typename ... on Decision { outcome } ... on AccessCheckError { code message } } }`;
const decrypt = { principal: user("bob"), action: "kms:Decrypt", resource: APOLLO_KEY };
const decide = async (input: object, consistency?: object) =>
  (await fixture.ask(CHECK, { input: { ...decrypt, ...input }, consistency })).checkAccess;

describe("checkAccess", () => {
  it("answers with a reason", async () => {
    expect(await decide({})).toMatchObject({ outcome: "ALLOW", allowed: true, certainty: "EXACT", validUntil: null });
    const denied = await decide({ resource: GEMINI_KEY });
    expect(denied).toMatchObject({ outcome: "IMPLICIT_DENY", allowed: false, matchedStatements: [] });
    expect(denied.reason).not.toBe("");
  });

  it("shows what a conditional answer depends on", async () => {
    const conditional = await decide({ principal: user("alice"), action: "kms:ScheduleKeyDeletion" });
    expect(conditional).toMatchObject({ outcome: "CONDITIONAL", missingContextKeys: ["acs:SourceIp"] });
    expect(conditional.residualConditions).toEqual([
      {
        operator: "NotIpAddress",
        key: "acs:SourceIp",
        values: ["10.0.0.0/8"],
        effect: "DENY",
        policy: { name: "NoKeyDeletionFromOutside" },
        version: "v1",
        statementIndex: 0,
      },
    ]);
  });

  it.each([
    ["8.8.8.8", "EXPLICIT_DENY"],
    ["10.1.2.3", "ALLOW"],
  ])("takes the context into account: %s", async (sourceIp, outcome) => {
    const input = { principal: user("alice"), action: "kms:ScheduleKeyDeletion", context: { sourceIp } };
    expect(await decide(input)).toMatchObject({ outcome });
  });

  it("decides for the instant of the caller", async () => {
    const input = { principal: role("deploy-bot"), action: "kms:GetSecretValue", resource: APOLLO_SECRET };
    expect(await decide(input)).toMatchObject({ outcome: "ALLOW", validUntil: "2030-01-01T00:00:00.000Z" });
    const later = { ...input, context: { currentTime: "2030-01-01T08:00:00+08:00" } };
    expect(await decide(later)).toMatchObject({ outcome: "IMPLICIT_DENY" });
  });

  it("takes a session policy as an object or as text, for sessions only", async () => {
    const session = {
      principal: `acs:ram::${ACCOUNT}:assumed-role/deploy-bot/x`,
      action: "kms:GetSecretValue",
      resource: APOLLO_SECRET,
    };
    const sessionPolicy = { Version: "1", Statement: [{ Effect: "Allow", Action: "kms:List*", Resource: "*" }] };
    for (const policy of [sessionPolicy, JSON.stringify(sessionPolicy)]) {
      expect(await decide({ ...session, sessionPolicy: policy })).toMatchObject({
        outcome: "IMPLICIT_DENY",
        decidedBy: "SESSION_POLICY",
      });
    }
    expect(await decide(session)).toMatchObject({ outcome: "ALLOW" });
    const refused = await fixture.fail(CHECK, { input: { ...decrypt, sessionPolicy } });
    expect(refused).toMatchObject({ code: "BAD_USER_INPUT" });
    const literal = `{ checkAccess(input: { principal: "${session.principal}", action: "kms:GetSecretValue", resource: "${APOLLO_SECRET}",
      sessionPolicy: { Version: "1", Statement: [{ Effect: "Allow", Action: ["kms:*"], Resource: "*" }] } }) { outcome } }`;
    expect(await fixture.ask(literal)).toEqual({ checkAccess: { outcome: "ALLOW" } });
  });

  it("accepts a revision of its own and refuses what is none", async () => {
    const { effectivePermissions } = await fixture.ask(
      `{ effectivePermissions(principal: "${user("bob")}", resource: "${APOLLO_KEY}") { revision } }`,
    );
    const atLeast = effectivePermissions.revision;
    expect(await decide({}, { atLeast })).toMatchObject({ outcome: "ALLOW" });
    expect(await decide({}, { full: true })).toMatchObject({ outcome: "ALLOW" });
    expect(await decide({}, { minimizeLatency: true })).toMatchObject({ outcome: "ALLOW" });
    const { errors } = await fixture.run(CHECK, { input: decrypt, consistency: { atLeast: "v1.nonsense" } });
    expect(errors).toMatchObject([{ extensions: { code: "BAD_USER_INPUT", reason: "CONSISTENCY_TOKEN_INVALID" } }]);
    expect(await fixture.fail(CHECK, { input: decrypt, consistency: { full: false } })).toMatchObject({
      code: "BAD_USER_INPUT",
    });
  });

  it.each([
    ["an unknown principal", { principal: user("mallory") }, "NOT_FOUND"],
    ["a malformed principal", { principal: "bob" }, "BAD_USER_INPUT"],
    ["a malformed resource", { resource: "key" }, "BAD_USER_INPUT"],
    ["a wildcard action", { action: "kms:*" }, "BAD_USER_INPUT"],
    [
      "a key given twice",
      { context: { sourceIp: "1.1.1.1", entries: [{ key: "acs:sourceip", values: ["1.1.1.1"] }] } },
      "BAD_USER_INPUT",
    ],
  ])("refuses %s", async (_name, part, code) => {
    expect(await fixture.fail(CHECK, { input: { ...decrypt, ...part } })).toMatchObject({ code });
  });
});

describe("checkAccessBatch", () => {
  it("answers in order, errors in their places", async () => {
    const { checkAccessBatch } = await fixture.ask(BATCH, {
      inputs: [
        decrypt,
        { ...decrypt, principal: "bob" },
        { ...decrypt, principal: user("mallory") },
        { ...decrypt, resource: GEMINI_KEY },
        { ...decrypt, context: { currentTime: "tomorrow" } },
        { ...decrypt, principal: role("deploy-bot"), sessionPolicy: "{" },
        decrypt,
      ],
    });
    expect(checkAccessBatch).toMatchObject([
      { outcome: "ALLOW" },
      { __typename: "AccessCheckError", code: "BAD_USER_INPUT", message: expect.stringContaining("`bob`") },
      { __typename: "AccessCheckError", code: "NOT_FOUND" },
      { outcome: "IMPLICIT_DENY" },
      { __typename: "AccessCheckError", code: "BAD_USER_INPUT" },
      { __typename: "AccessCheckError", code: "BAD_USER_INPUT" },
      { outcome: "ALLOW" },
    ]);
  });

  it("answers each as if it were asked alone, errors included", async () => {
    const parts = [
      ...[
        {},
        { resource: OLD_KEY },
        { resource: GEMINI_KEY },
        { resource: "*" },
        { resource: "key" },
        { action: "Decrypt" },
      ],
      ...[{ context: { currentTime: "2020-01-01T00:00:00Z" } }, { context: { sourceIp: "10.1.2.3" } }],
      ...[{ context: { currentTime: "tomorrow" } }, { sessionPolicy: "{" }, { action: "kms:ScheduleKeyDeletion" }],
    ];
    const principals = [
      ...["bob", "alice", "mallory"].map(user),
      role("deploy-bot"),
      "bob",
      `acs:ram::${ACCOUNT}:root`,
    ];
    const inputs = principals.flatMap((principal) => parts.map((part) => ({ ...decrypt, principal, ...part })));
    const ONE = "query ($input: AccessCheckInput!) { checkAccess(input: $input) { outcome } }";
    const alone = await Promise.all(inputs.map((input) => fixture.run(ONE, { input })));
    const { checkAccessBatch } = await fixture.ask(BATCH, { inputs });
    const expected = alone.map(({ data, errors: [error] }) =>
      error === undefined ? data.checkAccess : { code: error.extensions["code"], message: error.message },
    );
    expect(checkAccessBatch).toMatchObject(expected);
    expect(new Set(expected.map(({ outcome, code }) => outcome ?? code)).size).toBeGreaterThan(4);
  });

  it("fails as a whole for a revision token that is none", async () => {
    const document = `query ($inputs: [AccessCheckInput!]!) {
      checkAccessBatch(inputs: $inputs, consistency: { atLeast: "v1.nonsense" }) { __typename } }`;
    const { errors } = await fixture.run(document, { inputs: [decrypt, decrypt] });
    expect(errors).toMatchObject([{ extensions: { code: "BAD_USER_INPUT", reason: "CONSISTENCY_TOKEN_INVALID" } }]);
  });

  it("takes 10,000 questions and not one more", async () => {
    const inputs = Array.from({ length: 10_000 }, (_, i) => ({ ...decrypt, resource: `${APOLLO_KEY}-${i % 500}` }));
    const { checkAccessBatch } = await fixture.ask(BATCH, { inputs });
    expect(checkAccessBatch).toHaveLength(10_000);
    expect(await fixture.fail(BATCH, { inputs: [...inputs, decrypt] })).toMatchObject({ code: "BAD_USER_INPUT" });
    expect(await fixture.ask(BATCH, { inputs: [] })).toEqual({ checkAccessBatch: [] });
  });
});

describe("effectivePermissions", () => {
  const EFFECTIVE = `query ($principal: Arn!, $resource: Arn!, $actions: [String!]) {
    effectivePermissions(principal: $principal, resource: $resource, actions: $actions) {
      principal { __typename arn ... on User { groups { nodes { name } } } } resource cache evaluatedAt
      permissions { action outcome } operations { operation outcome usableNow blockedByKeyState legs { action resource outcome } } } }`;

  it("shows rows, operations and the principal in full; the second answer is a HIT", async () => {
    const variables = { principal: user("bob"), resource: APOLLO_KEY };
    const { effectivePermissions: first } = await fixture.ask(EFFECTIVE, variables);
    const allowed = first.permissions.filter(({ outcome }: { outcome: string }) => outcome === "ALLOW");
    expect(allowed.map(({ action }: { action: string }) => action).sort()).toEqual([
      "kms:Decrypt",
      "kms:Encrypt",
      "kms:GenerateDataKey",
    ]);
    expect(first.principal).toEqual({
      __typename: "User",
      arn: user("bob"),
      groups: { nodes: [{ name: "apollo-developers" }] },
    });
    expect(Date.parse(first.evaluatedAt)).toBeGreaterThan(Date.now() - 600_000);
    const { effectivePermissions: second } = await fixture.ask(EFFECTIVE, variables);
    expect(second).toEqual({ ...first, cache: "HIT" });
  });

  it("shows key states beside operations", async () => {
    const { effectivePermissions } = await fixture.ask(EFFECTIVE, { principal: user("alice"), resource: OLD_KEY });
    const sign = effectivePermissions.operations.find(
      ({ operation }: { operation: string }) => operation === "AsymmetricSign",
    );
    expect(sign).toMatchObject({ outcome: "ALLOW", usableNow: false, blockedByKeyState: "PENDING_DELETION" });
  });

  it("decides only the actions asked for", async () => {
    const { effectivePermissions } = await fixture.ask(EFFECTIVE, {
      principal: user("bob"),
      resource: APOLLO_KEY,
      actions: ["kms:decrypt"],
    });
    expect(effectivePermissions.permissions).toEqual([{ action: "kms:Decrypt", outcome: "ALLOW" }]);
  });
});

describe("canPerform", () => {
  const CAN = `query ($principal: Arn!, $operation: String!, $targets: OperationTargetsInput!) {
    canPerform(principal: $principal, operation: $operation, targets: $targets) { operation outcome allowed legs { action resource outcome } } }`;

  it("decides every leg", async () => {
    const { canPerform } = await fixture.ask(CAN, {
      principal: role("deploy-bot"),
      operation: "GetSecretValue",
      targets: { secret: APOLLO_SECRET },
    });
    expect(canPerform).toMatchObject({ allowed: true, legs: [{ resource: APOLLO_SECRET }, { resource: APOLLO_KEY }] });
  });

  it.each([
    ["an unknown operation", "GetSecretValu", { secret: APOLLO_SECRET }],
    ["a missing target", "GetSecretValue", {}],
    ["a superfluous target", "GetSecretValue", { secret: APOLLO_SECRET, key: APOLLO_KEY }],
  ])("refuses %s", async (_name, operation, targets) => {
    expect(await fixture.fail(CAN, { principal: user("bob"), operation, targets })).toMatchObject({
      code: "BAD_USER_INPUT",
    });
  });
});

describe("the selection set", () => {
  it("of one field does not keep reasons from another that asks the same", async () => {
    for (const [first, second] of [
      ["outcome", "reason"],
      ["reason", "outcome"],
    ]) {
      const both = `query ($input: AccessCheckInput!) { a: checkAccess(input: $input) { ${first} } b: checkAccess(input: $input) { ${second} } }`;
      const { a, b } = await fixture.ask(both, { input: decrypt });
      expect({ ...a, ...b }).toEqual({ outcome: "ALLOW", reason: expect.stringContaining("UseApolloKeys") });
    }
  });

  const PLAIN = `query ($input: AccessCheckInput!) { checkAccess(input: $input) { outcome } }`;
  const NEAR = `query ($input: AccessCheckInput!) { checkAccess(input: $input) { outcome ...Why } }
    fragment Why on Decision { nearMisses { statement { policy { name } version index effect attachedTo { arn } }
      failures { part message operator key expected actual } } }`;
  const input = { ...decrypt, resource: GEMINI_KEY };

  it("gets near misses, through a fragment too", async () => {
    const { checkAccess } = await fixture.ask(NEAR, { input });
    expect(checkAccess.outcome).toBe("IMPLICIT_DENY");
    expect(checkAccess.nearMisses).not.toEqual([]);
    for (const { statement, failures } of checkAccess.nearMisses) {
      expect(statement).toMatchObject({ effect: "ALLOW", policy: { name: expect.any(String) } });
      expect(failures).not.toEqual([]);
    }
  });

  it("of an allowed request gets none", async () => {
    expect((await fixture.ask(NEAR, { input: decrypt })).checkAccess).toEqual({ outcome: "ALLOW", nearMisses: [] });
  });

  it("decides how much is worked out, and the outcome is the same", async () => {
    const details: unknown[] = [];
    const { decisions } = fixture.services;
    const watched = {
      ...fixture.services,
      decisions: {
        decideMany: (questions: Parameters<typeof decisions.decideMany>[0]) => {
          details.push(...questions.map(({ detail }) => detail));
          return decisions.decideMany(questions);
        },
      },
    };
    const { ask } = requests(watched);
    const outcomes = [];
    for (const document of [PLAIN, CHECK, NEAR]) outcomes.push((await ask(document, { input })).checkAccess.outcome);
    expect(details).toEqual(["OUTCOME", "REASONS", "NEAR_MISSES"]);
    expect(new Set(outcomes).size).toBe(1);
    const [plain] = await decisions.decideMany([{ ...input, actions: [input.action], detail: "OUTCOME" }]);
    expect(plain).not.toHaveProperty("decisions.0.reason");
  });
});
