import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { parseArn } from "../domain/arn.js";
import { InvalidInputError } from "../domain/errors.js";
import { parsePrincipalArn } from "../domain/principal.js";
import { foldCase } from "../domain/wildcard.js";

/** An audit event as it is hashed. JSON members are the text that PostgreSQL has for them. */
export interface AuditRecord {
  readonly account: string;
  /** 1, 2, … within the account. */
  readonly sequence: number;
  /** Milliseconds since the epoch, in decimal digits. */
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  /** JSON text of the list. */
  readonly targets: string | null;
  /** JSON text of the list of {@link targetKey}s. */
  readonly targetKeys: string | null;
  readonly reason: string | null;
  readonly requestId: string | null;
  /** `jsonb` text, as the three that follow. */
  readonly input: string;
  readonly before: string | null;
  readonly after: string | null;
  readonly revision: string | null;
}

/** The end of an account's chain. */
export interface AuditHead {
  readonly account: string;
  readonly sequence: number;
  readonly hash: Uint8Array;
}

/** In place of an account number: changes of the gateway itself, such as keys of operators. No account has this name. */
export const GATEWAY_TRAIL = "gateway";

/** What the first event of an account follows. */
export const NO_HASH: Uint8Array = new Uint8Array(32);

/**
 * SHA-256 of the previous hash and the canonical encoding of the event: each field with its length in bytes in front
 * (`-` for none), so that no two events share an encoding. `jsonb` text is canonical by itself: members sorted, none
 * twice, numbers as they are, and reading it back gives the same text.
 */
export function hashOf(previous: Uint8Array, record: AuditRecord): Uint8Array {
  const { account, sequence, at, actor, action, targets, targetKeys, reason, requestId } = record;
  const { input, before, after, revision } = record;
  const name = [account, String(sequence), at, actor, action, targets, targetKeys, reason, requestId];
  const encoded = encode(["ramgate-audit-1", ...name, input, before, after, revision]);
  return new Uint8Array(createHash("sha256").update(previous).update(encoded, "utf8").digest());
}

/** HMAC-SHA-256 that only a gateway can make: without it nobody who writes to the database can shorten a chain. */
export function sealOf(key: Uint8Array, { account, sequence, hash }: AuditHead): Uint8Array {
  const encoded = encode(["ramgate-audit-head-1", account, String(sequence), Buffer.from(hash).toString("hex")]);
  return new Uint8Array(createHmac("sha256", key).update(encoded, "utf8").digest());
}

/** Whether `seal` was made with `key` for this head. */
export function isSealed(key: Uint8Array, head: AuditHead, seal: Uint8Array | null): boolean {
  return seal !== null && seal.length === 32 && timingSafeEqual(seal, sealOf(key, head));
}

/**
 * The spelling in which targets are compared: RAM's names without regard to case, sessions in their one spelling (D25).
 * @throws InvalidInputError for a malformed ARN
 */
export function targetKey(text: string): string {
  return principalKey(text) ?? otherKey(text);
}

/** The same of a target that is being written down: imports give resource groups ids that no ARN may hold. */
export function writtenTargetKey(text: string): string {
  try {
    return targetKey(text);
  } catch (error) {
    if (error instanceof InvalidInputError) return text;
    throw error;
  }
}

function principalKey(text: string): string | null {
  try {
    return parsePrincipalArn(text).arnKey;
  } catch (error) {
    if (error instanceof InvalidInputError) return null;
    throw error;
  }
}

function otherKey(text: string): string {
  const { service, region, account, relativeId, text: arn } = parseArn(text);
  if (service !== "ram") return arn;
  return foldCase(`acs:ram:${region === "*" ? "" : region}:${account}:${relativeId}`);
}

function encode(fields: readonly (string | null)[]): string {
  return fields.map((field) => (field === null ? "-," : `${Buffer.byteLength(field, "utf8")}:${field},`)).join("");
}
