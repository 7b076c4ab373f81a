import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import {
  attachmentFacts,
  attachmentTarget,
  detachPermissions,
  findAttachment,
  giftTo,
  type TargetInput,
} from "./attachment-target.js";
import { changeAccount } from "./change-account.js";

export interface DetachPolicyInput extends TargetInput {}

/** Takes a policy away from a user, group or role, in one scope. Detaching what is not attached changes nothing. */
export function detachPolicy(
  administration: Administration,
  input: DetachPolicyInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ policyId: string; principalId: string }>> {
  return changeAccount(administration, request, () => {
    const target = attachmentTarget(input);
    return {
      action: "detachPolicy",
      requires: detachPermissions([target]),
      gift: giftTo([target]),
      account: target.principal.account,
      lock: "shared",
      targets: [target.policy.arn, target.principal.arn],
      scopes: target.scopes,
      input,
      async run(tx) {
        const { principal, policies, attachment } = await findAttachment(tx, target);
        if (attachment !== null) await tx.attachment.delete({ where: { id: attachment.id }, select: { id: true } });
        const value = { policyId: policies[0].id, principalId: principal.id };
        const before = attachment === null ? null : attachmentFacts(target, attachment);
        return { value, changed: attachment !== null, before };
      },
    };
  });
}
