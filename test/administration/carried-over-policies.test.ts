import { afterAll, beforeAll, expect, test } from "vitest";
import { type Administration, DEFAULT_LIMITS } from "../../src/administration/administration.js";
import { deletePolicyVersion } from "../../src/administration/delete-policy-version.js";
import { migrate } from "../../src/store/migrate.js";
import { openDatabase } from "../../src/store/prisma-client.js";
import { createTokens } from "../../src/store/revision-token.js";
import { createEmptyDatabase, MIGRATIONS, migrateUpTo, type TestDatabase, withClient } from "../support/databases.js";
import { ACCOUNT, AUDIT_KEY, arn, codesOf, request } from "./setup.js";

let database: TestDatabase;
let administration: Administration;

/** What an earlier version wrote: it had no scopes of policies. */
const OLD_POLICY = `
  INSERT INTO account (id) VALUES ('${ACCOUNT}');
  INSERT INTO policy (id, account_id, type, name, name_key, arn, last_version)
  VALUES (gen_random_uuid(), '${ACCOUNT}', 'CUSTOM', 'Old', 'old', '${arn.policy("Old")}', 21);
  INSERT INTO policy_version (id, policy_id, number, document, is_default)
  SELECT gen_random_uuid(), policy.id, i, '{}', i = 1 FROM policy, generate_series(1, 21) i`;

beforeAll(async () => {
  database = await createEmptyDatabase("carried_over");
  await migrateUpTo(database.url, 5);
  await withClient(database.url, (client) => client.query(OLD_POLICY));
  await migrate(database.url, MIGRATIONS);
  const tokens = createTokens({ environment: "test", key: Buffer.alloc(32, 7) });
  administration = { db: openDatabase(database.url, 10), tokens, limits: DEFAULT_LIMITS, auditKey: AUDIT_KEY };
});
afterAll(async () => {
  await administration?.db.$disconnect();
  await database?.drop();
});

test("of 20 concurrent deletions of versions of an earlier version's policy, one wins", async () => {
  const remove = (version: number, options: object) =>
    deletePolicyVersion(administration, { policy: arn.policy("Old"), version: `v${version}` }, request(options));
  const { revision: expectedRevision } = await remove(2, { dryRun: true });
  const results = await Promise.all(Array.from({ length: 20 }, (_, i) => remove(i + 2, { expectedRevision })));
  expect(results.filter(({ changed }) => changed)).toHaveLength(1);
  expect(results.flatMap(codesOf)).toEqual(Array(19).fill("CONFLICT"));
});
