import { beforeAll, describe, expect, test } from "vitest";
import { addUserToGroup } from "../../src/administration/add-user-to-group.js";
import type { ChangeResult } from "../../src/administration/administration.js";
import { attachPolicy } from "../../src/administration/attach-policy.js";
import { createAccount } from "../../src/administration/create-account.js";
import { createGroup } from "../../src/administration/create-group.js";
import { createPolicy } from "../../src/administration/create-policy.js";
import { createPolicyVersion } from "../../src/administration/create-policy-version.js";
import { createResourceGroup } from "../../src/administration/create-resource-group.js";
import { createRole } from "../../src/administration/create-role.js";
import { createUser } from "../../src/administration/create-user.js";
import { detachPolicy } from "../../src/administration/detach-policy.js";
import { ensureSystemPolicies } from "../../src/administration/ensure-system-policies.js";
import { importAccount } from "../../src/administration/import-account.js";
import { moveToResourceGroup } from "../../src/administration/move-to-resource-group.js";
import { registerAlias } from "../../src/administration/register-alias.js";
import { registerKey } from "../../src/administration/register-key.js";
import { registerSecret } from "../../src/administration/register-secret.js";
import { removeUserFromGroup } from "../../src/administration/remove-user-from-group.js";
import { setDefaultPolicyVersion } from "../../src/administration/set-default-policy-version.js";
import { tagResource } from "../../src/administration/tag-resource.js";
import { untagResource } from "../../src/administration/untag-resource.js";
import { USER_ERROR_CODES } from "../../src/administration/user-error.js";
import { InvalidInputError } from "../../src/domain/errors.js";
import { ACCOUNT, arn, changesOf, codesOf, fingerprint, READ_ALL, request, TRUST, useAdministration } from "./setup.js";

const context = useAdministration("changes");
const { run, done } = changesOf(context);

beforeAll(async () => {
  const { db } = context.administration;
  await ensureSystemPolicies(db);
  await done(createAccount, { account: ACCOUNT, alias: "acme" });
  await done(createResourceGroup, { account: ACCOUNT, id: "rg-a", name: "a" });
  await done(createUser, { account: ACCOUNT, name: "Ann", displayName: "Ann", tags: [{ key: "team", value: "x" }] });
  await done(createGroup, { account: ACCOUNT, name: "team" });
  await done(createRole, { account: ACCOUNT, name: "Deploy-Bot", trustPolicy: TRUST, maxSessionDuration: 7200 });
  await done(createPolicy, { account: ACCOUNT, name: "ReadAll", document: READ_ALL, description: "reads" });
  await done(registerKey, { arn: arn.key("k1"), resourceGroup: "rg-a", tags: [{ key: "Project", value: "apollo" }] });
  await done(registerSecret, { arn: arn.secret("a/b"), encryptionKey: arn.key("k1"), type: "Generic" });
  await done(registerAlias, { arn: arn.alias("one"), key: arn.key("k1") });
  await importAccount(
    context.administration,
    {
      account: ACCOUNT,
      mode: "MERGE",
      snapshot: {
        version: 1,
        account: { id: ACCOUNT },
        roles: [{ name: "Linked", kind: "SERVICE_LINKED", service: "x.kms.aliyuncs.com", trustPolicy: TRUST }],
      },
    },
    request(),
  );
});

describe("what was made", () => {
  test("is stored under RAM's names", async () => {
    const { db } = context.administration;
    const principals = await db.principal.findMany({ where: { accountId: ACCOUNT }, orderBy: { arnKey: "asc" } });
    expect(principals.map(({ kind, name, arn: stored }) => [kind, name, stored])).toEqual([
      ["GROUP", "team", arn.group("team")],
      ["ROLE", "Deploy-Bot", arn.role("deploy-bot")],
      ["ROLE", "Linked", arn.role("linked")],
      ["ACCOUNT_OWNER", "root", `acs:ram::${ACCOUNT}:root`],
      ["USER", "Ann", arn.user("Ann")],
    ]);
    const policy = await db.policy.findFirst({ where: { accountId: ACCOUNT }, include: { versions: true } });
    expect(policy).toMatchObject({
      arn: arn.policy("ReadAll"),
      lastVersion: 1,
      versions: [{ number: 1, isDefault: true }],
    });
    expect(JSON.parse(policy?.versions[0]?.document ?? "")).toEqual(READ_ALL);
  });

  test("leaves audit events", async () => {
    const [event] = await context.administration.db.auditEvent.findMany({ where: { action: "createUser" } });
    expect(event).toMatchObject({ accountId: ACCOUNT, actor: "operator:test", targets: [arn.user("Ann")] });
    expect(event?.input).toMatchObject({ account: ACCOUNT, name: "Ann" });
  });
});

const bad = {
  Version: "1",
  Statement: [
    { Effect: "allow", Action: "kms:*", Resource: "*" },
    { Effect: "Deny", Action: [] },
  ],
};
const REFUSED: [string, string, () => Promise<ChangeResult<unknown>>][] = [
  ["ENTITY_ALREADY_EXISTS_ACCOUNT", "a second account", () => run(createAccount, { account: ACCOUNT })],
  ["INVALID_PARAMETER_ACCOUNT", "an account that is no number", () => run(createAccount, { account: "acme" })],
  ["ENTITY_NOT_EXIST_ACCOUNT", "a user of no account", () => run(createUser, { account: "404", name: "x" })],
  ["ENTITY_ALREADY_EXISTS_USER", "a user in another case", () => run(createUser, { account: ACCOUNT, name: "ANN" })],
  ["INVALID_PARAMETER_USER_NAME_INVALID_CHARS", "a space", () => run(createUser, { account: ACCOUNT, name: "a b" })],
  ["INVALID_PARAMETER_USER_NAME_LENGTH", "no name", () => run(createUser, { account: ACCOUNT, name: "" })],
  [
    "INVALID_PARAMETER_USER_NAME_LENGTH",
    "65 letters",
    () => run(createUser, { account: ACCOUNT, name: "a".repeat(65) }),
  ],
  ["INVALID_PARAMETER_TEXT", "NUL", () => run(createUser, { account: ACCOUNT, name: "z", comments: "\0" })],
  [
    "INVALID_PARAMETER_TEXT",
    "half a character",
    () => run(createUser, { account: ACCOUNT, name: "z", displayName: "\ud800" }),
  ],
  [
    "INVALID_PARAMETER_TAG_KEY",
    "acs:",
    () => run(createUser, { account: ACCOUNT, name: "z", tags: [{ key: "acs:a", value: "" }] }),
  ],
  ["ENTITY_ALREADY_EXISTS_GROUP", "a group again", () => run(createGroup, { account: ACCOUNT, name: "Team" })],
  ["INVALID_PARAMETER_GROUP_NAME_INVALID_CHARS", "a dot", () => run(createGroup, { account: ACCOUNT, name: "a.b" })],
  [
    "ENTITY_ALREADY_EXISTS_ROLE",
    "a role again",
    () => run(createRole, { account: ACCOUNT, name: "deploy-bot", trustPolicy: TRUST }),
  ],
  [
    "MALFORMED_POLICY_DOCUMENT",
    "no trust",
    () => run(createRole, { account: ACCOUNT, name: "r", trustPolicy: READ_ALL }),
  ],
  [
    "INVALID_PARAMETER_MAX_SESSION_DURATION",
    "a minute",
    () => run(createRole, { account: ACCOUNT, name: "r", trustPolicy: TRUST, maxSessionDuration: 60 }),
  ],
  [
    "ENTITY_ALREADY_EXISTS_RESOURCE_GROUP",
    "a resource group again",
    () => run(createResourceGroup, { account: ACCOUNT, id: "rg-a", name: "a" }),
  ],
  [
    "INVALID_PARAMETER_RESOURCE_GROUP",
    "no rg-",
    () => run(createResourceGroup, { account: ACCOUNT, id: "a", name: "a" }),
  ],
  [
    "ENTITY_ALREADY_EXISTS_POLICY",
    "a policy again",
    () => run(createPolicy, { account: ACCOUNT, name: "readall", document: READ_ALL }),
  ],
  [
    "INVALID_PARAMETER_POLICY_NAME_INVALID_CHARS",
    "_",
    () => run(createPolicy, { account: ACCOUNT, name: "a_b", document: READ_ALL }),
  ],
  [
    "INVALID_PARAMETER_POLICY_DOCUMENT_LENGTH",
    "6,145 characters",
    () => run(createPolicy, { account: ACCOUNT, name: "long", document: JSON.stringify(READ_ALL).padEnd(6_145) }),
  ],
  [
    "ENTITY_NOT_EXIST_POLICY",
    "a version of nothing",
    () => run(createPolicyVersion, { policy: arn.policy("none"), document: READ_ALL }),
  ],
  [
    "SYSTEM_POLICY_IMMUTABLE",
    "a version of a system policy",
    () => run(createPolicyVersion, { policy: arn.system("AliyunKMSFullAccess"), document: READ_ALL }),
  ],
  [
    "SYSTEM_POLICY_IMMUTABLE",
    "a default of a system policy",
    () => run(setDefaultPolicyVersion, { policy: arn.system("AliyunKMSFullAccess"), version: "v1" }),
  ],
  [
    "ENTITY_NOT_EXIST_POLICY_VERSION",
    "v9",
    () => run(setDefaultPolicyVersion, { policy: arn.policy("ReadAll"), version: "v9" }),
  ],
  [
    "ENTITY_NOT_EXIST_POLICY_VERSION",
    "01",
    () => run(setDefaultPolicyVersion, { policy: arn.policy("ReadAll"), version: "v01" }),
  ],
  [
    "ENTITY_NOT_EXIST_POLICY",
    "attach nothing",
    () => run(attachPolicy, { policy: arn.policy("none"), principal: arn.user("ann") }),
  ],
  [
    "ENTITY_NOT_EXIST_POLICY",
    "attach another account's",
    () => run(attachPolicy, { policy: "acs:ram::7:policy/ReadAll", principal: arn.user("ann") }),
  ],
  [
    "ENTITY_NOT_EXIST_USER",
    "attach to nobody",
    () => run(attachPolicy, { policy: arn.policy("ReadAll"), principal: arn.user("nobody") }),
  ],
  [
    "ENTITY_NOT_EXIST_GROUP",
    "attach to no group",
    () => run(attachPolicy, { policy: arn.policy("ReadAll"), principal: arn.group("nobody") }),
  ],
  [
    "ENTITY_NOT_EXIST_ROLE",
    "attach to no role",
    () => run(attachPolicy, { policy: arn.policy("ReadAll"), principal: arn.role("nobody") }),
  ],
  [
    "ENTITY_NOT_EXIST_RESOURCE_GROUP",
    "attach in no group",
    () => run(attachPolicy, { policy: arn.policy("ReadAll"), principal: arn.user("ann"), resourceGroup: "rg-none" }),
  ],
  [
    "INVALID_PARAMETER_PRINCIPAL_TYPE",
    "attach to a session",
    () =>
      run(attachPolicy, { policy: arn.policy("ReadAll"), principal: `acs:ram::${ACCOUNT}:assumed-role/deploy-bot/s1` }),
  ],
  [
    "INVALID_PARAMETER_PRINCIPAL_TYPE",
    "attach to the owner",
    () => run(attachPolicy, { policy: arn.policy("ReadAll"), principal: `acs:ram::${ACCOUNT}:root` }),
  ],
  [
    "INVALID_PARAMETER_WINDOW",
    "attach for no time",
    () =>
      run(attachPolicy, {
        policy: arn.policy("ReadAll"),
        principal: arn.user("ann"),
        notBefore: new Date(5),
        expiresAt: new Date(5),
      }),
  ],
  [
    "SERVICE_LINKED_ROLE_IMMUTABLE",
    "attach to a service's role",
    () => run(attachPolicy, { policy: arn.policy("ReadAll"), principal: arn.role("Linked") }),
  ],
  [
    "SERVICE_LINKED_ROLE_IMMUTABLE",
    "detach from a service's role",
    () => run(detachPolicy, { policy: arn.policy("ReadAll"), principal: arn.role("Linked") }),
  ],
  [
    "SERVICE_LINKED_ROLE_IMMUTABLE",
    "tag a service's role",
    () => run(tagResource, { resource: arn.role("Linked"), tags: [{ key: "a", value: "b" }] }),
  ],
  [
    "SERVICE_LINKED_ROLE_IMMUTABLE",
    "untag a service's role",
    () => run(untagResource, { resource: arn.role("Linked"), tagKeys: ["a"] }),
  ],
  [
    "ENTITY_NOT_EXIST_POLICY",
    "detach nothing",
    () => run(detachPolicy, { policy: arn.policy("none"), principal: arn.user("ann") }),
  ],
  [
    "ENTITY_NOT_EXIST_USER",
    "join as nobody",
    () => run(addUserToGroup, { user: arn.user("nobody"), group: arn.group("team") }),
  ],
  [
    "ENTITY_NOT_EXIST_GROUP",
    "join nothing",
    () => run(addUserToGroup, { user: arn.user("ann"), group: arn.group("nobody") }),
  ],
  [
    "ENTITY_NOT_EXIST_GROUP",
    "join another account's",
    () => run(addUserToGroup, { user: arn.user("ann"), group: "acs:ram::7:group/team" }),
  ],
  [
    "INVALID_PARAMETER_PRINCIPAL_TYPE",
    "a role joins",
    () => run(addUserToGroup, { user: arn.role("deploy-bot"), group: arn.group("team") }),
  ],
  [
    "ENTITY_NOT_EXIST_GROUP",
    "leave nothing",
    () => run(removeUserFromGroup, { user: arn.user("ann"), group: arn.group("nobody") }),
  ],
  ["ENTITY_ALREADY_EXISTS_KEY", "a key again", () => run(registerKey, { arn: arn.key("k1") })],
  ["INVALID_PARAMETER_KEY_ID", "a masked key", () => run(registerKey, { arn: arn.key("k****") })],
  [
    "INVALID_PARAMETER_RESOURCE_TYPE",
    "a key container",
    () => run(registerKey, { arn: `acs:kms:cn-hangzhou:${ACCOUNT}:key` }),
  ],
  ["INVALID_PARAMETER", "every region", () => run(registerKey, { arn: arn.key("k2", "*") })],
  ["INVALID_PARAMETER_ACCOUNT", "every account", () => run(registerKey, { arn: "acs:kms:cn-hangzhou:*:key/k" })],
  ["ENTITY_NOT_EXIST_ACCOUNT", "a key of no account", () => run(registerKey, { arn: "acs:kms:cn-hangzhou:404:key/k" })],
  [
    "ENTITY_NOT_EXIST_RESOURCE_GROUP",
    "a key of no group",
    () => run(registerKey, { arn: arn.key("k2"), resourceGroup: "rg-\0" }),
  ],
  ["ENTITY_ALREADY_EXISTS_SECRET", "a secret again", () => run(registerSecret, { arn: arn.secret("a/b") })],
  [
    "ENTITY_NOT_EXIST_KEY",
    "a secret under no key",
    () => run(registerSecret, { arn: arn.secret("c"), encryptionKey: arn.key("none") }),
  ],
  [
    "INVALID_PARAMETER_KEY",
    "a secret under a far key",
    () => run(registerSecret, { arn: arn.secret("c"), encryptionKey: arn.key("k1", "cn-beijing") }),
  ],
  ["INVALID_PARAMETER_SECRET_NAME", "a secret with ,", () => run(registerSecret, { arn: arn.secret("a,b") })],
  [
    "ENTITY_ALREADY_EXISTS_ALIAS",
    "an alias again",
    () => run(registerAlias, { arn: arn.alias("one"), key: arn.key("k1") }),
  ],
  [
    "ENTITY_NOT_EXIST_KEY",
    "an alias of nothing",
    () => run(registerAlias, { arn: arn.alias("two"), key: arn.key("none") }),
  ],
  [
    "INVALID_PARAMETER_ALIAS_NAME",
    "an alias of the service",
    () => run(registerAlias, { arn: arn.alias("acs/x"), key: arn.key("k1") }),
  ],
  [
    "INVALID_PARAMETER_RESOURCE_TYPE",
    "tag an alias",
    () => run(tagResource, { resource: arn.alias("one"), tags: [{ key: "a", value: "b" }] }),
  ],
  [
    "INVALID_PARAMETER_PRINCIPAL_TYPE",
    "tag a group",
    () => run(tagResource, { resource: arn.group("team"), tags: [{ key: "a", value: "b" }] }),
  ],
  [
    "INVALID_PARAMETER_RESOURCE_TYPE",
    "tag a bucket",
    () => run(tagResource, { resource: "acs:oss:*:1:bucket", tags: [{ key: "a", value: "b" }] }),
  ],
  [
    "ENTITY_NOT_EXIST_KEY",
    "tag no key",
    () => run(tagResource, { resource: arn.key("none"), tags: [{ key: "a", value: "b" }] }),
  ],
  [
    "ENTITY_NOT_EXIST_SECRET",
    "tag no secret",
    () => run(tagResource, { resource: arn.secret("none"), tags: [{ key: "a", value: "b" }] }),
  ],
  [
    "INVALID_PARAMETER_TAG_KEY",
    "a reserved tag",
    () => run(tagResource, { resource: arn.key("k1"), tags: [{ key: "Aliyun-x", value: "b" }] }),
  ],
  [
    "INVALID_PARAMETER_TAG_KEY",
    "an empty tag",
    () => run(tagResource, { resource: arn.key("k1"), tags: [{ key: "", value: "b" }] }),
  ],
  [
    "INVALID_PARAMETER_TAG_VALUE",
    "a tag with a space",
    () => run(tagResource, { resource: arn.key("k1"), tags: [{ key: "a", value: "b c" }] }),
  ],
  [
    "LIMIT_EXCEEDED_TAG",
    "20 more tags",
    () =>
      run(tagResource, {
        resource: arn.key("k1"),
        tags: Array.from({ length: 20 }, (_, i) => ({ key: `t${i}`, value: "" })),
      }),
  ],
  [
    "INVALID_PARAMETER_RESOURCE_TYPE",
    "move an alias",
    () => run(moveToResourceGroup, { resource: arn.alias("one"), resourceGroup: "rg-a" }),
  ],
  [
    "ENTITY_NOT_EXIST_KEY",
    "move no key",
    () => run(moveToResourceGroup, { resource: arn.key("none"), resourceGroup: "rg-a" }),
  ],
  [
    "ENTITY_NOT_EXIST_RESOURCE_GROUP",
    "move to nowhere",
    () => run(moveToResourceGroup, { resource: arn.key("k1"), resourceGroup: "rg-none" }),
  ],
  [
    "INVALID_PARAMETER_TEXT",
    "a long reason",
    () => run(createGroup, { account: ACCOUNT, name: "x" }, { reason: "r".repeat(1_025) }),
  ],
];

describe("refusals change nothing", () => {
  test.each(REFUSED)("%s: %s", async (code, _what, change) => {
    const before = await fingerprint(context.administration.db);
    const result = await change();
    expect(new Set(codesOf(result))).toEqual(new Set([code]));
    expect(USER_ERROR_CODES).toContain(code);
    expect(result).toMatchObject({ value: null, changed: false, revision: null });
    expect(await fingerprint(context.administration.db)).toBe(before);
  });

  test("a malformed document is refused with all its problems and their places", async () => {
    const text = JSON.stringify(bad, null, 2);
    const { userErrors } = await run(createPolicy, { account: ACCOUNT, name: "bad", document: text });
    expect(userErrors.length).toBeGreaterThanOrEqual(3);
    expect(userErrors.map(({ pointer }) => pointer)).toContain("/Statement/0/Effect");
    for (const { code, field, line, column } of userErrors) {
      expect({ code, field }).toEqual({ code: "MALFORMED_POLICY_DOCUMENT", field: ["document"] });
      expect([line, column].every((place) => Number(place) >= 1)).toBe(true);
    }
    const { userErrors: ofValue } = await run(createPolicy, { account: ACCOUNT, name: "bad", document: bad });
    expect(ofValue.map(({ pointer }) => pointer)).toEqual(userErrors.map(({ pointer }) => pointer));
    expect(ofValue.every(({ line }) => line === undefined)).toBe(true);
  });

  test("a service-linked role names its service", async () => {
    const { userErrors } = await run(attachPolicy, { policy: arn.policy("ReadAll"), principal: arn.role("linked") });
    expect(userErrors[0]?.message).toContain("x.kms.aliyuncs.com");
  });

  test.each([
    ["attachPolicy", () => run(attachPolicy, { policy: "nonsense", principal: arn.user("ann") })],
    ["attachPolicy", () => run(attachPolicy, { policy: arn.policy("ReadAll"), principal: "acs:ram:bob" })],
    ["addUserToGroup", () => run(addUserToGroup, { user: "bob", group: arn.group("team") })],
    ["registerKey", () => run(registerKey, { arn: "acs:kms:cn hangzhou:1:key/k" })],
    ["tagResource", () => run(tagResource, { resource: "", tags: [] })],
    ["createPolicyVersion", () => run(createPolicyVersion, { policy: arn.user("ann"), document: READ_ALL })],
    ["an empty encryption key", () => run(registerSecret, { arn: arn.secret("d"), encryptionKey: "" })],
  ])("a malformed arn is invalid input: %s", async (_name, change) => {
    await expect(change()).rejects.toBeInstanceOf(InvalidInputError);
  });
});

describe("attachments", () => {
  const attachment = { policy: arn.policy("readall"), principal: arn.user("ANN") };

  test("attach and detach are idempotent, per scope, and a new window is a change", async () => {
    const first = await run(attachPolicy, attachment);
    expect(first).toMatchObject({ changed: true, userErrors: [] });
    expect(await run(attachPolicy, attachment)).toMatchObject({ changed: false, value: first.value });
    expect(await run(attachPolicy, { ...attachment, resourceGroup: "rg-a" })).toMatchObject({ changed: true });
    const window = { notBefore: new Date("2029-01-01T00:00:00Z"), expiresAt: new Date("2030-01-01T00:00:00Z") };
    expect(await run(attachPolicy, { ...attachment, ...window })).toMatchObject({ changed: true, value: first.value });
    expect(await run(attachPolicy, { ...attachment, ...window })).toMatchObject({ changed: false });
    const stored = await context.administration.db.attachment.findMany({
      where: { principal: { arn: arn.user("Ann") } },
    });
    expect(stored.map(({ resourceGroupId, expiresAt }) => [resourceGroupId, expiresAt])).toEqual(
      expect.arrayContaining([
        [null, window.expiresAt],
        ["rg-a", null],
      ]),
    );
    expect(await run(detachPolicy, attachment)).toMatchObject({ changed: true });
    expect(await run(detachPolicy, attachment)).toMatchObject({ changed: false, userErrors: [] });
    expect(await run(detachPolicy, { ...attachment, resourceGroup: "rg-a" })).toMatchObject({ changed: true });
  });

  test("an unchanged account has no audit event of it", async () => {
    const count = () => context.administration.db.auditEvent.count();
    const before = await count();
    await run(detachPolicy, attachment);
    expect(await count()).toBe(before);
  });

  test("system policies and groups", async () => {
    const policy = arn.system("AliyunKMSReadOnlyAccess");
    await done(attachPolicy, { policy, principal: arn.group("team") });
    await done(attachPolicy, { policy, principal: arn.role("DEPLOY-BOT") });
    await done(detachPolicy, { policy, principal: arn.group("team") });
    await done(detachPolicy, { policy, principal: arn.role("deploy-bot") });
  });

  test("quota of 10 custom policies, whatever the scope, also under concurrency", async () => {
    await done(createUser, { account: ACCOUNT, name: "full" });
    const names = Array.from({ length: 14 }, (_, i) => `Quota${i}`);
    for (const name of names) await done(createPolicy, { account: ACCOUNT, name, document: READ_ALL });
    const results = await Promise.all(
      names.map((name) => run(attachPolicy, { policy: arn.policy(name), principal: arn.user("full") })),
    );
    expect(results.filter(({ changed }) => changed)).toHaveLength(10);
    expect(results.flatMap(codesOf)).toEqual(Array(4).fill("LIMIT_EXCEEDED_USER_POLICY"));
    const held = names[results.findIndex(({ changed }) => changed)] ?? "";
    await done(attachPolicy, { policy: arn.policy(held), principal: arn.user("full"), resourceGroup: "rg-a" });
  });
});

describe("groups", () => {
  test("membership is idempotent and limited to 10 groups", async () => {
    const membership = { user: arn.user("ann"), group: arn.group("TEAM") };
    await done(addUserToGroup, membership);
    expect(await run(addUserToGroup, membership)).toMatchObject({ changed: false, userErrors: [] });
    for (let i = 0; i < 10; i += 1) await done(createGroup, { account: ACCOUNT, name: `g${i}` });
    const results = [];
    for (let i = 0; i < 10; i += 1)
      results.push(await run(addUserToGroup, { ...membership, group: arn.group(`g${i}`) }));
    expect(results.flatMap(codesOf)).toEqual(["LIMIT_EXCEEDED_USER_GROUP"]);
    await done(removeUserFromGroup, membership);
    expect(await run(removeUserFromGroup, membership)).toMatchObject({ changed: false, userErrors: [] });
  });
});

describe("policy versions", () => {
  test("numbers are never used again, the oldest gives way, the default stays", async () => {
    const { db } = context.administration;
    const policy = arn.policy("Versions");
    const { policyId } = await done(createPolicy, { account: ACCOUNT, name: "Versions", document: READ_ALL });
    const versions = async () =>
      (await db.policyVersion.findMany({ where: { policyId }, orderBy: { number: "asc" } })).map(
        ({ number, isDefault }) => `${number}${isDefault ? "*" : ""}`,
      );
    for (let i = 2; i <= 5; i += 1)
      await done(createPolicyVersion, { policy, document: READ_ALL, setAsDefault: i === 3 });
    expect(await versions()).toEqual(["1", "2", "3*", "4", "5"]);
    expect(codesOf(await run(createPolicyVersion, { policy, document: READ_ALL }))).toEqual([
      "LIMIT_EXCEEDED_POLICY_VERSION",
    ]);
    const rotateStrategy = "DELETE_OLDEST_NON_DEFAULT_VERSION_WHEN_LIMIT_EXCEEDED" as const;
    await done(createPolicyVersion, { policy, document: READ_ALL, rotateStrategy });
    expect(await versions()).toEqual(["2", "3*", "4", "5", "6"]);
    expect(await db.auditEvent.findFirst({ orderBy: { sequence: "desc" } })).toMatchObject({
      before: { rotated: { version: "v1", document: JSON.stringify(READ_ALL) } },
    });
    await done(setDefaultPolicyVersion, { policy, version: "v6" });
    expect(await run(setDefaultPolicyVersion, { policy, version: "v6" })).toMatchObject({
      changed: false,
      userErrors: [],
    });
    await done(createPolicyVersion, { policy, document: READ_ALL, rotateStrategy, setAsDefault: true });
    expect(await versions()).toEqual(["3", "4", "5", "6", "7*"]);
  });

  test("JSON text is kept as it was sent", async () => {
    const document = JSON.stringify(READ_ALL, null, 1);
    const { policyId } = await done(createPolicy, { account: ACCOUNT, name: "AsText", document });
    expect(await context.administration.db.policyVersion.findFirst({ where: { policyId } })).toMatchObject({
      document,
    });
  });
});

describe("resources", () => {
  test("tags are set, changed and removed", async () => {
    const resource = arn.secret("a/b");
    await done(tagResource, {
      resource,
      tags: [
        { key: "a", value: "1" },
        { key: "b", value: "2" },
      ],
    });
    expect(await run(tagResource, { resource, tags: [{ key: "a", value: "1" }] })).toMatchObject({ changed: false });
    await done(tagResource, { resource, tags: [{ key: "a", value: "9" }] });
    await done(untagResource, { resource, tagKeys: ["b", "nothing"] });
    expect(await run(untagResource, { resource, tagKeys: ["b"] })).toMatchObject({ changed: false, userErrors: [] });
    const tags = await context.administration.db.resourceTag.findMany({ where: { resource: { arn: resource } } });
    expect(tags.map(({ key, value }) => [key, value])).toEqual([["a", "9"]]);
    expect(await done(tagResource, { resource: arn.user("ann"), tags: [{ key: "a", value: "b" }] })).toHaveProperty(
      "principalId",
    );
    expect(await done(untagResource, { resource: arn.user("ann"), tagKeys: ["a"] })).toHaveProperty("principalId");
  });

  test("move in and out of a resource group", async () => {
    const resource = arn.key("k1");
    expect(await run(moveToResourceGroup, { resource, resourceGroup: "rg-a" })).toMatchObject({ changed: false });
    await done(moveToResourceGroup, { resource, resourceGroup: null });
    expect(await run(moveToResourceGroup, { resource })).toMatchObject({ changed: false });
    await done(moveToResourceGroup, { resource, resourceGroup: "rg-a" });
  });
});

describe("quotas of an account", () => {
  test("hold under concurrency", async () => {
    const { administration } = context;
    const account = "77";
    await done(createAccount, { account });
    const limits = {
      ...administration.limits,
      usersPerAccount: 3,
      groupsPerAccount: 1,
      rolesPerAccount: 1,
      customPoliciesPerAccount: 2,
    };
    const limited = { ...administration, limits };
    const users = await Promise.all(
      Array.from({ length: 8 }, (_, i) => createUser(limited, { account, name: `u${i}` }, request())),
    );
    expect(users.flatMap(codesOf)).toEqual(Array(5).fill("LIMIT_EXCEEDED_USER"));
    const groups = await Promise.all([1, 2].map((i) => createGroup(limited, { account, name: `g${i}` }, request())));
    expect(groups.flatMap(codesOf)).toEqual(["LIMIT_EXCEEDED_GROUP"]);
    const roles = await Promise.all(
      [1, 2].map((i) => createRole(limited, { account, name: `r${i}`, trustPolicy: TRUST }, request())),
    );
    expect(roles.flatMap(codesOf)).toEqual(["LIMIT_EXCEEDED_ROLE"]);
    const policies = await Promise.all(
      [1, 2, 3].map((i) => createPolicy(limited, { account, name: `p${i}`, document: READ_ALL }, request())),
    );
    expect(policies.flatMap(codesOf)).toEqual(["LIMIT_EXCEEDED_POLICY"]);
  });
});

describe("system policies", () => {
  test("are written once, whoever starts, and only when they differ", async () => {
    const { db } = context.administration;
    await Promise.all([1, 2, 3].map(() => ensureSystemPolicies(db)));
    const before = await fingerprint(db);
    await ensureSystemPolicies(db);
    expect(await fingerprint(db)).toBe(before);
    const policy = await db.policy.findFirst({ where: { accountId: null, name: "AliyunKMSFullAccess" } });
    await db.policyVersion.updateMany({ where: { policyId: policy?.id ?? "" }, data: { document: "{}" } });
    await ensureSystemPolicies(db);
    const [version] = await db.policyVersion.findMany({ where: { policyId: policy?.id ?? "", isDefault: true } });
    expect(version?.document).toContain("kms:*");
  });
});
