import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { attachPolicy } from "../../src/administration/attach-policy.js";
import { createPolicy } from "../../src/administration/create-policy.js";
import { createUser } from "../../src/administration/create-user.js";
import { ensureSystemPolicies } from "../../src/administration/ensure-system-policies.js";
import { exportAccount, writeAccount } from "../../src/administration/export-account.js";
import { importAccount } from "../../src/administration/import-account.js";
import { registerKey } from "../../src/administration/register-key.js";
import { tagResource } from "../../src/administration/tag-resource.js";
import { ACCOUNT, arn, fingerprint, READ_ALL, request, useAdministration } from "./setup.js";

const context = useAdministration("export");
const DEMO = JSON.parse(await readFile(new URL("../../examples/demo-account.json", import.meta.url), "utf8"));
const MANY = 100_000_000;
let sequence = 3_000_000_000_000_000;

beforeAll(() => ensureSystemPolicies(context.administration.db));

interface Loose {
  readonly account: { readonly id: string };
}

const newAccount = () => {
  sequence += 1;
  return String(sequence);
};

function importIt(snapshot: Loose, mode: "MERGE" | "REPLACE" = "MERGE") {
  return importAccount(context.administration, { account: snapshot.account.id, snapshot, mode }, request());
}

const exportOf = (account: string) => exportAccount(context.administration.db, account, MANY);

/** The same account under another number, documents included. */
const renamed = (snapshot: unknown, from: string, to: string) =>
  JSON.parse(JSON.stringify(snapshot).replaceAll(from, to)) as Loose;

// biome-ignore lint/suspicious/noExplicitAny: takes snapshots that leave out what they may
type Any = any;

const byText = <T>(list: readonly T[] | null | undefined, keyOf: (item: T) => string): T[] =>
  [...(list ?? [])].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
const folded = (name: string) => name.toLowerCase();
const sortedTags = (tags: object | null | undefined) => Object.fromEntries(Object.entries(tags ?? {}).sort());
const instant = (text: string | null | undefined) => (text ? new Date(text).toISOString().replace(".000Z", "Z") : null);
const parsed = (document: unknown) => (typeof document === "string" ? JSON.parse(document) : document);

/** What docs/account-snapshot.md says an export changes: the order, and what is left out is written out. */
function normalised(snapshot: Any): unknown {
  const { account } = snapshot;
  const nameOf = (list: Any[], name: string) => list.find((each) => folded(each.name) === folded(name))?.name ?? name;
  const groupNames = (names: string[] | null | undefined) =>
    byText([...new Set((names ?? []).map((name) => nameOf(snapshot.groups, name)))], folded);
  const held = new Set((snapshot.policies ?? []).map(({ type, name }: Any) => `${type} ${folded(name)}`));
  const unheld = (snapshot.attachments ?? [])
    .map(({ policy }: Any) => policy)
    .filter(({ type, name }: Any) => !held.has(`${type} ${folded(name)}`) && name !== "AliyunKMSFullAccess")
    .filter(
      (policy: Any, index: number, all: Any[]) =>
        all.findIndex((each) => each.type === policy.type && folded(each.name) === folded(policy.name)) === index,
    )
    .map((policy: Any) => ({ ...policy, versions: [] }));
  const policies = [...(snapshot.policies ?? []), ...unheld];
  return {
    version: 1,
    account: { id: account.id, alias: account.alias ?? null },
    resourceGroups: byText<Any>(snapshot.resourceGroups, ({ id }) => id),
    groups: byText<Any>(snapshot.groups, ({ name }) => folded(name)).map(({ name, comments = null }) => ({
      name,
      comments,
    })),
    users: byText<Any>(snapshot.users, ({ name }) => folded(name)).map((user) => ({
      name: user.name,
      displayName: user.displayName ?? null,
      comments: user.comments ?? null,
      groups: groupNames(user.groups),
      tags: sortedTags(user.tags),
    })),
    roles: byText<Any>(snapshot.roles, ({ name }) => folded(name)).map((role) => ({
      name: role.name,
      kind: role.kind ?? "REGULAR",
      service: role.service ?? null,
      description: role.description ?? null,
      maxSessionDuration: role.maxSessionDuration ?? 3_600,
      trustPolicy: parsed(role.trustPolicy),
      tags: sortedTags(role.tags),
    })),
    policies: byText<Any>(policies, ({ type, name }) => `${type === "SYSTEM" ? 0 : 1} ${folded(name)}`).map(
      (policy) => ({
        type: policy.type,
        name: policy.name,
        description: policy.description ?? null,
        defaultVersion: policy.versions.length === 0 ? null : policy.defaultVersion,
        versions: byText<Any>(policy.versions, ({ id }) => id.padStart(12)).map(({ id, document }) => ({
          id,
          document: parsed(document),
        })),
      }),
    ),
    attachments: byText<Any>(
      (snapshot.attachments ?? []).map((attachment: Any) => {
        const [kind = "", name = ""] = attachment.principal.split("/");
        const policy = {
          type: attachment.policy.type,
          name: nameOf(
            policies.filter(({ type }) => type === attachment.policy.type),
            attachment.policy.name,
          ),
        };
        return {
          policy,
          principal: `${folded(kind)}/${nameOf(snapshot[`${folded(kind)}s`], name)}`,
          scope: attachment.scope,
          notBefore: instant(attachment.notBefore),
          expiresAt: instant(attachment.expiresAt),
        };
      }),
      ({ policy, principal, scope }) =>
        JSON.stringify([
          folded(principal),
          policy.type === "SYSTEM" ? 0 : 1,
          folded(policy.name),
          scope === "ACCOUNT" ? "" : scope,
        ]),
    ),
    keys: byText<Any>(snapshot.keys, ({ region, id }) => `${region} ${id}`).map((key) => ({
      region: key.region,
      id: key.id,
      resourceGroup: key.resourceGroup ?? null,
      tags: sortedTags(key.tags),
      state: key.state ?? "ENABLED",
      spec: key.spec ?? null,
      usage: key.usage ?? null,
      origin: key.origin ?? null,
    })),
    secrets: byText<Any>(snapshot.secrets, ({ region, name }) => `${region} ${name}`).map((secret) => ({
      region: secret.region,
      name: secret.name,
      type: secret.type ?? null,
      encryptionKeyId: secret.encryptionKeyId ?? null,
      resourceGroup: secret.resourceGroup ?? null,
      tags: sortedTags(secret.tags),
    })),
    aliases: byText<Any>(snapshot.aliases, ({ region, name }) => `${region} ${name}`),
  };
}

async function written(account: string): Promise<string> {
  let text = "";
  await writeAccount(context.administration.db, account, (piece) => {
    text += piece;
  });
  return text;
}

describe("an export", () => {
  test("gives the demo account back", async () => {
    expect((await importIt(DEMO)).userErrors).toEqual([]);
    const exported = await exportOf(DEMO.account.id);
    expect(exported).toEqual(normalised(DEMO));
    expect(JSON.parse(await written(DEMO.account.id))).toEqual(exported);
    for (const mode of ["MERGE", "REPLACE"] as const) {
      expect((await importIt(exported, mode)).value?.plan).toMatchObject({ account: "KEEP", counts: [] });
    }
  });

  test("of an empty account is a snapshot as well, and one of an unknown account is refused", async () => {
    const id = newAccount();
    await importIt({ version: 1, account: { id } } as Loose);
    expect(JSON.parse(await written(id))).toEqual({ version: 1, account: { id, alias: null } });
    expect(await exportOf(id)).toEqual(normalised({ account: { id } }));
    await expect(exportOf("42")).rejects.toThrow("`42` does not exist");
    const { db } = context.administration;
    await expect(exportAccount(db, DEMO.account.id, 100)).rejects.toThrow("ramgate export");
  });

  test("holds what other changes made", async () => {
    const { administration } = context;
    await importIt({ version: 1, account: { id: ACCOUNT } } as Loose);
    await createUser(administration, { account: ACCOUNT, name: "Zoe", tags: [{ key: "a", value: "" }] }, request());
    await createPolicy(
      administration,
      { account: ACCOUNT, name: "P", document: JSON.stringify(READ_ALL, null, 2) },
      request(),
    );
    for (const policy of [arn.policy("P"), arn.system("AliyunKMSFullAccess")]) {
      const result = await attachPolicy(
        administration,
        { policy, principal: arn.user("Zoe"), notBefore: new Date(1_234) },
        request(),
      );
      expect(result.userErrors).toEqual([]);
    }
    await registerKey(administration, { arn: arn.key("k") }, request());
    const exported = await exportOf(ACCOUNT);
    expect(exported.attachments).toMatchObject([
      { policy: { type: "SYSTEM", name: "AliyunKMSFullAccess" }, notBefore: "1970-01-01T00:00:01.234Z" },
      { policy: { type: "CUSTOM", name: "P" }, principal: "user/Zoe", scope: "ACCOUNT", expiresAt: null },
    ]);
    const before = await fingerprint(administration.db);
    for (const mode of ["MERGE", "REPLACE"] as const) expect((await importIt(exported, mode)).changed).toBe(false);
    expect(await fingerprint(administration.db)).toBe(before);
  });

  test("holds tags whose names mean something to JavaScript", async () => {
    const { administration } = context;
    const [id, other] = [newAccount(), newAccount()];
    await importIt({ version: 1, account: { id } } as Loose);
    const tags = ["__proto__", "constructor", "toString", "hasOwnProperty"].map((key) => ({ key, value: `of-${key}` }));
    const key = `acs:kms:cn-hangzhou:${id}:key/k`;
    await createUser(administration, { account: id, name: "ann", tags }, request());
    await registerKey(administration, { arn: key }, request());
    expect(await tagResource(administration, { resource: key, tags }, request())).toMatchObject({ userErrors: [] });
    const text = JSON.stringify(await exportOf(id));
    for (const { key: name, value } of tags) expect(text.split(`"${name}":"${value}"`)).toHaveLength(3);
    for (const mode of ["MERGE", "REPLACE"] as const) {
      expect(await importIt(JSON.parse(text), mode)).toMatchObject({ changed: false, userErrors: [] });
    }
    await importIt(renamed(JSON.parse(text), id, other));
    expect(JSON.stringify(await exportOf(other))).toBe(text.replaceAll(id, other));
  });

  test("holds a policy that lost its default version", async () => {
    const id = newAccount();
    const policy = { type: "CUSTOM", name: "P", defaultVersion: "v1", versions: [{ id: "v1", document: READ_ALL }] };
    await importIt({ version: 1, account: { id }, policies: [policy] } as Loose);
    await importIt({ version: 1, account: { id }, policies: [{ ...policy, versions: [] }] } as Loose);
    const exported = await exportOf(id);
    expect(exported.policies).toEqual([{ ...policy, description: null, defaultVersion: null }]);
    const again = await importIt(exported, "REPLACE");
    expect(again).toMatchObject({ changed: false, userErrors: [] });
    expect(again.value?.plan.warnings).toMatchObject([{ code: "POLICY_WITHOUT_DOCUMENT" }]);
  });

  test("is what REPLACE leaves, beside credentials, audit trail and system catalogue", async () => {
    const { db } = context.administration;
    const id = newAccount();
    await importIt({ version: 1, account: { id }, users: [{ name: "stays" }, { name: "goes" }] } as Loose);
    const users = await db.principal.findMany({
      where: { accountId: id, kind: "USER" },
      select: { id: true, name: true },
    });
    const credential = (user: { id: string; name: string }) => ({
      id: `${id}-${user.name}`,
      kind: "PRINCIPAL" as const,
      secretDigest: Buffer.alloc(32),
      principalId: user.id,
    });
    await db.credential.createMany({ data: users.map(credential) });
    const builtIn = await db.policy.count({ where: { accountId: null } });
    const smaller = { version: 1, account: { id }, users: [{ name: "stays", comments: "changed" }] } as Loose;
    expect((await importIt(smaller, "REPLACE")).value?.plan.counts).toEqual([
      { kind: "PRINCIPAL", created: 0, updated: 1, deleted: 1 },
    ]);
    expect(await exportOf(id)).toEqual(normalised(smaller));
    const kept = await db.credential.findMany({ where: { id: { startsWith: id } }, select: { id: true } });
    expect(kept).toEqual([{ id: `${id}-stays` }]);
    expect(await db.auditEvent.count({ where: { accountId: id } })).toBe(2);
    expect(await db.policy.count({ where: { accountId: null } })).toBe(builtIn);
  });

  test("shows one moment, whatever is written meanwhile", async () => {
    const id = newAccount();
    const keys = Array.from({ length: 1_200 }, (_, index) => ({ region: "cn-hangzhou", id: `k${index}` }));
    const aliases = keys.map((key) => ({ region: key.region, name: `alias/${key.id}`, keyId: key.id }));
    await importIt({ version: 1, account: { id }, keys, aliases } as Loose);
    const before = await exportOf(id);
    let text = "";
    let emptied = false;
    await writeAccount(context.administration.db, id, async (piece) => {
      text += piece;
      if (!emptied && piece.includes("k500")) {
        emptied = true;
        expect((await importIt({ version: 1, account: { id } } as Loose, "REPLACE")).changed).toBe(true);
      }
    });
    const { keys: seen, aliases: names } = JSON.parse(text);
    expect([emptied, seen, names]).toEqual([true, before.keys, before.aliases]);
    expect((await exportOf(id)).keys).toEqual([]);
  });
});

describe("any account", () => {
  const names = ["a", "B", "c"] as const;
  const text = fc.option(
    fc.string({ unit: "grapheme", maxLength: 5 }).filter((value) => !/[\0\p{Cs}]/u.test(value)),
    { nil: undefined },
  );
  const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
  const unique = <T>(item: fc.Arbitrary<T>, keyOf: (value: T) => string) =>
    fc.uniqueArray(item, { maxLength: 3, selector: (value) => keyOf(value).toLowerCase() });
  const tags = maybe(
    fc.dictionary(fc.constantFrom("Project", "a/b:c", "é", "ſ"), fc.constantFrom("", "x", "漢"), { maxKeys: 3 }),
  );
  const statement = fc.record({
    Effect: fc.constantFrom("Allow", "Deny"),
    Action: fc.constantFrom("kms:*", ["kms:List*", "kms:Decrypt"]),
    Resource: fc.constantFrom("*", ["acs:kms:*:*:key/*"]),
    Sid: fc.constantFrom("one", "a\u2028b", "\\\"'`"),
  });
  const asText = (value: object) =>
    fc.constantFrom<unknown>(value, JSON.stringify(value), JSON.stringify(value, null, 3));
  const document = fc.array(statement, { maxLength: 2 }).chain((Statement) => asText({ Version: "1", Statement }));
  const type = fc.constantFrom("CUSTOM", "SYSTEM");
  const policy = fc
    .record({
      type,
      name: fc.constantFrom(...names, "AliyunKMSFullAccess"),
      description: text,
      numbers: fc.uniqueArray(fc.constantFrom(1, 2, 9, 10, 11), { maxLength: 4 }),
      documents: fc.array(document, { minLength: 5, maxLength: 5 }),
    })
    .map(({ numbers, documents, ...rest }) => ({
      ...rest,
      defaultVersion: numbers.length === 0 ? null : `v${numbers[0]}`,
      versions: numbers.map((number, index) => ({ id: `v${number}`, document: documents[index] })),
    }));
  const regions = fc.constantFrom("cn-hangzhou", "cn-shanghai");
  const group = maybe(fc.constantFrom("rg-1", "RG-1", null));
  const instants = fc.constantFrom("2030-01-01T00:00:00Z", "2030-06-01T08:00:00.120+08:00", null, undefined);
  const keys = fc.uniqueArray(
    fc.record({
      region: regions,
      id: fc.constantFrom("k1", "K1", "k2"),
      resourceGroup: group,
      tags,
      state: maybe(fc.constantFrom("ENABLED", "DISABLED", "PENDING_DELETION", "PENDING_IMPORT")),
      spec: text,
      usage: text,
      origin: text,
    }),
    { maxLength: 4, selector: ({ region, id }) => `${region} ${id}` },
  );
  const trust = asText(DEMO.roles[0].trustPolicy);
  const accounts = fc
    .record({
      alias: maybe(fc.constantFrom("acme", null)),
      groups: fc
        .subarray([...names], { minLength: 1 })
        .chain((chosen) => fc.tuple(...chosen.map((name) => fc.record({ name: fc.constant(name), comments: text })))),
      users: unique(
        fc.record({
          name: fc.constantFrom("a", "A", "b.c"),
          displayName: text,
          comments: text,
          tags,
          groups: maybe(fc.subarray(["A", "b", "c"])),
        }),
        ({ name }) => name,
      ),
      roles: unique(
        fc.record({
          name: fc.constantFrom("r", "R", "AliyunServiceRoleForX"),
          kind: maybe(fc.constantFrom("REGULAR", "SERVICE", "SERVICE_LINKED")),
          service: text,
          description: text,
          maxSessionDuration: maybe(fc.constantFrom(3_600, 7_200)),
          trustPolicy: trust,
          tags,
        }),
        ({ name }) => name,
      ),
      policies: unique(policy, ({ type: of, name }) => `${of} ${name}`),
      attachments: fc.array(
        fc.record({
          policy: fc.record({ type, name: fc.constantFrom("a", "b", "X", "AliyunKMSFullAccess") }),
          principal: fc.nat(),
          scope: fc.constantFrom("ACCOUNT", "rg-1", "RG-1"),
          notBefore: fc.constantFrom("2020-01-01T00:00:00Z", undefined),
          expiresAt: instants,
        }),
        { maxLength: 5 },
      ),
      keys,
      secrets: fc.uniqueArray(
        fc.record({
          region: regions,
          name: fc.constantFrom("s", "S", "a/b"),
          type: text,
          key: fc.nat(),
          resourceGroup: group,
          tags,
        }),
        { maxLength: 3, selector: ({ region, name }) => `${region} ${name}` },
      ),
      aliases: fc.uniqueArray(fc.record({ name: fc.constantFrom("alias/x", "alias/X", "alias/a/b"), key: fc.nat() }), {
        maxLength: 3,
        selector: ({ name }) => name,
      }),
    })
    .map(({ alias, ...parts }) => {
      const principals = [
        ...parts.groups.map(({ name }) => `group/${name}`),
        ...parts.users.map(({ name }) => `user/${name.toUpperCase()}`),
        ...parts.roles.map(({ name }) => `Role/${name}`),
      ];
      const keyIn = (region: string, key: number) => {
        const there = parts.keys.filter((each) => each.region === region);
        return there[key % Math.max(1, there.length)]?.id ?? null;
      };
      const known = new Set(parts.groups.map(({ name }) => name.toLowerCase()));
      const attachments = parts.attachments.map(({ principal, policy: { name, type: of }, ...rest }) => ({
        ...rest,
        policy: {
          name: name === "AliyunKMSFullAccess" || of === "CUSTOM" ? name : "a",
          type: name === "AliyunKMSFullAccess" ? ("SYSTEM" as const) : of,
        },
        principal: principals[principal % principals.length] ?? "",
      }));
      return {
        ...parts,
        account: { id: newAccount(), alias },
        version: 1,
        resourceGroups: [
          { id: "rg-1", name: "one" },
          { id: "RG-1", name: "" },
        ],
        users: parts.users.map((user) => ({
          ...user,
          groups: user.groups?.filter((name) => known.has(name.toLowerCase())),
        })),
        attachments: attachments.filter(
          (each, index) =>
            attachments.findIndex(
              (other) =>
                JSON.stringify([other.policy, other.principal, other.scope]).toLowerCase() ===
                  JSON.stringify([each.policy, each.principal, each.scope]).toLowerCase() && other.scope === each.scope,
            ) === index,
        ),
        secrets: parts.secrets.map(({ key, ...secret }) => ({ ...secret, encryptionKeyId: keyIn(secret.region, key) })),
        aliases:
          parts.keys.length === 0
            ? []
            : parts.aliases.map(({ name, key }) => {
                const { region, id } = parts.keys[key % parts.keys.length] ?? { region: "", id: "" };
                return { region, name, keyId: id };
              }),
      };
    });

  test("comes back as it was imported, and makes the same account elsewhere", { timeout: 180_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(accounts, async (account) => {
        const snapshot = JSON.parse(JSON.stringify(account)) as Loose;
        const { id } = snapshot.account;
        expect((await importIt(snapshot)).userErrors).toEqual([]);
        const exported = await exportOf(id);
        expect(exported).toEqual(normalised(snapshot));
        expect(normalised(exported)).toEqual(exported);
        for (const mode of ["MERGE", "REPLACE"] as const) {
          expect((await importIt(exported, mode)).value?.plan).toMatchObject({ account: "KEEP", counts: [] });
          expect((await importIt(snapshot, mode)).value?.plan).toMatchObject({ account: "KEEP", counts: [] });
        }
        const twin = newAccount();
        const elsewhere = renamed(exported, id, twin);
        expect((await importIt(elsewhere)).userErrors).toEqual([]);
        expect(await exportOf(twin)).toEqual(elsewhere);
        expect((await importIt(elsewhere, "REPLACE")).changed).toBe(false);
      }),
      { numRuns: 60, seed: 11 },
    );
  });

  test("keeps everything in a merge, and nothing but the snapshot in a replacement", { timeout: 180_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(accounts, accounts, async (one, other) => {
        const first = JSON.parse(JSON.stringify(one)) as Loose;
        const second = renamed(
          { ...JSON.parse(JSON.stringify(other)), account: { id: first.account.id } },
          "never",
          "never",
        );
        await importIt(first);
        await importIt(second, "MERGE");
        const merged = (await exportOf(first.account.id)) as Any;
        for (const [list, keyOf] of KEYS) {
          const names = new Set(merged[list].map((item: Any) => keyOf(item)));
          for (const snapshot of [first, second] as Any[])
            for (const item of snapshot[list]) expect(names).toContain(keyOf(item));
        }
        await importIt(second, "REPLACE");
        expect(await exportOf(first.account.id)).toEqual(normalised(second));
      }),
      { numRuns: 30, seed: 12 },
    );
  });

  const KEYS: readonly [string, (item: Any) => string][] = [
    ["resourceGroups", ({ id }) => id],
    ["groups", ({ name }) => folded(name)],
    ["users", ({ name }) => folded(name)],
    ["roles", ({ name }) => folded(name)],
    ["policies", ({ type: of, name }) => `${of} ${folded(name)}`],
    ["keys", ({ region, id }) => `${region} ${id}`],
    ["secrets", ({ region, name }) => `${region} ${name}`],
    ["aliases", ({ region, name }) => `${region} ${name}`],
  ];
});
