import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Caller } from "../../src/domain/caller.js";
import { CALLERS, canariesIn, createWorld, HOME } from "./access-world.js";
import { allow, askers, deny } from "./askers.js";
import { type Fixture, OPERATOR, openFixture } from "./fixture.js";

let fixture: Fixture;
let make: ReturnType<typeof askers>;
beforeAll(async () => {
  fixture = await openFixture();
  await createWorld(fixture);
  make = askers(fixture);
});
afterAll(() => fixture?.close());

const LEGS = `operation outcome usableNow blockedByKeyState
  legs { action resource redacted outcome allowed decidedBy reason missingContextKeys
    matchedStatements { index sid } residualConditions { key } diagnostics { code message } nearMisses { failures { message } } }`;
const CAN = `query ($principal: Arn!, $operation: String!, $targets: OperationTargetsInput!, $sessionPolicy: PolicyDocument) {
  it: canPerform(principal: $principal, operation: $operation, targets: $targets, sessionPolicy: $sessionPolicy) { ${LEGS} } }`;
const ALL = `query ($principal: Arn!, $resource: Arn!, $sessionPolicy: PolicyDocument) {
  it: effectivePermissions(principal: $principal, resource: $resource, sessionPolicy: $sessionPolicy) { operations { ${LEGS} } } }`;
const ROWS = `query ($principal: Arn!, $resource: Arn!) {
  it: effectivePermissions(principal: $principal, resource: $resource) { permissions { outcome } } }`;

// biome-ignore lint/suspicious/noExplicitAny: a test reads what its own document selected
async function ask(document: string, by: Caller, variables: object): Promise<any> {
  const { data, errors } = await fixture.run(document, variables as Record<string, unknown>, by);
  return errors.length > 0 ? { errors: errors.map(({ path, extensions }) => [path, extensions["code"]]) } : data.it;
}
const can = (by: Caller, about: string, operation: string, targets: object, rest: object = {}) =>
  ask(CAN, by, { principal: about, operation, targets, ...rest });
const getValue = (by: Caller, about: string, rest: object = {}) =>
  can(by, about, "GetSecretValue", { secret: HOME.secret }, rest);
const refused = { errors: [[["it"], "FORBIDDEN"]] };

describe("whoever asks about itself", () => {
  const bob = HOME.user("bob");

  it("is told what it may do, but not which key a secret is under", async () => {
    const { legs, ...operation } = await getValue(CALLERS.nobody, bob);
    expect(operation).toMatchObject({ outcome: "IMPLICIT_DENY", usableNow: null, blockedByKeyState: null });
    expect(legs).toMatchObject([
      { action: "kms:GetSecretValue", resource: HOME.secret, redacted: false },
      {
        ...{ action: "kms:Decrypt", resource: "*", redacted: true, outcome: "IMPLICIT_DENY", allowed: false },
        ...{ decidedBy: "ACCOUNT_LEVEL_IDENTITY_BASED_POLICY", matchedStatements: [], residualConditions: [] },
        ...{ diagnostics: [], nearMisses: [], reason: "Not allowed on a resource that you may not read." },
      },
    ]);
    expect(canariesIn(legs, HOME)).toEqual(["bob", "sec"]);
  });

  it.each([
    ["DeleteAlias", { alias: HOME.alias }],
    ["Decrypt", { alias: HOME.alias }],
    ["Decrypt", { key: HOME.alias }],
    ["ReEncrypt", { sourceKey: HOME.alias, destinationKey: HOME.key.replace("zq", "xx") }],
    ["UpdateAlias", { alias: HOME.alias, key: HOME.key.replace("zq", "xx") }],
    ["PutSecretValue", { secret: HOME.secret }],
    ["BatchGetSecretValue", { secrets: [HOME.secret] }],
  ])("is not told the key by %s of %j", async (operation, targets) => {
    const answer = await can(CALLERS.nobody, bob, operation, targets);
    expect(answer.legs.filter(({ redacted }: { redacted: boolean }) => redacted)).toHaveLength(1);
    expect(canariesIn(answer, HOME).filter((each) => each === "key" || each === "grp")).toEqual([]);
    expect(canariesIn(await can(OPERATOR, bob, operation, targets), HOME)).toContain("key");
  });

  it.each([HOME.secret, HOME.alias])("is not told the key by the operations of %s", async (resource) => {
    const answer = await ask(ALL, CALLERS.nobody, { principal: bob, resource });
    expect(answer.operations.length).toBeGreaterThan(0);
    expect(canariesIn(answer, HOME).filter((each) => each === "key" || each === "grp")).toEqual([]);
    expect(canariesIn(await ask(ALL, OPERATOR, { principal: bob, resource }), HOME)).toContain("key");
  });

  it("is shown a key that it names, and its state", async () => {
    const answer = await can(CALLERS.nobody, bob, "DeleteAlias", { alias: HOME.alias, key: HOME.key });
    expect(answer.legs).toMatchObject([{ redacted: false }, { resource: HOME.key, redacted: false }]);
    const used = await can(CALLERS.nobody, bob, "Decrypt", { key: HOME.key });
    expect(used).toMatchObject({ usableNow: true, legs: [{ resource: HOME.key, redacted: false }] });
  });

  it("is shown what is on no resource, or on a container", async () => {
    const list = await can(CALLERS.nobody, bob, "ListKeys", { region: "cn-hangzhou" });
    expect(list.legs).toMatchObject([{ redacted: false }]);
    const { operations } = await ask(ALL, CALLERS.nobody, { principal: bob, resource: list.legs[0].resource });
    expect(operations.length).toBeGreaterThan(0);
    const legs = operations.flatMap((operation: { legs: object[] }) => operation.legs);
    expect(legs.filter(({ redacted }: { redacted: boolean }) => redacted)).toEqual([]);
  });

  it.each(["key", "secret"] as const)("is shown the key when it may read the %s", async (which) => {
    const { arn, caller } = await make.asker(allow("ramgate:ReadResource", HOME[which]));
    const answer = await getValue(caller, arn);
    expect(answer).toEqual(await getValue(OPERATOR, arn));
    expect(answer).toMatchObject({ usableNow: true, legs: [{ redacted: false }, { resource: HOME.key }] });
    await make.give(arn, deny("ramgate:ReadResource", HOME.key));
    expect(await getValue(caller, arn)).toMatchObject({ usableNow: null, legs: [{}, { resource: "*" }] });
  });

  it("is not shown the key when it may read one of several secrets only", async () => {
    const { arn, caller } = await make.asker(allow("ramgate:ReadResource", HOME.secret));
    const secrets = [HOME.secret, HOME.secret.replace("zq", "xx")];
    const keyLeg = async () => (await can(caller, arn, "BatchGetSecretValue", { secrets })).legs[1];
    expect(await keyLeg()).toMatchObject({ action: "kms:Decrypt", redacted: true });
    await make.give(arn, allow("ramgate:ReadResource", secrets[1]));
    expect(await keyLeg()).toMatchObject({ action: "kms:Decrypt", resource: HOME.key });
  });

  it("is shown everything as the account owner", async () => {
    const arn = `acs:ram::${HOME.account}:root`;
    expect(await getValue(CALLERS.owner, arn)).toEqual(await getValue(OPERATOR, arn));
  });

  it("cannot find the key out with session policies", async () => {
    const guess = { sessionPolicy: { Version: "1", Statement: [deny("kms:Decrypt", `${HOME.key.slice(0, -3)}*`)] } };
    expect(await getValue(CALLERS.session, HOME.session, guess)).toEqual(refused);
    const rows = await ask(ALL, CALLERS.session, { principal: HOME.role, resource: HOME.secret, ...guess });
    expect(rows).toEqual({ errors: [[["it", "operations"], "FORBIDDEN"]] });
    const named = await can(CALLERS.session, HOME.session, "Decrypt", { key: HOME.key }, guess);
    expect(named).toMatchObject({ outcome: "EXPLICIT_DENY" });
    await make.give(HOME.role, allow("ramgate:ReadResource", HOME.key));
    const told = await getValue(CALLERS.session, HOME.session, guess);
    expect(told).toMatchObject({ legs: [{}, { resource: HOME.key, outcome: "EXPLICIT_DENY" }] });
  });
});

describe("whoever asks about others", () => {
  const ann = HOME.user("ann");

  it("is told no more of a key than about itself", async () => {
    const { arn, caller } = await make.asker(allow("ramgate:EvaluateAccess", HOME.secret));
    const answer = await getValue(caller, ann);
    expect(answer).toMatchObject({
      usableNow: null,
      legs: [{ redacted: false }, { redacted: true, outcome: "ALLOW" }],
    });
    expect(canariesIn(answer, HOME)).toEqual(["ann", "sec"]);
    await make.give(arn, allow("ramgate:ReadResource", HOME.key));
    expect(await getValue(caller, ann)).toMatchObject({ usableNow: true, legs: [{}, { resource: HOME.key }] });
  });

  it.each([HOME.secret, ann])("is refused by a Deny on the key, having been allowed by %s", async (resource) => {
    const { caller } = await make.asker(
      allow(["ramgate:EvaluateAccess", "ramgate:Read*"], "*"),
      allow("ramgate:EvaluateAccess", resource),
      deny("ramgate:EvaluateAccess", HOME.key),
    );
    expect(await getValue(caller, ann)).toEqual(refused);
    expect(await can(caller, ann, "DescribeSecret", { secret: HOME.secret })).toMatchObject({ legs: [{}] });
    const about = { principal: ann, resource: HOME.secret };
    expect(await ask(ALL, caller, about)).toEqual({ errors: [[["it", "operations"], "FORBIDDEN"]] });
    expect(await ask(ROWS, caller, about)).toHaveProperty("permissions");
  });

  it("may still ask about itself", async () => {
    const { arn, caller } = await make.asker(deny("ramgate:EvaluateAccess", HOME.key));
    expect(await getValue(caller, arn)).toMatchObject({ legs: [{}, { redacted: true }] });
  });
});
