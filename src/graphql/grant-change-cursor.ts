import { cursorsOf, InvalidCursorError } from "./cursor.js";
import { type AuditEventRow, auditEventKey, type Records } from "./records.js";

/** Names an event together with its hash: after a database was set back, the same number may stand for another one. */
export function changeCursor({ accountId, sequence, hash }: AuditEventRow): string {
  return cursorsOf("grantChanges", accountId).write([String(sequence), digestOf(hash)]);
}

/**
 * Sequence of the event that a cursor names.
 *
 * @throws InvalidCursorError when it is from another account, or the trail does not hold the event
 */
export async function sequenceAt(
  cursor: string,
  accountId: string,
  { auditEvents }: Pick<Records, "auditEvents">,
): Promise<number> {
  const [text, digest] = cursorsOf("grantChanges", accountId).read(cursor, 2);
  const sequence = Number(text);
  const event = await auditEvents.load(auditEventKey({ accountId, sequence }));
  if (event !== null && digestOf(event.hash) === digest) return sequence;
  throw new InvalidCursorError(
    "the audit trail does not hold the change of this cursor, perhaps any more: read anew what you have from it",
  );
}

function digestOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString("base64url").slice(0, 22);
}
