import { callerName } from "../domain/caller.js";
import type { Transaction } from "../store/prisma-client.js";
import { type MovedScope, type RevisionVector, trailScope } from "../store/revisions.js";
import type { Administration, ChangeRequest } from "./administration.js";
import {
  type AuditHead,
  type AuditRecord,
  GATEWAY_TRAIL,
  hashOf,
  isSealed,
  NO_HASH,
  sealOf,
  writtenTargetKey,
} from "./audit-record.js";
import { withoutOptions } from "./change-input.js";
import { storableJson } from "./json.js";

interface Audited {
  readonly action: string;
  /** Null: none, so it goes into the trail of the gateway. */
  readonly account: string | null;
  readonly targets: readonly string[];
  readonly input: object;
}

/** What a change did, as far as the trail keeps it. */
interface Done {
  /** In place of the input. */
  readonly audit?: object | undefined;
  readonly before?: object | null | undefined;
  readonly after?: object | null | undefined;
}

/** JSON columns of an event as PostgreSQL spells them, and the end of the chain that the event follows. */
interface Place {
  readonly at: string;
  readonly input: string;
  readonly before: string | null;
  readonly after: string | null;
  readonly revision: string;
  readonly sequence: number | null;
  readonly hash: Uint8Array | null;
  readonly seal: Uint8Array | null;
}

/** How the revisions of a change's scopes were before and after it. */
export interface Revisions {
  readonly before: RevisionVector;
  readonly after: RevisionVector;
}

/**
 * Writes down who changed what, in the transaction of the change, as the next event of its account. Locks the head of
 * the account's chain, so it comes last: after the scopes.
 *
 * @returns where the trail has moved to
 */
export async function recordAuditEvent(
  tx: Transaction,
  { auditKey }: Administration,
  request: ChangeRequest,
  change: Audited,
  done: Done,
  revisions: Revisions,
): Promise<MovedScope> {
  const place = await lockHead(tx, change, done, revisions);
  const record = recordOf(request, change, place);
  const previous = place.hash ?? NO_HASH;
  const head = { account: record.account, sequence: record.sequence, hash: hashOf(previous, record) };
  await insertEvent(tx, record, change.targets, previous, head.hash);
  await moveHead(tx, head, nextSeal(auditKey, head, place));
  return { scope: trailScope(head.account), rev: head.sequence };
}

function trailOf({ account }: Audited): string {
  return account ?? GATEWAY_TRAIL;
}

async function lockHead(tx: Transaction, change: Audited, done: Done, revisions: Revisions): Promise<Place> {
  const input = jsonText(done.audit ?? withoutOptions(change.input));
  const [before, after] = [jsonText(done.before), jsonText(done.after)];
  const moved = jsonText(movedScopes(revisions));
  // the clock is read behind the lock, so that the order of events is the order of their times
  const [place] = await tx.$queryRaw<Place[]>`
    WITH head AS MATERIALIZED (
      SELECT sequence, hash, seal FROM audit_head WHERE account_id = ${trailOf(change)} FOR NO KEY UPDATE)
    SELECT trunc(extract(epoch FROM clock_timestamp()) * 1000)::text AS at, ${input}::jsonb::text AS input,
      ${before}::jsonb::text AS before, ${after}::jsonb::text AS after, ${moved}::jsonb::text AS revision,
      head.sequence, head.hash, head.seal
    FROM (SELECT 1) one LEFT JOIN head ON true`;
  if (place === undefined) throw new TypeError("a statement without a row");
  return place;
}

function jsonText(value: object | null | undefined): string | null {
  return value === null || value === undefined ? null : JSON.stringify(storableJson(value));
}

/** The scopes that are not as they were, with their new numbers. */
function movedScopes({ before, after }: Revisions): Record<string, number> {
  const moved = [...after].filter(([scope, revision]) => revision?.tag !== before.get(scope)?.tag);
  return Object.fromEntries(moved.map(([scope, revision]) => [scope, revision?.rev ?? 0]));
}

function recordOf(request: ChangeRequest, change: Audited, place: Place): AuditRecord {
  const { at, input, before, after, revision } = place;
  return {
    account: trailOf(change),
    sequence: (place.sequence ?? 0) + 1,
    at,
    actor: callerName(request.caller),
    action: change.action,
    targets: JSON.stringify(change.targets),
    targetKeys: JSON.stringify(change.targets.map(writtenTargetKey)),
    reason: request.reason ?? null,
    requestId: request.requestId,
    ...{ input, before, after, revision },
  };
}

async function insertEvent(
  tx: Transaction,
  record: AuditRecord,
  targets: readonly string[],
  previous: Uint8Array,
  hash: Uint8Array,
): Promise<void> {
  const at = new Date(Number(record.at)).toISOString();
  await tx.$executeRaw`
    INSERT INTO audit_event (account_id, sequence, at, actor, action, targets, target_keys, reason, request_id, input,
      before, after, revision, previous_hash, hash)
    VALUES (${record.account}, ${record.sequence}::int, ${at}::timestamptz, ${record.actor}, ${record.action},
      ${[...targets]}::text[], ${targets.map(writtenTargetKey)}::text[], ${record.reason}, ${record.requestId},
      ${record.input}::jsonb, ${record.before}::jsonb, ${record.after}::jsonb, ${record.revision}::jsonb,
      ${previous}, ${hash})`;
}

async function moveHead(tx: Transaction, { account, sequence, hash }: AuditHead, seal: Uint8Array | null) {
  await tx.$executeRaw`
    INSERT INTO audit_head (account_id, sequence, hash, seal) VALUES (${account}, ${sequence}::int, ${hash}, ${seal})
    ON CONFLICT (account_id) DO UPDATE SET sequence = EXCLUDED.sequence, hash = EXCLUDED.hash, seal = EXCLUDED.seal`;
}

/** A broken seal is carried on: changes go on, but none may hide that somebody else has moved the head. */
function nextSeal(key: Uint8Array, head: AuditHead, { sequence, hash, seal }: Place): Uint8Array | null {
  if (sequence === null || hash === null) return sealOf(key, head);
  return isSealed(key, { account: head.account, sequence, hash }, seal) ? sealOf(key, head) : seal;
}
