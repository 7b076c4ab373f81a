/** Accounts made up by the generator, with numbers of their own where that is enough, through the import that all use. */
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { DEFAULT_LIMITS } from "../../dist/administration/administration.js";
import { ensureSystemPolicies } from "../../dist/administration/ensure-system-policies.js";
import { generateAccount } from "../../dist/administration/generate/generate-account.js";
import { accountsOf } from "../../dist/administration/generate/sizes.js";
import { importAccount } from "../../dist/administration/import-account.js";
import { migrate } from "../../dist/store/migrate.js";
import { openDatabase } from "../../dist/store/prisma-client.js";
import { createTokens } from "../../dist/store/revision-token.js";

const MIGRATIONS = fileURLToPath(new URL("../../prisma/migrations", import.meta.url));
const REQUEST = { caller: { kind: "OPERATOR", credentialId: "bench" }, requestId: "bench" };
const SEED = 1;
const TIMEOUT_MS = 1_200_000;

/** RAM's published quotas: 5,000 users, 300 groups, 1,000 roles, 1,500 long policies, thirty policies for each of them. */
export const QUOTA = accountsOf("quota", SEED)[0];
/** The first account of size huge, which has 100,000 users, without most of its resources. */
export const LARGE = { ...accountsOf("huge", SEED)[0], keys: 5_000, secrets: 5_000, aliases: 1_000 };

/** Accounts of size small, but for one number; `index` keeps their account numbers apart. */
export function smallWith(numbers, index) {
  const [first] = accountsOf("small", SEED);
  return { ...first, ...numbers, index, id: String(BigInt(first.id) + BigInt(index + 1)) };
}

/** Imports accounts into an empty database, and tells how long that took. */
export async function load(url, shapes) {
  const began = performance.now();
  await migrate(url, MIGRATIONS);
  const db = openDatabase(url, 4);
  await ensureSystemPolicies(db);
  const administration = {
    db,
    tokens: createTokens({ environment: "bench", key: randomBytes(32) }),
    limits: DEFAULT_LIMITS,
    auditKey: randomBytes(32),
  };
  for (const shape of shapes) {
    const input = { account: shape.id, mode: "MERGE", snapshot: generateAccount(shape) };
    const { value, userErrors } = await importAccount(administration, input, REQUEST, { timeout: TIMEOUT_MS });
    if (value === null) throw new Error(JSON.stringify(userErrors.slice(0, 3)));
  }
  await db.$executeRawUnsafe("ANALYZE");
  await db.$disconnect();
  console.log(`loaded in ${((performance.now() - began) / 1_000).toFixed(0)} s`);
}
