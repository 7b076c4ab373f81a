import type { Database } from "./prisma-client.js";

/** How many connections the server takes from us and all others together. */
export async function mostConnections(db: Database): Promise<number> {
  const [row] = await db.$queryRaw<{ most: number }[]>`
    SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS most`;
  return row?.most ?? Number.POSITIVE_INFINITY;
}
