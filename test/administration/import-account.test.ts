import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { attachPolicy } from "../../src/administration/attach-policy.js";
import { createPolicyVersion } from "../../src/administration/create-policy-version.js";
import { createUser } from "../../src/administration/create-user.js";
import { deleteResourceGroup } from "../../src/administration/delete-resource-group.js";
import { ensureSystemPolicies } from "../../src/administration/ensure-system-policies.js";
import { importAccount } from "../../src/administration/import-account.js";
import { seedDemo } from "../../src/administration/seed-demo.js";
import { updateResourceGroup } from "../../src/administration/update-resource-group.js";
import { updateUser } from "../../src/administration/update-user.js";
import { readRevisions } from "../../src/store/revisions.js";
import { codesOf, fingerprint, request, useAdministration } from "./setup.js";

const context = useAdministration("import");
const DEMO = JSON.parse(await readFile(new URL("../../examples/demo-account.json", import.meta.url), "utf8"));
const ALLOW = { Version: "1", Statement: [{ Effect: "Allow", Action: ["kms:List*"], Resource: ["*"] }] };
let sequence = 2_000_000_000_000_000;

/** A snapshot of a new account. */
function snapshotOf(parts: object = {}): { account: { id: string } } & Record<string, unknown> {
  sequence += 1;
  return { version: 1, account: { id: String(sequence) }, ...parts };
}

/** Of four bytes each, and without repetition that PostgreSQL could compress. */
function randomCodePoints(length: number): number[] {
  return [...randomBytes(length * 2)].flatMap((byte, at, all) =>
    at % 2 === 0 ? [0x20000 + byte * 128 + ((all[at + 1] ?? 0) >> 1)] : [],
  );
}

function importIt(
  snapshot: { account: { id: string }; [member: string]: unknown },
  mode: "MERGE" | "REPLACE" = "MERGE",
  options = {},
) {
  return importAccount(context.administration, { account: snapshot.account.id, snapshot, mode }, request(options));
}

/** What the account holds, without ids and instants. */
async function contentsOf(accountId: string): Promise<unknown> {
  const { db } = context.administration;
  const where = { accountId };
  return {
    groups: await db.resourceGroup.findMany({ where, select: { id: true, name: true }, orderBy: { id: "asc" } }),
    principals: await db.principal.findMany({
      where,
      omit: { id: true, createdAt: true },
      include: {
        tags: { select: { key: true, value: true }, orderBy: { key: "asc" } },
        memberOf: { select: { group: { select: { arn: true } } }, orderBy: { group: { arn: "asc" } } },
      },
      orderBy: { arnKey: "asc" },
    }),
    policies: await db.policy.findMany({
      where,
      select: {
        arn: true,
        description: true,
        versions: { select: { number: true, document: true, isDefault: true }, orderBy: { number: "asc" } },
      },
      orderBy: [{ type: "asc" }, { nameKey: "asc" }],
    }),
    attachments: await db.attachment.findMany({
      where,
      select: {
        policy: { select: { arn: true, accountId: true } },
        principal: { select: { arn: true } },
        resourceGroupId: true,
        notBefore: true,
        expiresAt: true,
      },
      orderBy: [
        { principal: { arnKey: "asc" } },
        { policy: { nameKey: "asc" } },
        { policy: { type: "asc" } },
        { resourceGroupId: "asc" },
      ],
    }),
    resources: await db.kmsResource.findMany({
      where,
      omit: { id: true, keyId: true, createdAt: true },
      include: {
        tags: { select: { key: true, value: true }, orderBy: { key: "asc" } },
        key: { select: { arn: true } },
      },
      orderBy: { arn: "asc" },
    }),
  };
}

describe("the demo account", () => {
  test("is loaded into an empty database once", async () => {
    const { administration } = context;
    await ensureSystemPolicies(administration.db);
    const loads = await Promise.all([seedDemo(administration), seedDemo(administration), seedDemo(administration)]);
    expect(loads.filter(Boolean)).toHaveLength(1);
    expect(await seedDemo(administration)).toBe(false);
    const users = await administration.db.principal.findMany({ where: { kind: "USER" }, orderBy: { name: "asc" } });
    expect(users.map(({ name }) => name)).toEqual(["alice", "bob", "carol", "dave"]);
    const linked = await administration.db.principal.findFirst({ where: { roleKind: "SERVICE_LINKED" } });
    expect(linked).toMatchObject({
      name: "AliyunServiceRoleForKMSSecretsManagerForRDS",
      arn: "acs:ram::1234567890123456:role/aliyunserviceroleforkmssecretsmanagerforrds",
      service: "secretsmanager-rds.kms.aliyuncs.com",
    });
  });

  test("imported again plans and writes nothing, in both modes", async () => {
    const before = await fingerprint(context.administration.db);
    for (const mode of ["MERGE", "REPLACE"] as const) {
      const result = await importIt(DEMO, mode);
      expect(result.userErrors).toEqual([]);
      expect(result.value?.plan).toMatchObject({ account: "KEEP", counts: [] });
      expect(result.changed).toBe(false);
    }
    expect(await fingerprint(context.administration.db)).toBe(before);
  });
});

describe("problems", () => {
  test("of the shape are all reported, with pointers, and nothing is written", async () => {
    const before = await fingerprint(context.administration.db);
    const snapshot = snapshotOf({
      surprise: 1,
      users: [{ name: 7, "a/b": true }, { displayName: "x" }, { name: "nul\0" }],
      keys: [{ region: "cn hangzhou", id: "k", state: "Enabled" }],
      attachments: [
        { policy: { type: "Custom", name: "p" }, principal: "bob", scope: "ACCOUNT", expiresAt: "tomorrow" },
      ],
      policies: [{ type: "CUSTOM", name: "p", versions: [{ id: "1", document: null }] }],
    });
    const result = await importIt(snapshot);
    expect(result.value).toBeNull();
    expect(new Set(codesOf(result))).toEqual(new Set(["INVALID_SNAPSHOT"]));
    expect(result.userErrors.map(({ pointer }) => pointer).sort()).toEqual([
      "/attachments/0/expiresAt",
      "/attachments/0/policy/type",
      "/attachments/0/principal",
      "/keys/0/region",
      "/keys/0/state",
      "/policies/0/defaultVersion",
      "/policies/0/versions/0/document",
      "/policies/0/versions/0/id",
      "/surprise",
      "/users/0/a~1b",
      "/users/0/name",
      "/users/1/name",
      "/users/2/name",
    ]);
    expect(await fingerprint(context.administration.db)).toBe(before);
  });

  test("of documents are reported beside those of the shape", async () => {
    const snapshot = snapshotOf({
      users: [{ name: 7 }],
      roles: [{ name: "r", trustPolicy: { Version: "2" } }, 3],
      policies: [
        { type: "CUSTOM", versions: [{ id: "v1", document: '{"Version":"1"' }] },
        { type: "CUSTOM", name: "q", defaultVersion: "v1", versions: "none" },
      ],
    });
    const result = await importIt(snapshot);
    expect(result.userErrors.map(({ code, pointer }) => `${code} ${pointer}`)).toEqual([
      "INVALID_SNAPSHOT /users/0/name",
      "INVALID_SNAPSHOT /roles/1",
      "INVALID_SNAPSHOT /policies/0/name",
      "INVALID_SNAPSHOT /policies/0/defaultVersion",
      "INVALID_SNAPSHOT /policies/1/versions",
      "MALFORMED_POLICY_DOCUMENT /roles/0/trustPolicy",
      "MALFORMED_POLICY_DOCUMENT /roles/0/trustPolicy/Version",
      "MALFORMED_POLICY_DOCUMENT /policies/0/versions/0/document",
    ]);
  });

  test.each([[null], [[]], ["text"], [7], [{}]])("%j is no snapshot", async (snapshot) => {
    const result = await importAccount(context.administration, { account: "1", snapshot, mode: "MERGE" }, request());
    expect(new Set(codesOf(result))).toEqual(new Set(["INVALID_SNAPSHOT"]));
  });

  test("dangling references, repeated names and malformed documents are all reported, and nothing is written", async () => {
    const before = await fingerprint(context.administration.db);
    const bad = { Version: "2", Statement: [{ Effect: "allow", Action: [], Resource: "*" }] };
    const snapshot = snapshotOf({
      users: [{ name: "ann", groups: ["nobody"] }, { name: "ANN" }],
      roles: [{ name: "r", trustPolicy: ALLOW }],
      policies: [
        { type: "CUSTOM", name: "bad", defaultVersion: "v1", versions: [{ id: "v1", document: bad }] },
        { type: "CUSTOM", name: "gap", defaultVersion: "v2", versions: [{ id: "v1", document: ALLOW }] },
      ],
      attachments: [
        { policy: { type: "CUSTOM", name: "bad" }, principal: "user/zoe", scope: "rg-none" },
        {
          policy: { type: "CUSTOM", name: "bad" },
          principal: "user/ann",
          scope: "ACCOUNT",
          notBefore: "2030-01-01T00:00:00Z",
          expiresAt: "2030-01-01T00:00:00Z",
        },
      ],
      keys: [{ region: "cn-hangzhou", id: "k", resourceGroup: "rg-none" }],
      secrets: [{ region: "cn-beijing", name: "s", encryptionKeyId: "k" }],
      aliases: [{ region: "cn-hangzhou", name: "alias/a", keyId: "gone" }],
    });
    const found = (await importIt(snapshot)).userErrors.map(({ code, pointer }) => `${code} ${pointer}`);
    expect(found).toEqual(
      expect.arrayContaining([
        "INVALID_SNAPSHOT /users/1",
        "ENTITY_NOT_EXIST_GROUP /users/0/groups/0",
        "ENTITY_NOT_EXIST_POLICY_VERSION /policies/1/defaultVersion",
        "ENTITY_NOT_EXIST_USER /attachments/0/principal",
        "ENTITY_NOT_EXIST_RESOURCE_GROUP /attachments/0/scope",
        "INVALID_PARAMETER_WINDOW /attachments/1/expiresAt",
        "ENTITY_NOT_EXIST_RESOURCE_GROUP /keys/0/resourceGroup",
        "ENTITY_NOT_EXIST_KEY /secrets/0/encryptionKeyId",
        "ENTITY_NOT_EXIST_KEY /aliases/0/keyId",
      ]),
    );
    const malformed = found.filter((line) => line.startsWith("MALFORMED_POLICY_DOCUMENT "));
    expect(malformed).toContain("MALFORMED_POLICY_DOCUMENT /policies/0/versions/0/document/Version");
    expect(malformed).toContain("MALFORMED_POLICY_DOCUMENT /policies/0/versions/0/document/Statement/0/Effect");
    expect(malformed.some((line) => line.includes("/roles/0/trustPolicy"))).toBe(true);
    expect(await fingerprint(context.administration.db)).toBe(before);
  });

  test("a bottomless document is a problem like any other", async () => {
    const document = JSON.parse(`${"[".repeat(50_000)}${"]".repeat(50_000)}`);
    const snapshot = snapshotOf({
      roles: [{ name: "r", trustPolicy: document }],
      policies: [{ type: "CUSTOM", name: "p", defaultVersion: "v1", versions: [{ id: "v1", document }] }],
      users: [{ name: "ann", groups: ["none"] }],
    });
    const codes = new Set(codesOf(await importIt(snapshot, "MERGE", { idempotencyKey: "deep" })));
    expect(codes).toEqual(new Set(["MALFORMED_POLICY_DOCUMENT", "ENTITY_NOT_EXIST_GROUP"]));
  });

  test("members that only a prototype has are unknown", async () => {
    const users = JSON.parse('[{"name":"ann","__proto__":{"comments":"x"}}]');
    expect(codesOf(await importIt(snapshotOf({ users })))).toEqual(["INVALID_SNAPSHOT"]);
  });

  test("tags may have any name, and what is wrong with one is said where it stands", async () => {
    const tagged = (tags: string) => [{ region: "cn-hangzhou", id: "k", tags: JSON.parse(tags) }];
    const wrong = await importIt(snapshotOf({ keys: tagged('{"__proto__":{"a":"b"},"constructor":1}') }));
    expect(wrong.userErrors).toMatchObject([
      { code: "INVALID_SNAPSHOT", pointer: "/keys/0/tags/__proto__", message: "`__proto__` must be a string" },
      { code: "INVALID_SNAPSHOT", pointer: "/keys/0/tags/constructor", message: "`constructor` must be a string" },
    ]);
    const snapshot = snapshotOf({ keys: tagged('{"constructor":"x","__proto__":"y"}') });
    expect(await importIt(snapshot)).toMatchObject({ userErrors: [], value: { plan: { warnings: [] } } });
    const resource = { accountId: snapshot.account.id };
    const { resourceTag } = context.administration.db;
    expect(await resourceTag.findMany({ where: { resource }, orderBy: { key: "desc" } })).toMatchObject([
      { key: "constructor", value: "x" },
      { key: "__proto__", value: "y" },
    ]);
    const other = snapshotOf({ keys: tagged('{"constructor":"x","__proto__":"z"}') });
    expect(await importIt({ ...other, account: snapshot.account })).toMatchObject({ changed: true });
  });

  test("names of the longest kind, whatever they are written in, fit into the indexes; tag values may be longer", async () => {
    const long = (length: number) => String.fromCodePoint(...randomCodePoints(length));
    const resource = { region: `a${"b".repeat(63)}`, tags: { [long(512)]: long(10_000) } };
    const snapshot = snapshotOf({
      resourceGroups: [{ id: long(512), name: "x" }],
      users: [{ name: long(512), tags: { [long(512)]: long(10_000) } }],
      policies: [{ type: "CUSTOM", name: long(512), defaultVersion: null, versions: [] }],
      keys: [{ ...resource, id: long(512) }],
    });
    expect(await importIt(snapshot)).toMatchObject({ userErrors: [], changed: true });
    const longer = { users: [{ name: long(513) }], keys: [{ region: "b".repeat(65), id: "k" }] };
    expect((await importIt(snapshotOf(longer))).userErrors).toMatchObject([
      { pointer: "/users/0/name", message: "`name` is longer than 512 characters" },
      { pointer: "/keys/0/region", message: "`region` is longer than 64 characters" },
    ]);
  });

  test("a resource group named like the scope of the whole account is refused: an export could not tell them apart", async () => {
    const { userErrors } = await importIt(snapshotOf({ resourceGroups: [{ id: "ACCOUNT", name: "x" }] }));
    expect(userErrors).toMatchObject([{ code: "INVALID_SNAPSHOT", pointer: "/resourceGroups/0/id" }]);
    expect(await importIt(snapshotOf({ resourceGroups: [{ id: "account", name: "x" }] }))).toMatchObject({
      changed: true,
    });
  });

  test("a resource group whose id fits into no ARN can be changed and deleted all the same", async () => {
    const { account, ...rest } = snapshotOf({ resourceGroups: [{ id: "my group", name: "x" }] });
    await importIt({ account, ...rest });
    const group = { account: account.id, resourceGroup: "my group" };
    expect(await updateResourceGroup(context.administration, { ...group, name: "y" }, request())).toMatchObject({
      changed: true,
    });
    expect(await deleteResourceGroup(context.administration, group, request())).toMatchObject({ changed: true });
  });

  test("messages say what is wrong in plain words", async () => {
    const snapshot = {
      version: "1",
      account: { id: "x", alias: 5 },
      users: {},
      keys: [{ region: "", id: "", state: "X", tags: { a: 1, "": "x" } }],
      roles: [{ name: "a/b", maxSessionDuration: -1, trustPolicy: null }, { name: "c", maxSessionDuration: 1.5 }, 5],
      policies: [{ type: "CUSTOM", name: "p", defaultVersion: "1", versions: [{ id: "v0" }] }],
    };
    const { userErrors } = await importIt(snapshot as never);
    expect(userErrors.map(({ pointer, message }) => `${pointer} ${message}`)).toMatchInlineSnapshot(`
      [
        "/version \`version\` must be \`1\`",
        "/account/id \`id\` is not an account number: it needs 1 to 32 digits",
        "/account/alias \`alias\` must be a string",
        "/users \`users\` must be a list",
        "/roles/0/name \`name\` must not hold \`/\`",
        "/roles/0/maxSessionDuration \`maxSessionDuration\` must be positive",
        "/roles/0/trustPolicy \`trustPolicy\` is required",
        "/roles/1/maxSessionDuration \`maxSessionDuration\` must be a whole number",
        "/roles/1/trustPolicy \`trustPolicy\` is required",
        "/roles/2 it must be an object",
        "/policies/0/defaultVersion \`defaultVersion\` is not a version id such as \`v1\`",
        "/policies/0/versions/0/id \`id\` is not a version id such as \`v1\`",
        "/policies/0/versions/0/document \`document\` is required",
        "/keys/0/region \`region\` is not a region such as \`cn-hangzhou\`",
        "/keys/0/id \`id\` must not be empty",
        "/keys/0/tags/a \`a\` must be a string",
        "/keys/0/tags/ it must not be empty",
        "/keys/0/state \`state\` must be \`ENABLED\` or \`DISABLED\` or \`PENDING_DELETION\` or \`PENDING_IMPORT\`",
      ]
    `);
  });

  test("a snapshot of another account is refused", async () => {
    const result = await importAccount(
      context.administration,
      { account: "5", snapshot: snapshotOf(), mode: "MERGE" },
      request(),
    );
    expect(result.userErrors).toMatchObject([{ code: "INVALID_SNAPSHOT", pointer: "/account/id" }]);
  });
});

describe("what RAM would refuse", () => {
  test("is imported with warnings", async () => {
    const snapshot = snapshotOf({
      users: [{ name: "has space", tags: { "acs:rds": "x", ok: "größe" } }],
      keys: [
        {
          region: "cn-hangzhou",
          id: "k!",
          tags: Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`t${i}`, "v"])),
        },
      ],
      aliases: [{ region: "cn-hangzhou", name: "alias/acs/x", keyId: "k!" }],
      policies: [
        {
          type: "CUSTOM",
          name: "under_score",
          defaultVersion: "v6",
          versions: [1, 2, 3, 4, 5, 6].map((n) => ({ id: `v${n}`, document: ALLOW })),
        },
      ],
    });
    const result = await importIt(snapshot);
    expect(result.userErrors).toEqual([]);
    expect(result.value?.plan.warnings.map(({ code, pointer }) => `${code} ${pointer}`)).toEqual([
      "INVALID_PARAMETER_USER_NAME_INVALID_CHARS /users/0/name",
      "INVALID_PARAMETER_TAG_KEY /users/0/tags/acs:rds",
      "INVALID_PARAMETER_POLICY_NAME_INVALID_CHARS /policies/0/name",
      "LIMIT_EXCEEDED_POLICY_VERSION /policies/0/versions",
      "INVALID_PARAMETER_KEY_ID /keys/0/id",
      "LIMIT_EXCEEDED_TAG /keys/0/tags",
      "INVALID_PARAMETER_ALIAS_NAME /aliases/0/name",
    ]);
  });

  test("a policy without a document is imported without versions (D4), a built-in system policy is used as it is", async () => {
    const snapshot = snapshotOf({
      users: [{ name: "ann" }],
      policies: [{ type: "CUSTOM", name: "Cut", defaultVersion: "v3", versions: [] }],
      attachments: [
        { policy: { type: "CUSTOM", name: "cut" }, principal: "USER/ANN", scope: "ACCOUNT" },
        { policy: { type: "CUSTOM", name: "Missing" }, principal: "user/ann", scope: "ACCOUNT" },
        { policy: { type: "SYSTEM", name: "aliyunkmsreadonlyaccess" }, principal: "user/ann", scope: "ACCOUNT" },
        { policy: { type: "SYSTEM", name: "AliyunUnknownAccess" }, principal: "user/ann", scope: "ACCOUNT" },
      ],
    });
    const result = await importIt(snapshot);
    expect(result.userErrors).toEqual([]);
    expect(result.value?.plan.warnings.map(({ code, pointer }) => `${code} ${pointer}`)).toEqual([
      "POLICY_WITHOUT_DOCUMENT /policies/0/versions",
      "POLICY_WITHOUT_DOCUMENT /attachments/1/policy",
      "POLICY_WITHOUT_DOCUMENT /attachments/3/policy",
    ]);
    const attachments = await context.administration.db.attachment.findMany({
      where: { accountId: snapshot.account.id },
      select: { policy: { select: { name: true, accountId: true, versions: { select: { number: true } } } } },
      orderBy: { policy: { nameKey: "asc" } },
    });
    expect(
      attachments.map(({ policy }) => [policy.name, policy.accountId === null, policy.versions.length > 0]),
    ).toEqual([
      ["AliyunKMSReadOnlyAccess", true, true],
      ["AliyunUnknownAccess", false, false],
      ["Cut", false, false],
      ["Missing", false, false],
    ]);
    for (const mode of ["MERGE", "REPLACE"] as const) {
      const again = await importIt(snapshot, mode);
      expect(again.changed).toBe(false);
      expect(again.value?.plan.warnings).toHaveLength(3);
    }
  });

  test("a system policy of a snapshot overrides the built-in one for its account, and attachments follow", async () => {
    const { administration } = context;
    const snapshot = snapshotOf({ users: [{ name: "ann" }] });
    const { id } = snapshot.account;
    await importIt(snapshot);
    const attachment = { policy: "acs:ram::system:policy/AliyunKMSFullAccess", principal: `acs:ram::${id}:user/ann` };
    expect((await attachPolicy(administration, attachment, request())).userErrors).toEqual([]);
    const override = {
      type: "SYSTEM",
      name: "AliyunKMSFullAccess",
      defaultVersion: "v9",
      versions: [{ id: "v9", document: ALLOW }],
    };
    const held = { policy: { type: "SYSTEM", name: "AliyunKMSFullAccess" }, principal: "user/ann", scope: "ACCOUNT" };
    const attached = () =>
      administration.db.attachment.findMany({
        where: { accountId: id },
        select: { policy: { select: { accountId: true } } },
      });

    expect((await importIt({ ...snapshot, policies: [override] })).changed).toBe(true);
    expect(await attached()).toEqual([{ policy: { accountId: id } }]);
    expect((await attachPolicy(administration, attachment, request())).changed).toBe(false);

    expect((await importIt({ ...snapshot, attachments: [held] }, "REPLACE")).changed).toBe(true);
    expect(await attached()).toEqual([{ policy: { accountId: null } }]);
    expect(await administration.db.policy.count({ where: { accountId: id } })).toBe(0);
  });
});

describe("modes", () => {
  const full = () =>
    snapshotOf({
      ...DEMO,
      account: { id: String(sequence + 1), alias: "first" },
    });

  test("REPLACE leaves exactly the snapshot, whatever was there", async () => {
    const rich = full();
    const { id } = rich.account;
    const trust = {
      ...DEMO.roles[0].trustPolicy,
      Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM: [`acs:ram::${id}:root`] } }],
    };
    const other = {
      version: 1,
      account: { id },
      resourceGroups: [{ id: "rg-new", name: "new" }],
      users: [
        { name: "Bob", groups: ["team"] },
        { name: "eve", tags: { a: "b" } },
      ],
      groups: [{ name: "team" }],
      roles: [{ name: "Deploy-Bot", trustPolicy: trust }],
      policies: [
        { type: "CUSTOM", name: "ReadSecrets", defaultVersion: "v2", versions: [{ id: "v2", document: ALLOW }] },
      ],
      attachments: [{ policy: { type: "CUSTOM", name: "ReadSecrets" }, principal: "group/team", scope: "rg-new" }],
      keys: [{ region: "cn-hangzhou", id: "key-apollo-01" }],
      secrets: [{ region: "cn-hangzhou", name: "apollo/db", resourceGroup: "rg-new" }],
    };
    expect((await importIt(rich)).userErrors).toEqual([]);
    expect((await importIt(other, "REPLACE")).userErrors).toEqual([]);
    const replaced = await contentsOf(id);
    expect((await importIt(other, "REPLACE")).changed).toBe(false);

    const twin = snapshotOf();
    const text = JSON.stringify({ ...other, account: twin.account }).replaceAll(id, twin.account.id);
    await importIt(JSON.parse(text));
    const fresh = JSON.parse(JSON.stringify(await contentsOf(twin.account.id)).replaceAll(twin.account.id, id));
    expect(JSON.parse(JSON.stringify(replaced))).toEqual(fresh);

    expect((await importIt(rich, "REPLACE")).userErrors).toEqual([]);
    expect((await importIt(rich, "REPLACE")).changed).toBe(false);
  });

  test("MERGE keeps what the snapshot does not name; what it gives for an entity is whole", async () => {
    const rich = full();
    const { id } = rich.account;
    await importIt(rich);
    await createUser(context.administration, { account: id, name: "zed" }, request());
    const result = await importIt({
      version: 1,
      account: { id },
      users: [
        { name: "ALICE", groups: [] },
        { name: "bob", tags: { x: "y" } },
      ],
      keys: [{ region: "cn-shanghai", id: "key-old-01", tags: { n: "1" } }],
      policies: [
        { type: "CUSTOM", name: "ReadSecrets", defaultVersion: "v2", versions: [{ id: "v2", document: ALLOW }] },
      ],
    });
    expect(result.userErrors).toEqual([]);
    const { db } = context.administration;
    const user = (name: string) =>
      db.principal.findUnique({
        where: { arnKey: `acs:ram::${id}:user/${name}` },
        select: {
          name: true,
          displayName: true,
          tags: { select: { key: true } },
          memberOf: { select: { groupId: true } },
        },
      });
    expect(await user("zed")).not.toBeNull();
    expect(await user("alice")).toEqual({ name: "ALICE", displayName: "Alice", tags: [{ key: "team" }], memberOf: [] });
    expect(await user("bob")).toMatchObject({ tags: [{ key: "x" }], memberOf: [{}] });
    const key = await db.kmsResource.findUnique({ where: { arn: `acs:kms:cn-shanghai:${id}:key/key-old-01` } });
    expect(key).toMatchObject({ keyState: "PENDING_DELETION", keySpec: "RSA_2048" });
    const policy = await db.policy.findFirst({
      where: { accountId: id, name: "ReadSecrets" },
      select: {
        lastVersion: true,
        versions: { select: { number: true, isDefault: true }, orderBy: { number: "asc" } },
      },
    });
    expect(policy).toEqual({
      lastVersion: 2,
      versions: [
        { number: 1, isDefault: false },
        { number: 2, isDefault: true },
      ],
    });
    expect((await db.account.findUnique({ where: { id } }))?.alias).toBe("first");
  });

  test("MERGE keeps the bounds of an attachment that the snapshot leaves out, REPLACE does not", async () => {
    const id = snapshotOf().account.id;
    const attached = (window: object) => ({
      ...{ version: 1, account: { id }, users: [{ name: "u" }] },
      attachments: [
        {
          ...{ policy: { type: "SYSTEM", name: "AliyunKMSFullAccess" }, principal: "user/u", scope: "ACCOUNT" },
          ...window,
        },
      ],
    });
    const window = () =>
      context.administration.db.attachment.findFirst({
        where: { accountId: id },
        select: { notBefore: true, expiresAt: true },
      });
    const [start, end] = ["2029-01-01T00:00:00Z", "2030-01-01T00:00:00Z"];
    await importIt(attached({ notBefore: start, expiresAt: end }));
    expect(await importIt(attached({}))).toMatchObject({ userErrors: [], changed: false });
    expect((await importIt(attached({ notBefore: end }))).userErrors).toMatchObject([
      { code: "INVALID_PARAMETER_WINDOW", pointer: "/attachments/0/expiresAt" },
    ]);
    await importIt(attached({ notBefore: null }));
    expect(await window()).toEqual({ notBefore: null, expiresAt: new Date(end) });
    await importIt(attached({}), "REPLACE");
    expect(await window()).toEqual({ notBefore: null, expiresAt: null });
  });

  test("a document that says the same in other words is left alone, another one is taken over", async () => {
    const snapshot = snapshotOf({
      policies: [
        {
          type: "CUSTOM",
          name: "P",
          defaultVersion: "v1",
          versions: [{ id: "v1", document: JSON.stringify(ALLOW, null, 2) }],
        },
      ],
    });
    await importIt(snapshot);
    const policies = [{ type: "CUSTOM", name: "P", defaultVersion: "v1", versions: [{ id: "v1", document: ALLOW }] }];
    expect((await importIt({ ...snapshot, policies })).changed).toBe(false);
    const other = { ...ALLOW, Statement: [{ Effect: "Deny", Action: ["kms:*"], Resource: ["*"] }] };
    const changed = [{ type: "CUSTOM", name: "P", defaultVersion: "v1", versions: [{ id: "v1", document: other }] }];
    expect((await importIt({ ...snapshot, policies: changed })).value?.plan.counts).toEqual([
      { kind: "POLICY_VERSION", created: 0, updated: 1, deleted: 0 },
    ]);
  });

  test("the plan lists what changes one by one, what goes first, under its names", async () => {
    await ensureSystemPolicies(context.administration.db);
    const snapshot = full();
    const { id } = snapshot.account;
    await importIt(snapshot);
    const changed = {
      version: 1,
      account: { id, alias: "first" },
      resourceGroups: [{ id: "rg-apollo", name: "Apollo" }],
      groups: DEMO.groups,
      users: [{ name: "alice", groups: ["apollo-developers"], tags: { team: "platform", cost: "1" } }],
      policies: [
        { type: "CUSTOM", name: "ReadSecrets", defaultVersion: "v2", versions: [{ id: "v2", document: ALLOW }] },
      ],
      attachments: [
        { policy: { type: "SYSTEM", name: "AliyunKMSFullAccess" }, principal: "user/alice", scope: "rg-apollo" },
      ],
    };
    const { value } = await importIt(changed, "REPLACE", { dryRun: true });
    const { listed, counts } = value?.plan ?? { listed: { changes: [], unlistedChanges: -1 }, counts: [] };
    const lines = listed.changes.map(({ action, kind, name, detail }) => `${action} ${kind} ${name} ${detail}`);
    const short = lines.map((line) => line.replaceAll(`acs:ram::${id}:`, "").replaceAll(`:${id}:`, "::"));
    expect(listed.unlistedChanges).toBe(0);
    expect(short.map((line) => line.slice(0, 6))).toEqual(
      short.map((line) => line.slice(0, 6)).sort((a, b) => "DUC".indexOf(a[0] ?? "") - "DUC".indexOf(b[0] ?? "")),
    );
    for (const action of ["created", "updated", "deleted"] as const) {
      const total = counts.reduce((sum, count) => sum + count[action], 0);
      expect(short.filter((line) => line.startsWith(action.slice(0, 6).toUpperCase()))).toHaveLength(total);
    }
    for (const line of [
      "DELETE RESOURCE_GROUP rg-gemini null",
      "DELETE PRINCIPAL user/bob null",
      "DELETE GROUP_MEMBERSHIP user/alice group/kms-operators",
      "DELETE POLICY policy/UseApolloKeys null",
      "DELETE POLICY_VERSION policy/ReadSecrets v1",
      "DELETE ATTACHMENT user/carol policy/QueryAndUseKeys for rg-gemini",
      "DELETE RESOURCE acs:kms:cn-hangzhou::alias/apollo null",
      "DELETE RESOURCE_TAG acs:kms:cn-hangzhou::key/key-apollo-01 Project",
      "UPDATE RESOURCE_GROUP rg-apollo null",
      "UPDATE PRINCIPAL user/alice null",
      "CREATE GROUP_MEMBERSHIP user/alice group/apollo-developers",
      "CREATE PRINCIPAL_TAG user/alice cost",
      "CREATE POLICY_VERSION policy/ReadSecrets v2",
      "CREATE ATTACHMENT user/alice acs:ram::system:policy/AliyunKMSFullAccess for rg-apollo",
    ]) {
      expect(short).toContain(line);
    }
  });

  test("the plan lists at most a thousand changes, and says how many others there are", async () => {
    const users = Array.from({ length: 1_234 }, (_, index) => ({ name: `u${index}` }));
    const { value } = await importIt(snapshotOf({ users }), "MERGE", { dryRun: true });
    expect(value?.plan.listed.changes).toHaveLength(1_000);
    expect(value?.plan.listed.unlistedChanges).toBe(234);
  });

  test("keys and what hangs on them go and come in any number", async () => {
    const keys = Array.from({ length: 2_500 }, (_, index) => ({ region: "cn-hangzhou", id: `k${index}` }));
    const aliases = keys.map(({ region, id }) => ({ region, name: `alias/${id}`, keyId: id }));
    const snapshot = snapshotOf({ keys, aliases });
    const empty = { version: 1, account: snapshot.account };
    for (const next of [snapshot, empty, snapshot]) {
      expect(await importIt(next, "REPLACE")).toMatchObject({ changed: true, userErrors: [] });
    }
  });

  test("a dry run plans and leaves nothing behind", async () => {
    const before = await fingerprint(context.administration.db);
    const result = await importIt(full(), "MERGE", { dryRun: true, idempotencyKey: "k" });
    expect(result).toMatchObject({ changed: true, userErrors: [], value: { plan: { account: "CREATE" } } });
    expect(result.value?.plan.counts).toContainEqual({ kind: "PRINCIPAL", created: 8, updated: 0, deleted: 0 });
    expect(await fingerprint(context.administration.db)).toBe(before);
  });

  test("an import that changes something moves the account, and is audited by its digest", async () => {
    const snapshot = full();
    const { db } = context.administration;
    await importIt(snapshot, "MERGE", { reason: "first" });
    const account = await db.account.findUnique({ where: { id: snapshot.account.id } });
    expect(account?.importedAt).not.toBeNull();
    const [event, ...others] = await db.auditEvent.findMany({ where: { accountId: snapshot.account.id } });
    expect(others).toEqual([]);
    expect(event).toMatchObject({ action: "importAccount", actor: "operator:test", reason: "first" });
    expect(event?.input).toMatchObject({ mode: "MERGE", snapshotSha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });

  test("concurrent imports of one account take turns", async () => {
    const snapshot = full();
    const results = await Promise.all(Array.from({ length: 6 }, () => importIt(snapshot, "REPLACE")));
    expect(results.flatMap(codesOf)).toEqual([]);
    expect(results.filter(({ changed }) => changed)).toHaveLength(1);
  });
});

describe("any two snapshots", () => {
  const names = ["a", "B", "c"];
  const pick = fc.constantFrom(...names);
  const some = <T>(item: fc.Arbitrary<T>, keyOf: (value: T) => string) =>
    fc.uniqueArray(item, { maxLength: 3, selector: (value) => keyOf(value).toLowerCase() });
  const tags = fc.option(fc.dictionary(pick, pick, { maxKeys: 2 }), { nil: undefined });
  const group = fc.option(fc.constantFrom("rg-1", "rg-2"), { nil: null });
  const document = pick.map((action) => ({
    ...ALLOW,
    Statement: [{ ...ALLOW.Statement[0], Action: `kms:${action}` }],
  }));
  const type = fc.constantFrom("CUSTOM", "SYSTEM");
  const window = fc.option(fc.constantFrom("2030-01-01T00:00:00Z", "2031-01-01T08:00:00+08:00"), { nil: undefined });
  const policy = fc
    .record({ type, name: pick, numbers: fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }), document })
    .map(({ numbers, document: body, ...rest }) => ({
      ...rest,
      defaultVersion: `v${numbers.at(-1) ?? 1}`,
      versions: numbers.map((number) => ({ id: `v${number}`, document: body })),
    }));
  const parts = fc.record({
    users: some(
      fc.record({ name: fc.constantFrom("a", "A", "b"), groups: fc.subarray(names), tags }),
      ({ name }) => name,
    ),
    roles: some(
      fc.record({ name: fc.constantFrom("r", "R"), trustPolicy: fc.constant(DEMO.roles[0].trustPolicy) }),
      ({ name }) => name,
    ),
    policies: some(policy, ({ type: of, name }) => `${of} ${name}`),
    attachments: some(
      fc.record({
        policy: fc.record({ type, name: pick }),
        principal: pick.map((name) => `group/${name}`),
        scope: fc.constantFrom("ACCOUNT", "rg-1"),
        expiresAt: window,
      }),
      (value) => JSON.stringify([value.policy, value.principal, value.scope]),
    ),
    keys: fc
      .constantFrom(["k1"], ["k1", "k2"], ["k2", "k1", "k3"])
      .chain((ids) =>
        fc
          .record({ state: fc.constantFrom("ENABLED", "DISABLED"), tags, resourceGroup: group })
          .map((key) => ids.map((id) => ({ region: "cn-hangzhou", id, ...key }))),
      ),
    target: fc.nat(),
    secrets: some(
      fc.record({ region: fc.constant("cn-hangzhou"), name: pick, resourceGroup: group, tags }),
      ({ name }) => name,
    ),
  });
  const whole = parts.map(({ target, ...rest }) => {
    const keyId = rest.keys[target % rest.keys.length]?.id ?? "k1";
    return {
      ...rest,
      resourceGroups: [
        { id: "rg-1", name: "1" },
        { id: "rg-2", name: "2" },
      ],
      groups: names.map((name) => ({ name })),
      secrets: rest.secrets.map((secret) => ({ ...secret, encryptionKeyId: keyId })),
      aliases: [{ region: "cn-hangzhou", name: "alias/x", keyId }],
    };
  });

  test("REPLACE of one by the other is like a fresh import of the other; again, either mode plans nothing", {
    timeout: 120_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(whole, whole, async (one, other) => {
        const first = snapshotOf(one);
        const twin = snapshotOf(other);
        const second = { ...twin, account: first.account };
        for (const [snapshot, mode] of [
          [first, "MERGE"],
          [second, "REPLACE"],
          [twin, "MERGE"],
        ] as const) {
          expect((await importIt(snapshot, mode)).userErrors).toEqual([]);
        }
        const plain = (contents: unknown, id: string) => JSON.parse(JSON.stringify(contents).replaceAll(id, "ID"));
        const replaced = plain(await contentsOf(first.account.id), first.account.id);
        expect(replaced).toEqual(plain(await contentsOf(twin.account.id), twin.account.id));
        for (const mode of ["MERGE", "REPLACE"] as const) {
          expect((await importIt(second, mode)).value?.plan.counts).toEqual([]);
        }
      }),
      { numRuns: 40, seed: 7 },
    );
  });
});

describe("size", () => {
  beforeEach(() => {
    sequence += 1;
  });

  test("5,000 users and 10,000 resources take seconds, again takes less", { timeout: 120_000 }, async () => {
    const snapshot = snapshotOf({
      groups: Array.from({ length: 100 }, (_, i) => ({ name: `g${i}` })),
      users: Array.from({ length: 5_000 }, (_, i) => ({
        name: `u${i}`,
        groups: [`g${i % 100}`],
        tags: { n: String(i) },
      })),
      policies: Array.from({ length: 1_000 }, (_, i) => ({
        type: "CUSTOM",
        name: `p${i}`,
        defaultVersion: "v1",
        versions: [{ id: "v1", document: ALLOW }],
      })),
      attachments: Array.from({ length: 5_000 }, (_, i) => ({
        policy: { type: "CUSTOM", name: `p${i % 1_000}` },
        principal: `user/u${i}`,
        scope: "ACCOUNT",
      })),
      keys: Array.from({ length: 5_000 }, (_, i) => ({ region: "cn-hangzhou", id: `k${i}`, tags: { a: "1", b: "2" } })),
      secrets: Array.from({ length: 5_000 }, (_, i) => ({
        region: "cn-hangzhou",
        name: `s${i}`,
        encryptionKeyId: `k${i}`,
      })),
    });
    const timed = async (mode: "MERGE" | "REPLACE") => {
      const start = performance.now();
      const result = await importIt(snapshot, mode);
      expect(result.userErrors).toEqual([]);
      return { changed: result.changed, seconds: (performance.now() - start) / 1_000 };
    };
    const first = await timed("MERGE");
    const merge = await timed("MERGE");
    const replace = await timed("REPLACE");
    process.stdout.write(
      `import of 25,000 things: ${[first, merge, replace].map(({ seconds }) => seconds.toFixed(1))} s\n`,
    );
    expect([first.changed, merge.changed, replace.changed]).toEqual([true, false, false]);
    expect(first.seconds).toBeLessThan(30);
    expect(merge.seconds).toBeLessThan(15);
  });
});

test("of several changes that expect an import, whatever they are about, one is made", async () => {
  const { administration } = context;
  const { revision: expectedRevision } = await importIt(DEMO, "REPLACE");
  const { id, users = DEMO.users } = DEMO.account;
  const results = await Promise.all(
    users.map(({ name }: { name: string }) =>
      updateUser(
        administration,
        { user: `acs:ram::${id}:user/${name}`, comments: "new" },
        request({ expectedRevision }),
      ),
    ),
  );
  expect(results.length).toBeGreaterThan(1);
  expect(results.map(codesOf).filter((codes) => codes.length === 0)).toHaveLength(1);
});

describe("an import that expects a revision", () => {
  test("of an earlier import, or of a dry run, is refused after any change of the account", async () => {
    const snapshot = snapshotOf({
      users: [{ name: "ann" }],
      policies: [{ type: "CUSTOM", name: "P", defaultVersion: "v1", versions: [{ id: "v1", document: ALLOW }] }],
    });
    const account = snapshot.account.id;
    const first = await importIt(snapshot);
    expect([first.changed, first.userErrors]).toEqual([true, []]);
    const dry = await importIt(snapshot, "REPLACE", { dryRun: true });
    const attachment = { policy: `acs:ram::${account}:policy/P`, principal: `acs:ram::${account}:user/ann` };
    expect((await attachPolicy(context.administration, attachment, request())).changed).toBe(true);
    for (const { revision } of [first, dry]) {
      const refused = await importIt(snapshot, "REPLACE", { expectedRevision: revision });
      expect(codesOf(refused)).toEqual(["CONFLICT"]);
      expect(await context.administration.db.attachment.count({ where: { accountId: account } })).toBe(1);
    }
    const refused = await importIt(snapshot, "REPLACE", { expectedRevision: first.revision });
    const expectedRevision = refused.userErrors[0]?.currentRevision;
    const replaced = await importIt(snapshot, "REPLACE", { expectedRevision });
    expect([replaced.changed, replaced.userErrors]).toEqual([true, []]);
    const again = await importIt({ ...snapshot, users: [] }, "REPLACE", { expectedRevision: replaced.revision });
    expect([again.changed, again.userErrors]).toEqual([true, []]); // its own change is no other
  });

  const GROUP = { name: "team" };
  const POLICY = { type: "CUSTOM", name: "P", defaultVersion: "v1", versions: [{ id: "v1", document: ALLOW }] };

  /** An account with a user, a group and a policy, and changes of each. */
  async function furnished() {
    const snapshot = snapshotOf({ users: [{ name: "ann" }, { name: "bob" }], groups: [GROUP], policies: [POLICY] });
    const imported = await importIt(snapshot);
    expect(imported.userErrors).toEqual([]);
    const arn = (name: string) => `acs:ram::${snapshot.account.id}:${name}`;
    const { administration } = context;
    const attached = (principal: string, options = {}) => {
      const expiresAt = new Date(Date.UTC(2040, 0, 1, 0, 0, 0, Math.random() * 1e9));
      return attachPolicy(administration, { policy: arn("policy/P"), principal, expiresAt }, request(options));
    };
    const changes = {
      user: (options = {}) => attached(arn("user/ann"), options),
      group: (options = {}) => attached(arn("group/team"), options),
      policy: (options = {}) =>
        createPolicyVersion(administration, { policy: arn("policy/P"), document: ALLOW }, request(options)),
    };
    const other = () => attached(arn("user/bob"));
    return { snapshot, imported, changes, other, arn };
  }

  test.each(["user", "group", "policy"] as const)(
    "of a change of a %s is refused after another of it",
    async (kind) => {
      const { snapshot, changes, other } = await furnished();
      const { revision: expectedRevision } = await changes[kind]();
      await other();
      expect(codesOf(await importIt(snapshot, "MERGE", { expectedRevision }))).toEqual([]);
      expect((await changes[kind]()).changed).toBe(true);
      expect(codesOf(await importIt(snapshot, "REPLACE", { expectedRevision }))).toEqual(["CONFLICT"]);
    },
  );

  test("of a decision is refused when something of the account has changed that the decision rests on", async () => {
    const { snapshot, changes, other, arn } = await furnished();
    const elsewhere = "prin:acs:ram::77:user/far";
    const decision = async () => {
      const scopes = [`acct:${snapshot.account.id}`, `prin:${arn("user/ann")}`, `pol:${arn("policy/p")}`, elsewhere];
      const vector = await readRevisions(context.administration.db, scopes);
      return context.administration.tokens.issue(new Map([...vector, [elsewhere, { rev: 7, tag: "7" }]]), Date.now());
    };
    const expectedRevision = await decision();
    await other();
    expect(codesOf(await importIt(snapshot, "MERGE", { expectedRevision }))).toEqual([]);
    await changes.policy();
    expect(codesOf(await importIt(snapshot, "MERGE", { expectedRevision }))).toEqual(["CONFLICT"]);
  });

  test.each(["user", "group", "policy"] as const)(
    "gives a token with which a change of a %s is refused after any change of the account",
    async (kind) => {
      const { imported, changes, other } = await furnished();
      const expectedRevision = imported.revision;
      expect(codesOf(await changes[kind]({ expectedRevision, dryRun: true }))).toEqual([]);
      expect((await other()).changed).toBe(true);
      const { userErrors } = await changes[kind]({ expectedRevision });
      expect(codesOf({ userErrors })).toEqual(["CONFLICT"]);
      await other(); // the current revision is that of the thing, which others leave alone
      const again = await changes[kind]({ expectedRevision: userErrors[0]?.currentRevision });
      expect([again.changed, again.userErrors]).toEqual([true, []]);
    },
  );
});
