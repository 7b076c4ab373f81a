import { excerpt } from "../domain/arn.js";
import type { Caller } from "../domain/caller.js";
import { type PrincipalName, parsePrincipalArn } from "../domain/principal.js";
import { isApiKeyId, newApiKey } from "../store/credentials.js";
import type { Database, Transaction } from "../store/prisma-client.js";
import { asStoreError } from "../store/store-errors.js";
import type { ChangeRequest, ChangeResult } from "./administration.js";
import { newId } from "./new-id.js";
import { refuse } from "./user-error.js";

/** An API key that a change is about. */
export interface NamedKey {
  readonly id: string;
  /** Whom it signs in; null: an operator. */
  readonly principal: PrincipalName | null;
}

/** What came of a change that makes a secret. */
export interface IssuedKey {
  readonly keyId: string;
  /** The whole `rg_<id>_<secret>`, shown once: null where an earlier answer is repeated, and on a dry run. */
  readonly secret: string | null;
  /** Whether an earlier answer is repeated. */
  readonly repeated: boolean;
}

/** What is kept of the answer: the secret is in no record. `issue` tells answers of different requests apart. */
export interface KeptIssue {
  readonly keyId: string;
  readonly issue: string;
}

/** A new secret for one request. */
export interface Issue {
  readonly issue: string;
  readonly key: ReturnType<typeof newApiKey>;
}

/** @param id of a key that gets a new secret; that of a new key unless given */
export function newIssue(id?: string): Issue {
  return { issue: newId(), key: newApiKey(id) };
}

/** Adds the secret where this request has made it. */
export function withSecret(
  { value, ...result }: ChangeResult<KeptIssue>,
  { issue, key }: Issue,
  { dryRun }: ChangeRequest,
): ChangeResult<IssuedKey> {
  if (value === null) return { ...result, value };
  const made = value.issue === issue;
  return { ...result, value: { keyId: value.keyId, secret: made && !dryRun ? key.text : null, repeated: !made } };
}

/**
 * Finds the key that a request names, before its transaction: the account that a key belongs to never changes.
 *
 * @returns null when it does not exist, or is none of the caller's
 * @throws UnavailableError when the database does not answer
 */
export async function findKey(db: Database, id: string, caller: Caller): Promise<NamedKey | null> {
  try {
    const select = { principal: { select: { arn: true } } };
    const row = isApiKeyId(id) ? await db.credential.findUnique({ where: { id }, select }) : null;
    const key = row && { id, principal: row.principal && parsePrincipalArn(row.principal.arn) };
    return key !== null && mayManage(caller, key.principal) ? key : null;
  } catch (error) {
    throw asStoreError(error);
  }
}

/** Operators manage all keys, principals their own. A session is not its role: its policy may withhold what the role may. */
export function mayManage(caller: Caller, principal: Pick<PrincipalName, "arnKey"> | null): boolean {
  if (caller.kind === "OPERATOR") return true;
  return principal !== null && parsePrincipalArn(caller.principalArn).arnKey === principal.arnKey;
}

/** Of a key that is not the caller's it says the same as of one that is not there. */
export function requireKey(key: NamedKey | null, id: string): NamedKey {
  if (key !== null) return key;
  refuse("ENTITY_NOT_EXIST_API_KEY", `the api key \`${excerpt(id)}\` does not exist`, "apiKey");
}

/** What changes of a key have in common. */
export function changeOf({ id, principal }: NamedKey) {
  return {
    requires: "USE_CASE" as const, // see `mayManage`
    account: principal?.account ?? null,
    lock: "shared" as const,
    targets: principal === null ? [] : [principal.arn],
    scopes: [`cred:${id}`],
  };
}

/** The key as it is now; its scope is locked. */
export async function readKey(tx: Transaction, { id }: NamedKey) {
  const row = await tx.credential.findUnique({ where: { id } });
  if (row === null) refuse("ENTITY_NOT_EXIST_API_KEY", `the api key \`${id}\` does not exist`, "apiKey");
  return row;
}

/** Milliseconds. */
const DAY = 86_400_000;

/**
 * When a key ends.
 *
 * @param asked null: after the longest time, and for operators never
 * @param most days that a principal's key lives
 * @throws Refusal INVALID_PARAMETER_EXPIRES_AT
 */
export function expiryOf(asked: Date | null, principal: PrincipalName | null, now: Date, most: number): Date | null {
  const latest = principal === null ? null : new Date(now.getTime() + most * DAY);
  const end = asked ?? latest;
  if (end === null) return null;
  const refused = (message: string) => refuse("INVALID_PARAMETER_EXPIRES_AT", message, "expiresAt");
  if (end <= now || end.getUTCFullYear() > 9999) return refused("`expiresAt` must lie ahead, up to the year 9999");
  if (latest !== null && end > latest) return refused(`the key of a principal lives at most ${most} days`);
  return end;
}
