import type { Pool } from "pg";
import type { PrincipalName } from "../domain/principal.js";
import { type Clocks, KnownRevisions, SYSTEM_CLOCKS } from "./known-revisions.js";
import { openPool } from "./pool.js";
import type { Transaction } from "./prisma-client.js";
import { primaryRow, type RowShape, whole } from "./readable-row.js";
import {
  type FreshRevisions,
  type MovedScope,
  REVISION_ROWS,
  type RevisionRow,
  type RevisionVector,
  toVector,
} from "./revision-vector.js";
import { UnavailableError } from "./store-errors.js";

export interface RevisionReader {
  /**
   * Reads revisions from a snapshot that is taken after this call.
   *
   * @throws UnavailableError when the primary does not answer within 900 ms
   */
  readFresh(scopes: readonly string[]): Promise<FreshRevisions>;
  /**
   * Revisions that were current at some moment not more than `maxStaleness` milliseconds before this call; read afresh
   * where they are not known.
   *
   * @throws UnavailableError when they have to be read, and the primary does not answer in time
   */
  readBounded(scopes: readonly string[], maxStaleness: number): Promise<FreshRevisions>;
  /** Shortens what `readBounded` may return; its bound does not depend on it. */
  forget(moved: readonly MovedScope[]): void;
}

/** From the question to the error, in all, of whatever is asked through this pool: callers are promised one within a second. */
export const REVISION_DEADLINE_MS = 900;
/** A second attempt must fit in. */
const ATTEMPT_MS = REVISION_DEADLINE_MS / 2;

const READ_REVISIONS = `
  SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now,
         pg_is_in_recovery() AS standby,
         coalesce((SELECT json_agg(json_build_array(scope, rev, tag)) FROM authz_revision WHERE scope = ANY($1::text[])), '[]') AS revisions`;

/**
 * The scopes that the answer to a question about this principal and resource depends on: whatever changes the
 * answer moves at least one of them.
 */
export function scopesOf(principal: PrincipalName, resourceArn: string): string[] {
  const scopes = new Set(["glob", `acct:${principal.account}`, `prin:${principal.arnKey}`, `res:${resourceArn}`]);
  if (principal.roleArnKey !== null) scopes.add(`prin:${principal.roleArnKey}`);
  const [, , , resourceAccount] = resourceArn.split(":", 4); // acs:<service>:<region>:<account>:…
  if (resourceAccount !== undefined && /^[0-9]+$/.test(resourceAccount)) scopes.add(`acct:${resourceAccount}`);
  return [...scopes];
}

export type RevisionPool = Pool;

/** Opens the small pool that only vector reads and sign-ins use, so that slow loads never delay them. */
export function openRevisionPool(connectionString: string): RevisionPool {
  const limits = { max: 2, connect: REVISION_DEADLINE_MS, statement: ATTEMPT_MS, answer: REVISION_DEADLINE_MS };
  return openPool(connectionString, limits);
}

interface Batch {
  readonly scopes: Set<string>;
  readonly answer: Promise<FreshRevisions>;
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

  function readFresh(scopes: readonly string[]): Promise<FreshRevisions> {
    collecting ??= newBatch(pool, sendNext);
    const batch = collecting;
    for (const scope of scopes) batch.scopes.add(scope);
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
  const { promise, resolve } = withResolver<FreshRevisions>();
  setImmediate(sendNext);
  return { scopes, answer: promise, send: () => resolve(readWithRetry(pool, [...scopes])) };
}

function withResolver<T>(): { promise: Promise<T>; resolve: (value: Promise<T>) => void } {
  let resolve: (value: Promise<T>) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

async function readWithRetry(pool: Pool, scopes: string[]): Promise<FreshRevisions> {
  try {
    return await read(pool, scopes);
  } catch {
    try {
      return await read(pool, scopes);
    } catch (cause) {
      throw new UnavailableError("the database does not answer", { cause });
    }
  }
}

const ROW: RowShape = { now: whole, revisions: REVISION_ROWS };

async function read(pool: Pool, scopes: string[]): Promise<FreshRevisions> {
  const query = pool.query<{ now: number; standby: boolean; revisions: RevisionRow[] }>({
    name: "ramgate_revisions",
    text: READ_REVISIONS,
    values: [scopes],
  });
  const row = primaryRow((await withDeadline(query, ATTEMPT_MS)).rows[0], ROW);
  return { vector: toVector(scopes, row.revisions), now: row.now };
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
    SELECT scope, rev, tag::text AS tag FROM authz_revision WHERE scope = ANY(${[...scopes]}::text[])`;
  return toVector(
    scopes,
    rows.map(({ scope, rev, tag }) => [scope, Number(rev), tag]),
  );
}

/** Keeps scopes from moving until the transaction ends, so that what was decided from them still holds when it commits. */
export async function holdRevisions(db: Pick<Transaction, "$queryRaw">, scopes: readonly string[]): Promise<void> {
  await db.$queryRaw`
    SELECT scope FROM authz_revision WHERE scope = ANY(${[...scopes]}::text[]) ORDER BY scope FOR SHARE`;
}

/** The database's clock inside a transaction, in whole milliseconds like every instant that decisions are made for. */
export async function readClock(db: Pick<Transaction, "$queryRaw">): Promise<Date> {
  const [row] = await db.$queryRaw<{ now: number }[]>`
    SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`;
  return new Date(row?.now ?? Number.NaN);
}

export type { Clocks } from "./known-revisions.js";
export { assertRevisionTriggers } from "./revision-triggers.js";
export * from "./revision-vector.js";
