import { afterAll, beforeAll, expect, test } from "vitest";
import { type Administration, DEFAULT_LIMITS } from "../../src/administration/administration.js";
import { attachPolicy } from "../../src/administration/attach-policy.js";
import { migrate } from "../../src/store/migrate.js";
import { openDatabase } from "../../src/store/prisma-client.js";
import { createTokens } from "../../src/store/revision-token.js";
import { createEmptyDatabase, MIGRATIONS, migrateUpTo, type TestDatabase, withClient } from "../support/databases.js";
import { ACCOUNT, AUDIT_KEY, arn, codesOf, request } from "./setup.js";

let database: TestDatabase;
let administration: Administration;

/** What an earlier version wrote: it had no scopes of groups. */
const OLD_GROUP = `
  INSERT INTO account (id) VALUES ('${ACCOUNT}');
  INSERT INTO principal (id, account_id, kind, name, arn, arn_key)
  SELECT gen_random_uuid(), '${ACCOUNT}', kind::"PrincipalKind", name, arn, lower(arn)
  FROM (VALUES ('GROUP', 'Old', '${arn.group("Old")}'), ('USER', 'ann', '${arn.user("ann")}')) p (kind, name, arn);
  INSERT INTO policy (id, account_id, type, name, name_key, arn)
  SELECT gen_random_uuid(), '${ACCOUNT}', 'CUSTOM', 'p' || i, 'p' || i, '${arn.policy("p")}' || i
  FROM generate_series(1, 20) i`;

/** The table had another name. */
const scopes = (table = "scope_revision") =>
  withClient(database.url, async (client) => {
    const { rows } = await client.query<{ scope: string; rev: string }>(`SELECT scope, rev FROM ${table}`);
    return new Map(rows.map(({ scope, rev }) => [scope, Number(rev)]));
  });

beforeAll(async () => {
  database = await createEmptyDatabase("carried_over_groups");
  await migrateUpTo(database.url, 9);
  await withClient(database.url, (client) => client.query(OLD_GROUP));
  const before = await scopes("authz_revision");
  await migrate(database.url, MIGRATIONS);
  expect(await scopes()).toEqual(new Map([...before, [`grp:${arn.group("old")}`, 1]]));
  const tokens = createTokens({ environment: "test", key: Buffer.alloc(32, 7) });
  administration = { db: openDatabase(database.url, 10), tokens, limits: DEFAULT_LIMITS, auditKey: AUDIT_KEY };
});
afterAll(async () => {
  await administration?.db.$disconnect();
  await database?.drop();
});

const attach = (number: number, options: object = {}) =>
  attachPolicy(administration, { policy: arn.policy(`p${number}`), principal: arn.group("Old") }, request(options));
const numbers = Array.from({ length: 20 }, (_, index) => index + 1);

test("of 20 concurrent attachments to an earlier version's group that expect one revision, one wins", async () => {
  const { revision: expectedRevision } = await attach(1, { dryRun: true });
  const results = await Promise.all(numbers.map((number) => attach(number, { expectedRevision })));
  expect(results.filter(({ changed }) => changed)).toHaveLength(1);
  expect(results.flatMap(codesOf)).toEqual(Array(19).fill("CONFLICT"));
});

test("its quota holds", async () => {
  const results = await Promise.all(numbers.map((number) => attach(number)));
  expect(results.flatMap(codesOf)).toEqual(Array(10).fill("LIMIT_EXCEEDED_GROUP_POLICY"));
});

test("a gateway of the version before finds no revisions any more, so it answers nothing", async () => {
  await expect(scopes("authz_revision")).rejects.toThrow('relation "authz_revision" does not exist');
});
