import { excerpt } from "../../domain/arn.js";
import { foldCase } from "../../domain/wildcard.js";
import { type EntityKind, policyArn } from "../look-up.js";
import { newId } from "../new-id.js";
import { type PrincipalRow, policyKey, rowKey } from "./account-state.js";
import { type Draft, dangling, documentText, findPrincipal, given, requireResourceGroup } from "./draft.js";
import { checkBounds, pointerTo } from "./read-snapshot.js";
import type { Snapshot, SnapshotAttachment, SnapshotPolicy } from "./snapshot.js";

/** Lays policies with their versions, then attachments. */
export function layPolicies(draft: Draft, snapshot: Snapshot): void {
  snapshot.policies.forEach((policy, index) => {
    layPolicy(draft, policy, index);
  });
  const held = new Set(snapshot.policies.map(({ type, name }) => policyKey(type, name)));
  snapshot.attachments.forEach((attachment, index) => {
    if (!held.has(policyKey(attachment.policy.type, attachment.policy.name))) layUnheldPolicy(draft, attachment, index);
    layAttachment(draft, attachment, index);
  });
  followOverrides(draft);
}

function layPolicy(draft: Draft, policy: SnapshotPolicy, index: number): void {
  const { type, name } = policy;
  const key = policyKey(type, name);
  const numbers = policy.versions.map(({ id }) => Number(id.slice(1)));
  const id = draft.current.policies.get(key)?.id ?? newId();
  draft.target.policies.set(key, {
    id,
    account_id: draft.account,
    type,
    name,
    name_key: foldCase(name),
    arn: policyArn(type, draft.account, name),
    description: given(policy.description, draft.base.policies.get(key)?.description),
    last_version: Math.max(0, draft.current.policies.get(key)?.last_version ?? 0, ...numbers),
  });
  layVersions(draft, policy, id);
  if (policy.versions.length > 0 && policy.defaultVersion !== null) return;
  const message = `the policy \`${excerpt(name)}\` has no document: decisions that it may change are conservative`;
  draft.warnings.push({ code: "POLICY_WITHOUT_DOCUMENT", message, pointer: `/policies/${index}/versions` });
}

/** A version that is left out keeps its document; the one in force is always as the snapshot says. */
function layVersions({ current, target, owned }: Draft, policy: SnapshotPolicy, policy_id: string): void {
  for (const key of owned.versions.get(policy_id) ?? []) {
    const row = target.versions.get(key);
    if (row?.is_default) target.versions.set(key, { ...row, is_default: false });
  }
  for (const { id, document } of policy.versions) {
    const number = Number(id.slice(1));
    const key = rowKey(policy_id, number);
    const stored = current.versions.get(key);
    target.versions.set(key, {
      id: stored?.id ?? newId(),
      policy_id,
      number,
      document: documentText(document, stored?.document),
      is_default: id === policy.defaultVersion,
    });
  }
}

function layAttachment(draft: Draft, attachment: SnapshotAttachment, index: number): void {
  const { account: account_id, current, target } = draft;
  const principal = attachedPrincipal(draft, attachment.principal, pointerTo("attachments", index, "principal"));
  const resource_group_id = attachment.scope === "ACCOUNT" ? null : attachment.scope;
  requireResourceGroup(draft, resource_group_id, pointerTo("attachments", index, "scope"));
  if (principal === undefined) return;
  const policy_id = attachedPolicy(draft, attachment.policy);
  const key = rowKey(principal.id, policyKey(attachment.policy.type, attachment.policy.name), resource_group_id);
  target.attachments.set(key, {
    id: current.attachments.get(key)?.id ?? newId(),
    account_id,
    policy_id,
    principal_id: principal.id,
    resource_group_id,
    ...windowOf(draft, attachment, key, index),
  });
}

/** A bound that is left out is that of the account's attachment: a merge does not make for good what ends. */
function windowOf({ base, problems }: Draft, attachment: SnapshotAttachment, key: string, index: number) {
  const stored = base.attachments.get(key);
  const not_before = given(utc(attachment.notBefore), stored?.not_before);
  const expires_at = given(utc(attachment.expiresAt), stored?.expires_at);
  if (attachment.notBefore === undefined || attachment.expiresAt === undefined) {
    problems.push(...checkBounds(not_before, expires_at, index));
  }
  return { not_before, expires_at };
}

function attachedPrincipal(draft: Draft, reference: string, place: string): PrincipalRow | undefined {
  const slash = reference.indexOf("/");
  const kind = reference.slice(0, slash).toUpperCase() as EntityKind;
  const principal = findPrincipal(draft, kind, reference.slice(slash + 1));
  if (principal === undefined) {
    dangling(draft, `ENTITY_NOT_EXIST_${kind}`, `the ${kind.toLowerCase()} \`${excerpt(reference)}\``, place);
  }
  return principal;
}

function utc(instant: string | null | undefined): string | null | undefined {
  return typeof instant === "string" ? new Date(instant).toISOString() : instant;
}

/** A policy that is attached but not in the snapshot: the account's or a built-in one, else one without a document (D4). */
function layUnheldPolicy(draft: Draft, { policy: { type, name } }: SnapshotAttachment, index: number): void {
  const { base, builtIns, current, target, warnings } = draft;
  const key = policyKey(type, name);
  const known = base.policies.get(key);
  const isBuiltIn = type === "SYSTEM" && known === undefined && builtIns.has(foldCase(name));
  if (isBuiltIn || (known !== undefined && hasDocument(draft, known.id))) return;
  const message = `the snapshot does not hold the policy \`${excerpt(name)}\`: decisions that it may change are conservative`;
  warnings.push({ code: "POLICY_WITHOUT_DOCUMENT", message, pointer: `/attachments/${index}/policy` });
  if (target.policies.has(key)) return;
  const stored = current.policies.get(key);
  target.policies.set(key, {
    id: stored?.id ?? newId(),
    account_id: draft.account,
    type,
    name,
    name_key: foldCase(name),
    arn: policyArn(type, draft.account, name),
    description: null,
    last_version: stored?.last_version ?? 0,
  });
}

function hasDocument({ base, owned }: Draft, policyId: string): boolean {
  return (owned.versions.get(policyId) ?? []).some((key) => base.versions.get(key)?.is_default);
}

/** The id of the account's policy, else of the built-in one. */
function attachedPolicy({ builtIns, target }: Draft, { type, name }: SnapshotAttachment["policy"]): string {
  const id = target.policies.get(policyKey(type, name))?.id ?? builtIns.get(foldCase(name));
  if (id === undefined) throw new Error("an attached policy was not laid");
  return id;
}

/** Attachments of a built-in policy that the account now overrides move to the override. */
function followOverrides({ builtIns, target }: Draft): void {
  const overrides = new Map<string, string>();
  for (const { type, name_key, id } of target.policies.values()) {
    const builtIn = builtIns.get(name_key);
    if (type === "SYSTEM" && builtIn !== undefined) overrides.set(builtIn, id);
  }
  for (const [key, row] of target.attachments) {
    const policy_id = overrides.get(row.policy_id);
    if (policy_id !== undefined) target.attachments.set(key, { ...row, policy_id });
  }
}
