import type { Transaction } from "../store/prisma-client.js";
import type { Change } from "./change-account.js";
import { principalScopes } from "./create-principal.js";
import { checkObstacles, NAMED_OBSTACLES } from "./delete-conflict.js";
import { principalFacts } from "./facts.js";
import { type EntityKind, entityName, findEntity, refuseServiceLinkedRole, type StoredEntity } from "./look-up.js";
import { needs } from "./permissions.js";
import { refuseIfAny, type UserError } from "./user-error.js";

/** What a deletion leaves: the name of what is gone, or would be after a dry run. */
export interface Deleted {
  readonly deletedArn: string;
}

interface Deletion {
  readonly action: string;
  readonly kind: EntityKind;
  readonly arn: string;
  /** Input field that names it. */
  readonly field: string;
  readonly input: object;
  /** What stands in the way beside its policies. */
  readonly obstacles?: (tx: Transaction, entity: StoredEntity) => Promise<UserError[]>;
}

/** The deletion of a user, group or role, refused while something depends on it. */
export function deletePrincipalChange({ action, kind, arn, field, input, obstacles }: Deletion): Change<Deleted> {
  const name = entityName(arn, [kind], field);
  return {
    action,
    requires: deletePermissions(kind, name.arn),
    account: name.account,
    lock: "shared",
    targets: [name.arn],
    scopes: principalScopes({ accountId: name.account, kind, name: name.name }),
    input,
    async run(tx) {
      const entity = await findEntity(tx, name, field);
      refuseServiceLinkedRole(entity, field);
      await lockPrincipal(tx, entity);
      const others = obstacles === undefined ? [] : await obstacles(tx, entity);
      refuseIfAny([...(await checkPolicies(tx, entity, kind, field)), ...others]);
      const before = await principalFacts(tx, entity.id);
      await tx.principal.delete({ where: { id: entity.id }, select: { id: true } });
      return { value: { deletedArn: entity.arn }, changed: true, before, after: null };
    },
  };
}

function deletePermissions(kind: EntityKind, arn: string) {
  switch (kind) {
    case "USER":
      return needs("deleteUser", { "ram:DeleteUser": [arn] });
    case "GROUP":
      return needs("deleteGroup", { "ram:DeleteGroup": [arn] });
    case "ROLE":
      return needs("deleteRole", { "ram:DeleteRole": [arn] });
  }
}

/** Keeps memberships from being added while the deletion looks for them: they would go with the row, unseen. */
async function lockPrincipal(tx: Transaction, { id }: StoredEntity): Promise<void> {
  await tx.$queryRaw`SELECT id FROM principal WHERE id = ${id}::uuid FOR UPDATE`;
}

async function checkPolicies(
  tx: Transaction,
  { id: principalId, name }: StoredEntity,
  kind: EntityKind,
  field: string,
): Promise<UserError[]> {
  const attachments = await tx.attachment.findMany({
    where: { principalId },
    select: { policy: { select: { arn: true } } },
    orderBy: { id: "asc" },
    take: NAMED_OBSTACLES,
  });
  const names = attachments.map(({ policy }) => policy.arn);
  const count = await tx.attachment.count({ where: { principalId } });
  const what = `the ${kind.toLowerCase()} \`${name}\` still has policies attached`;
  return checkObstacles(`DELETE_CONFLICT_${kind}_POLICY`, what, { names, count }, field);
}
