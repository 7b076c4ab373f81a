import type { Transaction } from "../store/prisma-client.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { type CustomPolicyName, customPolicyName } from "./look-up.js";
import { needs } from "./permissions.js";
import { policyChange } from "./policy-change.js";
import { policyText } from "./policy-text.js";
import { findVersions, makeDefault, versionsOf } from "./policy-versions.js";
import { refuse } from "./user-error.js";

export type RotateStrategy = "NONE" | "DELETE_OLDEST_NON_DEFAULT_VERSION_WHEN_LIMIT_EXCEEDED";

export interface CreatePolicyVersionInput {
  /** ARN of a custom policy. */
  readonly policy: string;
  /** Policy document as JSON value or text, at most 6,144 characters. */
  readonly document: unknown;
  /** Whether the new version is evaluated from now on; false unless given. */
  readonly setAsDefault?: boolean | null | undefined;
  /** What to do when the policy has all the versions it may have; NONE (refuse) unless given. */
  readonly rotateStrategy?: RotateStrategy | null | undefined;
}

/** Adds a version to a custom policy; version numbers are never used again. */
export function createPolicyVersion(
  administration: Administration,
  input: CreatePolicyVersionInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ policyVersionId: string; policyId: string }>> {
  const { customPolicyCharacters, versionsPerPolicy } = administration.limits;
  return changeAccount(administration, request, () => {
    const name = customPolicyName(input.policy, "policy");
    const document = policyText(input.document, "identity", customPolicyCharacters, "document");
    return policyChange({
      action: "createPolicyVersion",
      name,
      requires: needs("createPolicyVersion", {
        "ram:CreatePolicyVersion": [name.arn],
        "ram:SetDefaultPolicyVersion": input.setAsDefault ? [name.arn] : [],
      }),
      gift: input.setAsDefault ? { to: "HOLDERS", policy: name } : undefined,
      input,
      async run(tx) {
        const policy = await findVersions(tx, name);
        const rotated = await makeRoom(tx, policy.versions, versionsPerPolicy, input.rotateStrategy ?? "NONE");
        const policyVersionId = await insertVersion(tx, policy, document);
        if (input.setAsDefault) await makeDefault(tx, policy.id, policyVersionId);
        const value = { policyVersionId, policyId: policy.id };
        return {
          value,
          changed: true,
          created: true,
          ...(await difference(tx, name, policy.versions, rotated, document)),
        };
      },
    });
  });
}

/** A version that gave way to a new one. */
interface RotatedVersion {
  readonly version: string;
  readonly document: string;
}

/** The versions before and after, with the documents of the one that is gone and of the new one. */
async function difference(
  tx: Transaction,
  name: CustomPolicyName,
  versions: readonly { number: number; isDefault: boolean }[],
  rotated: RotatedVersion | null,
  document: string,
) {
  const now = (await findVersions(tx, name)).versions;
  const before = { ...versionsOf(versions), ...(rotated === null ? {} : { rotated }) };
  return { before, after: { ...versionsOf(now), document: JSON.parse(document) as unknown } };
}

async function makeRoom(
  tx: Transaction,
  versions: readonly { id: string; isDefault: boolean }[],
  most: number,
  strategy: RotateStrategy,
): Promise<RotatedVersion | null> {
  if (versions.length < most) return null;
  const oldest = versions.find(({ isDefault }) => !isDefault);
  if (strategy === "NONE" || oldest === undefined) {
    refuse(
      "LIMIT_EXCEEDED_POLICY_VERSION",
      `the policy already has ${versions.length} versions, and at most ${most} are allowed`,
      "policy",
    );
  }
  const gone = await tx.policyVersion.delete({ where: { id: oldest.id }, select: { number: true, document: true } });
  return { version: `v${gone.number}`, document: gone.document };
}

/** The number comes from the policy's row: a deleted version's is not given again. */
async function insertVersion(tx: Transaction, policy: { id: string }, document: string): Promise<string> {
  const { lastVersion: number } = await tx.policy.update({
    where: { id: policy.id },
    data: { lastVersion: { increment: 1 } },
    select: { lastVersion: true },
  });
  const { id } = await tx.policyVersion.create({
    data: { policyId: policy.id, number, document },
    select: { id: true },
  });
  return id;
}
