import type { Database, Transaction } from "../store/prisma-client.js";
import { type AuditHead, sealOf } from "./audit-record.js";

/** Trails are sealed within milliseconds each; an old database may have many. */
const TIMEOUT_MS = 600_000;

/**
 * Seals the trails that a migration has chained, at the first start after it: the key may be one that PostgreSQL does
 * not know. All at once, and never again: whoever takes a seal off later, to have another end sealed, would have to do so
 * to every trail, and take back every event of this version.
 *
 * @returns how many were sealed
 */
export function sealCarriedOverTrails(db: Database, key: Uint8Array): Promise<number> {
  return db.$transaction(
    async (tx) => {
      const heads = await carriedOverHeads(tx);
      for (const head of heads) await seal(tx, head, key);
      return heads.length;
    },
    { timeout: TIMEOUT_MS },
  );
}

/** None as soon as a gateway of this version has sealed anything, or written an event: those name revisions. */
function carriedOverHeads(tx: Transaction): Promise<AuditHead[]> {
  return tx.$queryRaw<AuditHead[]>`
    SELECT account_id AS account, sequence, hash FROM audit_head
    WHERE NOT EXISTS (SELECT FROM audit_head WHERE seal IS NOT NULL)
      AND NOT EXISTS (SELECT FROM audit_event WHERE revision IS NOT NULL)`;
}

async function seal(tx: Transaction, head: AuditHead, key: Uint8Array): Promise<void> {
  await tx.auditHead.updateMany({
    where: { accountId: head.account, sequence: head.sequence, seal: null },
    data: { seal: new Uint8Array(sealOf(key, head)) },
  });
}
