import type { Database } from "../store/prisma-client.js";
import { type AuditHead, sealOf } from "./audit-record.js";

/**
 * Seals the trails that a migration has chained, at the first start after it: the key may be one that PostgreSQL does
 * not know. A head without seal whose last event is of this version has been tampered with and stays as it is.
 *
 * @returns how many were sealed
 */
export async function sealCarriedOverTrails(db: Database, key: Uint8Array): Promise<number> {
  const heads = await db.$queryRaw<AuditHead[]>`
    SELECT h.account_id AS account, h.sequence, h.hash
    FROM audit_head h JOIN audit_event e ON e.account_id = h.account_id AND e.sequence = h.sequence
    WHERE h.seal IS NULL AND e.revision IS NULL`;
  for (const head of heads) {
    await db.auditHead.updateMany({
      where: { accountId: head.account, sequence: head.sequence, seal: null },
      data: { seal: new Uint8Array(sealOf(key, head)) },
    });
  }
  return heads.length;
}
