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
import { updateUser } from "../../src/administration/update-user.js";
import { InvalidInputError } from "../../src/domain/errors.js";
import { publicError } from "../../src/graphql/errors.js";
import { openDatabase } from "../../src/store/prisma-client.js";
import { asStoreError, isRetryable, isUniqueViolation, UnavailableError } from "../../src/store/store-errors.js";
import { withClient } from "../support/databases.js";
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
});

test("an empty idempotency key is refused", async () => {
  const { administration } = context;
  const result = await createUser(administration, { account: ACCOUNT, name: "empty" }, request({ idempotencyKey: "" }));
  expect([result.changed, result.userErrors.map(({ code, field }) => [code, field])]).toEqual([
    false,
    [["INVALID_PARAMETER_TEXT", ["idempotencyKey"]]],
  ]);
});

describe("expected revision", () => {
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

  /** Makes the first so many insertions into a table fail; what it gives ends that, and says how many there were. */
  async function failing(table: string, code: string, times: number): Promise<() => Promise<number>> {
    const { db } = context.administration;
    await db.$executeRawUnsafe("CREATE SEQUENCE fails");
    await db.$executeRawUnsafe(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF nextval('fails') <= ${times} THEN RAISE EXCEPTION 'x' USING ERRCODE = '${code}'; END IF; RETURN NULL; END $$`);
    await db.$executeRawUnsafe(`CREATE TRIGGER zz_fail AFTER INSERT ON ${table} EXECUTE FUNCTION fail()`);
    return async () => {
      const [row] = await db.$queryRaw<{ last: bigint }[]>`SELECT last_value AS last FROM fails`;
      await db.$executeRawUnsafe("DROP FUNCTION fail CASCADE");
      await db.$executeRawUnsafe("DROP SEQUENCE fails");
      return Number(row?.last);
    };
  }

  test.each([
    ["principal", "40001"],
    ["principal", "40P01"],
    ["audit_event", "40001"],
    ["audit_event", "40P01"],
    ["principal", "23505"],
    ["audit_event", "23505"],
    ["audit_event", "23503"],
  ])("a change that fails at %s with %s is made at the sixth attempt, else unavailable", async (table, code) => {
    const { administration } = context;
    const input = { account: ACCOUNT, name: `stubborn-${table}-${code}` };
    const before = await fingerprint(administration.db);
    const stop = await failing(table, code, 100);
    const failure = await createUser(administration, input, request({ idempotencyKey: input.name })).catch(
      (error: unknown) => error,
    );
    expect(await stop()).toBe(6);
    expect(failure).toBeInstanceOf(UnavailableError);
    expect(publicError(failure, "id").code).toBe("UNAVAILABLE");
    expect(await fingerprint(administration.db)).toBe(before);
    const stopAgain = await failing(table, code, 5);
    const again = await createUser(administration, input, request({ idempotencyKey: input.name }));
    expect([again.changed, await stopAgain()]).toEqual([true, 6]);
  });

  test.each([
    ["the account", "SELECT FROM account WHERE id = $1 FOR UPDATE", ACCOUNT],
    ["a row that it changes", "SELECT FROM principal WHERE arn = $1 FOR UPDATE", arn.user("waited-for")],
  ])(
    "a change that waits too long for %s is unavailable, changes nothing, and is not tried again",
    async (_, lock, of) => {
      const { administration, url } = context;
      await createUser(administration, { account: ACCOUNT, name: "waited-for" }, request());
      const before = await fingerprint(administration.db);
      const input = { user: arn.user("waited-for"), comments: of };
      const change = () => updateUser(administration, input, request({ idempotencyKey: of }));
      await withClient(url, async (client) => {
        await client.query("BEGIN");
        await client.query(lock, [of]);
        const asked = Date.now();
        await expect(change()).rejects.toBeInstanceOf(UnavailableError);
        expect(Date.now() - asked).toBeGreaterThan(1_900); // and six attempts would take twelve seconds
        expect(Date.now() - asked).toBeLessThan(10_000);
      });
      expect(await fingerprint(administration.db)).toBe(before);
      expect(await change()).toMatchObject({ changed: true, userErrors: [] });
    },
  );

  test("no database is unavailable", async () => {
    const db = openDatabase("postgresql://postgres@127.0.0.1:1/none", 1);
    const failure = createUser({ ...context.administration, db }, { account: ACCOUNT, name: "x" }, request());
    await expect(failure).rejects.toBeInstanceOf(UnavailableError);
    await db.$disconnect();
    const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    expect(asStoreError(refused)).toBeInstanceOf(UnavailableError);
    expect(asStoreError(Object.assign(new Error("x"), { code: "40001" }))).toBeInstanceOf(UnavailableError);
    const bug = new TypeError("no");
    expect(asStoreError(bug)).toBe(bug);
  });
});
