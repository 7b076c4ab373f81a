import { RAM_LIMITS } from "../domain/limits.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { policyFacts } from "./facts.js";
import { customPolicyName, findPolicies } from "./look-up.js";
import { needs } from "./permissions.js";
import { policyChange } from "./policy-change.js";
import { refuseIfAny } from "./user-error.js";
import { checkText } from "./validation.js";

export interface UpdatePolicyInput {
  /** ARN of a custom policy. */
  readonly policy: string;
  /** Null: none; left out: as it was. */
  readonly description?: string | null | undefined;
}

/** Changes the description of a custom policy; its statements change by versions. */
export function updatePolicy(
  administration: Administration,
  input: UpdatePolicyInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ policyId: string }>> {
  const { description } = input;
  return changeAccount(administration, request, () => {
    refuseIfAny(checkText(description, RAM_LIMITS.policyDescriptionLength, "description"));
    const name = customPolicyName(input.policy, "policy");
    return policyChange({
      action: "updatePolicy",
      name,
      requires: needs("updatePolicy", { "ram:UpdatePolicyDescription": [name.arn] }),
      input,
      async run(tx) {
        const [{ id }] = await findPolicies(tx, name.account, name, "policy");
        const current = await tx.policy.findUniqueOrThrow({ where: { id }, select: { description: true } });
        const value = { policyId: id };
        if (description === undefined || description === current.description) return { value, changed: false };
        const before = await policyFacts(tx, id);
        await tx.policy.update({ where: { id }, data: { description }, select: { id: true } });
        return { value, changed: true, before, after: await policyFacts(tx, id) };
      },
    });
  });
}
