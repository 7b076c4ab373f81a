import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createDenials, type Denial } from "../../src/store/denials.js";
import { type Database, openDatabase } from "../../src/store/prisma-client.js";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase("denials");
  db = openDatabase(database.url, 2);
});
beforeEach(() => db.$executeRaw`TRUNCATE decision_log`);
afterAll(async () => {
  await db?.$disconnect();
  await database?.drop();
});

const DENIAL: Denial = {
  ...{ at: Date.UTC(2030, 0, 2, 3, 4, 5, 678), account: "1", principal: "acs:ram::1:user/a", action: "kms:Decrypt" },
  ...{ resource: "acs:kms:r:1:key/k", outcome: "IMPLICIT_DENY", decidedBy: "POLICY", error: null },
  ...{ caller: "operator:op", requestId: "r-1" },
};
const FAILURE: Denial = { ...DENIAL, action: null, outcome: null, decidedBy: null, error: "NOT_FOUND" };

const failures: unknown[] = [];
const open = (rows: number, on: Pick<Database, "$executeRaw"> = db) =>
  createDenials(on, { rows, onFailure: (error) => failures.push(error) });

test("denials are kept as they were added, beside the requests", async () => {
  const denials = open(10);
  denials.add(DENIAL);
  denials.add(FAILURE);
  expect(await db.decisionLogEntry.count()).toBe(0);
  await denials.settled();
  const { at, account: accountId, ...rest } = DENIAL;
  const row = { id: expect.any(BigInt), at: new Date(at), accountId, ...rest };
  const failed = { action: null, outcome: null, decidedBy: null, error: "NOT_FOUND" };
  expect(await db.decisionLogEntry.findMany({ orderBy: { id: "asc" } })).toEqual([row, { ...row, ...failed }]);
  expect(denials.counts()).toEqual({ kept: 2, lost: 0 });
});

test("the newest are kept, no more than asked for", async () => {
  const denials = open(5);
  for (let batch = 0; batch < 3; batch += 1) {
    for (let n = 0; n < 4; n += 1) denials.add({ ...DENIAL, requestId: `${batch}-${n}` });
    await denials.settled();
  }
  const kept = await db.decisionLogEntry.findMany({ orderBy: { id: "asc" } });
  const names = kept.map(({ requestId }) => requestId);
  expect(names.slice(-4)).toEqual(["2-0", "2-1", "2-2", "2-3"]);
  expect(names.length).toBeLessThanOrEqual(9); // of a batch nothing goes as long as it is written
  denials.add({ ...DENIAL, requestId: "last" });
  await denials.settled();
  expect(await db.decisionLogEntry.count()).toBe(5);
});

test("texts that PostgreSQL cannot hold lose what it cannot", async () => {
  const denials = open(10);
  denials.add({ ...DENIAL, resource: "a\0b\ud800c😀" });
  await denials.settled();
  expect((await db.decisionLogEntry.findFirstOrThrow()).resource).toBe("a\ufffdb\ufffdc😀");
});

test("what there is no room for is lost and counted, and so is what cannot be written", async () => {
  const denials = open(100_000);
  for (let n = 0; n < 3_000; n += 1) denials.add(DENIAL);
  await denials.settled();
  expect(denials.counts()).toEqual({ kept: 2_000, lost: 1_000 });
  expect(await db.decisionLogEntry.count()).toBe(2_000);
  const away = open(10, { $executeRaw: () => Promise.reject(new Error("away")) } as unknown as Database);
  away.add(DENIAL);
  await away.settled();
  expect(away.counts()).toEqual({ kept: 0, lost: 1 });
  expect(failures).toEqual([new Error("away")]);
  denials.add(DENIAL);
  await denials.settled();
  expect(denials.counts()).toEqual({ kept: 2_001, lost: 1_000 });
});

test("nothing that is kept moves a revision", async () => {
  const revisions = () => db.$queryRaw`SELECT scope, rev, tag::text AS tag FROM scope_revision ORDER BY scope`;
  const before = await revisions();
  const denials = open(10);
  denials.add(DENIAL);
  await denials.settled();
  expect(await revisions()).toEqual(before);
});
