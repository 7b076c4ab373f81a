import { createHash } from "node:crypto";
import type { Transaction } from "../store/prisma-client.js";
import { canonicalJson, storableJson } from "./json.js";
import { refuse } from "./user-error.js";

interface Key {
  readonly caller: string;
  readonly key: string;
  readonly fingerprint: string;
}

/** A key that this transaction holds; with `replay`, the answer that an earlier one stored under it. */
export interface Claim<R> extends Key {
  readonly replay?: R;
}

interface RecordRow {
  readonly fingerprint: string;
  readonly response: unknown;
}

/** SHA-256 of the canonical form of `value`, hexadecimal. */
export function fingerprintOf(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex");
}

/**
 * Takes an idempotency key, waiting for a transaction that holds it now.
 * @throws Refusal IDEMPOTENCY_KEY_REUSED when it was used with another input
 */
export async function claimIdempotencyKey<R>(tx: Transaction, key: Key): Promise<Claim<R>> {
  const inserted = await tx.$executeRaw`
    INSERT INTO idempotency_record (caller, key, fingerprint) VALUES (${key.caller}, ${key.key}, ${key.fingerprint})
    ON CONFLICT DO NOTHING`;
  if (inserted === 1) return key;
  const [record] = await tx.$queryRaw<RecordRow[]>`
    SELECT fingerprint, response FROM idempotency_record WHERE caller = ${key.caller} AND key = ${key.key} FOR UPDATE`;
  if (record === undefined) return claimIdempotencyKey(tx, key); // it was too old, and has just been removed
  if (record.fingerprint !== key.fingerprint) {
    refuse("IDEMPOTENCY_KEY_REUSED", "the idempotency key was used with another input", "idempotencyKey");
  }
  return { ...key, replay: record.response as R };
}

/** Keeps the answer of a change under its key. */
export async function storeResponse(tx: Transaction, { caller, key }: Key, response: unknown): Promise<void> {
  await tx.idempotencyRecord.update({
    where: { caller_key: { caller, key } },
    data: { response: storableJson(response) },
    select: { key: true },
  });
}
