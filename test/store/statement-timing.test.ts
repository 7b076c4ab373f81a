import { AsyncLocalStorage } from "node:async_hooks";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openPool } from "../../src/store/pool.js";
import { openDatabase, openModelPool } from "../../src/store/prisma-client.js";
import { kindOf, type StatementKind, timeStatements } from "../../src/store/statement-timing.js";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase("timing");
});
afterAll(() => database?.drop());

test.each<[unknown, StatementKind]>([
  [{ name: "ramgate_revisions", text: "WITH x AS (SELECT 1) SELECT 2" }, "revisions"],
  [{ name: "ramgate-find-session", text: "SELECT" }, "sign_in"],
  [{ text: 'INSERT INTO "x"' }, "insert"],
  ["  select 1", "select"],
  ["WITH a AS (SELECT 1) SELECT 2", "select"],
  ["BEGIN", "transaction"],
  ["VACUUM", "other"],
  ["/* a hint */ SELECT 1", "other"],
  ["", "other"],
  [undefined, "other"],
])("%j is of kind %s", (statement, kind) => {
  expect(kindOf(statement)).toBe(kind);
});

test("each statement is timed once, through the pool, through a connection and when it fails", async () => {
  const pool = openPool(database.url, { max: 1, connect: 5_000, statement: 5_000, answer: 5_000 });
  const seen: [StatementKind, number][] = [];
  timeStatements(pool, (kind, seconds) => seen.push([kind, seconds]));
  expect((await pool.query("SELECT pg_sleep(0.05), 1 AS one")).rows[0].one).toBe(1);
  await expect(pool.query("DELETE FROM nowhere")).rejects.toThrow("nowhere");
  const client = await pool.connect();
  expect((await client.query("SELECT $1::int AS two", [2])).rows[0].two).toBe(2);
  client.release();
  await pool.end();
  expect(seen.map(([kind]) => kind)).toEqual(["select", "delete", "select"]);
  expect(seen[0]?.[1]).toBeGreaterThanOrEqual(0.05);
  expect(seen[0]?.[1]).toBeLessThan(5);
});

test("each statement is heard of in the context of its sender, also of one who waited for a connection", async () => {
  const pool = openPool(database.url, { max: 1, connect: 5_000, statement: 5_000, answer: 5_000 });
  const sender = new AsyncLocalStorage<number>();
  const heard: (number | undefined)[] = [];
  timeStatements(pool, () => heard.push(sender.getStore()));
  const ask = (number: number) => sender.run(number, () => pool.query("SELECT $1::int", [number]));
  await Promise.all([1, 2, 3, 4].map(ask));
  await pool.end();
  expect(heard).toEqual([1, 2, 3, 4]);
});

test("the statements of the Prisma client are seen, transactions included", async () => {
  const pool = openModelPool(database.url, 2);
  const seen: StatementKind[] = [];
  timeStatements(pool, (kind) => seen.push(kind));
  const db = openDatabase(database.url, 2, pool);
  await db.account.findMany();
  await db.$transaction(async (transaction) => {
    await transaction.account.create({ data: { id: "1234567890123456" } });
  });
  await db.$disconnect();
  expect(seen[0]).toBe("select");
  expect(seen).toContain("insert");
  expect(seen.filter((kind) => kind === "transaction").length).toBeGreaterThanOrEqual(2);
  expect(pool.ended).toBe(true);
});
