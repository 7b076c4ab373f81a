import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "./prisma-client.js";

type Statements = Pick<Database, "$executeRaw">;

const ROWS_AT_A_TIME = 500;
const PAUSE_MS = 100;
const HOUR_MS = 3_600_000;

/**
 * Removes the records of idempotency keys that are more than `days` old, now and every hour, beside the requests. Of
 * several gateways each takes what the others leave.
 *
 * @param onFailure told why nothing could be removed; it is tried again an hour later
 * @returns what ends it; resolves when nothing is under way any more
 */
export function removeOldRecordsHourly(
  db: Statements,
  days: number,
  onFailure: (error: unknown) => void,
): () => Promise<void> {
  const ending = new AbortController();
  const { signal } = ending;
  const work = (async () => {
    while (!signal.aborted) {
      await removeOldRecords(db, days, signal).catch(onFailure);
      await sleep(HOUR_MS, undefined, { ref: false, signal }).catch(() => {});
    }
  })();
  return () => {
    ending.abort();
    return work;
  };
}

/** Removes them a few at a time, until none is left or `signal` aborts; how many there were. */
export async function removeOldRecords(db: Statements, days: number, signal?: AbortSignal): Promise<number> {
  let removed = 0;
  for (;;) {
    const rows = await removeSome(db, days);
    removed += rows;
    if (rows < ROWS_AT_A_TIME || signal?.aborted) return removed;
    await sleep(PAUSE_MS);
  }
}

/** What somebody holds is in use: it waits for nobody, and nobody for it longer than for a statement. */
function removeSome(db: Statements, days: number): Promise<number> {
  return db.$executeRaw`
    DELETE FROM idempotency_record WHERE (caller, key) IN (
      SELECT caller, key FROM idempotency_record WHERE created_at < now() - make_interval(days => ${days}::int)
      LIMIT ${ROWS_AT_A_TIME}::int FOR UPDATE SKIP LOCKED)`;
}
