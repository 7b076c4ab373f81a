import { SYSTEM_POLICIES, type SystemPolicy, type SystemPolicyVersion } from "../domain/policy/system-policies.js";
import { foldCase } from "../domain/wildcard.js";
import type { Database, Transaction } from "../store/prisma-client.js";
import { asStoreError } from "../store/store-errors.js";
import { policyArn } from "./look-up.js";
import { makeDefault } from "./policy-versions.js";

const CATALOGUE_LOCK = 7_270_736_902n;
const TIMEOUT_MS = 30_000;

/**
 * Brings the built-in system policies in the database up to the catalogue of this program; writes only what differs.
 * Policies and versions that the catalogue does not know stay: a newer gateway may have brought them.
 * @throws UnavailableError when the database does not answer
 */
export async function ensureSystemPolicies(
  db: Database,
  catalogue: readonly SystemPolicy[] = SYSTEM_POLICIES,
): Promise<void> {
  try {
    await db.$transaction((tx) => ensureAll(tx, catalogue), { timeout: TIMEOUT_MS });
  } catch (error) {
    throw asStoreError(error);
  }
}

async function ensureAll(tx: Transaction, catalogue: readonly SystemPolicy[]): Promise<void> {
  await tx.$queryRaw`SELECT pg_advisory_xact_lock(${CATALOGUE_LOCK})::text`;
  const stored = await readBuiltIns(tx);
  for (const policy of catalogue) {
    const known = stored.get(foldCase(policy.name));
    const id = known?.id ?? (await insertBuiltIn(tx, policy));
    await ensureVersions(tx, policy, { id, description: known?.description ?? null, versions: known?.versions ?? [] });
  }
}

interface StoredBuiltIn {
  readonly id: string;
  readonly description: string | null;
  readonly versions: readonly { id: string; number: number; document: string; isDefault: boolean }[];
}

async function readBuiltIns(tx: Transaction): Promise<Map<string, StoredBuiltIn>> {
  const policies = await tx.policy.findMany({
    where: { accountId: null, type: "SYSTEM" },
    select: {
      id: true,
      nameKey: true,
      description: true,
      versions: { select: { id: true, number: true, document: true, isDefault: true } },
    },
  });
  return new Map(policies.map((policy) => [policy.nameKey, policy]));
}

async function insertBuiltIn(tx: Transaction, { name }: SystemPolicy): Promise<string> {
  const arn = policyArn("SYSTEM", "", name);
  const data = { accountId: null, type: "SYSTEM" as const, name, nameKey: foldCase(name), arn };
  return (await tx.policy.create({ data, select: { id: true } })).id;
}

async function ensureVersions(tx: Transaction, policy: SystemPolicy, stored: StoredBuiltIn): Promise<void> {
  let changed = stored.description !== policy.description;
  for (const version of policy.versions) changed = (await ensureVersion(tx, version, stored)) || changed;
  const chosen = await tx.policyVersion.findUnique({
    where: { policyId_number: { policyId: stored.id, number: numberOf(policy.defaultVersion) } },
    select: { id: true, isDefault: true },
  });
  if (chosen !== null && !chosen.isDefault) await makeDefault(tx, stored.id, chosen.id);
  if (!changed) return;
  const lastVersion = Math.max(
    ...policy.versions.map(({ id }) => numberOf(id)),
    ...stored.versions.map(({ number }) => number),
  );
  await tx.policy.update({
    where: { id: stored.id },
    data: { description: policy.description, lastVersion },
    select: { id: true },
  });
}

/** True when it had to write. */
async function ensureVersion(tx: Transaction, version: SystemPolicyVersion, stored: StoredBuiltIn): Promise<boolean> {
  const number = numberOf(version.id);
  const document = JSON.stringify(version.document);
  const known = stored.versions.find((one) => one.number === number);
  if (known?.document === document) return false;
  if (known === undefined) {
    const createdAt = version.date === null ? {} : { createdAt: new Date(version.date) };
    await tx.policyVersion.create({
      data: { policyId: stored.id, number, document, ...createdAt },
      select: { id: true },
    });
  } else {
    await tx.policyVersion.update({ where: { id: known.id }, data: { document }, select: { id: true } });
  }
  return true;
}

function numberOf(versionId: string): number {
  return Number(versionId.slice(1));
}
