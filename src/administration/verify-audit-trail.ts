import { excerpt } from "../domain/arn.js";
import { NotFoundError } from "../domain/errors.js";
import type { Transaction } from "../store/prisma-client.js";
import { asStoreError } from "../store/store-errors.js";
import type { Administration } from "./administration.js";
import { type AuditHead, type AuditRecord, hashOf, isSealed, NO_HASH } from "./audit-record.js";

/** What is wrong with a trail, at the first place where something is. */
export interface BrokenRecord {
  /** Sequence of the event; null when it is the head of the chain. */
  readonly sequence: number | null;
  readonly problem: string;
}

/** What the verification of one account's trail found. */
export interface VerifiedTrail {
  readonly account: string;
  /** Events that are in order, up to the first that is not. */
  readonly events: number;
  /** Hash of the last of them, hexadecimal; zeros when there is none. */
  readonly hash: string;
  readonly broken: BrokenRecord | null;
}

interface StoredEvent extends AuditRecord {
  readonly previousHash: Uint8Array;
  readonly hash: Uint8Array;
}

interface StoredHead extends AuditHead {
  readonly seal: Uint8Array | null;
}

const BATCH = 200;
const TIMEOUT_MS = 3_600_000;
const MAX_WAIT_MS = 10_000;
/** Below every value of the column, so that no event is skipped. */
const BEFORE_ALL = -2_147_483_649n;

/** The end of a trail at some time, as kept elsewhere: what was there then must be there now. */
export interface KnownEnd {
  readonly sequence: number;
  /** Hexadecimal. */
  readonly hash: string;
}

/** What to verify. */
export interface Verification {
  /** Account number; all accounts that exist or have a trail unless given. */
  readonly account?: string | undefined;
  /** Ends by account. A trail that was put back to an earlier state, seal and all, is found with these only. */
  readonly known?: ReadonlyMap<string, KnownEnd>;
}

/**
 * Computes the audit chains again: of one account, or of all that have or should have one. Each account is read in one
 * snapshot, so that changes go on meanwhile, and in batches, so that memory does not grow with the trail.
 *
 * @throws NotFoundError when `account` names neither an account nor a trail, UnavailableError without a database
 */
export async function* verifyAuditTrail(
  { db, auditKey }: Administration,
  { account, known = new Map() }: Verification = {},
): AsyncGenerator<VerifiedTrail, void, void> {
  const snapshot = { isolationLevel: "RepeatableRead", maxWait: MAX_WAIT_MS, timeout: TIMEOUT_MS } as const;
  for await (const name of account === undefined ? everyAccount(db, known) : oneAccount(db, account, known)) {
    yield await db.$transaction((tx) => verifyTrail(tx, auditKey, name, known.get(name)), snapshot).catch(failed);
  }
}

type Known = ReadonlyMap<string, KnownEnd>;

async function* everyAccount(db: Reader, known: Known): AsyncGenerator<string, void, void> {
  const gone = new Set(known.keys());
  for (let name = await nextAccount(db, ""); name !== null; name = await nextAccount(db, name)) {
    gone.delete(name);
    yield name;
  }
  yield* gone;
}

async function* oneAccount(db: Reader, account: string, known: Known): AsyncGenerator<string, void, void> {
  if (!known.has(account) && !(await exists(db, account).catch(failed))) {
    throw new NotFoundError(`the account \`${excerpt(account)}\` does not exist and has no audit trail`);
  }
  yield account;
}

function failed(error: unknown): never {
  throw asStoreError(error);
}

type Reader = Pick<Transaction, "$queryRaw">;

/** Every account that exists, or that has left a trail. */
async function nextAccount(db: Reader, after: string): Promise<string | null> {
  const [row] = await db.$queryRaw<{ account: string | null }[]>`
    SELECT min(account) AS account FROM (
      SELECT min(id) AS account FROM account WHERE id > ${after}
      UNION ALL SELECT min(account_id) FROM audit_head WHERE account_id > ${after}
      UNION ALL SELECT min(account_id) FROM audit_event WHERE account_id > ${after}) known`;
  return row?.account ?? null;
}

async function exists(db: Reader, account: string): Promise<boolean> {
  const [row] = await db.$queryRaw<{ known: boolean }[]>`
    SELECT EXISTS (SELECT FROM account WHERE id = ${account}) OR EXISTS (SELECT FROM audit_head WHERE account_id = ${account})
      OR EXISTS (SELECT FROM audit_event WHERE account_id = ${account}) AS known`;
  return row?.known === true;
}

/** Verifies the trail of one account as the transaction sees it. */
export async function verifyTrail(
  tx: Reader,
  key: Uint8Array,
  account: string,
  known: KnownEnd = { sequence: 0, hash: hex(NO_HASH) },
): Promise<VerifiedTrail> {
  let [events, hash, after] = [0, NO_HASH, BEFORE_ALL];
  const report = (broken: BrokenRecord | null): VerifiedTrail => ({ account, events, hash: hex(hash), broken });
  for (let more = true; more; ) {
    const batch = await readEvents(tx, account, after);
    for (const event of batch) {
      const problem = problemOf(event, events + 1, hash, known);
      if (problem !== null) return report({ sequence: Math.min(event.sequence, events + 1), problem });
      [events, hash, after] = [event.sequence, event.hash, BigInt(event.sequence)];
    }
    more = batch.length === BATCH;
  }
  return report(endProblem(key, { account, sequence: events, hash }, await readHead(tx, account), known));
}

function problemOf(event: StoredEvent, expected: number, previous: Uint8Array, known: KnownEnd): string | null {
  if (event.sequence > expected) return "the event is missing";
  if (event.sequence < expected) return "the event does not belong to the chain";
  if (!same(event.previousHash, previous)) return "the event does not name the one before it as its predecessor";
  if (!same(event.hash, hashOf(previous, event))) return "the event is not what was written";
  return event.sequence === known.sequence && hex(event.hash) !== known.hash ? "the event is not the known one" : null;
}

function endProblem(key: Uint8Array, last: AuditHead, head: StoredHead | null, known: KnownEnd): BrokenRecord | null {
  if (last.sequence >= known.sequence) return headProblem(key, last, head);
  return { sequence: last.sequence + 1, problem: `the event is missing: ${known.sequence} are known` };
}

function headProblem(key: Uint8Array, last: AuditHead, head: StoredHead | null): BrokenRecord | null {
  if (head === null) {
    const problem = last.sequence === 0 ? "the account has no audit trail" : "the head of the chain is missing";
    return { sequence: null, problem };
  }
  if (head.sequence > last.sequence) {
    return { sequence: last.sequence + 1, problem: `the event is missing: the chain ends with ${head.sequence}` };
  }
  if (head.sequence < last.sequence) {
    const problem = `the event is not of the chain, which ends with ${head.sequence}`;
    return { sequence: head.sequence + 1, problem };
  }
  if (!same(head.hash, last.hash)) return { sequence: null, problem: "the head does not name the last event" };
  return isSealed(key, head, head.seal) ? null : { sequence: null, problem: "no gateway has sealed this head" };
}

function hex(hash: Uint8Array): string {
  return Buffer.from(hash).toString("hex");
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

function readEvents(tx: Reader, account: string, after: bigint): Promise<StoredEvent[]> {
  return tx.$queryRaw<StoredEvent[]>`
    SELECT account_id AS account, sequence, trunc(extract(epoch FROM at) * 1000)::text AS at, actor, action,
      array_to_json(targets)::text AS targets, array_to_json(target_keys)::text AS "targetKeys", reason,
      request_id AS "requestId", input::text AS input, before::text AS before, after::text AS after,
      revision::text AS revision, previous_hash AS "previousHash", hash
    FROM audit_event WHERE account_id = ${account} AND sequence > ${after}::bigint ORDER BY sequence LIMIT ${BATCH}`;
}

async function readHead(tx: Reader, account: string): Promise<StoredHead | null> {
  const [head] = await tx.$queryRaw<StoredHead[]>`
    SELECT account_id AS account, sequence, hash, seal FROM audit_head WHERE account_id = ${account}`;
  return head ?? null;
}
