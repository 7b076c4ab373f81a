import type { Transaction } from "../store/prisma-client.js";
import type { Effect } from "./change-account.js";
import { changedColumns, type Wanted } from "./changed-columns.js";
import { resourceFacts } from "./facts.js";
import { findResource, type ResourceName } from "./look-up.js";

interface Columns {
  readonly keyId: string | null;
  readonly keyState: "ENABLED" | "DISABLED" | "PENDING_DELETION" | "PENDING_IMPORT" | null;
  readonly keySpec: string | null;
  readonly keyUsage: string | null;
  readonly origin: string | null;
  readonly secretType: string | null;
}

/**
 * Writes the columns of a key, secret or alias that differ from what is wanted.
 * @throws Refusal ENTITY_NOT_EXIST_KEY, …_SECRET or …_ALIAS
 */
export async function updateResource(
  tx: Transaction,
  resource: ResourceName,
  field: string,
  wanted: Wanted<Columns>,
): Promise<Effect<{ resourceId: string }>> {
  const { id } = await findResource(tx, resource, field);
  const current = await tx.kmsResource.findUniqueOrThrow({
    where: { id },
    select: { keyId: true, keyState: true, keySpec: true, keyUsage: true, origin: true, secretType: true },
  });
  const data = changedColumns<Columns>(current, wanted);
  if (data === null) return { value: { resourceId: id }, changed: false };
  const before = await resourceFacts(tx, id);
  await tx.kmsResource.update({ where: { id }, data, select: { id: true } });
  return { value: { resourceId: id }, changed: true, before, after: await resourceFacts(tx, id) };
}
