import { describe, expect, test } from "vitest";
import { InvalidInputError } from "../../src/domain/errors.js";
import type { KeyState, ResourceFacts } from "../../src/domain/evaluation/access-request.js";
import type { Outcome } from "../../src/domain/evaluation/decision.js";
import { permissionActions } from "../../src/domain/evaluation/effective-permissions.js";
import { combineLegs } from "../../src/domain/evaluation/operation-decision.js";
import { KMS_ACTIONS } from "../../src/domain/kms/actions.js";
import { type OperationTargets, operationsOf, planOperation } from "../../src/domain/kms/operations.js";
import { ACCOUNT, ALIAS, ask, KEY, KEYS, resource, SECRET, SECRETS } from "./build.js";

const OTHER_KEY = KEY.replace("k1", "k2");
const factsOf = (arn: string): ResourceFacts =>
  resource(arn, { aliasTargetArn: arn === ALIAS ? KEY : null, encryptionKeyArn: arn === SECRET ? KEY : null });
const legsOf = (operation: string, targets: OperationTargets): string[] =>
  planOperation(operation, targets, factsOf).legs.map(({ action, resource: on }) => `${action} ${on}`);

describe("planOperation", () => {
  test.each<[string, OperationTargets, string[]]>([
    ["Encrypt", { key: KEY }, [`kms:Encrypt ${KEY}`]],
    ["kms:encrypt", { key: KEY }, [`kms:Encrypt ${KEY}`]],
    ["CreateKey", { region: "cn-hangzhou", account: ACCOUNT }, [`kms:CreateKey ${KEYS}`]],
    ["ListSecrets", { region: "cn-hangzhou", account: ACCOUNT }, [`kms:ListSecrets ${SECRETS}`]],
    ["CreateAlias", { alias: ALIAS, key: KEY }, [`kms:CreateAlias ${ALIAS}`, `kms:CreateAlias ${KEY}`]],
    [
      "UpdateAlias",
      { alias: ALIAS, key: OTHER_KEY },
      [`kms:UpdateAlias ${ALIAS}`, `kms:UpdateAlias ${KEY}`, `kms:UpdateAlias ${OTHER_KEY}`],
    ],
    ["DeleteAlias", { alias: ALIAS }, [`kms:DeleteAlias ${ALIAS}`, `kms:DeleteAlias ${KEY}`]],
    [
      "ReEncrypt",
      { sourceKey: KEY, destinationKey: OTHER_KEY },
      [`kms:ReEncryptFrom ${KEY}`, `kms:ReEncryptTo ${OTHER_KEY}`],
    ],
    ["GetRandomPassword", {}, ["kms:GetRandomPassword *"]],
    ["DescribeRegions", {}, []],
    ["TagResource", { secret: SECRET, account: ACCOUNT }, [`kms:TagResource ${SECRET}`]],
  ])("%s on %j", (operation, targets, legs) => {
    expect(legsOf(operation, targets)).toEqual(legs);
  });

  test("D8: a key named by its alias needs both", () => {
    const both = [`kms:Encrypt ${KEY}`, `kms:Encrypt ${ALIAS}`];
    expect(legsOf("Encrypt", { alias: ALIAS })).toEqual(both);
    expect(legsOf("Encrypt", { key: ALIAS })).toEqual(both);
    expect(legsOf("Encrypt", { key: KEY, alias: ALIAS })).toEqual(both);
  });

  test("D10: a secret under a user-managed key needs that key", () => {
    const plain = SECRET.replace("s1", "s2");
    expect(legsOf("GetSecretValue", { secret: SECRET })).toEqual([
      `kms:GetSecretValue ${SECRET}`,
      `kms:Decrypt ${KEY}`,
    ]);
    expect(legsOf("PutSecretValue", { secret: SECRET })).toEqual([
      `kms:PutSecretValue ${SECRET}`,
      `kms:GenerateDataKey ${KEY}`,
    ]);
    expect(legsOf("GetSecretValue", { secret: plain })).toEqual([`kms:GetSecretValue ${plain}`]);
    expect(legsOf("BatchGetSecretValue", { secrets: [SECRET, plain, SECRET] })).toEqual([
      `kms:GetSecretValue ${SECRET}`,
      `kms:Decrypt ${KEY}`,
      `kms:GetSecretValue ${plain}`,
    ]);
  });

  test.each<[string, OperationTargets, string]>([
    ["Encript", { key: KEY }, "unknown operation `Encript`; did you mean `Encrypt`?"],
    ["ReEncryptFrom", { key: KEY }, "unknown operation `ReEncryptFrom`"],
    ["Encrypt", {}, "target `key` is missing"],
    ["Encrypt", { key: KEY, secret: SECRET }, "operation `Encrypt` takes no target `secret`"],
    ["Encrypt", { key: SECRET }, "is not the arn of a key or alias"],
    ["Encrypt", { key: "nonsense" }, "is not a valid arn"],
    ["Encrypt", { key: OTHER_KEY, alias: ALIAS }, "points to another key"],
    ["Encrypt", { alias: ALIAS.replace("a1", "a2") }, "is not known: name it as `key`"],
    ["CreateKey", { account: ACCOUNT }, "target `region` is missing"],
    ["CreateKey", { region: "cn hangzhou", account: ACCOUNT }, "is not a valid arn"],
    ["TagResource", { key: KEY, secret: SECRET }, "name either a key or a secret"],
    ["TagResource", {}, "name either a key or a secret"],
    ["BatchGetSecretValue", { secrets: [] }, "target `secrets` is missing"],
    ["UpdateAlias", { alias: ALIAS.replace("a1", "a2"), key: KEY }, "name it as `oldKey`"],
    ["UpdateAlias", { alias: ALIAS, key: KEY, oldKey: OTHER_KEY }, "points to another key"],
  ])("%s on %j is refused", (operation, targets, message) => {
    expect(() => planOperation(operation, targets, factsOf)).toThrow(InvalidInputError);
    expect(() => planOperation(operation, targets, factsOf)).toThrow(message);
  });
});

describe("rows of effectivePermissions", () => {
  test("one per action that the type has", () => {
    expect(permissionActions(KEY)).toContain("kms:ReEncryptFrom");
    expect(permissionActions(KEY)).not.toContain("kms:GetSecretValue");
    expect(permissionActions(SECRET)).not.toContain("kms:Decrypt");
    expect(permissionActions(ALIAS)).toEqual(["kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias"]);
    expect(permissionActions(KEYS)).toEqual(["kms:ListKeys", "kms:CreateKey"]);
    expect(permissionActions("acs:oss:*:*:bucket")).toEqual([]);
    expect(permissionActions("*")).toContain("kms:GetRandomPassword");
    expect(() => permissionActions("nonsense")).toThrow(InvalidInputError);
  });

  test("every action of the catalogue belongs to some type", () => {
    const types = [KEY, KEYS, SECRET, SECRETS, ALIAS, ALIAS.replace("/a1", ""), "*"];
    const certificates = [`acs:kms:cn:1:certificate`, `acs:kms:cn:1:certificate/c`];
    const rows = new Set([...types, ...certificates].flatMap((arn) => permissionActions(arn)));
    expect(rows).toEqual(new Set(KMS_ACTIONS.keys()));
  });

  test("operations: those the resource alone determines", () => {
    const names = (facts: ResourceFacts): string[] => operationsOf(facts).map(({ operation }) => operation);
    expect(names(resource(KEY))).toContain("Encrypt");
    expect(names(resource(KEY))).not.toContain("ReEncrypt");
    expect(names(resource(KEY))).not.toContain("CreateAlias");
    expect(names(factsOf(ALIAS))).toEqual(["DeleteAlias"]);
    expect(names(resource(ALIAS))).toEqual([]);
    expect(names(resource(KEYS))).toEqual(["ListKeys", "CreateKey"]);
    expect(names(resource("*"))).toContain("DescribeRegions");
    expect(names(resource("acs:oss:*:*:x"))).toEqual([]);
    expect(names(factsOf(SECRET))).not.toContain("BatchGetSecretValue");
    const read = operationsOf(factsOf(SECRET)).find(({ operation }) => operation === "GetSecretValue");
    expect(read).toMatchObject({ keysUsed: [KEY], legs: [{ resource: SECRET }, { resource: KEY }] });
  });
});

describe("combineLegs", () => {
  const leg = (outcome: Outcome) => ({ ...ask([]), outcome });

  test.each<[Outcome, Outcome, Outcome]>([
    ["ALLOW", "ALLOW", "ALLOW"],
    ["ALLOW", "CONDITIONAL", "CONDITIONAL"],
    ["CONDITIONAL", "IMPLICIT_DENY", "IMPLICIT_DENY"],
    ["IMPLICIT_DENY", "EXPLICIT_DENY", "EXPLICIT_DENY"],
  ])("C16: %s and %s are %s", (first, second, expected) => {
    const plan = planOperation("GetSecretValue", { secret: SECRET }, factsOf);
    for (const legs of [
      [first, second],
      [second, first],
    ]) {
      const decision = combineLegs(plan, legs.map(leg), () => null);
      expect(decision).toMatchObject({ outcome: expected, allowed: expected === "ALLOW", usableNow: null });
    }
  });

  test("C16: no legs are ALLOW", () => {
    const plan = planOperation("DescribeRegions", {}, factsOf);
    expect(combineLegs(plan, [], () => null)).toMatchObject({ outcome: "ALLOW", allowed: true, usableNow: null });
  });

  test.each<[string, OperationTargets, readonly KeyState[]]>([
    ["Encrypt", { key: KEY }, ["ENABLED"]],
    ["GetSecretValue", { secret: SECRET }, ["ENABLED"]],
    ["DescribeKey", { key: KEY }, ["ENABLED", "DISABLED", "PENDING_DELETION", "PENDING_IMPORT"]],
    ["EnableKey", { key: KEY }, ["ENABLED", "DISABLED"]],
    ["ScheduleKeyDeletion", { key: KEY }, ["ENABLED", "DISABLED", "PENDING_IMPORT"]],
    ["CancelKeyDeletion", { key: KEY }, ["PENDING_DELETION"]],
    ["CreateAlias", { alias: ALIAS, key: KEY }, ["ENABLED", "DISABLED", "PENDING_IMPORT"]],
  ])("D28: %s on %j works in %j", (operation, targets, usable) => {
    const plan = planOperation(operation, targets, factsOf);
    const legs = plan.legs.map(() => leg("EXPLICIT_DENY"));
    for (const state of ["ENABLED", "DISABLED", "PENDING_DELETION", "PENDING_IMPORT"] as const) {
      const works = usable.includes(state);
      const decision = combineLegs(plan, legs, () => state);
      expect(decision).toMatchObject({ usableNow: works, blockedByKeyState: works ? null : state });
    }
  });

  test("D28: UpdateAlias looks at the new key only", () => {
    const plan = planOperation("UpdateAlias", { alias: ALIAS, key: OTHER_KEY }, factsOf);
    const legs = plan.legs.map(() => leg("ALLOW"));
    const oldGone = (key: string): KeyState => (key === KEY ? "PENDING_DELETION" : "ENABLED");
    const newGone = (key: string): KeyState => (key === KEY ? "ENABLED" : "PENDING_DELETION");
    expect(combineLegs(plan, legs, oldGone).usableNow).toBe(true);
    expect(combineLegs(plan, legs, newGone).usableNow).toBe(false);
  });
});
