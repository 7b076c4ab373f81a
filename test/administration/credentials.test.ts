import { Pool } from "pg";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Authenticator, createAuthenticator } from "../../src/store/authenticator.js";
import { CredentialConflictError, ensureOperator, parseApiKey } from "../../src/store/credentials.js";
import { type Database, openDatabase } from "../../src/store/prisma-client.js";
import { createRevisionReader } from "../../src/store/revisions.js";
import { UnavailableError } from "../../src/store/store-errors.js";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";

const SECRET = "A_b-".repeat(11);
const KEY = `rg_admin1_${SECRET}`;
let database: TestDatabase;
let db: Database;
let pool: Pool;
let authenticate: Authenticator;

beforeAll(async () => {
  database = await createTestDatabase("credentials");
  db = openDatabase(database.url, 4);
  pool = new Pool({ connectionString: database.url, max: 2 });
  authenticate = createAuthenticator(pool, createRevisionReader(pool));
});
afterAll(async () => {
  await pool.end();
  await db.$disconnect();
  await database.drop();
});

describe("api keys", () => {
  test("are split at the first two underscores", () => {
    expect(parseApiKey(KEY)).toEqual({ id: "admin1", secret: SECRET });
  });

  test.each([
    "",
    "rg_",
    `rg__${SECRET}`,
    `rg_UP_${SECRET}`,
    `rg_a_${"x".repeat(42)}`,
    `rg_a_${SECRET}!`,
    `xx_a_${SECRET}`,
    `rg_a_${SECRET}\n`,
  ])("`%s` is none", (text) => expect(parseApiKey(text)).toBeNull());
});

describe("the operator", () => {
  test("of a fresh database gets one random key, however many gateways start", async () => {
    const made = await Promise.all([1, 2, 3, 4].map(() => ensureOperator(db, null)));
    const keys = made.flatMap(({ created }) => created ?? []);
    expect(keys).toHaveLength(1);
    const caller = await authenticate(keys[0] ?? "");
    expect(caller).toMatchObject({ kind: "OPERATOR" });
    const [stored] = await db.credential.findMany();
    expect(Buffer.from(stored?.secretDigest ?? []).toString()).not.toContain(keys[0]);
  });

  test("keeps a given key, and no other under its id", async () => {
    expect(await ensureOperator(db, KEY)).toEqual({ created: null });
    expect(await ensureOperator(db, KEY)).toEqual({ created: null });
    await expect(ensureOperator(db, `${KEY}x`)).rejects.toBeInstanceOf(CredentialConflictError);
    await expect(ensureOperator(db, `${KEY}x`)).rejects.not.toThrow(SECRET);
    expect(await authenticate(KEY)).toEqual({ kind: "OPERATOR", credentialId: "admin1" });
  });
});

describe("authentication", () => {
  test("refuses what is wrong, unknown or malformed", async () => {
    for (const key of [`${KEY}x`, KEY.slice(0, -1), `rg_nobody_${SECRET}`, "rg_admin1_", "", "\0"]) {
      expect(await authenticate(key)).toBeNull();
    }
  });

  test("ends with expiry and revocation, by the clock of the database", async () => {
    const where = { id: "admin1" };
    const hour = 3_600_000;
    await db.credential.update({ where, data: { expiresAt: new Date(Date.now() + hour) } });
    expect(await authenticate(KEY)).not.toBeNull();
    await db.credential.update({ where, data: { expiresAt: new Date(Date.now() - hour) } });
    expect(await authenticate(KEY)).toBeNull();
    await db.credential.update({ where, data: { expiresAt: null, revokedAt: new Date() } });
    expect(await authenticate(KEY)).toBeNull();
    await expect(ensureOperator(db, KEY)).rejects.toThrow(/revoked/);
    await db.credential.update({ where, data: { revokedAt: null } });
    expect(await authenticate(KEY)).not.toBeNull();
  });

  test("names the principal of a principal's key", async () => {
    const arn = "acs:ram::1:user/ann";
    await db.account.create({ data: { id: "1" } });
    const { id: principalId } = await db.principal.create({
      data: { accountId: "1", kind: "USER", name: "ann", arn, arnKey: arn },
    });
    const { secretDigest } = await db.credential.findUniqueOrThrow({ where: { id: "admin1" } });
    await db.credential.update({ where: { id: "admin1" }, data: { kind: "PRINCIPAL", principalId, secretDigest } });
    expect(await authenticate(KEY)).toEqual({ kind: "PRINCIPAL", credentialId: "admin1", principalArn: arn });
  });

  test("follows the principal, and ends with it", async () => {
    const where = { id: "admin1" };
    const renamed = "acs:ram::1:user/anna";
    await db.principal.updateMany({ where: { name: "ann" }, data: { name: "anna", arn: renamed, arnKey: renamed } });
    expect(await authenticate(KEY)).toMatchObject({ principalArn: renamed });
    const { principalId } = await db.credential.findUniqueOrThrow({ where });
    await db.principal.delete({ where: { id: principalId ?? "" } });
    expect(await authenticate(KEY)).toBeNull();
    expect(await db.credential.findUnique({ where })).toBeNull();
  });

  test("of 100 requests at once takes one statement, once the key is known", async () => {
    await ensureOperator(db, KEY);
    await authenticate(KEY);
    const query = vi.spyOn(pool, "query");
    const callers = await Promise.all(Array.from({ length: 100 }, () => authenticate(KEY)));
    expect(new Set(callers.map((caller) => caller?.kind))).toEqual(new Set(["OPERATOR"]));
    expect(await authenticate(`${KEY}x`)).toBeNull();
    expect(query).toHaveBeenCalledTimes(2);
    query.mockRestore();
  });

  test("keeps nothing that no revision guards", async () => {
    await pool.query("ALTER TABLE credential DISABLE TRIGGER authz_insert");
    await ensureOperator(db, `rg_unguarded_${SECRET}`);
    await pool.query("ALTER TABLE credential ENABLE ALWAYS TRIGGER authz_insert");
    const own = createAuthenticator(pool, createRevisionReader(pool));
    expect(await own(`rg_unguarded_${SECRET}`)).not.toBeNull();
    const query = vi.spyOn(pool, "query");
    expect(await own(`rg_unguarded_${SECRET}`)).not.toBeNull();
    expect(String(query.mock.calls.map(([statement]) => JSON.stringify(statement)))).toContain("find-credential");
    query.mockRestore();
  });

  test("without a database is unavailable", async () => {
    const nowhere = new Pool({ connectionString: "postgresql://postgres@127.0.0.1:1/none" });
    await expect(createAuthenticator(nowhere, createRevisionReader(nowhere))(KEY)).rejects.toBeInstanceOf(
      UnavailableError,
    );
    await nowhere.end();
  });
});
