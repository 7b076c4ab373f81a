import { afterAll, beforeAll, expect, test } from "vitest";
import { type Administration, DEFAULT_LIMITS } from "../../src/administration/administration.js";
import { createUser } from "../../src/administration/create-user.js";
import { sealCarriedOverTrails } from "../../src/administration/seal-carried-over-trails.js";
import { verifyAuditTrail } from "../../src/administration/verify-audit-trail.js";
import { migrate } from "../../src/store/migrate.js";
import { openDatabase } from "../../src/store/prisma-client.js";
import { createTokens } from "../../src/store/revision-token.js";
import { createEmptyDatabase, MIGRATIONS, migrateUpTo, type TestDatabase, withClient } from "../support/databases.js";
import { ACCOUNT, AUDIT_KEY, arn, request } from "./setup.js";

const OTHER = "2000000000000002";

let database: TestDatabase;
let administration: Administration;

/** What an earlier version wrote; between the two accounts the ids alternate. */
const OLD_EVENTS = `
  INSERT INTO account (id) VALUES ('${ACCOUNT}'), ('${OTHER}');
  INSERT INTO audit_event (account_id, at, actor, action, targets, reason, request_id, input)
  SELECT CASE WHEN i % 2 = 0 THEN '${ACCOUNT}' ELSE '${OTHER}' END, '2026-01-01T00:00:00.123Z'::timestamptz - i * interval '7 ms',
    'operator:old', 'createRole', ARRAY['acs:ram::${ACCOUNT}:user/Ann' || i, 'acs:kms:cn-hangzhou:${ACCOUNT}:key/K', 'acs:ram::1:assumed-role/r/S'],
    CASE WHEN i % 3 > 0 THEN E'why: ü\\u2028\\u007f\\t"\\\\' || i END, CASE WHEN i % 4 > 0 THEN i::text END,
    jsonb_build_object('zz', i, 'a', 1.50, 'big', 1e30, 'text', E'ü\\u0001\\n"\\\\/', 'nested', '[null, {"__proto__": true}]'::jsonb)
  FROM generate_series(1, 41) i ORDER BY i`;

beforeAll(async () => {
  database = await createEmptyDatabase("carried_over");
  await migrateUpTo(database.url, 3);
  await withClient(database.url, (client) => client.query(OLD_EVENTS));
  await migrate(database.url, MIGRATIONS);
  const tokens = createTokens({ environment: "test", key: Buffer.alloc(32, 7) });
  administration = { db: openDatabase(database.url, 2), tokens, limits: DEFAULT_LIMITS, auditKey: AUDIT_KEY };
});
afterAll(async () => {
  await administration?.db.$disconnect();
  await database?.drop();
});

async function verified() {
  const trails: unknown[] = [];
  for await (const trail of verifyAuditTrail(administration)) trails.push(trail);
  return trails;
}

test("events of an earlier version are chained in their order, and sealed at the first start only", async () => {
  const unsealed = { broken: { sequence: null, problem: "no gateway has sealed this head" } };
  expect(await verified()).toMatchObject([
    { account: ACCOUNT, events: 20, ...unsealed },
    { account: OTHER, events: 21, ...unsealed },
  ]);
  expect(await sealCarriedOverTrails(administration.db, AUDIT_KEY)).toBe(2);
  expect(await verified()).toMatchObject([{ broken: null }, { broken: null }]);
  expect(await sealCarriedOverTrails(administration.db, AUDIT_KEY)).toBe(0);
  const events = await administration.db.auditEvent.findMany({
    where: { accountId: ACCOUNT },
    orderBy: { sequence: "asc" },
  });
  expect(events.map(({ input }) => (input as { zz: number }).zz)).toEqual(
    Array.from({ length: 20 }, (_, i) => i * 2 + 2),
  );
  expect(events[0]).toMatchObject({
    targetKeys: [arn.user("ann2"), arn.key("K"), "acs:ram::1:assumed-role/r/S"],
    ...{ before: null, after: null, revision: null },
  });
});

test("new events follow them, and no head that lost its seal since is sealed again", async () => {
  const change = (text: string) =>
    withClient(database.url, (client) => client.query(`SET session_replication_role = replica; ${text}`));
  const guarded = ["audit_head", "audit_event"];
  await change(guarded.map((table) => `ALTER TABLE ${table} DISABLE TRIGGER USER`).join("; "));
  await change(`UPDATE audit_head SET seal = NULL WHERE account_id = '${OTHER}'`);
  expect(await sealCarriedOverTrails(administration.db, AUDIT_KEY)).toBe(0);
  expect(await verified()).toMatchObject([{ broken: null }, { broken: { sequence: null } }]);
  await createUser(administration, { account: ACCOUNT, name: "new" }, request());
  expect(await verified()).toMatchObject([{ events: 21, broken: null }, { broken: { sequence: null } }]);
  await change("UPDATE audit_head SET seal = NULL");
  expect(await sealCarriedOverTrails(administration.db, AUDIT_KEY)).toBe(0);
  expect(await verified()).toMatchObject([{ broken: { sequence: null } }, { broken: { sequence: null } }]);
});
