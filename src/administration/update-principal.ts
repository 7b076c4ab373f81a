import { excerpt } from "../domain/arn.js";
import { foldCase } from "../domain/wildcard.js";
import type { Transaction } from "../store/prisma-client.js";
import type { Change, Effect } from "./change-account.js";
import { changedColumns, type Wanted } from "./changed-columns.js";
import { principalArn, principalScopes } from "./create-principal.js";
import type { Gift } from "./escalation.js";
import { principalFacts } from "./facts.js";
import { type EntityKind, type EntityName, entityName, findEntity, refuseServiceLinkedRole } from "./look-up.js";
import { needs } from "./permissions.js";
import { refuse } from "./user-error.js";

interface Columns {
  readonly displayName: string | null;
  readonly comments: string | null;
  readonly trustPolicy: string | null;
  readonly maxSessionDuration: number | null;
}

interface Update {
  readonly action: string;
  readonly kind: EntityKind;
  readonly arn: string;
  /** Input field that names it. */
  readonly field: string;
  readonly input: object;
  /** Null or left out: the name stays. */
  readonly newName?: string | null | undefined;
  readonly columns: Wanted<Columns>;
}

/** A change of a user, group or role; with a new name, what hangs on it stays and its ARN changes. */
export function updatePrincipalChange(update: Update): Change<{ principalId: string }> {
  const { action, kind, arn, field, input, columns } = update;
  const name = entityName(arn, [kind], field);
  const newName = update.newName ?? null;
  const names = newName === null ? [name.name] : [name.name, newName];
  const scopes = names.flatMap((each) => principalScopes({ accountId: name.account, kind, name: each }));
  const targets = [...new Set([name.arn, ...(newName === null ? [] : [renamed(name, newName).arn])])];
  return {
    action,
    requires: updatePermissions(kind, targets),
    gift: giftOf(name, newName, columns),
    account: name.account,
    lock: "shared",
    targets,
    scopes: [...new Set(scopes)],
    input,
    run: (tx) => updateOne(tx, name, newName, columns, field),
  };
}

/** Policies may be about a name. */
function giftOf(name: EntityName, newName: string | null, { trustPolicy }: Update["columns"]): Gift | undefined {
  if (trustPolicy !== undefined) return { to: "ASSUMERS", role: name };
  if (newName === null || name.kind !== "USER") return undefined;
  return { to: "RENAMED", from: name, name: { ...name, ...renamed(name, newName) } };
}

function updatePermissions(kind: EntityKind, arns: readonly string[]) {
  switch (kind) {
    case "USER":
      return needs("updateUser", { "ram:UpdateUser": arns });
    case "GROUP":
      return needs("updateGroup", { "ram:UpdateGroup": arns });
    case "ROLE":
      return needs("updateRole", { "ram:UpdateRole": arns });
  }
}

async function updateOne(
  tx: Transaction,
  name: EntityName,
  newName: string | null,
  wanted: Wanted<Columns>,
  field: string,
): Promise<Effect<{ principalId: string }>> {
  const { id, ...entity } = await findEntity(tx, name, field);
  refuseServiceLinkedRole({ id, ...entity }, field);
  const current = await tx.principal.findUniqueOrThrow({
    where: { id },
    select: {
      ...{ name: true, arn: true, arnKey: true },
      ...{ displayName: true, comments: true, trustPolicy: true, maxSessionDuration: true },
    },
  });
  if (newName !== null) await requireFreeName(tx, name, newName);
  const data = changedColumns(current, { ...wanted, ...(newName === null ? {} : renamed(name, newName)) });
  if (data === null) return { value: { principalId: id }, changed: false };
  const before = await principalFacts(tx, id);
  await tx.principal.update({ where: { id }, data, select: { id: true } });
  return { value: { principalId: id }, changed: true, before, after: await principalFacts(tx, id) };
}

function renamed({ account, kind }: EntityName, name: string) {
  const arn = principalArn({ accountId: account, kind, name });
  return { name, arn, arnKey: foldCase(arn) };
}

async function requireFreeName(tx: Transaction, entity: EntityName, newName: string): Promise<void> {
  const { arnKey } = renamed(entity, newName);
  if (arnKey === entity.arnKey) return;
  const taken = await tx.principal.findUnique({ where: { arnKey }, select: { id: true } });
  if (taken === null) return;
  const message = `the ${entity.kind.toLowerCase()} \`${excerpt(newName)}\` already exists`;
  refuse(`ENTITY_ALREADY_EXISTS_${entity.kind}`, message, "newName");
}
