import type { Transaction } from "../store/prisma-client.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { checkObstacles, findHolders } from "./delete-conflict.js";
import type { Deleted } from "./delete-principal.js";
import { policyFacts } from "./facts.js";
import { customPolicyName } from "./look-up.js";
import { needs } from "./permissions.js";
import { policyChange } from "./policy-change.js";
import { findVersions, type StoredVersion } from "./policy-versions.js";
import { refuseIfAny, type UserError } from "./user-error.js";

export interface DeletePolicyInput {
  /** ARN of a custom policy. */
  readonly policy: string;
}

const HOLDERS = ["USER", "GROUP", "ROLE"] as const;

/** Deletes a custom policy, once nobody has it and only its default version is left. */
export function deletePolicy(
  administration: Administration,
  input: DeletePolicyInput,
  request: ChangeRequest,
): Promise<ChangeResult<Deleted>> {
  return changeAccount(administration, request, () => {
    const name = customPolicyName(input.policy, "policy");
    return policyChange({
      action: "deletePolicy",
      name,
      requires: needs("deletePolicy", { "ram:DeletePolicy": [name.arn] }),
      input,
      async run(tx) {
        const policy = await findVersions(tx, name);
        const held = await checkHolders(tx, policy);
        refuseIfAny([...held, ...checkVersions(policy.name, policy.versions)]);
        const before = await policyFacts(tx, policy.id);
        const { arn } = await tx.policy.delete({ where: { id: policy.id }, select: { arn: true } });
        return { value: { deletedArn: arn }, changed: true, before, after: null };
      },
    });
  });
}

async function checkHolders(
  tx: Transaction,
  { id: policyId, name }: { readonly id: string; readonly name: string },
): Promise<UserError[]> {
  const problems: UserError[] = [];
  for (const kind of HOLDERS) {
    const what = `the policy \`${name}\` is still attached to ${kind.toLowerCase()}s`;
    const obstacles = await findHolders(tx, { policyId, principal: { kind } });
    problems.push(...checkObstacles(`DELETE_CONFLICT_POLICY_${kind}`, what, obstacles, "policy"));
  }
  return problems;
}

/** RAM deletes a policy's last version with it, and no other. */
function checkVersions(name: string, versions: readonly StoredVersion[]): UserError[] {
  const others = versions.filter(({ isDefault }) => !isDefault).map(({ number }) => `v${number}`);
  const what = `the policy \`${name}\` still has versions beside its default`;
  return checkObstacles("DELETE_CONFLICT_POLICY_VERSION", what, { names: others, count: others.length }, "policy");
}
