import type { Transaction } from "../store/prisma-client.js";
import type { AttachmentList, ListedTarget } from "./attachment-list.js";
import type { Window } from "./attachment-window.js";
import {
  checkServiceLinkedRole,
  noSuchEntity,
  noSuchPolicy,
  noSuchResourceGroup,
  type StoredEntity,
  type StoredPolicy,
} from "./look-up.js";
import type { UserError } from "./user-error.js";
import { isStorable } from "./validation.js";

/** An attachment as it is stored. */
export interface StoredAttachment extends Window {
  readonly id: string;
  readonly principalId: string;
  readonly policyId: string;
  readonly resourceGroupId: string | null;
}

/** One attachment of a list with what it names; `policies` as the account sees them, the one that counts first. */
export interface FoundTarget extends ListedTarget {
  readonly entity: StoredEntity;
  readonly policies: readonly [StoredPolicy, ...StoredPolicy[]];
}

/** What a list of attachments names, and why some of it cannot be changed. */
export interface FoundAttachments {
  readonly found: readonly FoundTarget[];
  readonly problems: readonly UserError[];
  /** Everything that is attached to the principals of the list now, by principal. */
  readonly attached: ReadonlyMap<string, readonly StoredAttachment[]>;
  readonly policyTypes: ReadonlyMap<string, StoredPolicy["type"]>;
}

interface Known {
  readonly account: string;
  /** By key of the ARN. */
  readonly entities: ReadonlyMap<string, StoredEntity>;
  /** By type and name, the account's own first. */
  readonly policies: ReadonlyMap<string, readonly StoredPolicy[]>;
  readonly resourceGroups: ReadonlySet<string>;
}

/** Finds all that a list names, in as many statements for a thousand attachments as for one. */
export async function findAttachments(tx: Transaction, list: AttachmentList): Promise<FoundAttachments> {
  const known = await readKnown(tx, list);
  const problems = list.targets.flatMap((target) => checkTarget(target, known));
  const found = list.targets.flatMap((target) => resolve(target, known));
  const principalIds = [...new Set(found.map(({ entity }) => entity.id))];
  const attachments = await tx.attachment.findMany({
    where: { principalId: { in: principalIds } },
    select: {
      ...{ id: true, principalId: true, policyId: true },
      ...{ resourceGroupId: true, notBefore: true, expiresAt: true },
    },
  });
  const policyIds = [...new Set(attachments.map(({ policyId }) => policyId))];
  const types = await tx.policy.findMany({ where: { id: { in: policyIds } }, select: { id: true, type: true } });
  return {
    found,
    problems: [...list.problems, ...problems],
    attached: groupBy(attachments, ({ principalId }) => principalId),
    policyTypes: new Map(types.map(({ id, type }) => [id, type])),
  };
}

async function readKnown(tx: Transaction, { account, targets }: AttachmentList): Promise<Known> {
  const entities = await tx.principal.findMany({
    where: { arnKey: { in: [...new Set(targets.map(({ principal }) => principal.arnKey))] } },
    select: { id: true, kind: true, name: true, arn: true, arnKey: true, roleKind: true, service: true },
  });
  const policies = await tx.policy.findMany({
    where: {
      nameKey: { in: [...new Set(targets.map(({ policy }) => policy.nameKey))] },
      OR: [{ accountId: account }, { accountId: null }],
    },
    select: { id: true, type: true, name: true, nameKey: true, accountId: true },
    orderBy: { accountId: { sort: "asc", nulls: "last" } },
  });
  return {
    account,
    entities: new Map(entities.map((entity) => [entity.arnKey, entity])),
    policies: groupBy(policies, policyKey),
    resourceGroups: await readResourceGroups(tx, account, targets),
  };
}

async function readResourceGroups(tx: Transaction, accountId: string, targets: readonly ListedTarget[]) {
  const named = targets.flatMap(({ resourceGroup }) => (resourceGroup === null ? [] : [resourceGroup]));
  const ids = [...new Set(named)].filter(isStorable);
  const groups = await tx.resourceGroup.findMany({ where: { accountId, id: { in: ids } }, select: { id: true } });
  return new Set(groups.map(({ id }) => id));
}

function policyKey({ type, nameKey }: { readonly type: string; readonly nameKey: string }): string {
  return `${type}/${nameKey}`;
}

function checkTarget({ principal, policy, resourceGroup, field }: ListedTarget, known: Known): UserError[] {
  const entity = known.entities.get(principal.arnKey);
  const ofPrincipal =
    entity === undefined
      ? [noSuchEntity(principal, ...field, "principal")]
      : checkServiceLinkedRole(entity, ...field, "principal");
  const ofPolicy = known.policies.has(policyKey(policy))
    ? []
    : [noSuchPolicy(policy, known.account, ...field, "policy")];
  const isKnown = resourceGroup === null || known.resourceGroups.has(resourceGroup);
  const ofGroup = isKnown ? [] : [noSuchResourceGroup(known.account, resourceGroup, ...field, "resourceGroup")];
  return [...ofPolicy, ...ofPrincipal, ...ofGroup];
}

function resolve(target: ListedTarget, known: Known): FoundTarget[] {
  const entity = known.entities.get(target.principal.arnKey);
  const [policy, ...others] = known.policies.get(policyKey(target.policy)) ?? [];
  if (entity === undefined || policy === undefined || checkTarget(target, known).length > 0) return [];
  return [{ ...target, entity, policies: [policy, ...others] }];
}

/** The stored attachment that a target means: that of the override or of the built-in policy behind it. */
export function attachmentOf(
  { entity, policies, resourceGroup }: FoundTarget,
  attached: FoundAttachments["attached"],
): StoredAttachment | undefined {
  const ids = policies.map(({ id }) => id);
  return attached
    .get(entity.id)
    ?.find(({ policyId, resourceGroupId }) => ids.includes(policyId) && resourceGroupId === resourceGroup);
}

/** What tells the attachments of a list apart. */
export function targetKey({ entity, policies, resourceGroup }: FoundTarget): string {
  return `${entity.id}/${policies[0].id}/${resourceGroup ?? ""}`;
}

function groupBy<T>(rows: readonly T[], keyOf: (row: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group === undefined) groups.set(keyOf(row), [row]);
    else group.push(row);
  }
  return groups;
}
