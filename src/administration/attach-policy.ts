import type { Transaction } from "../store/prisma-client.js";
import type { Administration, ChangeRequest, ChangeResult, Limits } from "./administration.js";
import {
  type AttachmentTarget,
  attachmentFacts,
  attachmentTarget,
  attachPermissions,
  findAttachment,
  giftTo,
  type TargetInput,
} from "./attachment-target.js";
import { sameWindow, type Window, type WindowInput, windowOf } from "./attachment-window.js";
import { changeAccount, type Effect } from "./change-account.js";
import type { StoredEntity, StoredPolicy } from "./look-up.js";
import { checkPolicyQuota } from "./policy-quota.js";
import { refuseIfAny } from "./user-error.js";
import { checkWindow } from "./validation.js";

export interface AttachPolicyInput extends TargetInput, WindowInput {}

/**
 * Gives a user, group or role a policy, in the whole account or in one resource group. Attaching it again changes
 * nothing, or only its window.
 */
export function attachPolicy(
  administration: Administration,
  input: AttachPolicyInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ attachmentId: string }>> {
  const window = windowOf(input);
  return changeAccount(administration, request, () => {
    refuseIfAny(checkWindow(window.notBefore, window.expiresAt));
    const target = attachmentTarget(input);
    return {
      action: "attachPolicy",
      requires: attachPermissions([target]),
      gift: giftTo([target]),
      account: target.principal.account,
      lock: "shared",
      targets: [target.policy.arn, target.principal.arn],
      scopes: target.scopes,
      input,
      run: (tx) => attach(tx, target, window, administration.limits),
    };
  });
}

async function attach(
  tx: Transaction,
  target: AttachmentTarget,
  window: Window,
  limits: Limits,
): Promise<Effect<{ attachmentId: string }>> {
  const { account, principal, policies, resourceGroupId, attachment } = await findAttachment(tx, target);
  const after = attachmentFacts(target, window);
  if (attachment !== null) {
    const changed = !sameWindow(attachment, window);
    if (changed) await tx.attachment.update({ where: { id: attachment.id }, data: window, select: { id: true } });
    return { value: { attachmentId: attachment.id }, changed, before: attachmentFacts(target, attachment), after };
  }
  const [policy] = policies;
  await checkQuota(tx, principal, policy, limits);
  const ids = { accountId: account, policyId: policy.id, principalId: principal.id, resourceGroupId };
  const { id } = await tx.attachment.create({ data: { ...ids, ...window }, select: { id: true } });
  return { value: { attachmentId: id }, changed: true, created: true, after };
}

async function checkQuota(
  tx: Transaction,
  principal: StoredEntity,
  policy: StoredPolicy,
  limits: Limits,
): Promise<void> {
  const others = await tx.attachment.findMany({
    where: { principalId: principal.id, policy: { type: policy.type }, NOT: { policyId: policy.id } },
    select: { policyId: true },
    distinct: ["policyId"],
  });
  refuseIfAny(checkPolicyQuota(principal, policy, others.length, limits, "principal"));
}
