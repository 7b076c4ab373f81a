import { excerpt } from "../domain/arn.js";
import type { Transaction } from "../store/prisma-client.js";
import { type CustomPolicyName, findPolicies } from "./look-up.js";
import { refuse } from "./user-error.js";

/** One version of a policy as it is stored. */
export interface StoredVersion {
  readonly id: string;
  readonly number: number;
  readonly isDefault: boolean;
}

/** Finds a custom policy and all its versions, oldest first. */
export async function findVersions(tx: Transaction, name: CustomPolicyName) {
  const [policy] = await findPolicies(tx, name.account, name, "policy");
  const versions = await tx.policyVersion.findMany({
    where: { policyId: policy.id },
    select: { id: true, number: true, isDefault: true },
    orderBy: { number: "asc" },
  });
  return { ...policy, versions };
}

/**
 * Picks a version by its name, `v3`.
 * @throws Refusal ENTITY_NOT_EXIST_POLICY_VERSION
 */
export function requireVersion(
  policy: { readonly name: string; readonly versions: readonly StoredVersion[] },
  version: string,
): StoredVersion {
  const found = policy.versions.find(({ number }) => `v${number}` === version);
  if (found === undefined) {
    const message = `the policy \`${policy.name}\` has no version \`${excerpt(version)}\``;
    refuse("ENTITY_NOT_EXIST_POLICY_VERSION", message, "version");
  }
  return found;
}

/** Name of the version that is evaluated, `v3`; null when none is. */
export function defaultOf(versions: readonly { number: number; isDefault: boolean }[]): string | null {
  const version = versions.find(({ isDefault }) => isDefault);
  return version === undefined ? null : `v${version.number}`;
}

/** The versions of a policy as the audit trail keeps them. */
export function versionsOf(versions: readonly { number: number; isDefault: boolean }[]) {
  return { defaultVersion: defaultOf(versions), versions: versions.map(({ number }) => `v${number}`) };
}

/** Makes one version the default, which is the one that is evaluated. */
export async function makeDefault(tx: Transaction, policyId: string, versionId: string): Promise<void> {
  await tx.policyVersion.updateMany({
    where: { policyId, isDefault: true, NOT: { id: versionId } },
    data: { isDefault: false },
  });
  await tx.policyVersion.update({ where: { id: versionId }, data: { isDefault: true }, select: { id: true } });
}
