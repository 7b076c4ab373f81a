import { beforeAll, describe, expect, test } from "vitest";
import { addUserToGroup } from "../../src/administration/add-user-to-group.js";
import { attachPolicy } from "../../src/administration/attach-policy.js";
import { createAccount } from "../../src/administration/create-account.js";
import { createGroup } from "../../src/administration/create-group.js";
import { createPolicy } from "../../src/administration/create-policy.js";
import { createPolicyVersion } from "../../src/administration/create-policy-version.js";
import { createResourceGroup } from "../../src/administration/create-resource-group.js";
import { createRole } from "../../src/administration/create-role.js";
import { createUser } from "../../src/administration/create-user.js";
import { deleteGroup } from "../../src/administration/delete-group.js";
import { deletePolicy } from "../../src/administration/delete-policy.js";
import { deletePolicyVersion } from "../../src/administration/delete-policy-version.js";
import type { Deleted } from "../../src/administration/delete-principal.js";
import { deleteResourceGroup } from "../../src/administration/delete-resource-group.js";
import { deleteRole } from "../../src/administration/delete-role.js";
import { deleteUser } from "../../src/administration/delete-user.js";
import { deregisterAlias } from "../../src/administration/deregister-alias.js";
import { deregisterKey } from "../../src/administration/deregister-key.js";
import { deregisterSecret } from "../../src/administration/deregister-secret.js";
import { detachPolicy } from "../../src/administration/detach-policy.js";
import { ensureSystemPolicies } from "../../src/administration/ensure-system-policies.js";
import { importAccount } from "../../src/administration/import-account.js";
import { registerAlias } from "../../src/administration/register-alias.js";
import { registerKey } from "../../src/administration/register-key.js";
import { registerSecret } from "../../src/administration/register-secret.js";
import { removeUserFromGroup } from "../../src/administration/remove-user-from-group.js";
import { setDefaultPolicyVersion } from "../../src/administration/set-default-policy-version.js";
import { tagResource } from "../../src/administration/tag-resource.js";
import {
  ACCOUNT,
  arn,
  changesOf,
  codesOf,
  fingerprint,
  READ_ALL,
  TRUST,
  type UseCase,
  useAdministration,
} from "./setup.js";

const context = useAdministration("deletions");
const { run, done } = changesOf(context);

const user = (name: string) => done(createUser, { account: ACCOUNT, name });
const group = (name: string) => done(createGroup, { account: ACCOUNT, name });
const role = (name: string) => done(createRole, { account: ACCOUNT, name, trustPolicy: TRUST });
const policy = (name: string) => done(createPolicy, { account: ACCOUNT, name, document: READ_ALL });
const rg = (id: string) => `acs:resourcemanager::${ACCOUNT}:resourcegroup/${id}`;
const READ_ONLY = arn.system("AliyunKMSReadOnlyAccess");

beforeAll(async () => {
  await ensureSystemPolicies(context.administration.db);
  await done(createAccount, { account: ACCOUNT });
  const roles = [{ name: "Linked", kind: "SERVICE_LINKED", service: "x.kms.aliyuncs.com", trustPolicy: TRUST }];
  const policies = [
    { type: "SYSTEM", name: "Override", versions: [{ id: "v1", document: READ_ALL }], defaultVersion: "v1" },
  ];
  const snapshot = { version: 1, account: { id: ACCOUNT }, roles, policies };
  expect(codesOf(await run(importAccount, { account: ACCOUNT, mode: "MERGE", snapshot }))).toEqual([]);
});

/** Refused, dry or not, with nothing changed; gives the messages by code. */
async function refused<Input>(useCase: UseCase<Input, unknown>, input: Input): Promise<Record<string, string>> {
  const { db } = context.administration;
  const before = await fingerprint(db);
  const result = await run(useCase, input);
  expect(result).toMatchObject({ value: null, changed: false, revision: null });
  expect((await run(useCase, input, { dryRun: true })).userErrors).toEqual(result.userErrors);
  expect(await fingerprint(db)).toBe(before);
  return Object.fromEntries(result.userErrors.map(({ code, message }) => [code, message]));
}

/** Deleted, first dry and then for good; a second time it does not exist. */
async function deleted<Input>(useCase: UseCase<Input, Deleted>, input: Input, deletedArn: string, missing: string) {
  const { db } = context.administration;
  const before = await fingerprint(db);
  expect(await run(useCase, input, { dryRun: true })).toMatchObject({ value: { deletedArn }, changed: true });
  expect(await fingerprint(db)).toBe(before);
  expect(await done(useCase, input)).toEqual({ deletedArn });
  expect(codesOf(await run(useCase, input))).toEqual([missing]);
}

describe("users", () => {
  test("stay while they have policies or groups, and go with tags and credentials", async () => {
    const { db } = context.administration;
    const { principalId } = await user("Ann");
    await group("team");
    await done(addUserToGroup, { user: arn.user("ann"), group: arn.group("team") });
    await done(attachPolicy, { policy: READ_ONLY, principal: arn.user("ann") });
    await done(tagResource, { resource: arn.user("ann"), tags: [{ key: "a", value: "b" }] });
    await db.credential.create({
      data: { id: "c1", kind: "PRINCIPAL", secretDigest: Buffer.alloc(32), principalId },
      select: { id: true },
    });
    const messages = await refused(deleteUser, { user: arn.user("ANN") });
    expect(messages).toEqual({
      DELETE_CONFLICT_USER_POLICY: expect.stringContaining(`\`${READ_ONLY}\``),
      DELETE_CONFLICT_USER_GROUP: expect.stringContaining(`\`${arn.group("team")}\``),
    });
    await done(detachPolicy, { policy: READ_ONLY, principal: arn.user("ann") });
    await done(removeUserFromGroup, { user: arn.user("ann"), group: arn.group("team") });
    await deleted(deleteUser, { user: arn.user("ann") }, arn.user("Ann"), "ENTITY_NOT_EXIST_USER");
    expect(await db.credential.count({ where: { id: "c1" } })).toBe(0);
    expect(await db.principalTag.count({ where: { principalId } })).toBe(0);
  });

  test("can be made again, as somebody else", async () => {
    const first = await user("again");
    await done(deleteUser, { user: arn.user("again") });
    const second = await user("again");
    expect(second.principalId).not.toBe(first.principalId);
  });

  test("the account owner is none", async () => {
    const owner = `acs:ram::${ACCOUNT}:root`;
    for (const result of [
      await run(deleteUser, { user: owner }),
      await run(deleteGroup, { group: owner }),
      await run(deleteRole, { role: owner }),
    ]) {
      expect(codesOf(result)).toEqual(["INVALID_PARAMETER_PRINCIPAL_TYPE"]);
    }
  });
});

describe("groups", () => {
  test("stay while they have policies or members, of which the message names ten", async () => {
    await group("crowd");
    for (let i = 0; i < 12; i += 1) {
      await user(`m${i}`);
      await done(addUserToGroup, { user: arn.user(`m${i}`), group: arn.group("crowd") });
    }
    await done(attachPolicy, { policy: READ_ONLY, principal: arn.group("crowd") });
    const messages = await refused(deleteGroup, { group: arn.group("crowd") });
    expect(Object.keys(messages).sort()).toEqual(["DELETE_CONFLICT_GROUP_POLICY", "DELETE_CONFLICT_GROUP_USER"]);
    const members = messages["DELETE_CONFLICT_GROUP_USER"] ?? "";
    expect(members.match(/:user\/m\d+`/g)).toHaveLength(10);
    expect(members).toMatch(/ and 2 more$/);
    await done(detachPolicy, { policy: READ_ONLY, principal: arn.group("crowd") });
    for (let i = 0; i < 12; i += 1) {
      await done(removeUserFromGroup, { user: arn.user(`m${i}`), group: arn.group("crowd") });
    }
    await deleted(deleteGroup, { group: arn.group("crowd") }, arn.group("crowd"), "ENTITY_NOT_EXIST_GROUP");
  });

  test("that are given a policy meanwhile stay, or are gone before", async () => {
    for (let i = 0; i < 12; i += 1) {
      await group(`given${i}`);
      const attachment = { policy: READ_ONLY, principal: arn.group(`given${i}`) };
      const [given, gone] = await Promise.all([
        run(attachPolicy, attachment),
        run(deleteGroup, { group: attachment.principal }),
      ]);
      expect([given.changed, gone.changed].filter(Boolean)).toHaveLength(1);
      expect(codesOf(given.changed ? gone : given)).toEqual([
        given.changed ? "DELETE_CONFLICT_GROUP_POLICY" : "ENTITY_NOT_EXIST_GROUP",
      ]);
    }
  });

  test("that get a member meanwhile stay, or are gone before it joins: nobody is thrown out", async () => {
    await user("joiner");
    for (let i = 0; i < 12; i += 1) {
      await group(`raced${i}`);
      const membership = { user: arn.user("joiner"), group: arn.group(`raced${i}`) };
      const [joined, gone] = await Promise.all([
        run(addUserToGroup, membership),
        run(deleteGroup, { group: membership.group }),
      ]);
      expect([joined.changed, gone.changed].filter(Boolean)).toHaveLength(1);
      expect(codesOf(joined.changed ? gone : joined)).toEqual([
        joined.changed ? "DELETE_CONFLICT_GROUP_USER" : "ENTITY_NOT_EXIST_GROUP",
      ]);
      if (joined.changed) await done(removeUserFromGroup, membership);
    }
  });
});

describe("roles", () => {
  test("stay while they have policies", async () => {
    await role("Deploy");
    await done(attachPolicy, { policy: READ_ONLY, principal: arn.role("deploy") });
    expect(Object.keys(await refused(deleteRole, { role: arn.role("deploy") }))).toEqual([
      "DELETE_CONFLICT_ROLE_POLICY",
    ]);
    await done(detachPolicy, { policy: READ_ONLY, principal: arn.role("deploy") });
    await deleted(deleteRole, { role: arn.role("Deploy") }, arn.role("deploy"), "ENTITY_NOT_EXIST_ROLE");
  });

  test("of services stay with their services", async () => {
    const messages = await refused(deleteRole, { role: arn.role("LINKED") });
    expect(messages).toEqual({ SERVICE_LINKED_ROLE_IMMUTABLE: expect.stringContaining("x.kms.aliyuncs.com") });
  });
});

describe("policies", () => {
  test("stay while somebody has them or they have other versions", async () => {
    const name = arn.policy("Held");
    await policy("Held");
    await done(createResourceGroup, { account: ACCOUNT, id: "rg-held", name: "held" });
    await done(createPolicyVersion, { policy: name, document: READ_ALL });
    await done(createPolicyVersion, { policy: name, document: READ_ALL, setAsDefault: true });
    await user("holder");
    await group("holders");
    await role("holding");
    const holders = [arn.user("holder"), arn.group("holders"), arn.role("holding")];
    for (const principal of holders) await done(attachPolicy, { policy: name, principal });
    await done(attachPolicy, { policy: name, principal: arn.user("holder"), resourceGroup: "rg-held" });
    const messages = await refused(deletePolicy, { policy: arn.policy("HELD") });
    expect(messages).toEqual({
      DELETE_CONFLICT_POLICY_USER: expect.stringContaining(arn.user("holder")),
      DELETE_CONFLICT_POLICY_GROUP: expect.stringContaining(arn.group("holders")),
      DELETE_CONFLICT_POLICY_ROLE: expect.stringContaining(arn.role("holding")),
      DELETE_CONFLICT_POLICY_VERSION: expect.stringMatching(/`v1`, `v2`$/),
    });
    for (const principal of holders) await done(detachPolicy, { policy: name, principal });
    await done(detachPolicy, { policy: name, principal: arn.user("holder"), resourceGroup: "rg-held" });
    for (const version of ["v1", "v2"]) await done(deletePolicyVersion, { policy: name, version });
    await deleted(deletePolicy, { policy: name }, name, "ENTITY_NOT_EXIST_POLICY");
  });

  test("keep their default version, and never use a number again", async () => {
    const name = arn.policy("Versions");
    await policy("Versions");
    await done(createPolicyVersion, { policy: name, document: READ_ALL });
    const messages = await refused(deletePolicyVersion, { policy: name, version: "v1" });
    expect(messages).toEqual({ DELETE_CONFLICT_POLICY_VERSION_DEFAULT: expect.stringContaining("`v1`") });
    expect(codesOf(await run(deletePolicyVersion, { policy: name, version: "v9" }))).toEqual([
      "ENTITY_NOT_EXIST_POLICY_VERSION",
    ]);
    await done(deletePolicyVersion, { policy: name, version: "v2" });
    const { policyVersionId } = await done(createPolicyVersion, { policy: name, document: READ_ALL });
    const version = await context.administration.db.policyVersion.findUnique({ where: { id: policyVersionId } });
    expect(version?.number).toBe(3);
    await done(setDefaultPolicyVersion, { policy: name, version: "v3" });
    await done(deletePolicyVersion, { policy: name, version: "v1" });
  });

  test("of the system stay, built in or overridden", async () => {
    for (const name of [READ_ONLY, arn.system("Override")]) {
      expect(Object.keys(await refused(deletePolicy, { policy: name }))).toEqual(["SYSTEM_POLICY_IMMUTABLE"]);
      expect(Object.keys(await refused(deletePolicyVersion, { policy: name, version: "v1" }))).toEqual([
        "SYSTEM_POLICY_IMMUTABLE",
      ]);
    }
  });

  test.each([
    ["user", user, arn.user("taker")],
    ["group", group, arn.group("taker")],
  ])("that are attached to a %s meanwhile stay, or are gone before", async (kind, make, principal) => {
    await make("taker");
    for (let i = 0; i < 12; i += 1) {
      await policy(`Raced-${kind}-${i}`);
      const attachment = { policy: arn.policy(`Raced-${kind}-${i}`), principal };
      const [taken, gone] = await Promise.all([
        run(attachPolicy, attachment),
        run(deletePolicy, { policy: attachment.policy }),
      ]);
      expect([taken.changed, gone.changed].filter(Boolean)).toHaveLength(1);
      expect(codesOf(taken.changed ? gone : taken)).toEqual([
        taken.changed ? `DELETE_CONFLICT_POLICY_${kind.toUpperCase()}` : "ENTITY_NOT_EXIST_POLICY",
      ]);
      if (taken.changed) await done(detachPolicy, attachment);
    }
  });
});

describe("resources", () => {
  test("a key stays while secrets and aliases refer to it", async () => {
    const key = arn.key("k1");
    await done(registerKey, { arn: key, tags: [{ key: "a", value: "b" }] });
    await done(registerSecret, { arn: arn.secret("a/b"), encryptionKey: key });
    await done(registerAlias, { arn: arn.alias("one"), key });
    expect(await refused(deregisterKey, { key })).toEqual({
      DELETE_CONFLICT_KEY_SECRET: expect.stringContaining(arn.secret("a/b")),
      DELETE_CONFLICT_KEY_ALIAS: expect.stringContaining(arn.alias("one")),
    });
    await deleted(deregisterAlias, { alias: arn.alias("one") }, arn.alias("one"), "ENTITY_NOT_EXIST_ALIAS");
    await deleted(deregisterSecret, { secret: arn.secret("a/b") }, arn.secret("a/b"), "ENTITY_NOT_EXIST_SECRET");
    await deleted(deregisterKey, { key }, key, "ENTITY_NOT_EXIST_KEY");
    expect(await context.administration.db.resourceTag.count()).toBe(0);
  });

  test("a resource group stays while something is in it or attached for it", async () => {
    const input = { account: ACCOUNT, resourceGroup: "rg-full" };
    await done(createResourceGroup, { account: ACCOUNT, id: "rg-full", name: "full" });
    await done(registerKey, { arn: arn.key("inside"), resourceGroup: "rg-full" });
    await user("inside");
    const attachment = { policy: READ_ONLY, principal: arn.user("inside"), resourceGroup: "rg-full" };
    await done(attachPolicy, attachment);
    expect(await refused(deleteResourceGroup, input)).toEqual({
      DELETE_CONFLICT_RESOURCE_GROUP_RESOURCE: expect.stringContaining(arn.key("inside")),
      DELETE_CONFLICT_RESOURCE_GROUP_POLICY: expect.stringContaining(arn.user("inside")),
    });
    await done(deregisterKey, { key: arn.key("inside") });
    await done(detachPolicy, attachment);
    await deleted(deleteResourceGroup, input, rg("rg-full"), "ENTITY_NOT_EXIST_RESOURCE_GROUP");
  });

  test("a resource group for which something is attached to a group meanwhile stays, or is gone before", async () => {
    await group("limited");
    for (let i = 0; i < 12; i += 1) {
      const resourceGroup = `rg-raced-${i}`;
      await done(createResourceGroup, { account: ACCOUNT, id: resourceGroup, name: "raced" });
      const attachment = { policy: READ_ONLY, principal: arn.group("limited"), resourceGroup };
      const [taken, gone] = await Promise.all([
        run(attachPolicy, attachment),
        run(deleteResourceGroup, { account: ACCOUNT, resourceGroup }),
      ]);
      expect([taken.changed, gone.changed].filter(Boolean)).toHaveLength(1);
      expect(codesOf(taken.changed ? gone : taken)).toEqual([
        taken.changed ? "DELETE_CONFLICT_RESOURCE_GROUP_POLICY" : "ENTITY_NOT_EXIST_RESOURCE_GROUP",
      ]);
      if (taken.changed) await done(detachPolicy, attachment);
    }
  });

  test("a key that is referred to meanwhile stays, or is gone before", async () => {
    for (let i = 0; i < 12; i += 1) {
      const key = arn.key(`raced${i}`);
      const alias = arn.alias(`raced${i}`);
      await done(registerKey, { arn: key });
      const [named, gone] = await Promise.all([run(registerAlias, { arn: alias, key }), run(deregisterKey, { key })]);
      expect([named.changed, gone.changed].filter(Boolean)).toHaveLength(1);
      expect(codesOf(named.changed ? gone : named)).toEqual([
        named.changed ? "DELETE_CONFLICT_KEY_ALIAS" : "ENTITY_NOT_EXIST_KEY",
      ]);
    }
  });
});

test("a deletion is replayed under its key", async () => {
  await user("once");
  const input = { user: arn.user("once") };
  const first = await run(deleteUser, input, { idempotencyKey: "delete once" });
  await user("once");
  expect(await run(deleteUser, input, { idempotencyKey: "delete once" })).toEqual(first);
  expect(await run(deleteUser, input)).toMatchObject({ changed: true });
});
