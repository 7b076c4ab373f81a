import type { Transaction } from "../store/prisma-client.js";
import type { Administration, ChangeRequest, ChangeResult, Limits } from "./administration.js";
import type { AttachPolicyInput } from "./attach-policy.js";
import { type AttachmentList, inItemOrder, readAttachmentList } from "./attachment-list.js";
import { attachPermissions, giftTo } from "./attachment-target.js";
import { type Window, windowOf } from "./attachment-window.js";
import { changeAccount, type Effect } from "./change-account.js";
import { findAttachments } from "./find-attachments.js";
import { type AttachmentPlan, planAttachments } from "./plan-attachments.js";
import { refuseIfAny } from "./user-error.js";
import { checkWindow } from "./validation.js";

export interface AttachPoliciesInput {
  /** 1 to 1,000 attachments of one account, each as attachPolicy takes it. */
  readonly attachments: readonly AttachPolicyInput[];
}

export interface AttachedPolicies {
  /** In the order of the input; those of a dry run's new attachments name nothing. */
  readonly attachmentIds: readonly string[];
  /** How many are new or have another window. */
  readonly changedCount: number;
}

/**
 * Gives principals of one account many policies at once: all, or none when anything is wrong with any. What is
 * attached already changes nothing, or only its window; what the list repeats is one attachment.
 */
export function attachPolicies(
  administration: Administration,
  input: AttachPoliciesInput,
  request: ChangeRequest,
): Promise<ChangeResult<AttachedPolicies>> {
  return changeAccount(administration, request, () => {
    const list = withWindowProblems(readAttachmentList(input.attachments), input);
    return {
      action: "attachPolicies",
      requires: attachPermissions(list.targets),
      gift: giftTo(list.targets),
      account: list.account,
      lock: "shared",
      targets: list.arns,
      scopes: list.scopes,
      input,
      run: (tx) => attachAll(tx, list, input.attachments.map(windowOf), administration.limits),
    };
  });
}

function withWindowProblems(list: AttachmentList, { attachments }: AttachPoliciesInput): AttachmentList {
  const problems = attachments.flatMap((attachment, index) => {
    const { notBefore, expiresAt } = windowOf(attachment);
    return checkWindow(notBefore, expiresAt, "attachments", String(index));
  });
  return { ...list, problems: [...list.problems, ...problems] };
}

async function attachAll(
  tx: Transaction,
  list: AttachmentList,
  windows: readonly Window[],
  limits: Limits,
): Promise<Effect<AttachedPolicies>> {
  const known = await findAttachments(tx, list);
  const plan = planAttachments(known, windows, limits);
  refuseIfAny(inItemOrder([...known.problems, ...plan.problems]));
  const { ids, create, update, before, after } = plan;
  await write(tx, list.account, plan);
  const changedCount = create.length + update.length;
  return {
    value: { attachmentIds: ids, changedCount },
    changed: changedCount > 0,
    before: { attachments: before },
    after: { attachments: after },
  };
}

async function write(tx: Transaction, accountId: string, { create, update }: AttachmentPlan): Promise<void> {
  if (create.length > 0) await tx.attachment.createMany({ data: create.map((row) => ({ accountId, ...row })) });
  if (update.length === 0) return;
  await tx.$executeRaw`
    UPDATE attachment a SET not_before = w."notBefore", expires_at = w."expiresAt"
    FROM json_to_recordset(${JSON.stringify(update)}::json)
      AS w(id uuid, "notBefore" timestamptz, "expiresAt" timestamptz)
    WHERE a.id = w.id`;
}
