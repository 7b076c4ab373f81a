import type { Transaction } from "../store/prisma-client.js";
import type { Administration, ChangeRequest, ChangeResult, Limits } from "./administration.js";
import {
  type AttachmentTarget,
  attachmentFacts,
  attachmentTarget,
  findAttachment,
  type TargetInput,
} from "./attachment-target.js";
import { changeAccount, type Effect } from "./change-account.js";
import { refuse, refuseIfAny } from "./user-error.js";
import { checkWindow } from "./validation.js";

export interface AttachPolicyInput extends TargetInput {
  /** The policy counts from this instant on; at once unless given. */
  readonly notBefore?: Date | null | undefined;
  /** The policy counts until just before this instant; for good unless given. */
  readonly expiresAt?: Date | null | undefined;
}

interface Window {
  readonly notBefore: Date | null;
  readonly expiresAt: Date | null;
}

/**
 * Gives a user, group or role a policy, in the whole account or in one resource group. Attaching it again changes
 * nothing, or only its window.
 */
export function attachPolicy(
  administration: Administration,
  input: AttachPolicyInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ attachmentId: string }>> {
  const window: Window = { notBefore: input.notBefore ?? null, expiresAt: input.expiresAt ?? null };
  return changeAccount(administration, request, () => {
    refuseIfAny(checkWindow(window.notBefore, window.expiresAt));
    const target = attachmentTarget(input);
    return {
      action: "attachPolicy",
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
  const [before, after] = [attachmentFacts(target, attachment), attachmentFacts(target, window)];
  if (attachment !== null) {
    const changed =
      !sameInstant(attachment.notBefore, window.notBefore) || !sameInstant(attachment.expiresAt, window.expiresAt);
    if (changed) await tx.attachment.update({ where: { id: attachment.id }, data: window, select: { id: true } });
    return { value: { attachmentId: attachment.id }, changed, before, after };
  }
  const [policy] = policies;
  await checkQuota(tx, principal, policy, limits);
  const ids = { accountId: account, policyId: policy.id, principalId: principal.id, resourceGroupId };
  const { id } = await tx.attachment.create({ data: { ...ids, ...window }, select: { id: true } });
  return { value: { attachmentId: id }, changed: true, created: true, before, after };
}

/** RAM counts the policies of an identity by type, whatever their scope. */
async function checkQuota(
  tx: Transaction,
  principal: { id: string; kind: "USER" | "GROUP" | "ROLE" | "ACCOUNT_OWNER" },
  policy: { id: string; type: "SYSTEM" | "CUSTOM" },
  limits: Limits,
): Promise<void> {
  const most = policy.type === "SYSTEM" ? limits.systemPoliciesPerIdentity : limits.customPoliciesPerIdentity;
  const attached = await tx.attachment.findMany({
    where: { principalId: principal.id, policy: { type: policy.type }, NOT: { policyId: policy.id } },
    select: { policyId: true },
    distinct: ["policyId"],
  });
  if (attached.length < most || principal.kind === "ACCOUNT_OWNER") return;
  const noun = `${principal.kind.toLowerCase()} already has ${attached.length} ${policy.type.toLowerCase()} policies`;
  refuse(`LIMIT_EXCEEDED_${principal.kind}_POLICY`, `the ${noun}, and at most ${most} are allowed`, "principal");
}

function sameInstant(one: Date | null, other: Date | null): boolean {
  return one?.getTime() === other?.getTime();
}
