import type { Database } from "../../src/store/prisma-client.js";

/** How many connections to the database wait for a lock; with `by`, for one that this backend holds or waits for first. */
export async function countBlocked(db: Pick<Database, "$queryRaw">, by: number | null = null): Promise<number> {
  const [row] = await db.$queryRaw<{ waiting: number }[]>`
    SELECT count(*)::int AS waiting FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
      AND (${by}::int IS NULL OR ${by}::int = ANY(pg_blocking_pids(pid)))`;
  return row?.waiting ?? 0;
}
