import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildSchema } from "../../src/graphql/schema.js";
import { CASES, type Input, mutationOf, SET_UP } from "../support/every-change-cases.js";
import { type Fixture, openFixture } from "./fixture.js";

const NAMES = Object.keys(CASES);

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture("demo");
  const secretDigest = new Uint8Array(32);
  await fixture.db.credential.create({ data: { id: "spare", kind: "OPERATOR", secretDigest } });
  for (const [name, input] of SET_UP) expect((await change(name, input)).userErrors).toEqual([]);
});
afterAll(() => fixture?.close());

async function change(name: string, input: Input) {
  return (await fixture.ask(mutationOf(name), { input }))[name];
}

/** Every row of every table, the audit trail and idempotency records included. */
async function dump(): Promise<Record<string, string[]>> {
  const { db } = fixture;
  const tables = await db.$queryRaw<{ name: string }[]>`
    SELECT tablename::text AS name FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1`;
  const rows: Record<string, string[]> = {};
  for (const { name } of tables) {
    const found = await db.$queryRawUnsafe<{ row: string }[]>(
      `SELECT to_jsonb(t)::text AS row FROM "${name}" t ORDER BY 1`,
    );
    rows[name] = found.map(({ row }) => row);
  }
  return rows;
}

describe("every change", () => {
  it("of the schema is in the table of this test", () => {
    expect(NAMES).toEqual(Object.keys(buildSchema().getMutationType()?.getFields() ?? {}));
  });

  it.each(NAMES)("%s: a dry run changes nothing at all", async (name) => {
    const before = await dump();
    expect(Object.keys(before)).toEqual(
      expect.arrayContaining(["audit_event", "idempotency_record", "scope_revision"]),
    );
    const options = { dryRun: true, idempotencyKey: `dry ${name}`, reason: "dry" };
    const payload = await change(name, { ...CASES[name]?.valid, ...options });
    expect(payload).toMatchObject({ userErrors: [], changed: true, revision: expect.stringMatching(/^v1\./) });
    expect(await dump()).toEqual(before);
  });

  it.each(NAMES.flatMap((name) => (CASES[name]?.missing ?? []).map(([input, code]) => [name, code, input] as const)))(
    "%s: %s",
    async (name, code, input) => {
      const before = await dump();
      const { userErrors, changed, revision } = await change(name, { ...input, idempotencyKey: `missing ${name}` });
      expect(userErrors.map((error: { code: string }) => error.code)).toEqual([code]);
      expect({ changed, revision }).toEqual({ changed: false, revision: null });
      expect(await dump()).toEqual(before);
    },
  );
});
