import type { Transaction } from "../store/prisma-client.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { type AttachmentList, inItemOrder, readAttachmentList } from "./attachment-list.js";
import { attachmentFacts, detachPermissions, giftTo, type TargetInput } from "./attachment-target.js";
import { changeAccount, type Effect } from "./change-account.js";
import { attachmentOf, type FoundAttachments, findAttachments } from "./find-attachments.js";
import { refuseIfAny } from "./user-error.js";

export interface DetachPoliciesInput {
  /** 1 to 1,000 attachments of one account, each as detachPolicy takes it. */
  readonly attachments: readonly TargetInput[];
}

/** What became of one attachment of the list. */
export interface Detachment {
  readonly policyId: string;
  readonly principalId: string;
  readonly accountId: string;
  readonly resourceGroup: string | null;
  /** False when it was not attached. */
  readonly changed: boolean;
}

export interface DetachedPolicies {
  /** In the order of the input. */
  readonly detachments: readonly Detachment[];
  /** How many attachments are gone. */
  readonly changedCount: number;
}

/**
 * Takes many policies away from principals of one account at once: all, or none when anything is wrong with any. What
 * is not attached changes nothing.
 */
export function detachPolicies(
  administration: Administration,
  input: DetachPoliciesInput,
  request: ChangeRequest,
): Promise<ChangeResult<DetachedPolicies>> {
  return changeAccount(administration, request, () => {
    const list = readAttachmentList(input.attachments);
    return {
      action: "detachPolicies",
      requires: detachPermissions(list.targets),
      gift: giftTo(list.targets),
      account: list.account,
      lock: "shared",
      targets: list.arns,
      scopes: list.scopes,
      input,
      run: (tx) => detachAll(tx, list),
    };
  });
}

async function detachAll(tx: Transaction, list: AttachmentList): Promise<Effect<DetachedPolicies>> {
  const known = await findAttachments(tx, list);
  refuseIfAny(inItemOrder(known.problems));
  const gone = goneOf(known);
  if (gone.size > 0) await tx.attachment.deleteMany({ where: { id: { in: [...gone.keys()] } } });
  const detachments = known.found.map((target) => ({
    policyId: target.policies[0].id,
    principalId: target.entity.id,
    accountId: list.account,
    resourceGroup: target.resourceGroup,
    changed: attachmentOf(target, known.attached) !== undefined,
  }));
  return {
    value: { detachments, changedCount: gone.size },
    changed: gone.size > 0,
    before: { attachments: [...gone.values()] },
    after: { attachments: [] },
  };
}

/** The attachments that go, by id, each once, with what the audit trail keeps of them. */
function goneOf({ found, attached }: FoundAttachments): Map<string, object> {
  const gone = new Map<string, object>();
  for (const target of found) {
    const attachment = attachmentOf(target, attached);
    if (attachment === undefined) continue;
    gone.set(attachment.id, attachmentFacts(target, attachment));
  }
  return gone;
}
