import type { Transaction } from "../store/prisma-client.js";
import type { Change } from "./change-account.js";
import type { Deleted } from "./delete-principal.js";
import { resourceFacts } from "./facts.js";
import { findResource, type RegisteredType, resourceName } from "./look-up.js";
import { needs } from "./permissions.js";
import { resourceChange } from "./resource-change.js";
import { refuseIfAny, type UserError } from "./user-error.js";

interface Deregistration {
  readonly action: string;
  readonly type: RegisteredType;
  readonly arn: string;
  /** Input field that names it. */
  readonly field: string;
  readonly input: object;
  /** What stands in the way. */
  readonly obstacles?: (tx: Transaction, resourceId: string) => Promise<UserError[]>;
}

/** Makes the gateway forget a key, secret or alias with its tags. */
export function deregisterChange({ action, type, arn, field, input, obstacles }: Deregistration): Change<Deleted> {
  const name = resourceName(arn, [type], field);
  return resourceChange({
    action,
    resource: name,
    requires: deletionPermissions(type, name.arn),
    input,
    async run(tx) {
      const { id } = await findResource(tx, name, field);
      if (obstacles !== undefined) refuseIfAny(await obstacles(tx, id));
      const before = await resourceFacts(tx, id);
      await tx.kmsResource.delete({ where: { id }, select: { id: true } });
      return { value: { deletedArn: name.arn }, changed: true, before, after: null };
    },
  });
}

function deletionPermissions(type: RegisteredType, arn: string) {
  switch (type) {
    case "KEY":
      return needs("deregisterKey", { "kms:ScheduleKeyDeletion": [arn] });
    case "SECRET":
      return needs("deregisterSecret", { "kms:DeleteSecret": [arn] });
    case "ALIAS":
      return needs("deregisterAlias", { "kms:DeleteAlias": [arn] });
  }
}
