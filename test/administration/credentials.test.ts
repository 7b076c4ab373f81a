import { Pool } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { authenticate, CredentialConflictError, ensureOperator, parseApiKey } from "../../src/store/credentials.js";
import { type Database, openDatabase } from "../../src/store/prisma-client.js";
import { UnavailableError } from "../../src/store/store-errors.js";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";

const SECRET = "A_b-".repeat(11);
const KEY = `rg_admin1_${SECRET}`;
let database: TestDatabase;
let db: Database;
let pool: Pool;

beforeAll(async () => {
  database = await createTestDatabase("credentials");
  db = openDatabase(database.url, 4);
  pool = new Pool({ connectionString: database.url, max: 2 });
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
    const caller = await authenticate(pool, keys[0] ?? "");
    expect(caller).toMatchObject({ kind: "OPERATOR" });
    const [stored] = await db.credential.findMany();
    expect(Buffer.from(stored?.secretDigest ?? []).toString()).not.toContain(keys[0]);
  });

  test("keeps a given key, and no other under its id", async () => {
    expect(await ensureOperator(db, KEY)).toEqual({ created: null });
    expect(await ensureOperator(db, KEY)).toEqual({ created: null });
    await expect(ensureOperator(db, `${KEY}x`)).rejects.toBeInstanceOf(CredentialConflictError);
    await expect(ensureOperator(db, `${KEY}x`)).rejects.not.toThrow(SECRET);
    expect(await authenticate(pool, KEY)).toEqual({ kind: "OPERATOR", credentialId: "admin1" });
  });
});

describe("authentication", () => {
  test("refuses what is wrong, unknown or malformed", async () => {
    for (const key of [`${KEY}x`, KEY.slice(0, -1), `rg_nobody_${SECRET}`, "rg_admin1_", "", "\0"]) {
      expect(await authenticate(pool, key)).toBeNull();
    }
  });

  test("ends with expiry and revocation, by the clock of the database", async () => {
    const where = { id: "admin1" };
    const hour = 3_600_000;
    await db.credential.update({ where, data: { expiresAt: new Date(Date.now() + hour) } });
    expect(await authenticate(pool, KEY)).not.toBeNull();
    await db.credential.update({ where, data: { expiresAt: new Date(Date.now() - hour) } });
    expect(await authenticate(pool, KEY)).toBeNull();
    await db.credential.update({ where, data: { expiresAt: null, revokedAt: new Date() } });
    expect(await authenticate(pool, KEY)).toBeNull();
    await expect(ensureOperator(db, KEY)).rejects.toThrow(/revoked/);
    await db.credential.update({ where, data: { revokedAt: null } });
    expect(await authenticate(pool, KEY)).not.toBeNull();
  });

  test("names the principal of a principal's key", async () => {
    const arn = "acs:ram::1:user/ann";
    await db.account.create({ data: { id: "1" } });
    const { id: principalId } = await db.principal.create({
      data: { accountId: "1", kind: "USER", name: "ann", arn, arnKey: arn },
    });
    const { secretDigest } = await db.credential.findUniqueOrThrow({ where: { id: "admin1" } });
    await db.credential.update({ where: { id: "admin1" }, data: { kind: "PRINCIPAL", principalId, secretDigest } });
    expect(await authenticate(pool, KEY)).toEqual({ kind: "PRINCIPAL", credentialId: "admin1", principalArn: arn });
  });

  test("without a database is unavailable", async () => {
    const nowhere = new Pool({ connectionString: "postgresql://postgres@127.0.0.1:1/none" });
    await expect(authenticate(nowhere, KEY)).rejects.toBeInstanceOf(UnavailableError);
    await nowhere.end();
  });
});
