import { AsyncResource } from "node:async_hooks";
import type { Pool } from "pg";
import type { PrincipalName } from "../domain/principal.js";
import { type Foundation, followedScopes, OUTDATED_LISTS, REVISIONS_OF_ALL } from "./followed-scopes.js";
import { type Clocks, KnownRevisions, type RevisionRead, SYSTEM_CLOCKS } from "./known-revisions.js";
import { openPool } from "./pool.js";
import type { Transaction } from "./prisma-client.js";
import { primaryRow, type RowShape, text, whole } from "./readable-row.js";
import {
  FOLLOWED_ROWS,
  type FollowedRow,
  type ModelState,
  type MovedScope,
  REVISION_ROWS,
  type RevisionRow,
  type RevisionVector,
  toFollowed,
  toVector,
} from "./revision-vector.js";
import { UnavailableError } from "./store-errors.js";

export interface RevisionReader {
  /**
   * Reads revisions from a snapshot that is taken after this call.
   *
   * @param principals `arn_key` of those to look up the followed scopes of, whose revisions are read too
   * @param foundations what is remembered rests on; where something of it is over, it is looked up again
   * @throws UnavailableError when the primary does not answer within 900 ms
   */
  readFresh(
    scopes: readonly string[],
    principals?: readonly string[],
    foundations?: readonly Foundation[],
  ): Promise<ModelState>;
  /**
   * Revisions that were current at some moment not more than `maxStaleness` milliseconds before this call; read afresh
   * where they are not known.
   *
   * @throws UnavailableError when they have to be read, and the primary does not answer in time
   */
  readBounded(scopes: readonly string[], maxStaleness: number): Promise<ModelState>;
  /** Shortens what `readBounded` may return; its bound does not depend on it. */
  forget(moved: readonly MovedScope[]): void;
}

/** From the question to the error, in all, of whatever is asked through this pool: callers are promised one within a second. */
export const REVISION_DEADLINE_MS = 900;
/** A second attempt must fit in. */
const ATTEMPT_MS = REVISION_DEADLINE_MS / 2;

const READ_REVISIONS = `
WITH ${followedScopes(`arn_key = ANY($2::text[] || ARRAY(${OUTDATED_LISTS}))`)}
SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now,
  extract(epoch FROM pg_postmaster_start_time())::text AS server,
  pg_is_in_recovery() AS standby,
  ${REVISIONS_OF_ALL}`;

/**
 * The scopes that the answer to a question about this principal and resource depends on, before anything is looked up:
 * whatever changes the answer moves at least one of them, or of those that the principal follows.
 */
export function scopesOf(principal: PrincipalName, resourceArn: string): string[] {
  return [...new Set([...principalScopes(principal), ...resourceScopes(resourceArn)])];
}

/** Of those, the ones that what is known of the principal depends on. */
export function principalScopes({ account, arnKey, roleArnKey }: PrincipalName): string[] {
  const scopes = ["glob", `acct:${account}`, `prin:${arnKey}`];
  return roleArnKey === null ? scopes : [...scopes, `prin:${roleArnKey}`];
}

/** Of those, the ones that what is known of the resource depends on. */
export function resourceScopes(arn: string): string[] {
  const [, , , account] = arn.split(":", 4); // acs:<service>:<region>:<account>:…
  const scopes = ["glob", `res:${arn}`];
  return account !== undefined && /^[0-9]+$/.test(account) ? [...scopes, `acct:${account}`] : scopes;
}

/** `arn_key` of the principal that `name` stands on: a session has what its role has. */
export function storedKeyOf(name: PrincipalName): string {
  return name.kind === "ROLE_SESSION" && name.roleArnKey !== null ? name.roleArnKey : name.arnKey;
}

export type RevisionPool = Pool;

/** Opens the small pool that only vector reads and sign-ins use, so that slow loads never delay them. */
export function openRevisionPool(connectionString: string): RevisionPool {
  const limits = { max: 2, connect: REVISION_DEADLINE_MS, statement: ATTEMPT_MS, answer: REVISION_DEADLINE_MS };
  return openPool(connectionString, limits);
}

interface Batch {
  readonly scopes: Set<string>;
  readonly principals: Set<string>;
  readonly foundations: Map<string, Foundation>;
  readonly answer: Promise<RevisionRead>;
  readonly send: () => void;
}

/**
 * Reads revisions in batches: at most one statement is on its way and one more is being collected. A call joins only
 * a statement that is not sent yet; joining a sent one could miss a change that was acknowledged before the call.
 */
export function createRevisionReader(pool: RevisionPool, clocks: Clocks = SYSTEM_CLOCKS): RevisionReader {
  const known = new KnownRevisions(clocks);
  let collecting: Batch | null = null;
  let busy = false;

  function sendNext(): void {
    const batch = collecting;
    if (busy || batch === null) return;
    collecting = null;
    busy = true;
    const readAt = clocks.monotonic();
    batch.answer.then((fresh) => known.remember(fresh, readAt)).then(release, release);
    batch.send();
  }

  function release(): void {
    busy = false;
    setImmediate(sendNext); // what arrives in this turn of the event loop goes along
  }

  function readFresh(
    scopes: readonly string[],
    principals: readonly string[] = [],
    foundations: readonly Foundation[] = [],
  ): Promise<ModelState> {
    collecting ??= newBatch(pool, sendNext);
    const batch = collecting;
    for (const scope of scopes) batch.scopes.add(scope);
    for (const arnKey of principals) batch.principals.add(arnKey);
    for (const foundation of foundations) batch.foundations.set(foundation.join(" "), foundation);
    return withDeadline(batch.answer, REVISION_DEADLINE_MS); // it may have to wait for a statement that hangs
  }

  return {
    readFresh,
    readBounded: async (scopes, maxStaleness) => known.recall(scopes, maxStaleness) ?? readFresh(scopes),
    forget: (moved) => known.forget(moved),
  };
}

/** The calls of one turn of the event loop share a statement even when nothing is on its way. */
function newBatch(pool: Pool, sendNext: () => void): Batch {
  const scopes = new Set<string>();
  const principals = new Set<string>();
  const foundations = new Map<string, Foundation>();
  const { promise, resolve } = withResolver<RevisionRead>();
  setImmediate(sendNext);
  const send = () => resolve(readWithRetry(pool, [...scopes], [...principals], [...foundations.values()]));
  // its statement counts as that of its first caller, not of the batch that it has waited for
  return { scopes, principals, foundations, answer: promise, send: AsyncResource.bind(send) };
}

function withResolver<T>(): { promise: Promise<T>; resolve: (value: Promise<T>) => void } {
  let resolve: (value: Promise<T>) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

async function readWithRetry(pool: Pool, ...wanted: Wanted): Promise<RevisionRead> {
  try {
    return await read(pool, ...wanted);
  } catch {
    try {
      return await read(pool, ...wanted);
    } catch (cause) {
      throw new UnavailableError("the database does not answer", { cause });
    }
  }
}

const ROW: RowShape = { now: whole, server: text, revisions: REVISION_ROWS, followed: FOLLOWED_ROWS };

interface Row {
  readonly now: number;
  readonly server: string;
  readonly standby: boolean;
  readonly revisions: readonly RevisionRow[];
  readonly followed: readonly FollowedRow[];
}

type Wanted = [scopes: string[], principals: string[], foundations: Foundation[]];

async function read(pool: Pool, ...[scopes, principals, foundations]: Wanted): Promise<RevisionRead> {
  const columns = [0, 1, 2].map((column) => foundations.map((foundation) => foundation[column]));
  const values = [scopes, principals, ...columns];
  const query = pool.query<Row>({ name: "ramgate_revisions", text: READ_REVISIONS, values });
  const row = primaryRow((await withDeadline(query, ATTEMPT_MS)).rows[0], ROW);
  const { now, server } = row;
  const followed = toFollowed(principals, row.followed);
  return { vector: toVector(scopes, row.revisions), followed, now, server, ofOneMoment: true };
}

/**
 * Rejects when `work` takes longer than `ms`; what it yields later is dropped. Where this process was busy itself for so
 * long, an answer that has arrived meanwhile still counts.
 */
export function withDeadline<T>(work: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(new UnavailableError("the database does not answer in time"));
    const timer = setTimeout(() => setImmediate(giveUp), ms); // timers come before what has arrived, immediates after
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Reads revisions as a transaction sees them. */
export async function readRevisions(
  db: Pick<Transaction, "$queryRaw">,
  scopes: readonly string[],
): Promise<RevisionVector> {
  const rows = await db.$queryRaw<{ scope: string; rev: bigint; tag: string }[]>`
    SELECT scope, rev, tag::text AS tag FROM scope_revision WHERE scope = ANY(${[...scopes]}::text[])`;
  return toVector(
    scopes,
    rows.map(({ scope, rev, tag }) => [scope, Number(rev), tag]),
  );
}

/** Keeps scopes from moving until the transaction ends, so that what was decided from them still holds when it commits. */
export async function holdRevisions(db: Pick<Transaction, "$queryRaw">, scopes: readonly string[]): Promise<void> {
  await db.$queryRaw`
    SELECT scope FROM scope_revision WHERE scope = ANY(${[...scopes]}::text[]) ORDER BY scope FOR SHARE`;
}

/** The database's clock inside a transaction, in whole milliseconds like every instant that decisions are made for. */
export async function readClock(db: Pick<Transaction, "$queryRaw">): Promise<Date> {
  const [row] = await db.$queryRaw<{ now: number }[]>`
    SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`;
  return new Date(row?.now ?? Number.NaN);
}

export { type Foundation, MOST_LISTS, RememberedScopes } from "./followed-scopes.js";
export type { Clocks } from "./known-revisions.js";
export { assertRevisionTriggers } from "./revision-triggers.js";
export * from "./revision-vector.js";
