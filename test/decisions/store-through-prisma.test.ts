import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadGatewaySecrets } from "../../src/store/gateway-secrets.js";
import { openDatabase } from "../../src/store/prisma-client.js";
import { readRevisions } from "../../src/store/revisions.js";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase("secrets");
});
afterAll(() => database.drop());

describe("gateway secrets", () => {
  it("are made once, also by several gateways that start together, and stay", async () => {
    const databases = Array.from({ length: 6 }, () => openDatabase(database.url, 1));
    const secrets = await Promise.all(databases.map(loadGatewaySecrets));
    const [first] = secrets;
    for (const other of secrets) expect(other).toEqual(first);
    expect(first?.environment).toMatch(/^[0-9a-f-]{36}$/);
    expect(first?.cacheKey).toHaveLength(32);
    expect(first?.tokenKey).not.toEqual(first?.cacheKey);
    for (const db of databases) expect(await loadGatewaySecrets(db)).toEqual(first);
    await Promise.all(databases.map((db) => db.$disconnect()));
  });
});

describe("revisions inside a transaction", () => {
  it("are those that the transaction itself has moved", async () => {
    const db = openDatabase(database.url, 2);
    const scopes = ["glob", "acct:777"];
    const before = await readRevisions(db, scopes);
    expect(before.get("acct:777")).toBeNull();
    await db
      .$transaction(async (tx) => {
        await tx.account.create({ data: { id: "777" } });
        const inside = await readRevisions(tx, scopes);
        expect(inside.get("acct:777")).toMatchObject({ rev: 1, tag: expect.stringMatching(/^[0-9a-f-]{36}$/) });
        expect(inside.get("glob")).toEqual(before.get("glob"));
        expect((await readRevisions(db, scopes)).get("acct:777")).toBeNull();
        throw new Error("roll back");
      })
      .catch(() => {});
    expect(await readRevisions(db, scopes)).toEqual(before);
    await db.$disconnect();
  });
});
