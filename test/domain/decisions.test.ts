// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policy variables are written like that
import { describe, expect, test } from "vitest";
import { InvalidInputError } from "../../src/domain/errors.js";
import {
  ACCOUNT,
  ALIAS,
  allow,
  ask,
  askStatements,
  attached,
  codes,
  compile,
  deny,
  entries,
  KEY,
  KEYS,
  NOW,
  OTHER_ACCOUNT,
  OWNER,
  ROLE,
  SECRET,
  SECRETS,
  SESSION,
  USER,
  underAllow,
  underDeny,
} from "./build.js";

const A = "ALLOW";
const I = "IMPLICIT_DENY";
const E = "EXPLICIT_DENY";
const C = "CONDITIONAL";
const RG = { facts: { resourceGroup: "rg-1" } };

describe("D1: account level against resource-group level", () => {
  test.each([
    [[allow()], [deny()], A, "ACCOUNT", E, "RESOURCE_GROUP", true],
    [[deny()], [allow()], E, "ACCOUNT", E, "ACCOUNT", false],
    [[], [deny()], E, "RESOURCE_GROUP", E, "RESOURCE_GROUP", false],
    [[], [allow()], A, "RESOURCE_GROUP", A, "RESOURCE_GROUP", false],
    [[], [], I, "ACCOUNT", I, "ACCOUNT", false],
    [[allow()], [allow()], A, "ACCOUNT", A, "ACCOUNT", false],
  ])("%j with %j", (account, group, staged, stagedBy, overriding, overridingBy, shadowed) => {
    const policies = [attached(account), attached(group, { group: "rg-1" })];
    const first = ask(policies, RG);
    const second = ask(policies, { ...RG, precedence: "deny-overrides" });
    expect(first).toMatchObject({ outcome: staged, decidedBy: `${stagedBy}_LEVEL_IDENTITY_BASED_POLICY` });
    expect(second).toMatchObject({ outcome: overriding, decidedBy: `${overridingBy}_LEVEL_IDENTITY_BASED_POLICY` });
    for (const decision of [first, second]) {
      expect(codes(decision)).toEqual(shadowed ? ["RESOURCE_GROUP_DENY_SHADOWED"] : []);
    }
  });

  test("a conditional account-level Allow leaves the group level readable", () => {
    const conditional = attached([allow("*", "*", { Bool: { "acs:MFAPresent": "true" } })]);
    const decision = ask([conditional, attached([allow()], { group: "rg-1" })], RG);
    expect(decision).toMatchObject({ outcome: A, decidedBy: "ACCOUNT_LEVEL_IDENTITY_BASED_POLICY" });
  });
});

test("D2: NotResource", () => {
  const item = { Effect: "Deny", Action: "*", NotResource: KEY };
  expect(askStatements([allow(), item]).outcome).toBe(A);
  expect(askStatements([allow(), item], { on: SECRET }).outcome).toBe(E);
  const decision = askStatements([{ Effect: "Allow", Action: "*", NotResource: SECRET }]);
  expect(decision.outcome).toBe(I);
  expect(codes(decision)).toEqual(["UNSUPPORTED_ELEMENT"]);
});

test("D4: a policy without a document may hold anything", () => {
  const alone = ask([attached(null, { name: "Lost" })]);
  expect(alone).toMatchObject({ outcome: C, certainty: "CONSERVATIVE", missingContextKeys: [] });
  expect(codes(alone)).toEqual(["INCOMPLETE_POLICY_SET"]);
  expect(alone.matchedStatements).toMatchObject([
    { effect: "Allow", residual: true, version: null },
    { effect: "Deny", residual: true, version: null },
  ]);
  expect(alone.reason).toBe("Depends on policy `Lost`, attached to user `bob`, whose document is not known.");
  expect(ask([attached(null), attached([allow()])]).outcome).toBe(C);
  expect(ask([attached(null), attached([deny()])]).outcome).toBe(E);
  expect(ask([attached(null, { expiresAt: NOW })])).toMatchObject({ outcome: I, certainty: "EXACT" });
});

describe("D5: colons and stars", () => {
  test.each([
    ["acs:kms:*:*:key/*", A],
    ["acs:kms:*:*:*", A],
    ["acs:*:*cn-hang*:*:*", A],
    [`acs:kms:cn-hangzhou:${ACCOUNT}:k*1`, A],
    ["*", A],
    ["acs:kms:*:*:key", I],
    ["acs:kms:*:*:*/*/*", I],
    ["acs:kms:*", I],
    ["acs:*", I],
    ["**", I],
    ["acs:cn-hangzhou:*:*:*", I],
    ["acs:kms::*:key/*", I],
  ])("Allow on %s is %s", (pattern, outcome) => {
    expect(askStatements([allow("*", pattern)]).outcome).toBe(outcome);
  });

  test.each([
    ["acs:kms:*", E],
    ["ACS:*", E],
    ["**", E],
    ["acs:oss:*", A],
    ["key/k1", A],
  ])("Deny on %s, which has fewer than five segments, is %s", (pattern, outcome) => {
    expect(askStatements([allow(), deny("*", pattern)]).outcome).toBe(outcome);
  });

  test("`*` matches the empty segment, and crosses `/` and `:` in the relative id", () => {
    const role = { on: `acs:ram::${ACCOUNT}:role/x:y/z`, action: "ram:GetRole" };
    expect(askStatements([allow("*", "acs:ram:*:*:role/*")], role).outcome).toBe(A);
    expect(askStatements([allow("*", "acs:ram::*:role/*z")], role).outcome).toBe(A);
  });
});

describe("D6, C5: case", () => {
  test("actions and services ignore case", () => {
    expect(askStatements([allow("KMS:deCRYPT", "acs:KMS:*:*:key/*")]).outcome).toBe(A);
  });

  test("KMS names: Allow exact, Deny without case", () => {
    const pattern = KEY.replace("k1", "K1");
    expect(askStatements([allow("*", pattern)]).outcome).toBe(I);
    expect(askStatements([allow(), deny("*", pattern)]).outcome).toBe(E);
    expect(askStatements([allow("*", KEY.replace("cn-h", "CN-H"))]).outcome).toBe(I);
    expect(askStatements([allow(), deny("*", KEY.replace("cn-h", "CN-H").replace("acs", "ACS"))]).outcome).toBe(E);
  });

  test("names of users, groups and roles ignore case, their kind does not", () => {
    const role = { on: `acs:ram::${ACCOUNT}:role/adminrole`, action: "ram:GetRole" };
    expect(askStatements([allow("*", `acs:ram::${ACCOUNT}:role/AdminRole`)], role).outcome).toBe(A);
    expect(askStatements([allow("*", "acs:ram:*:*:role/ADMIN*")], role).outcome).toBe(A);
    expect(askStatements([allow("*", `acs:ram::${ACCOUNT}:ROLE/adminrole`)], role).outcome).toBe(I);
    expect(
      askStatements([allow("*", `acs:ram::${ACCOUNT}:policy/X`)], { ...role, on: `acs:ram::${ACCOUNT}:policy/x` })
        .outcome,
    ).toBe(I);
  });

  test("condition keys ignore case, operators do not", () => {
    const context = { context: { sourceIp: "10.0.0.1" } };
    expect(underAllow({ IpAddress: { "ACS:sourceIP": "10.0.0.0/8" } }, context)).toBe(A);
    expect(underAllow({ ipAddress: { "acs:SourceIp": "10.0.0.0/8" } }, context)).toBe(I);
  });

  test("no folding outside ASCII reaches an ASCII letter", () => {
    expect(askStatements([allow("\u212ams:*")]).outcome).toBe(I);
    expect(askStatements([allow(), deny("*", "acs:\u212ams:*:*:*")]).outcome).toBe(A);
  });
});

describe("D7: tags", () => {
  const tagged = { StringEquals: { "kms:tag/Project": "x" } };
  const tags = { tags: { Project: "x" } };

  test("keys and secrets have them, aliases and containers do not", () => {
    expect(underAllow(tagged, tags)).toBe(A);
    expect(underAllow(tagged, { ...tags, on: SECRET, action: "kms:GetSecretValue" })).toBe(A);
    expect(underAllow(tagged, { ...tags, on: ALIAS, action: "kms:UpdateAlias" })).toBe(I);
    expect(underAllow(tagged, { ...tags, on: KEYS, action: "kms:ListKeys" })).toBe(I);
    expect(underAllow({ StringEquals: { "acs:ResourceTag/Project": "x" } }, tags)).toBe(A);
  });

  test("on a secret the reading is inferred, and says so", () => {
    const question = { ...tags, on: SECRET, action: "kms:GetSecretValue" };
    expect(codes(askStatements([allow("*", "*", tagged)], question))).toEqual(["TAG_SCOPE_INFERRED"]);
    expect(codes(askStatements([allow("*", "*", tagged)], tags))).toEqual([]);
  });

  test("the key splits at its first slash", () => {
    expect(underAllow({ StringEquals: { "kms:tag/a/b:c": "x" } }, { tags: { "a/b:c": "x" } })).toBe(A);
  });
});

test("D9, C24: a container action granted on the items only", () => {
  const list = { on: SECRETS, action: "kms:CreateSecret" };
  const required = (pattern: string): boolean =>
    codes(askStatements([allow("kms:*", pattern)], list)).includes("CONTAINER_ARN_REQUIRED");
  expect(askStatements([allow("kms:*", "acs:kms:*:*:secret/*")], list).outcome).toBe(I);
  expect(required("acs:kms:*:*:secret/*")).toBe(true);
  expect(required("acs:kms:*:*:secret/alb!*")).toBe(true);
  expect(required("acs:kms:*:*:*/*")).toBe(true);
  expect(
    codes(askStatements([allow("kms:*", ["acs:kms:*:*:secret/*", "acs:kms:*:*:${name}"])], list)).includes(
      "CONTAINER_ARN_REQUIRED",
    ),
  ).toBe(true);
  expect(required("acs:kms:*:*:secret/")).toBe(false);
  expect(required("acs:kms:*:*:key/*")).toBe(false);
  expect(required("acs:kms:cn-beijing:*:secret/*")).toBe(false);
  expect(askStatements([allow("kms:*", "acs:kms:*:*:secret*")], list).outcome).toBe(A);
});

test("D12, C19: resource-group policies reach what is in the group now", () => {
  const policies = [attached([allow()], { group: "rg-1" })];
  expect(ask(policies, RG).outcome).toBe(A);
  expect(ask(policies, { facts: { resourceGroup: "rg-2" } }).outcome).toBe(I);
  expect(ask(policies).outcome).toBe(I);
  expect(ask(policies, { on: KEYS, action: "kms:ListKeys" }).outcome).toBe(I);
  expect(ask(policies, { on: "*", action: "kms:GetRandomPassword" }).outcome).toBe(I);
});

const ABSENT = { context: entries({ "x:k": [] }) };
const ABSENT_MFA = { context: entries({ "acs:MFAPresent": [] }) };

test("D13: a negated operator on an absent key", () => {
  for (const operator of ["StringNotEquals", "StringNotLike", "NotIpAddress", "NumericNotEquals", "DateNotEquals"]) {
    expect(underAllow({ [operator]: { "x:k": "1" } }, ABSENT)).toBe(I);
    expect(underDeny({ [operator]: { "x:k": "1" } }, ABSENT)).toBe(E);
  }
});

test("D14: a negated operator with several values matches none of them", () => {
  const condition = { StringNotEquals: { "x:k": ["a", "b"] } };
  expect(underAllow(condition, { context: entries({ "x:k": ["a"] }) })).toBe(I);
  expect(underAllow(condition, { context: entries({ "x:k": ["c"] }) })).toBe(A);
});

test.each([
  "Null",
  "StringEqualsIfExists",
  "ArnLike",
  "IpAddressIncludeBorder",
  "stringEquals",
  "ForAllvalues:Bool",
  "",
])("D15: operator %j is unknown", (operator) => {
  expect(underAllow({ [operator]: { "x:k": "1" } })).toBe(I);
  expect(underDeny({ [operator]: { "x:k": "1" } })).toBe(E);
  expect(underDeny({ [operator]: {} })).toBe(E);
  expect(codes(askStatements([allow("*", "*", { [operator]: {} })]))).toEqual(["UNKNOWN_OPERATOR"]);
});

describe("D16, C20: set prefixes", () => {
  test.each([
    ["ForAllValues:StringEquals", ["a", "b"], true],
    ["ForAllValues:StringEquals", ["a", "c"], false],
    ["ForAnyValue:StringEquals", ["a", "c"], true],
    ["ForAnyValue:StringEquals", ["c"], false],
    ["ForAllValues:StringNotEquals", ["c", "d"], true],
    ["ForAllValues:StringNotEquals", ["a", "c"], false],
    ["ForAnyValue:StringNotEquals", ["a", "c"], true],
    ["ForAnyValue:StringNotEquals", ["a", "b"], false],
  ])("%s [a, b] on %j is %j", (operator, values, met) => {
    const condition = { [operator]: { "x:k": ["a", "b"] } };
    const question = { context: entries({ "x:k": values }) };
    expect(underAllow(condition, question)).toBe(met ? A : I);
    expect(underDeny(condition, question)).toBe(met ? E : A);
  });

  test.each(["ForAllValues:StringEquals", "ForAnyValue:StringEquals", "ForAllValues:StringNotEquals"])(
    "%s on the empty set: not met under Allow, met under Deny",
    (operator) => {
      expect(underAllow({ [operator]: { "x:k": ["a"] } }, ABSENT)).toBe(I);
      expect(underDeny({ [operator]: { "x:k": ["a"] } }, ABSENT)).toBe(E);
    },
  );
});

test("D17: several request values without a set prefix: Allow needs every one, Deny any", () => {
  const question = { context: entries({ "x:k": ["a", "c"] }) };
  expect(underAllow({ StringEquals: { "x:k": "a" } }, question)).toBe(I);
  expect(underDeny({ StringEquals: { "x:k": "a" } }, question)).toBe(E);
  expect(underAllow({ StringNotEquals: { "x:k": "a" } }, question)).toBe(I);
  expect(underDeny({ StringNotEquals: { "x:k": "a" } }, question)).toBe(E);
});

test("D18, C2: variables", () => {
  const pattern = "acs:kms:*:*:key/${name}";
  const granted = askStatements([allow("*", pattern)]);
  expect(granted.outcome).toBe(I);
  expect(codes(granted)).toEqual(["POLICY_VARIABLE_UNSUPPORTED"]);
  expect(askStatements([allow(), deny("*", pattern)]).outcome).toBe(E);
  expect(askStatements([allow("*", [pattern, "*"])]).outcome).toBe(A);
  expect(askStatements([allow(), { Effect: "Deny", Action: "*", NotResource: pattern }]).outcome).toBe(E);
  expect(askStatements([allow(), deny("kms:${x}")]).outcome).toBe(A);
});

test("D19, C6: a date without zone", () => {
  const condition = { DateLessThan: { "acs:CurrentTime": "2030-01-01T00:00:00" } };
  expect(underAllow(condition)).toBe(I);
  expect(underDeny(condition)).toBe(E);
  expect(underDeny(condition, { now: Date.parse("2030-01-01T00:00:00Z") })).toBe(A);
  expect(underDeny({ DateNotEquals: { "acs:CurrentTime": "2026-06-01T12:00:00" } })).toBe(E);
});

test("D21, C17: MFA", () => {
  expect(underAllow({ Bool: { "acs:MFAPresent": "true" } })).toBe(C);
  expect(underAllow({ Bool: { "acs:MFAPresent": "true" } }, ABSENT_MFA)).toBe(I);
  expect(underDeny({ Bool: { "acs:MFAPresent": "false" } }, ABSENT_MFA)).toBe(E);
  expect(underDeny({ Bool: { "acs:MFAPresent": "true" } }, ABSENT_MFA)).toBe(A);
  expect(underAllow({ Bool: { "acs:MFAPresent": "false" } }, ABSENT_MFA)).toBe(I);
  expect(underDeny({ Bool: { "x:k": "false" } }, ABSENT)).toBe(A);
});

test("D22: keys that nobody supplied", () => {
  const condition = { IpAddress: { "acs:SourceIp": "10.0.0.0/8" } };
  const granted = askStatements([allow("*", "*", condition)]);
  expect(granted).toMatchObject({ outcome: C, missingContextKeys: ["acs:SourceIp"] });
  expect(granted.residualConditions).toMatchObject([
    {
      operator: "IpAddress",
      key: "acs:SourceIp",
      values: ["10.0.0.0/8"],
      effect: "Allow",
      statementIndex: 0,
      version: "v1",
    },
  ]);
  expect(underDeny(condition)).toBe(C);
  expect(askStatements([deny("*", "*", condition)]).outcome).toBe(I);
  expect(askStatements([allow(), allow("*", "*", condition)]).outcome).toBe(A);
  expect(askStatements([deny(), deny("*", "*", condition)]).outcome).toBe(E);
  expect(underAllow({ StringEquals: { "kms:tag/x": "1" } })).toBe(I);
  expect(underAllow({ ...condition, StringEquals: { "kms:tag/x": "1" } })).toBe(I);
});

describe("D24, C21: other accounts", () => {
  const foreign = { on: KEY.replace(ACCOUNT, OTHER_ACCOUNT) };

  test("an Allow of the caller is not enough, its Deny counts", () => {
    expect(askStatements([allow()], foreign)).toMatchObject({ outcome: I, decidedBy: "CROSS_ACCOUNT" });
    expect(askStatements([deny()], foreign)).toMatchObject({ outcome: E });
    const maybe = { Bool: { "x:k": "true" } };
    expect(askStatements([deny("*", "*", maybe)], foreign)).toMatchObject({ outcome: I, decidedBy: "CROSS_ACCOUNT" });
    expect(askStatements([allow("*", "*", maybe)], foreign).outcome).toBe(I);
  });

  test("resource-group policies are not read", () => {
    const decision = ask([attached([deny()], { group: "rg-1" })], { ...foreign, ...RG });
    expect(decision).toMatchObject({ outcome: I, decidedBy: "CROSS_ACCOUNT", matchedStatements: [] });
  });
});

test("D26: the account owner", () => {
  expect(ask([], { who: OWNER })).toMatchObject({ outcome: A, decidedBy: "ACCOUNT_OWNER" });
  expect(ask([], { who: OWNER, on: "*", action: "kms:GetRandomPassword" }).outcome).toBe(A);
  const foreign = ask([], { who: OWNER, on: KEY.replace(ACCOUNT, OTHER_ACCOUNT) });
  expect(foreign).toMatchObject({ outcome: I, decidedBy: "CROSS_ACCOUNT" });
});

test("D28: the key state never changes the decision", () => {
  expect(askStatements([allow()], { facts: { keyState: "DISABLED" } }).outcome).toBe(A);
});

test("D29, C3: a comma in a resource matches nothing under either effect", () => {
  const decision = askStatements([allow("*", `${KEY},${SECRET}`)]);
  expect(decision.outcome).toBe(I);
  expect(codes(decision)).toEqual(["SUSPICIOUS_RESOURCE"]);
  expect(askStatements([allow(), deny("*", "acs:kms:*:*:key/*,*")]).outcome).toBe(A);
});

test("D31: the leaning flips inside NotResource, and NotAction compares without case", () => {
  const exclusion = (text: string) => ({ Effect: "Deny", Action: "*", NotResource: text });
  expect(askStatements([allow(), exclusion(KEY)]).outcome).toBe(A);
  expect(askStatements([allow(), exclusion(KEY.replace("k1", "K1"))]).outcome).toBe(E);
  expect(askStatements([allow(), exclusion("acs:*")]).outcome).toBe(E);
  expect(askStatements([{ Effect: "Allow", NotAction: "KMS:DE*", Resource: "*" }]).outcome).toBe(I);
  expect(askStatements([{ Effect: "Allow", NotAction: "ram:*", Resource: "*" }]).outcome).toBe(A);
  expect(askStatements([allow(), { Effect: "Deny", NotAction: "kms:*", Resource: "*" }]).outcome).toBe(A);
});

test("C1: a Deny with an unknown and a residual part stays residual", () => {
  const condition = { Foo: { "x:a": "1" }, StringEquals: { "x:b": "1" } };
  expect(underDeny(condition)).toBe(C);
  expect(underDeny(condition, { context: entries({ "x:b": ["2"] }) })).toBe(A);
  expect(underAllow(condition)).toBe(I);
});

test("C4: actions without a resource", () => {
  const random = { on: "*", action: "kms:GetRandomPassword" };
  expect(askStatements([allow("*", "*")], random).outcome).toBe(A);
  expect(askStatements([allow("*", "acs:kms:*:*:*")], random).outcome).toBe(I);
  expect(askStatements([allow(), deny("*", "acs:kms:*:*:*")], random).outcome).toBe(E);
  expect(askStatements([allow(), deny("*", "acs:kms:*:*:key/*")], random).outcome).toBe(A);
  expect(askStatements([allow(), deny("*", "acs:oss:*:*:*")], random).outcome).toBe(A);
});

test("C8: the model wins over what the caller sends", () => {
  const context = entries({
    Action: ["x:Y"],
    "acs:PrincipalArn": ["x"],
    "kms:tag/a": ["1"],
    "acs:ResourceTag/a": ["1"],
  });
  expect(underAllow({ StringEquals: { Action: "KMS:decrypt" } }, { context })).toBe(A);
  expect(underAllow({ StringLike: { "acs:PrincipalARN": "ACS:ram:*:*:user/BOB" } }, { context })).toBe(A);
  expect(underAllow({ StringEquals: { "kms:tag/a": "1" } }, { context })).toBe(I);
  expect(underAllow({ StringEquals: { "acs:ResourceTag/a": "1" } }, { context })).toBe(I);
  const oss = { context, on: `acs:oss:cn:${ACCOUNT}:b`, action: "oss:Get" };
  expect(underAllow({ StringEquals: { "acs:ResourceTag/a": "1" } }, oss)).toBe(A);
  const nameless = { context, on: "*", action: "oss:ListBuckets" };
  expect(underDeny({ StringEquals: { "acs:ResourceTag/a": "1" } }, nameless)).toBe(E);
  expect(underDeny({ StringEquals: { "acs:ResourceTag/b": "1" } }, nameless)).toBe(C);
  const random = { ...nameless, action: "kms:GetRandomPassword" };
  expect(underDeny({ StringEquals: { "acs:ResourceTag/a": "1" } }, random)).toBe(A);
  const roleArn = { StringEquals: { "acs:PrincipalArn": ROLE.toLowerCase() } };
  expect(underAllow(roleArn, { who: SESSION })).toBe(A);
  expect(underAllow(roleArn, { who: ROLE })).toBe(A);
});

describe("C10: spellings of tag keys", () => {
  const lower = { tags: { project: "x" } };
  const both = { tags: { project: "x", Project: "y" } };

  test.each([
    ["StringEquals", "x", lower, I, E],
    ["StringEquals", "x", both, I, E],
    ["StringEquals", "y", both, A, E],
    ["StringNotEquals", "z", lower, I, E],
    ["StringNotEquals", "z", both, A, E],
    ["StringNotEquals", "x", both, I, E],
    ["StringNotEquals", "y", both, I, A],
    ["ForAllValues:StringEquals", "x", both, I, E],
  ])("%s kms:tag/Project %s on %j", (operator, value, tags, outcomeOfAllow, outcomeOfDeny) => {
    const condition = { [operator]: { "kms:tag/Project": value } };
    expect(underAllow(condition, tags)).toBe(outcomeOfAllow);
    expect(underDeny(condition, tags)).toBe(outcomeOfDeny);
  });

  test("the same for tags the caller sends", () => {
    const question = { context: entries({ "acs:RequestTag/project": ["x"] }) };
    expect(underAllow({ StringEquals: { "acs:RequestTag/project": "x" } }, question)).toBe(A);
    expect(underAllow({ StringEquals: { "acs:RequestTag/Project": "x" } }, question)).toBe(C);
    expect(underDeny({ StringEquals: { "ACS:requesttag/Project": "x" } }, question)).toBe(E);
    const encryption = { context: entries({ "kms:EncryptionContext:Dept": ["hr"] }) };
    expect(underAllow({ StringEquals: { "KMS:encryptioncontext:Dept": "hr" } }, encryption)).toBe(A);
    expect(underAllow({ StringEquals: { "kms:EncryptionContext:dept": "hr" } }, encryption)).toBe(C);
  });
});

test("C11: unreadable values and keys that are absent or not supplied", () => {
  expect(underDeny({ NumericEquals: { "x:k": ["one"] } })).toBe(E);
  expect(underDeny({ NumericEquals: { "x:k": ["one", "1"] } })).toBe(C);
  expect(underDeny({ NumericEquals: { "x:k": ["one", "1"] } }, ABSENT)).toBe(E);
  expect(underDeny({ NumericEquals: { "x:k": ["1"] } }, ABSENT)).toBe(A);
  expect(underAllow({ NumericEquals: { "x:k": ["one"] } }, ABSENT)).toBe(I);
});

test("C12: windows of attachments", () => {
  const window = { notBefore: NOW, expiresAt: NOW + 10 };
  const at = (now: number) => ask([attached([allow()], window)], { now });
  expect(at(NOW - 1)).toMatchObject({ outcome: I, validFrom: null, validUntil: NOW });
  expect(at(NOW)).toMatchObject({ outcome: A, validFrom: NOW, validUntil: NOW + 10 });
  expect(at(NOW + 9)).toMatchObject({ outcome: A, validUntil: NOW + 10 });
  expect(at(NOW + 10)).toMatchObject({ outcome: I, validFrom: NOW + 10, validUntil: null });
});

describe("session policies (C13)", () => {
  test("withhold, never grant", () => {
    const policies = [attached([allow("kms:*")])];
    const who = SESSION;
    expect(ask(policies, { who, session: [allow("kms:Decrypt")] })).toMatchObject({ outcome: A });
    const silent = ask(policies, { who, session: [allow("kms:Encrypt")] });
    expect(silent).toMatchObject({ outcome: I, decidedBy: "SESSION_POLICY", matchedStatements: [] });
    expect(ask(policies, { who, session: [deny()] })).toMatchObject({ outcome: E, decidedBy: "SESSION_POLICY" });
    expect(ask([], { who: ROLE, session: [allow()] })).toMatchObject({
      outcome: I,
      decidedBy: "ACCOUNT_LEVEL_IDENTITY_BASED_POLICY",
    });
  });

  test("a conditional gate makes a conditional answer, decided by the gate", () => {
    const session = [allow("*", "*", { Bool: { "acs:MFAPresent": "true" } })];
    const decision = ask([attached([allow()])], { who: SESSION, session });
    expect(decision).toMatchObject({ outcome: C, decidedBy: "SESSION_POLICY", missingContextKeys: ["acs:MFAPresent"] });
    expect(ask([], { who: SESSION, session }).outcome).toBe(I);
  });

  test("are refused with users, groups and the owner", () => {
    for (const who of [USER, OWNER, `acs:ram::${ACCOUNT}:group/g`]) {
      expect(() => ask([], { who, session: [allow()] })).toThrow(InvalidInputError);
    }
  });
});

test("C14: the stage of a conditional answer", () => {
  const conditional = [allow("*", "*", { Bool: { "x:k": "true" } })];
  expect(ask([attached(conditional)], RG).decidedBy).toBe("ACCOUNT_LEVEL_IDENTITY_BASED_POLICY");
  expect(ask([attached(conditional, { group: "rg-1" })], RG)).toMatchObject({
    outcome: C,
    decidedBy: "RESOURCE_GROUP_LEVEL_IDENTITY_BASED_POLICY",
  });
});

describe("C15: how long an answer holds", () => {
  const T = NOW + 1_000;
  const iso = new Date(T).toISOString();

  test.each([
    ["DateLessThan", T - 1, null, T],
    ["DateLessThan", T, T, null],
    ["DateLessThanEquals", T - 1, null, T],
    ["DateLessThanEquals", T, T, T],
    ["DateLessThanEquals", T + 1, T + 1, null],
    ["DateGreaterThan", T, T, T],
    ["DateGreaterThanEquals", T, T, null],
    ["DateEquals", T + 5, T + 1, null],
    ["DateNotEquals", T - 1, null, T],
  ])("%s asked at %d", (operator, now, validFrom, validUntil) => {
    const decision = askStatements([allow("*", "*", { [operator]: { "acs:CurrentTime": iso } })], { now });
    expect(decision).toMatchObject({ validFrom, validUntil });
  });

  test("losing statements count when action and resource match, others do not", () => {
    const date = { DateLessThan: { "acs:CurrentTime": iso } };
    expect(askStatements([deny(), allow("*", "*", date)]).validUntil).toBe(T);
    expect(askStatements([deny(), allow("*", "*", { ...date, Bool: { "x:k": [] } })]).validUntil).toBe(T);
    expect(askStatements([deny(), allow("kms:Encrypt", "*", date)]).validUntil).toBeNull();
    expect(askStatements([deny(), allow("*", SECRET, date)]).validUntil).toBeNull();
  });

  test("a resource-group class counts only when some combination reads it", () => {
    const group = attached([allow()], { group: "rg-1", expiresAt: T });
    expect(ask([group], RG).validUntil).toBe(T);
    expect(ask([attached([allow()]), group], RG).validUntil).toBeNull();
    expect(ask([group]).validUntil).toBeNull();
  });
});

describe("C22: sts:AssumeRole", () => {
  const assume = (policies: readonly unknown[], trusted: string | null, extra: object = {}) => {
    const trust = { Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM: trusted ?? "" } };
    const trustPolicy = trusted === null ? null : compile([trust], "trust");
    const attachments = policies.map((statements) => attached(statements as never));
    return ask(attachments, { on: ROLE, action: "sts:AssumeRole", facts: { trustPolicy }, ...extra });
  };

  test.each([
    ["both allow", [[allow()]], USER, A, "ROLE_TRUST"],
    ["root means everybody of the account", [[allow()]], OWNER, A, "ROLE_TRUST"],
    ["so does the star", [[allow()]], `acs:ram::${ACCOUNT}:*`, A, "ROLE_TRUST"],
    ["names ignore case", [[allow()]], `acs:ram:*:${ACCOUNT}:user/BOB`, A, "ROLE_TRUST"],
    ["silent identity", [], USER, I, "ACCOUNT_LEVEL_IDENTITY_BASED_POLICY"],
    ["silent trust", [[allow()]], `acs:ram::${ACCOUNT}:user/eve`, I, "ROLE_TRUST"],
    ["trust for another account", [[allow()]], `acs:ram::${OTHER_ACCOUNT}:root`, I, "ROLE_TRUST"],
    ["no trust policy known", [[allow()]], null, I, "ROLE_TRUST"],
    ["denied by identity", [[deny()]], USER, E, "ACCOUNT_LEVEL_IDENTITY_BASED_POLICY"],
  ])("%s", (_, policies, trusted, outcome, decidedBy) => {
    expect(assume(policies, trusted)).toMatchObject({ outcome, decidedBy });
  });

  test("a Deny of the trust policy is final", () => {
    const trustPolicy = compile(
      [
        { Effect: "Allow", Action: "*", Principal: { RAM: `acs:ram::${ACCOUNT}:root` } },
        { Effect: "Deny", Action: "*", Principal: { RAM: USER } },
      ],
      "trust",
    );
    const decision = ask([attached([allow()])], { on: ROLE, action: "sts:AssumeRole", facts: { trustPolicy } });
    expect(decision).toMatchObject({ outcome: E, decidedBy: "ROLE_TRUST" });
    expect(decision.reason).toBe("Denied by statement 1 of the trust policy of the role.");
  });

  test("sessions are trusted through their role; the owner needs trust too; another account may be trusted", () => {
    expect(assume([[allow()]], ROLE, { who: SESSION }).outcome).toBe(A);
    expect(assume([[allow()]], `acs:sts::${ACCOUNT}:assumed-role/deploy/ci`, { who: SESSION }).outcome).toBe(A);
    expect(assume([[allow()]], `acs:sts::${ACCOUNT}:assumed-role/deploy/CI`, { who: SESSION }).outcome).toBe(I);
    expect(assume([[allow()]], `ACS:sts::${ACCOUNT}:assumed-role/deploy/ci`, { who: SESSION }).outcome).toBe(I);
    expect(assume([], OWNER, { who: OWNER }).outcome).toBe(A);
    expect(assume([], USER, { who: OWNER })).toMatchObject({ outcome: I, decidedBy: "ROLE_TRUST" });
    const foreign = { on: ROLE.replace(ACCOUNT, OTHER_ACCOUNT) };
    expect(assume([[allow()]], OWNER, foreign)).toMatchObject({ outcome: A, decidedBy: "ROLE_TRUST" });
    expect(assume([[allow()]], null, foreign)).toMatchObject({ outcome: I, decidedBy: "CROSS_ACCOUNT" });
  });
});

test("D25: every spelling of a session in a trust policy means it, with wildcards too", () => {
  const denied = (name: string) => {
    const statements = [
      { Effect: "Allow", Action: "*", Principal: { RAM: OWNER } },
      { Effect: "Deny", Action: "*", Principal: { RAM: name } },
    ];
    const facts = { trustPolicy: compile(statements, "trust") };
    return ask([attached([allow()])], { who: SESSION, on: ROLE, action: "sts:AssumeRole", facts }).outcome === E;
  };
  for (const prefix of ["acs:ram::", "acs:ram:*:", "acs:sts::", "arn:sts::"]) {
    expect(denied(`${prefix}${ACCOUNT}:assumed-role/DEPLOY/*`)).toBe(true);
    expect(denied(`${prefix}*:assumed-role/*`)).toBe(true);
    expect(denied(`${prefix}${ACCOUNT}:assumed-role/other/*`)).toBe(false);
  }
  expect(denied(`ACS:STS::${ACCOUNT}:Assumed-Role/deploy/CI`)).toBe(true);
  expect(denied(`acs:ram::${ACCOUNT}:role/deploy/c?`)).toBe(true);
  expect(denied(`acs:ram::${ACCOUNT}:role/other/*`)).toBe(false);
});

test("C23: DescribeRegions needs no authorization", () => {
  const regions = { on: "*", action: "kms:DescribeRegions" };
  expect(askStatements([deny()], regions)).toMatchObject({ outcome: A, decidedBy: "NO_AUTHORIZATION_REQUIRED" });
});

test("C26: missing keys are spelled as in the policy, each once", () => {
  const condition = { Bool: { "ACS:mfaPresent": "true" }, StringEquals: { "x:b": "1" } };
  const decision = askStatements([allow("*", "*", condition), deny("*", "*", { Bool: { "ACS:mfaPresent": "false" } })]);
  expect(decision.missingContextKeys).toEqual(["ACS:mfaPresent", "x:b"]);
});

test("C27: an action that does not apply to the resource is evaluated literally", () => {
  const decision = askStatements([allow()], { on: SECRET });
  expect(decision.outcome).toBe(A);
  expect(codes(decision)).toEqual(["ACTION_NOT_APPLICABLE"]);
  expect(codes(askStatements([allow()], { action: "kms:Decript" }))).toEqual(["ACTION_NOT_APPLICABLE"]);
  expect(codes(askStatements([allow()], { action: "ecs:TagResources" }))).toEqual([]);
});

test("resources the gateway does not know have neither tags nor group", () => {
  const unknown = { facts: { registered: false, resourceGroup: "rg-1" }, tags: { a: "1" } };
  const policies = [
    attached([allow("*", "*", { StringEquals: { "kms:tag/a": "1" } })]),
    attached([allow()], { group: "rg-1" }),
  ];
  const decision = ask(policies, unknown);
  expect(decision.outcome).toBe(I);
  expect(codes(decision)).toEqual(["RESOURCE_NOT_REGISTERED"]);
  expect(codes(ask([], { on: KEYS, action: "kms:ListKeys", facts: { registered: false } }))).toEqual([]);
});

test("names that only an import accepts do not disturb the sentence", () => {
  const decision = ask([attached([allow()], { name: "Use", attachedTo: `acs:ram::${ACCOUNT}:group/Team: A *` })]);
  expect(decision.reason).toBe("Allowed by statement 0 of policy `Use` (v1), attached to group `Team: A *`.");
});

test("at most a hundred diagnostics are given", () => {
  const values = Array.from({ length: 300 }, (_, index) => `x${index}`);
  const decision = askStatements([allow("*", "*", { NumericEquals: { "x:k": values } })]);
  expect(decision.diagnostics).toHaveLength(100);
});

test("a decision names the whole path of what matched", () => {
  const policy = attached([allow("ecs:*"), { ...allow("kms:*"), Sid: "use" }], {
    name: "UseKeys",
    attachedTo: `acs:ram::${ACCOUNT}:group/devs`,
    group: "rg-1",
  });
  const decision = ask([policy], RG);
  expect(decision.matchedStatements).toEqual([
    {
      source: "IDENTITY_POLICY",
      effect: "Allow",
      index: 1,
      sid: "use",
      residual: false,
      policy: policy.policy.reference,
      version: "v1",
      attachedTo: `acs:ram::${ACCOUNT}:group/devs`,
      scope: { kind: "RESOURCE_GROUP", resourceGroup: "rg-1" },
    },
  ]);
  expect(decision.reason).toBe(
    "Allowed by statement 1 of policy `UseKeys` (v1), attached to group `devs` in resource group `rg-1`.",
  );
  expect(JSON.parse(JSON.stringify(decision))).toEqual(decision);
});
