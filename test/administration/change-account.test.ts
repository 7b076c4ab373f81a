import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Administration, ChangeRequest } from "../../src/administration/administration.js";
import { attachPolicy } from "../../src/administration/attach-policy.js";
import { createAccount } from "../../src/administration/create-account.js";
import { createGroup } from "../../src/administration/create-group.js";
import { createPolicy } from "../../src/administration/create-policy.js";
import { createPolicyVersion } from "../../src/administration/create-policy-version.js";
import { createUser } from "../../src/administration/create-user.js";
import { deletePolicyVersion } from "../../src/administration/delete-policy-version.js";
import { detachPolicy } from "../../src/administration/detach-policy.js";
import { registerKey } from "../../src/administration/register-key.js";
import { tagResource } from "../../src/administration/tag-resource.js";
import { InvalidInputError } from "../../src/domain/errors.js";
import { openDatabase } from "../../src/store/prisma-client.js";
import { asStoreError, isRetryable, isUniqueViolation, UnavailableError } from "../../src/store/store-errors.js";
import { ACCOUNT, arn, codesOf, fingerprint, READ_ALL, request, useAdministration } from "./setup.js";

const context = useAdministration("change_account", 10);
const attachment = { policy: arn.policy("P"), principal: arn.user("ann") };

beforeAll(async () => {
  const { administration } = context;
  await createAccount(administration, { account: ACCOUNT }, request());
  await createUser(administration, { account: ACCOUNT, name: "ann" }, request());
  await createPolicy(administration, { account: ACCOUNT, name: "P", document: READ_ALL }, request());
  await registerKey(administration, { arn: arn.key("k") }, request());
});

describe("idempotency keys", () => {
  test("20 concurrent calls have one effect and one answer", async () => {
    const { administration } = context;
    const input = { account: ACCOUNT, name: "once" };
    const events = await administration.db.auditEvent.count();
    const results = await Promise.all(
      Array.from({ length: 20 }, () => createUser(administration, input, request({ idempotencyKey: "once" }))),
    );
    expect(new Set(results.map((result) => JSON.stringify(result, sortedMembers))).size).toBe(1);
    expect(results[0]).toMatchObject({ changed: true, userErrors: [] });
    expect(await administration.db.auditEvent.count()).toBe(events + 1);
  });

  test("another input or mutation is refused, another caller has keys of its own", async () => {
    const { administration } = context;
    const options = { idempotencyKey: "reused" };
    await createUser(administration, { account: ACCOUNT, name: "one" }, request(options));
    const before = await fingerprint(administration.db);
    const other = await createUser(administration, { account: ACCOUNT, name: "two" }, request(options));
    const mutation = await createGroup(administration, { account: ACCOUNT, name: "one" }, request(options));
    expect([codesOf(other), codesOf(mutation)]).toEqual([["IDEMPOTENCY_KEY_REUSED"], ["IDEMPOTENCY_KEY_REUSED"]]);
    expect(await fingerprint(administration.db)).toBe(before);
    const caller = { kind: "OPERATOR" as const, credentialId: "someone" };
    const theirs = await createUser(administration, { account: ACCOUNT, name: "two" }, request({ ...options, caller }));
    expect(theirs.changed).toBe(true);
  });

  test("a refused change and a dry run leave the key free", async () => {
    const { administration } = context;
    const key = { idempotencyKey: "free" };
    const refused = await createUser(administration, { account: ACCOUNT, name: "a b" }, request(key));
    const taken = await createUser(administration, { account: ACCOUNT, name: "ann" }, request(key));
    const dry = await createUser(
      administration,
      { account: ACCOUNT, name: "later" },
      request({ ...key, dryRun: true }),
    );
    expect([refused.changed, taken.changed, dry.changed]).toEqual([false, false, true]);
    const real = await createUser(administration, { account: ACCOUNT, name: "later2" }, request(key));
    expect(real).toMatchObject({ changed: true, userErrors: [] });
  });

  test("a replay says what the first call said, after other changes too", async () => {
    const { administration } = context;
    const first = await attachPolicy(administration, attachment, request({ idempotencyKey: "attach" }));
    await detachPolicy(administration, attachment, request());
    const again = await attachPolicy(administration, attachment, request({ idempotencyKey: "attach" }));
    expect(again).toEqual(first);
    expect(await administration.db.attachment.count()).toBe(0);
  });
});

describe("expected revision", () => {
  test("of 10 concurrent changes one wins, the others learn the current revision", async () => {
    const { administration } = context;
    const resource = arn.key("k");
    const { revision } = await tagResource(
      administration,
      { resource, tags: [{ key: "n", value: "start" }] },
      request(),
    );
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        tagResource(
          administration,
          { resource, tags: [{ key: "n", value: `${i}` }] },
          request({ expectedRevision: revision }),
        ),
      ),
    );
    expect(results.filter(({ changed }) => changed)).toHaveLength(1);
    expect(results.flatMap(codesOf)).toEqual(Array(9).fill("CONFLICT"));
    const lost = results.find(({ changed }) => !changed);
    const expectedRevision = lost?.userErrors[0]?.currentRevision ?? "";
    const next = await tagResource(
      administration,
      { resource, tags: [{ key: "n", value: "next" }] },
      request({ expectedRevision }),
    );
    expect(next.changed).toBe(true);
  });

  describe("of a policy, of 20 concurrent changes of versions that nobody evaluates", () => {
    const policy = arn.policy("Versions");
    const versions = Array.from({ length: 20 }, (_, i) => `v${i + 2}`);
    const SPARE = "v22";
    const create = (administration: Administration, options: Partial<ChangeRequest> = {}) =>
      createPolicyVersion(administration, { policy, document: READ_ALL }, request(options));
    const remove = (administration: Administration, version: string, options: Partial<ChangeRequest> = {}) =>
      deletePolicyVersion(administration, { policy, version }, request(options));
    let administration: Administration;

    beforeEach(async () => {
      const { limits } = context.administration;
      administration = { ...context.administration, limits: { ...limits, versionsPerPolicy: 50 } };
      await context.administration.db.policy.deleteMany({ where: { name: "Versions" } });
      await createPolicy(administration, { account: ACCOUNT, name: "Versions", document: READ_ALL }, request());
      for (const _ of [...versions, SPARE]) await create(administration);
    });

    test.each([
      ["a change before them", () => create(administration)],
      ["the deletion before them", () => remove(administration, SPARE)],
      ["a dry run", () => remove(administration, "v3", { dryRun: true })],
    ])("one wins with the revision of %s", async (_what, before) => {
      const { revision: expectedRevision } = await before();
      const left = await administration.db.policyVersion.count();
      const results = await Promise.all(
        versions.map((version) => remove(administration, version, { expectedRevision })),
      );
      expect(results.filter(({ changed }) => changed)).toHaveLength(1);
      expect(results.flatMap(codesOf)).toEqual(Array(19).fill("CONFLICT"));
      expect(await administration.db.policyVersion.count()).toBe(left - 1);
      const [, again] = results.flatMap(({ userErrors }) => userErrors.map((error) => error.currentRevision));
      expect(codesOf(await create(administration, { expectedRevision: again ?? "" }))).toEqual([]);
    });

    test("one wins when some create and some delete", async () => {
      const { revision: expectedRevision } = await remove(administration, SPARE);
      const results = await Promise.all(
        versions.map((version, i) =>
          i % 2 === 0
            ? create(administration, { expectedRevision })
            : remove(administration, version, { expectedRevision }),
        ),
      );
      expect(results.filter(({ changed }) => changed)).toHaveLength(1);
      expect(results.flatMap(codesOf)).toEqual(Array(19).fill("CONFLICT"));
    });
  });

  test("of something else does not matter", async () => {
    const { administration } = context;
    const { revision } = await createUser(administration, { account: ACCOUNT, name: "stranger" }, request());
    await tagResource(administration, { resource: arn.user("stranger"), tags: [{ key: "a", value: "b" }] }, request());
    const result = await attachPolicy(administration, attachment, request({ expectedRevision: revision }));
    expect(result.userErrors).toEqual([]);
  });

  test("that is no token is invalid input", async () => {
    const result = createUser(
      context.administration,
      { account: ACCOUNT, name: "x" },
      request({ expectedRevision: "v1.x.y" }),
    );
    await expect(result).rejects.toBeInstanceOf(InvalidInputError);
  });

  test("a change that changes nothing keeps the revision", async () => {
    const { administration } = context;
    await attachPolicy(administration, attachment, request());
    const one = await attachPolicy(administration, attachment, request());
    const read = (token: string | null) => [...administration.tokens.read(token ?? "", Date.now()).revisions];
    const two = await attachPolicy(administration, attachment, request());
    expect([one.changed, two.changed]).toEqual([false, false]);
    expect(read(two.revision)).toEqual(read(one.revision));
  });
});

describe("dry runs", () => {
  test("say what would happen and leave nothing behind", async () => {
    const { administration } = context;
    await detachPolicy(administration, attachment, request());
    const before = await fingerprint(administration.db);
    const made = await createUser(administration, { account: ACCOUNT, name: "ghost" }, request({ dryRun: true }));
    expect(made).toMatchObject({
      value: null,
      changed: true,
      userErrors: [],
      revision: expect.stringMatching(/^v1\./),
    });
    const attached = await attachPolicy(administration, attachment, request({ dryRun: true }));
    expect(attached).toMatchObject({ value: null, changed: true, userErrors: [] });
    const tagged = await tagResource(
      administration,
      { resource: arn.key("k"), tags: [{ key: "z", value: "z" }] },
      request({ dryRun: true }),
    );
    expect(tagged).toMatchObject({ value: { resourceId: expect.any(String) }, changed: true });
    const refused = await createUser(administration, { account: ACCOUNT, name: "ann" }, request({ dryRun: true }));
    expect(codesOf(refused)).toEqual(["ENTITY_ALREADY_EXISTS_USER"]);
    expect(await fingerprint(administration.db)).toBe(before);
  });
});

describe("races", () => {
  test("of the same name: one is made, the others learn that it exists", async () => {
    const { administration } = context;
    const results = await Promise.all(
      Array.from({ length: 10 }, () => registerKey(administration, { arn: arn.key("raced") }, request())),
    );
    expect(results.filter(({ changed }) => changed)).toHaveLength(1);
    expect(results.flatMap(codesOf)).toEqual(Array(9).fill("ENTITY_ALREADY_EXISTS_KEY"));
    const accounts = await Promise.all(
      Array.from({ length: 8 }, () => createAccount(administration, { account: "99" }, request())),
    );
    expect(accounts.flatMap(codesOf)).toEqual(Array(7).fill("ENTITY_ALREADY_EXISTS_ACCOUNT"));
  });

  test("300 contended changes: none is lost, none reaches the caller as an error", { timeout: 60_000 }, async () => {
    const { administration } = context;
    const resource = arn.key("k");
    await administration.db.resourceTag.deleteMany({});
    const events = await administration.db.auditEvent.count();
    const wide: Administration = { ...administration, limits: { ...administration.limits, tagsPerResource: 1_000 } };
    for (let wave = 0; wave < 15; wave += 1) {
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          tagResource(wide, { resource, tags: [{ key: `t${wave}-${i}`, value: "" }] }, request()),
        ),
      );
      expect(results.flatMap(codesOf)).toEqual([]);
    }
    expect(await administration.db.resourceTag.count({ where: { resource: { arn: resource } } })).toBe(300);
    expect(await administration.db.auditEvent.count()).toBe(events + 300);
  });
});

describe("failures of the database", () => {
  test("serialization failures and deadlocks are recognised below raw SQL", async () => {
    const { db } = context.administration;
    for (const state of ["40001", "40P01"]) {
      const failure = await db
        .$executeRawUnsafe(`DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '${state}'; END $$`)
        .catch((error: unknown) => error);
      expect(isRetryable(failure)).toBe(true);
    }
    const clash = await db.account.create({ data: { id: ACCOUNT } }).catch((error: unknown) => error);
    const rawClash = await db.$executeRaw`INSERT INTO account (id) VALUES (${ACCOUNT})`.catch(
      (error: unknown) => error,
    );
    expect([isUniqueViolation(clash), isUniqueViolation(rawClash), isRetryable(clash)]).toEqual([true, true, false]);
  });

  test("a change is retried until it goes through", async () => {
    const { administration } = context;
    let failures = 3;
    const db = new Proxy(administration.db, {
      get(target, property, receiver) {
        const member: unknown = Reflect.get(target, property, receiver);
        if (property !== "$transaction" || failures === 0) return member;
        failures -= 1;
        return () => Promise.reject(Object.assign(new Error("could not serialize"), { code: "40001" }));
      },
    });
    const result = await createUser({ ...administration, db }, { account: ACCOUNT, name: "stubborn" }, request());
    expect([result.changed, failures]).toEqual([true, 0]);
  });

  test("an account that is locked for long is unavailable, not waited for", async () => {
    const { administration } = context;
    await administration.db.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT id FROM account WHERE id = ${ACCOUNT} FOR UPDATE`;
      await expect(createUser(administration, { account: ACCOUNT, name: "late" }, request())).rejects.toBeInstanceOf(
        UnavailableError,
      );
    });
  });

  test("no database is unavailable", async () => {
    const db = openDatabase("postgresql://postgres@127.0.0.1:1/none", 1);
    const failure = createUser({ ...context.administration, db }, { account: ACCOUNT, name: "x" }, request());
    await expect(failure).rejects.toBeInstanceOf(UnavailableError);
    await db.$disconnect();
    const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    expect(asStoreError(refused)).toBeInstanceOf(UnavailableError);
    const bug = new TypeError("no");
    expect(asStoreError(bug)).toBe(bug);
  });
});

function sortedMembers(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort());
}
