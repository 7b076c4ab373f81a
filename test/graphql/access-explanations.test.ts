import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Caller } from "../../src/domain/caller.js";
import { AWAY, BUILT_IN, CALLERS, canariesIn, createWorld, HOME, principal } from "./access-world.js";
import { type Fixture, openFixture } from "./fixture.js";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
  await createWorld(fixture);
});
afterAll(() => fixture?.close());

const CREATE = "mutation ($input: CreatePolicyInput!) { createPolicy(input: $input) { userErrors { message } } }";
const ATTACH = "mutation ($input: AttachPolicyInput!) { attachPolicy(input: $input) { userErrors { message } } }";
const DETACH = "mutation ($input: DetachPolicyInput!) { detachPolicy(input: $input) { userErrors { message } } }";
const REASONS = `outcome decidedBy reason missingContextKeys
  matchedStatements { redacted source index sid version policy { name document } attachedTo { name } scope { kind } }
  residualConditions { redacted key values version policy { name } }
  diagnostics { code message }
  nearMisses { statement { redacted index sid policy { name } } failures { part message operator key expected actual } }`;
const CHECK = `query ($input: AccessCheckInput!) { checkAccess(input: $input) { ${REASONS} } }`;

let made = 0;
/** Gives somebody a policy of its own; its name. */
async function give(holder: string, ...statements: object[]): Promise<string> {
  made += 1;
  const name = `secret-policy-${made}`;
  const document = { Version: "1", Statement: statements };
  await fixture.ask(CREATE, { input: { account: HOME.account, name, document } });
  await fixture.ask(ATTACH, { input: { policy: `acs:ram::${HOME.account}:policy/${name}`, principal: holder } });
  return name;
}
const allow = (action: string, resource = "*", extra: object = {}) => ({
  ...{ Effect: "Allow", Action: [action], Resource: [resource] },
  ...extra,
});
const of = (name: string) => `acs:ram::${HOME.account}:policy/${name}`;

let asker: Caller;
let askerArn: string;
beforeEach(async () => {
  made += 1;
  const CREATE_USER = "mutation ($input: CreateUserInput!) { createUser(input: $input) { userErrors { message } } }";
  await fixture.ask(CREATE_USER, { input: { account: HOME.account, name: `asker${made}` } });
  askerArn = `acs:ram::${HOME.account}:user/asker${made}`;
  asker = principal(askerArn);
});

// biome-ignore lint/suspicious/noExplicitAny: a test reads what its own document selected
async function check(by: Caller, question: object): Promise<any> {
  const input = { principal: HOME.user("ann"), action: "kms:Encrypt", resource: HOME.key, ...question };
  const { data, errors } = await fixture.run(CHECK, { input }, by);
  return errors[0]?.extensions["code"] ?? data.checkAccess;
}

describe("whoever may ask, but not read", () => {
  it("learns outcome and place, but not the policy, nor whom it is attached to", async () => {
    expect(await check(asker, {})).toBe("FORBIDDEN");
    await give(askerArn, allow("ramgate:EvaluateAccess", HOME.user("ann")));
    expect(await check(asker, {})).toMatchObject({
      ...{ outcome: "ALLOW", reason: "Allowed by a policy that you may not read, at the level of the resource group." },
      decidedBy: "RESOURCE_GROUP_LEVEL_IDENTITY_BASED_POLICY",
      matchedStatements: [
        {
          redacted: true,
          source: "IDENTITY_POLICY",
          index: 0,
          sid: null,
          version: null,
          policy: null,
          attachedTo: null,
          scope: null,
        },
      ],
    });
    expect(canariesIn(await check(asker, {}), HOME)).toEqual([]);
    expect(await check(CALLERS.admin, {})).toMatchObject({
      reason: expect.stringContaining(HOME.name("annpol")),
      matchedStatements: [{ redacted: false, sid: HOME.name("annpol"), attachedTo: { name: HOME.name("ann") } }],
    });
    expect(await check(CALLERS.user, {})).toEqual(await check(CALLERS.admin, {}));
  });

  it("sees the statement, but not its holder, with `ramgate:ReadPolicy` alone", async () => {
    await give(askerArn, allow("ramgate:EvaluateAccess"), allow("ramgate:ReadPolicy", HOME.policy("annpol")));
    const { matchedStatements, reason } = await check(asker, {});
    expect(matchedStatements).toMatchObject([
      {
        redacted: true,
        sid: HOME.name("annpol"),
        policy: { name: HOME.name("annpol") },
        attachedTo: null,
        scope: null,
      },
    ]);
    expect(reason).toBe("Allowed by a policy that you may not read, at the level of the resource group.");
    await give(askerArn, allow("ramgate:ReadPrincipal", HOME.user("ann")));
    expect((await check(asker, {})).matchedStatements).toMatchObject([
      { redacted: false, attachedTo: { name: HOME.name("ann") }, scope: { kind: "RESOURCE_GROUP" } },
    ]);
  });

  it("sees no conditions that are open, but what they depend on", async () => {
    const condition = { Condition: { StringEquals: { "x:plan": ["secret-value"] } } };
    const policy = await give(HOME.user("bob"), allow("kms:Decrypt", "*", condition));
    await give(askerArn, allow("ramgate:EvaluateAccess"));
    const about = { principal: HOME.user("bob"), action: "kms:Decrypt" };
    const seen = await check(asker, about);
    expect(seen).toMatchObject({
      ...{ outcome: "CONDITIONAL", missingContextKeys: ["x:plan"] },
      reason: "Depends on `x:plan` and a policy that you may not read.",
      residualConditions: [{ redacted: true, key: "x:plan", values: [], version: null, policy: null }],
    });
    expect(JSON.stringify(seen)).not.toMatch(/secret/);
    expect(JSON.stringify(await check(CALLERS.admin, about))).toMatch(/secret-value/);
    await fixture.ask(DETACH, { input: { policy: of(policy), principal: HOME.user("bob") } });
  });

  it("sees no near misses but their place, nor what a resource has, nor notes about policies", async () => {
    const tagged = { Condition: { StringEquals: { [`kms:tag/${HOME.name("tag")}`]: ["secret-value"] } } };
    const odd = { Condition: { SecretOperator: { "x:y": ["z"] } } };
    const policy = await give(HOME.user("bob"), allow("kms:Sign", "*", tagged), allow("kms:Sign", "*", odd));
    const about = { principal: HOME.user("bob"), action: "kms:Sign" };
    await give(askerArn, allow("ramgate:EvaluateAccess"));
    const hidden = {
      message: "something that you may not read does not match",
      operator: null,
      key: null,
      expected: [],
      actual: null,
    };
    const seen = await check(asker, about);
    expect(seen.nearMisses[0]).toMatchObject({
      statement: { redacted: true, index: expect.any(Number), sid: null, policy: null },
      failures: [{ part: "CONDITION", ...hidden }],
    });
    expect(JSON.stringify(seen)).not.toMatch(/secret-(value|policy)|SecretOperator/i);
    expect(canariesIn(seen.nearMisses, HOME)).toEqual([]);
    await give(askerArn, allow("ramgate:ReadPolicy", of(policy)), allow("ramgate:ReadPrincipal"));
    const more = await check(asker, about);
    expect(more.nearMisses[0].failures).toMatchObject([
      { part: "CONDITION", expected: ["secret-value"], actual: null, message: hidden.message },
    ]);
    expect(JSON.stringify(more.diagnostics)).not.toMatch(/SecretOperator/i);
    await give(askerArn, allow("ramgate:Read*"));
    const all = await check(asker, about);
    expect(all).toEqual(await check(CALLERS.admin, about));
    expect(all.nearMisses[0].failures).toMatchObject([{ actual: [HOME.name("tag")] }]);
    expect(JSON.stringify(all.diagnostics)).toMatch(/SecretOperator/i);
    await fixture.ask(DETACH, { input: { policy: of(policy), principal: HOME.user("bob") } });
  });

  it.each([
    ["TRUST_POLICY", "bot", { action: "sts:AssumeRole", resource: HOME.role, principal: HOME.user("bob") }],
    ["SESSION_POLICY", "old", { principal: HOME.session.replace("run1", "run2") }],
  ] as const)("sees no %s without what it is part of", async (source, canary, about) => {
    const policy = await give(HOME.user("bob"), allow("sts:AssumeRole"));
    await give(askerArn, allow("ramgate:EvaluateAccess"));
    const statement = async () => {
      const { matchedStatements } = await check(asker, about);
      return matchedStatements.find((each: { source: string }) => each.source === source);
    };
    expect(await statement()).toMatchObject({ redacted: true, sid: null });
    await give(askerArn, allow("ramgate:ReadPrincipal", HOME.role));
    expect(await statement()).toMatchObject({ redacted: false, sid: HOME.name(canary) });
    await fixture.ask(DETACH, { input: { policy: of(policy), principal: HOME.user("bob") } });
  });

  it("sees what is built in", async () => {
    await give(askerArn, allow("ramgate:EvaluateAccess"), allow("ramgate:ReadPrincipal"));
    const about = { principal: HOME.user("bob"), action: "kms:DescribeKey" };
    expect((await check(asker, about)).matchedStatements).toMatchObject([
      { redacted: false, policy: { name: BUILT_IN.split("/")[1] } },
    ]);
  });

  it("is shown the same in rows and legs", async () => {
    await give(askerArn, allow("ramgate:EvaluateAccess"));
    const ROWS = `query ($principal: Arn!, $resource: Arn!) {
      effectivePermissions(principal: $principal, resource: $resource) {
        permissions { ${REASONS} } operations { legs { ${REASONS} } } }
      canPerform(principal: $principal, operation: "Encrypt", targets: { key: $resource }) { legs { ${REASONS} } }
    }`;
    const variables = { principal: HOME.user("ann"), resource: HOME.key };
    const { data, errors } = await fixture.run(ROWS, variables, asker);
    expect(errors).toEqual([]);
    expect(canariesIn({ ...data, said: null }, HOME).filter((canary) => canary !== "ann")).toEqual([]);
    expect(JSON.stringify(data)).toMatch(/"redacted":true/);
  });
});

describe("who may ask", () => {
  it("has it on the principal or on the resource, without a Deny on either", async () => {
    const onKey = await give(askerArn, allow("ramgate:EvaluateAccess", HOME.key));
    expect(await check(asker, {})).toMatchObject({ outcome: "ALLOW" });
    expect(await check(asker, { resource: HOME.secret })).toBe("FORBIDDEN");
    expect(await check(asker, { principal: AWAY.user("ann") })).toBe("FORBIDDEN");
    await give(askerArn, { ...allow("ramgate:EvaluateAccess", HOME.user("ann")), Effect: "Deny" });
    expect(await check(asker, {})).toBe("FORBIDDEN");
    expect(await check(asker, { principal: HOME.user("bob") })).toMatchObject({ outcome: "IMPLICIT_DENY" });
    await fixture.ask(DETACH, { input: { policy: of(onKey), principal: askerArn } });
    expect(await check(asker, { principal: HOME.user("bob") })).toBe("FORBIDDEN");
  });

  it("has it on every target of an operation", async () => {
    await give(askerArn, allow("ramgate:EvaluateAccess", HOME.key));
    const CAN = `query ($principal: Arn!, $targets: OperationTargetsInput!, $operation: String!) {
      canPerform(principal: $principal, operation: $operation, targets: $targets) { outcome } }`;
    const can = async (operation: string, targets: object) => {
      const { data, errors } = await fixture.run(CAN, { principal: HOME.user("ann"), operation, targets }, asker);
      return errors[0]?.extensions["code"] ?? data.canPerform.outcome;
    };
    expect(await can("Encrypt", { key: HOME.key })).toBe("ALLOW");
    expect(await can("ReEncrypt", { sourceKey: HOME.key, destinationKey: HOME.key.replace("key/", "key/other") })).toBe(
      "FORBIDDEN",
    );
    expect(await can("DescribeRegions", {})).toBe("FORBIDDEN");
  });

  it("needs no context: what depends on it is refused", async () => {
    const inside = { Condition: { IpAddress: { "acs:SourceIp": ["0.0.0.0/0"] } } };
    await give(askerArn, allow("ramgate:EvaluateAccess", "*", inside));
    expect(await check(asker, { context: { sourceIp: "10.0.0.1" } })).toBe("FORBIDDEN");
    const PAST = { Condition: { DateGreaterThan: { "acs:CurrentTime": ["2020-01-01T00:00:00Z"] } } };
    await give(askerArn, allow("ramgate:EvaluateAccess", "*", PAST));
    expect(await check(asker, {})).toMatchObject({ outcome: "ALLOW" });
  });

  it("has it of a session on its role, and a session may ask about its role", async () => {
    await give(askerArn, allow("ramgate:EvaluateAccess", HOME.role));
    expect(await check(asker, { principal: HOME.session })).toMatchObject({ outcome: "ALLOW" });
    expect(await check(CALLERS.session, { principal: HOME.role })).toMatchObject({ outcome: "ALLOW" });
    const other = HOME.session.replace("run1", "run2");
    expect(await check(CALLERS.session, { principal: other })).toBe("FORBIDDEN");
  });

  it("loses it at once", async () => {
    const policy = await give(askerArn, allow("ramgate:*"));
    const READ = `{ principal(arn: "${HOME.user("ann")}") { arn } }`;
    const read = async () => (await fixture.run(READ, {}, asker)).errors[0]?.extensions["code"] ?? "DATA";
    expect(await check(asker, {})).toMatchObject({ outcome: "ALLOW" });
    expect(await read()).toBe("DATA");
    await fixture.ask(DETACH, { input: { policy: of(policy), principal: askerArn } });
    expect(await check(asker, {})).toBe("FORBIDDEN");
    expect(await read()).toBe("FORBIDDEN");
  });
});

describe("a resource of another account", () => {
  const NEAR = `query ($principal: Arn!, $resource: Arn!, $input: AccessCheckInput!) {
    effectivePermissions(principal: $principal, resource: $resource) {
      cache resource permissions { ${REASONS} } operations { operation outcome usableNow blockedByKeyState legs { ${REASONS} } } }
    checkAccess(input: $input) { ${REASONS} }
  }`;
  const seen = async (resource: string, by: Caller, asked: string) => {
    const input = { principal: asked, action: "kms:Decrypt", resource };
    const { data, errors } = await fixture.run(NEAR, { principal: asked, resource, input }, by);
    return JSON.stringify({ data, errors }).replaceAll(resource, "*resource*");
  };

  it.each(["user", "admin"] as const)("is one that nobody has registered, to %s", async (who) => {
    for (const there of [AWAY.key, AWAY.secret, AWAY.alias, AWAY.role]) {
      const missing = there.replace("zq", "xx");
      await seen(there, { kind: "OPERATOR", credentialId: "o" }, HOME.user("ann")); // so that it would be at hand
      const [one, other] = [
        await seen(there, CALLERS[who], HOME.user("ann")),
        await seen(missing, CALLERS[who], HOME.user("ann")),
      ];
      expect(one).toBe(other);
      expect(canariesIn(one, AWAY)).toEqual([]);
      expect(one).toContain("RESOURCE_NOT_REGISTERED");
    }
  });

  it("does not show its tags by way of a permission that depends on them", async () => {
    const tagged = { Condition: { StringEquals: { [`kms:tag/${AWAY.name("tag")}`]: [AWAY.name("tag")] } } };
    await give(askerArn, allow("ramgate:EvaluateAccess", HOME.user("ann")));
    await give(askerArn, { ...allow("ramgate:EvaluateAccess", "*", tagged), Effect: "Deny" });
    expect(await check(asker, { resource: AWAY.key })).toMatchObject({ outcome: "IMPLICIT_DENY" });
    expect(await check(asker, { resource: AWAY.key.replace("zq", "xx") })).toMatchObject({ outcome: "IMPLICIT_DENY" });
  });

  it("leads an operation nowhere", async () => {
    const CAN = `query ($principal: Arn!, $targets: OperationTargetsInput!, $operation: String!) {
      canPerform(principal: $principal, operation: $operation, targets: $targets) { outcome usableNow legs { action outcome reason } } }`;
    const can = async (operation: string, targets: object, missing: boolean) => {
      const text = JSON.stringify({ principal: HOME.user("ann"), operation, targets });
      const variables = JSON.parse(missing ? text.replaceAll("zqa", "xxa") : text);
      const { data, errors } = await fixture.run(CAN, variables, CALLERS.user);
      return JSON.stringify({ data, errors }).replaceAll("zqa", "xxa");
    };
    for (const [operation, targets] of [
      ["GetSecretValue", { secret: AWAY.secret }],
      ["Decrypt", { alias: AWAY.alias }],
      ["Decrypt", { key: AWAY.key }],
      ["BatchGetSecretValue", { secrets: [AWAY.secret] }],
    ] as const) {
      expect(await can(operation, targets, false)).toBe(await can(operation, targets, true));
    }
  });
});

describe("whoever may change, but not read", () => {
  it("sees what it has made, and nothing beyond", async () => {
    await give(askerArn, allow("sts:AssumeRole"));
    const assume = (selection: string) => {
      const ASSUME = `mutation ($input: AssumeRoleInput!) { assumeRole(input: $input) { session { ${selection} } } }`;
      return fixture.run(ASSUME, { input: { role: HOME.role, sessionName: "made" } }, asker);
    };
    const { data, errors } = await assume("arn issuedTo");
    expect(errors).toEqual([]);
    expect(data.assumeRole.session).toEqual({ arn: HOME.session.replace("run1", "made"), issuedTo: askerArn });
    const { errors: refused } = await assume("role { trustPolicy }");
    const path = ["assumeRole", "session", "role"];
    expect(refused).toMatchObject([{ extensions: { code: "FORBIDDEN" }, path }]);
  });
});

describe("a name that no question could ask about", () => {
  it("is seen by who sees all, and is no secret in an error", async () => {
    const ARN = `acs:ram::${HOME.account}:user/odd name`;
    const row = { accountId: HOME.account, kind: "USER" as const, name: "odd name", arn: ARN, arnKey: ARN };
    const { id } = await fixture.db.principal.create({ data: row });
    const NODE = "query ($id: ID!) { node(id: $id) { ... on User { name } } }";
    const node = (by: Caller) => fixture.run(NODE, { id: Buffer.from(`User:${id}`).toString("base64") }, by);
    expect((await node(CALLERS.admin)).data.node).toEqual({ name: "odd name" });
    const { errors } = await node(asker);
    expect(errors).toMatchObject([{ message: "you need `ramgate:ReadPrincipal` for this" }]);
    await fixture.db.principal.delete({ where: { id } });
  });
});

describe("what permission costs", () => {
  const BATCH = `query ($inputs: [AccessCheckInput!]!) {
    checkAccessBatch(inputs: $inputs) { ... on Decision { outcome } ... on AccessCheckError { code } } }`;
  const inputs = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      principal: [HOME.user("ann"), HOME.user("bob"), HOME.role, HOME.user("pri"), HOME.user("rpo")][index % 5],
      ...{ action: "kms:Decrypt", resource: HOME.key.replace("key/", `key/${Math.floor(index / 5)}-`) },
    }));
  const cost = async (count: number, by: Caller) => {
    const { statements, data } = await fixture.run(BATCH, { inputs: inputs(count) }, by);
    return { statements: statements.length, results: data.checkAccessBatch as { outcome?: string; code?: string }[] };
  };

  it("is two statements for a batch, however long, and none to operators", async () => {
    const operator = { kind: "OPERATOR", credentialId: "o" } as const;
    expect((await cost(5, operator)).statements).toBe(2);
    expect((await cost(1_000, operator)).statements).toBe(2);
    await give(askerArn, allow("ramgate:EvaluateAccess", HOME.user("ann")));
    const [few, many] = [await cost(5, asker), await cost(1_000, asker)];
    expect(few.statements).toBe(4);
    expect(many.statements).toBe(4);
    const outcomes = many.results.map(({ outcome, code }) => outcome ?? code);
    expect(outcomes.filter((each) => each === "FORBIDDEN")).toHaveLength(800);
  });

  it("is nothing where one asks about oneself, and does not show among the answers", async () => {
    const SELF = "query ($input: AccessCheckInput!) { checkAccess(input: $input) { outcome } }";
    const input = { principal: HOME.user("ann"), action: "kms:Decrypt", resource: HOME.key.replace("key/", "key/x") };
    expect((await fixture.run(SELF, { input }, CALLERS.user)).statements).toHaveLength(2);
    expect((await fixture.run(SELF, { input }, CALLERS.admin)).statements).toHaveLength(4);
  });
});
