import type { Transaction } from "../store/prisma-client.js";
import type { Window } from "./attachment-window.js";
import type { Gift } from "./escalation.js";
import {
  type EntityKind,
  type EntityName,
  entityName,
  findEntity,
  findPolicies,
  type PolicyName,
  policyName,
  refuseServiceLinkedRole,
  requireResourceGroup,
} from "./look-up.js";
import { needs, type Permission } from "./permissions.js";

export interface TargetInput {
  /** ARN of a custom policy of the principal's account, or of a system policy. */
  readonly policy: string;
  /** ARN of a user, group or role. */
  readonly principal: string;
  /** Id of the resource group that the policy is limited to; the whole account unless given. */
  readonly resourceGroup?: string | null | undefined;
}

/** policy × principal × scope, by name. */
export interface AttachmentTarget {
  readonly policy: PolicyName;
  readonly principal: EntityName;
  readonly resourceGroup: string | null;
  readonly scopes: readonly string[];
}

/** Reads the names in `input`. */
export function attachmentTarget(input: TargetInput): AttachmentTarget {
  const policy = policyName(input.policy);
  const principal = entityName(input.principal, ["USER", "GROUP", "ROLE"], "principal");
  const scope = `${principal.kind === "GROUP" ? "grp" : "prin"}:${principal.arnKey}`;
  return { policy, principal, resourceGroup: input.resourceGroup ?? null, scopes: [scope] };
}

/** Each holder, and each policy together with the kind of its holder. */
export function attachPermissions(targets: readonly AttachmentTarget[]): readonly Permission[] {
  return needs("attachPolicies", {
    "ram:AttachPolicyToUser": arnsFor(targets, "USER"),
    "ram:AttachPolicyToGroup": arnsFor(targets, "GROUP"),
    "ram:AttachPolicyToRole": arnsFor(targets, "ROLE"),
  });
}

/** The same for what is taken away. */
export function detachPermissions(targets: readonly AttachmentTarget[]): readonly Permission[] {
  return needs("detachPolicies", {
    "ram:DetachPolicyFromUser": arnsFor(targets, "USER"),
    "ram:DetachPolicyFromGroup": arnsFor(targets, "GROUP"),
    "ram:DetachPolicyFromRole": arnsFor(targets, "ROLE"),
  });
}

function arnsFor(targets: readonly AttachmentTarget[], kind: EntityKind): string[] {
  const held = targets.filter(({ principal }) => principal.kind === kind);
  return [...new Set(held.flatMap(({ policy, principal }) => [policy.arn, principal.arn]))];
}

/** Those who come to have other policies. */
export function giftTo(targets: readonly AttachmentTarget[]): Gift {
  const principals = new Map(targets.map(({ principal }) => [principal.arnKey, principal]));
  return { to: "PRINCIPALS", principals: [...principals.values()] };
}

/** An attachment as the audit trail keeps it. */
export function attachmentFacts(
  { policy, principal, resourceGroup }: Pick<AttachmentTarget, "policy" | "principal" | "resourceGroup">,
  { notBefore, expiresAt }: Window,
): object {
  return { policy: policy.arn, principal: principal.arn, resourceGroup, notBefore, expiresAt };
}

/**
 * Finds what `target` names, and the attachment if there is one.
 * @throws Refusal when something does not exist or must not be changed
 */
export async function findAttachment(tx: Transaction, target: AttachmentTarget) {
  const { account } = target.principal;
  const principal = await findEntity(tx, target.principal, "principal");
  refuseServiceLinkedRole(principal, "principal");
  const policies = await findPolicies(tx, account, target.policy, "policy");
  const resourceGroupId = await requireResourceGroup(tx, account, target.resourceGroup);
  const attachment = await tx.attachment.findFirst({
    where: { principalId: principal.id, policyId: { in: policies.map(({ id }) => id) }, resourceGroupId },
    select: { id: true, policyId: true, notBefore: true, expiresAt: true },
  });
  return { account, principal, policies, resourceGroupId, attachment };
}
