import { beforeAll, describe, expect, test } from "vitest";
import { addUserToGroup } from "../../src/administration/add-user-to-group.js";
import type { ChangeResult } from "../../src/administration/administration.js";
import { attachPolicy } from "../../src/administration/attach-policy.js";
import { createAccount } from "../../src/administration/create-account.js";
import { createGroup } from "../../src/administration/create-group.js";
import { createPolicy } from "../../src/administration/create-policy.js";
import { createResourceGroup } from "../../src/administration/create-resource-group.js";
import { createRole } from "../../src/administration/create-role.js";
import { createUser } from "../../src/administration/create-user.js";
import { ensureSystemPolicies } from "../../src/administration/ensure-system-policies.js";
import { importAccount } from "../../src/administration/import-account.js";
import { registerAlias } from "../../src/administration/register-alias.js";
import { registerKey } from "../../src/administration/register-key.js";
import { registerSecret } from "../../src/administration/register-secret.js";
import { updateAccount } from "../../src/administration/update-account.js";
import { updateAlias } from "../../src/administration/update-alias.js";
import { updateGroup } from "../../src/administration/update-group.js";
import { updateKey } from "../../src/administration/update-key.js";
import { updatePolicy } from "../../src/administration/update-policy.js";
import { updateResourceGroup } from "../../src/administration/update-resource-group.js";
import { updateRole } from "../../src/administration/update-role.js";
import { updateSecret } from "../../src/administration/update-secret.js";
import { updateUser } from "../../src/administration/update-user.js";
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

const context = useAdministration("updates");
const { run, done } = changesOf(context);

/** Made once; the same again changes nothing, and neither does a dry run before. */
async function changes<Input>(useCase: UseCase<Input, unknown>, input: Input): Promise<void> {
  const { db } = context.administration;
  const before = await fingerprint(db);
  expect(await run(useCase, input, { dryRun: true })).toMatchObject({ changed: true, userErrors: [] });
  expect(await fingerprint(db)).toBe(before);
  await done(useCase, input);
  const events = await db.auditEvent.count();
  expect(await run(useCase, input)).toMatchObject({ changed: false, userErrors: [], value: expect.anything() });
  expect(await db.auditEvent.count()).toBe(events);
}

const principal = (text: string) =>
  context.administration.db.principal.findUnique({ where: { arnKey: text.toLowerCase() } });
const resource = (text: string) => context.administration.db.kmsResource.findUnique({ where: { arn: text } });

beforeAll(async () => {
  await ensureSystemPolicies(context.administration.db);
  await done(createAccount, { account: ACCOUNT, alias: "acme" });
  await done(createResourceGroup, { account: ACCOUNT, id: "rg-a", name: "a" });
  for (const name of ["Ann", "bob"])
    await done(createUser, { account: ACCOUNT, name, displayName: name, comments: "c" });
  for (const name of ["team", "other"]) await done(createGroup, { account: ACCOUNT, name });
  await done(createRole, { account: ACCOUNT, name: "Deploy", trustPolicy: TRUST, maxSessionDuration: 7_200 });
  await done(createPolicy, { account: ACCOUNT, name: "P", document: READ_ALL, description: "d" });
  for (const id of ["k1", "k2"]) await done(registerKey, { arn: arn.key(id), spec: "Aliyun_AES_256" });
  await done(registerKey, { arn: arn.key("far", "cn-beijing") });
  await done(registerSecret, { arn: arn.secret("s"), encryptionKey: arn.key("k1"), type: "Generic" });
  await done(registerAlias, { arn: arn.alias("one"), key: arn.key("k1") });
  const roles = [{ name: "Linked", kind: "SERVICE_LINKED", service: "x.kms.aliyuncs.com", trustPolicy: TRUST }];
  const snapshot = { version: 1, account: { id: ACCOUNT }, roles };
  await done(importAccount, { account: ACCOUNT, mode: "MERGE" as const, snapshot });
});

describe("principals", () => {
  test("what is left out stays, null takes away", async () => {
    await changes(updateUser, { user: arn.user("ANN"), displayName: "Annabel" });
    expect(await principal(arn.user("Ann"))).toMatchObject({ displayName: "Annabel", comments: "c" });
    await changes(updateUser, { user: arn.user("ann"), displayName: null, comments: "" });
    expect(await principal(arn.user("Ann"))).toMatchObject({ displayName: null, comments: "" });
    expect(await run(updateUser, { user: arn.user("ann") })).toMatchObject({ changed: false, userErrors: [] });
    await changes(updateGroup, { group: arn.group("team"), comments: "t" });
  });

  test("a new name moves the arn and keeps groups, policies and credentials", async () => {
    const { db, tokens } = context.administration;
    const before = await principal(arn.user("bob"));
    await db.credential.create({
      data: { id: "c1", kind: "PRINCIPAL", secretDigest: Buffer.alloc(32), principalId: before?.id ?? "" },
      select: { id: true },
    });
    await done(addUserToGroup, { user: arn.user("bob"), group: arn.group("team") });
    await done(attachPolicy, { policy: arn.policy("P"), principal: arn.user("bob") });
    const scopes = [`prin:${arn.user("bob")}`, `prin:${arn.user("robert")}`];
    const revisions = async () =>
      (await db.authzRevision.findMany({ where: { scope: { in: scopes } }, orderBy: { scope: "asc" } })).map(
        ({ scope, tag }) => [scope, tag],
      );
    const old = await revisions();
    const { value, revision } = await run(updateUser, { user: arn.user("bob"), newName: "Robert" });
    expect(value).toEqual({ principalId: before?.id });
    expect([...tokens.read(revision ?? "", Date.now()).revisions.keys()].sort()).toEqual(scopes);
    const moved = await revisions();
    expect(moved.map(([scope]) => scope)).toEqual(scopes);
    expect(old.map(([scope]) => scope)).toEqual([scopes[0]]);
    expect(moved[0]).not.toEqual(old[0]);
    expect(await principal(arn.user("bob"))).toBeNull();
    const after = await db.principal.findUnique({
      where: { id: before?.id ?? "" },
      include: { memberOf: true, attachments: true, credentials: true },
    });
    expect(after).toMatchObject({ name: "Robert", arn: arn.user("Robert"), arnKey: arn.user("robert") });
    expect([after?.memberOf.length, after?.attachments.length, after?.credentials.length]).toEqual([1, 1, 1]);
    await done(updateUser, { user: arn.user("robert"), newName: "ROBERT" });
    expect(await principal(arn.user("robert"))).toMatchObject({ arn: arn.user("ROBERT") });
    await done(createUser, { account: ACCOUNT, name: "bob" });
  });

  test("a group keeps its members under a new name", async () => {
    await done(updateGroup, { group: arn.group("team"), newName: "crew" });
    const crew = await context.administration.db.principal.findUnique({
      where: { arnKey: arn.group("crew") },
      include: { members: true },
    });
    expect(crew?.members).toHaveLength(1);
  });

  test("two that want one name: one gets it", async () => {
    for (const name of ["r0", "r1", "r2", "r3"]) await done(createUser, { account: ACCOUNT, name });
    const results = await Promise.all(
      [0, 1, 2, 3].map((i) => run(updateUser, { user: arn.user(`r${i}`), newName: "wanted" })),
    );
    expect(results.filter(({ changed }) => changed)).toHaveLength(1);
    expect(results.flatMap(codesOf)).toEqual(Array(3).fill("ENTITY_ALREADY_EXISTS_USER"));
  });

  test("a role's trust policy and session length", async () => {
    const trustPolicy = JSON.stringify(TRUST, null, 2);
    await changes(updateRole, { role: arn.role("deploy"), trustPolicy, description: "d", maxSessionDuration: 3_601 });
    expect(await principal(arn.role("deploy"))).toMatchObject({
      trustPolicy,
      comments: "d",
      maxSessionDuration: 3_601,
    });
    await changes(updateRole, { role: arn.role("Deploy"), trustPolicy: null, maxSessionDuration: null });
    expect(await principal(arn.role("deploy"))).toMatchObject({
      trustPolicy,
      comments: "d",
      maxSessionDuration: 3_600,
    });
  });
});

describe("the rest", () => {
  test("accounts, resource groups and policies", async () => {
    const { db } = context.administration;
    await changes(updateAccount, { account: ACCOUNT, alias: "new" });
    expect(await run(updateAccount, { account: ACCOUNT })).toMatchObject({ changed: false });
    await changes(updateAccount, { account: ACCOUNT, alias: null });
    expect(await db.account.findUnique({ where: { id: ACCOUNT } })).toMatchObject({ alias: null });
    await changes(updateResourceGroup, { account: ACCOUNT, resourceGroup: "rg-a", name: "b" });
    await changes(updatePolicy, { policy: arn.policy("p"), description: "e" });
    await changes(updatePolicy, { policy: arn.policy("p"), description: null });
    expect(await db.policy.findFirst({ where: { arn: arn.policy("P") } })).toMatchObject({ description: null });
  });

  test("keys, secrets and aliases", async () => {
    await changes(updateKey, { key: arn.key("k1"), state: "DISABLED", usage: "ENCRYPT_DECRYPT" });
    expect(await resource(arn.key("k1"))).toMatchObject({
      ...{ keyState: "DISABLED", keyUsage: "ENCRYPT_DECRYPT", keySpec: "Aliyun_AES_256" },
    });
    await changes(updateKey, { key: arn.key("k1"), spec: null, state: null, origin: "EXTERNAL" });
    expect(await resource(arn.key("k1"))).toMatchObject({ keyState: "DISABLED", keySpec: null, origin: "EXTERNAL" });
    const k2 = (await resource(arn.key("k2")))?.id;
    await changes(updateSecret, { secret: arn.secret("s"), encryptionKey: arn.key("k2") });
    expect(await resource(arn.secret("s"))).toMatchObject({ keyId: k2, secretType: "Generic" });
    await changes(updateSecret, { secret: arn.secret("s"), encryptionKey: null, type: null });
    expect(await resource(arn.secret("s"))).toMatchObject({ keyId: null, secretType: null });
    await changes(updateAlias, { alias: arn.alias("one"), key: arn.key("k2") });
    expect(await resource(arn.alias("one"))).toMatchObject({ keyId: k2 });
  });
});

const LONG = "x".repeat(1_025);
const REFUSED: [string, string, () => Promise<ChangeResult<unknown>>][] = [
  ["ENTITY_NOT_EXIST_ACCOUNT", "no account", () => run(updateAccount, { account: "404", alias: "x" })],
  ["INVALID_PARAMETER_TEXT", "a long alias", () => run(updateAccount, { account: ACCOUNT, alias: LONG })],
  [
    "ENTITY_NOT_EXIST_RESOURCE_GROUP",
    "no group",
    () => run(updateResourceGroup, { account: ACCOUNT, resourceGroup: "rg-\0" }),
  ],
  [
    "INVALID_PARAMETER_TEXT",
    "NUL",
    () => run(updateResourceGroup, { account: ACCOUNT, resourceGroup: "rg-a", name: "\0" }),
  ],
  ["ENTITY_ALREADY_EXISTS_USER", "taken", () => run(updateUser, { user: arn.user("Ann"), newName: "ROBERT" })],
  ["ENTITY_ALREADY_EXISTS_GROUP", "taken", () => run(updateGroup, { group: arn.group("crew"), newName: "Other" })],
  [
    "INVALID_PARAMETER_USER_NAME_INVALID_CHARS",
    "a space",
    () => run(updateUser, { user: arn.user("Ann"), newName: "a b" }),
  ],
  ["INVALID_PARAMETER_USER_NAME_LENGTH", "no name", () => run(updateUser, { user: arn.user("Ann"), newName: "" })],
  [
    "INVALID_PARAMETER_GROUP_NAME_INVALID_CHARS",
    "a dot",
    () => run(updateGroup, { group: arn.group("crew"), newName: "a.b" }),
  ],
  ["INVALID_PARAMETER_TEXT", "a long text", () => run(updateUser, { user: arn.user("Ann"), comments: LONG })],
  ["INVALID_PARAMETER_TEXT", "a long text", () => run(updateRole, { role: arn.role("deploy"), description: LONG })],
  ["INVALID_PARAMETER_TEXT", "a long text", () => run(updatePolicy, { policy: arn.policy("P"), description: LONG })],
  [
    "INVALID_PARAMETER_PRINCIPAL_TYPE",
    "the owner",
    () => run(updateUser, { user: `acs:ram::${ACCOUNT}:root`, newName: "x" }),
  ],
  [
    "INVALID_PARAMETER_MAX_SESSION_DURATION",
    "3,599 s",
    () => run(updateRole, { role: arn.role("deploy"), maxSessionDuration: 3_599 }),
  ],
  [
    "MALFORMED_POLICY_DOCUMENT",
    "a bad trust policy",
    () => run(updateRole, { role: arn.role("deploy"), trustPolicy: READ_ALL }),
  ],
  [
    "SERVICE_LINKED_ROLE_IMMUTABLE",
    "a service's",
    () => run(updateRole, { role: arn.role("linked"), description: "x" }),
  ],
  [
    "SYSTEM_POLICY_IMMUTABLE",
    "a system policy",
    () => run(updatePolicy, { policy: arn.system("AliyunKMSFullAccess"), description: "x" }),
  ],
  ["INVALID_PARAMETER_TEXT", "a long spec", () => run(updateKey, { key: arn.key("k1"), spec: LONG })],
  [
    "ENTITY_NOT_EXIST_KEY",
    "no such key",
    () => run(updateSecret, { secret: arn.secret("s"), encryptionKey: arn.key("none") }),
  ],
  [
    "INVALID_PARAMETER_KEY",
    "a far key",
    () => run(updateSecret, { secret: arn.secret("s"), encryptionKey: arn.key("far", "cn-beijing") }),
  ],
  [
    "INVALID_PARAMETER_KEY",
    "a far key",
    () => run(updateAlias, { alias: arn.alias("one"), key: arn.key("far", "cn-beijing") }),
  ],
  ["INVALID_PARAMETER_RESOURCE_TYPE", "no alias", () => run(updateAlias, { alias: arn.key("k1"), key: arn.key("k2") })],
];

describe("refusals change nothing", () => {
  test.each(REFUSED)("%s: %s", async (code, _what, change) => {
    const before = await fingerprint(context.administration.db);
    const result = await change();
    expect(new Set(codesOf(result))).toEqual(new Set([code]));
    expect(result).toMatchObject({ value: null, changed: false, revision: null });
    expect(await fingerprint(context.administration.db)).toBe(before);
  });
});
