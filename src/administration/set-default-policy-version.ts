import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { customPolicyName } from "./look-up.js";
import { needs } from "./permissions.js";
import { policyChange } from "./policy-change.js";
import { defaultOf, findVersions, makeDefault, requireVersion } from "./policy-versions.js";

export interface SetDefaultPolicyVersionInput {
  /** ARN of a custom policy. */
  readonly policy: string;
  /** `v1`, `v2`, … */
  readonly version: string;
}

/** Chooses the version of a custom policy that is evaluated. */
export function setDefaultPolicyVersion(
  administration: Administration,
  input: SetDefaultPolicyVersionInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ policyVersionId: string; policyId: string }>> {
  return changeAccount(administration, request, () => {
    const name = customPolicyName(input.policy, "policy");
    return policyChange({
      action: "setDefaultPolicyVersion",
      name,
      requires: needs("setDefaultPolicyVersion", { "ram:SetDefaultPolicyVersion": [name.arn] }),
      gift: { to: "HOLDERS", policy: name },
      input,
      async run(tx) {
        const policy = await findVersions(tx, name);
        const wanted = requireVersion(policy, input.version);
        if (!wanted.isDefault) await makeDefault(tx, policy.id, wanted.id);
        const value = { policyVersionId: wanted.id, policyId: policy.id };
        const before = { defaultVersion: defaultOf(policy.versions) };
        return { value, changed: !wanted.isDefault, before, after: { defaultVersion: `v${wanted.number}` } };
      },
    });
  });
}
