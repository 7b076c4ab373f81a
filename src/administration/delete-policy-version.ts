import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { policyFacts } from "./facts.js";
import { customPolicyName } from "./look-up.js";
import { needs } from "./permissions.js";
import { policyChange } from "./policy-change.js";
import { findVersions, requireVersion } from "./policy-versions.js";
import { refuse } from "./user-error.js";

export interface DeletePolicyVersionInput {
  /** ARN of a custom policy. */
  readonly policy: string;
  /** `v1`, `v2`, …: a version that is not the default. */
  readonly version: string;
}

/** Deletes a version of a custom policy; its number is not used again. */
export function deletePolicyVersion(
  administration: Administration,
  input: DeletePolicyVersionInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ policyId: string }>> {
  return changeAccount(administration, request, () => {
    const name = customPolicyName(input.policy, "policy");
    return policyChange({
      action: "deletePolicyVersion",
      name,
      requires: needs("deletePolicyVersion", { "ram:DeletePolicyVersion": [name.arn] }),
      input,
      async run(tx) {
        const policy = await findVersions(tx, name);
        const { id, number, isDefault } = requireVersion(policy, input.version);
        if (isDefault) {
          const message = `\`v${number}\` is the default version of the policy \`${policy.name}\`: make another one the default first`;
          refuse("DELETE_CONFLICT_POLICY_VERSION_DEFAULT", message, "version");
        }
        const before = await policyFacts(tx, policy.id);
        await tx.policyVersion.delete({ where: { id }, select: { id: true } });
        return { value: { policyId: policy.id }, changed: true, before, after: await policyFacts(tx, policy.id) };
      },
    });
  });
}
