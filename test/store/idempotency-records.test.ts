import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { claimIdempotencyKey } from "../../src/administration/idempotency.js";
import { removeOldRecords, removeOldRecordsHourly } from "../../src/store/idempotency-records.js";
import { type Database, openDatabase, type Transaction } from "../../src/store/prisma-client.js";
import { createTestDatabase, type TestDatabase, withClient } from "../support/databases.js";
import { startGateway } from "../support/gateway.js";

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase("idempotency");
  db = openDatabase(database.url, 4);
});

afterAll(async () => {
  await db?.$disconnect();
  await database?.drop();
});

beforeEach(() => db.idempotencyRecord.deleteMany());

/** Records of keys that were used so many days ago. */
async function remember(prefix: string, daysAgo: number, count = 1): Promise<void> {
  await db.$executeRaw`
    INSERT INTO idempotency_record (caller, key, fingerprint, created_at)
    SELECT 'operator:test', ${prefix} || n, 'f', now() - make_interval(secs => ${daysAgo * 86_400}::float8)
    FROM generate_series(1, ${count}::int) n`;
}

const keys = async () => (await db.idempotencyRecord.findMany({ orderBy: { key: "asc" } })).map(({ key }) => key);

test("removes what is older than that, and nothing else", async () => {
  await remember("older", 7.01, 3);
  await remember("younger", 6.99);
  await remember("new", 0);
  expect(await removeOldRecords(db, 7)).toBe(3);
  expect(await keys()).toEqual(["new1", "younger1"]);
  expect(await removeOldRecords(db, 7)).toBe(0);
});

test("removes many, a few at a time", async () => {
  await remember("old", 8, 1_300);
  const batches: number[] = [];
  const $executeRaw = ((...args: Parameters<Database["$executeRaw"]>) =>
    db.$executeRaw(...args).then((rows) => {
      batches.push(rows);
      return rows;
    })) as Database["$executeRaw"];
  expect(await removeOldRecords({ $executeRaw }, 7)).toBe(1_300);
  expect(batches).toEqual([500, 500, 300]);
});

test("several gateways remove each one once, and wait for nobody", async () => {
  await remember("old", 8, 700);
  await withClient(database.url, async (client) => {
    await client.query("BEGIN");
    await client.query("SELECT 1 FROM idempotency_record WHERE key = 'old7' FOR UPDATE");
    const removed = await Promise.all([1, 2, 3].map(() => removeOldRecords(db, 7)));
    expect(removed.reduce((sum, rows) => sum + rows)).toBe(699);
    expect(await keys()).toEqual(["old7"]);
    await client.query("ROLLBACK");
  });
});

test("a key whose record is removed while it is taken is taken anew", async () => {
  await remember("old", 8);
  const claim = await db.$transaction(async (tx) => {
    const meanwhile = { ...statementsOf(tx), $queryRaw: removeThen(tx) } as unknown as Transaction;
    return claimIdempotencyKey(meanwhile, { caller: "operator:test", key: "old1", fingerprint: "another" });
  });
  expect(claim).toEqual({ caller: "operator:test", key: "old1", fingerprint: "another" });
  expect(await db.idempotencyRecord.findMany({ select: { fingerprint: true } })).toEqual([{ fingerprint: "another" }]);
});

const statementsOf = (tx: Transaction) => ({ $executeRaw: tx.$executeRaw.bind(tx) });

/** Queries of a transaction, each after somebody else has removed what is old. */
function removeThen(tx: Transaction): Transaction["$queryRaw"] {
  return (async (...args: Parameters<Transaction["$queryRaw"]>) => {
    await removeOldRecords(db, 7);
    return tx.$queryRaw(...args);
  }) as Transaction["$queryRaw"];
}

test("says why it cannot, goes on living, and ends when it is told to", async () => {
  const failures: unknown[] = [];
  const away = { $executeRaw: () => Promise.reject(new Error("away")) } as unknown as Database;
  const end = removeOldRecordsHourly(away, 7, (error) => failures.push(error));
  await sleep(20);
  await end();
  expect(failures).toEqual([new Error("away")]);
});

test("a gateway does so when it starts, as it is configured", async () => {
  await remember("older", 3);
  await remember("younger", 1);
  const gateway = await startGateway({ DATABASE_URL: database.url, IDEMPOTENCY_KEY_DAYS: "2" });
  await expect.poll(keys, { timeout: 10_000 }).toEqual(["younger1"]);
  expect(await gateway.stop()).toBe(0);
});
