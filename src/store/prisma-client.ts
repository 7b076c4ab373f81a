import { PrismaPg } from "@prisma/adapter-pg";
import { PrismaClient } from "./generated/prisma/client.js";

export type { Prisma } from "./generated/prisma/client.js";
export type Database = PrismaClient;
/** What is left of the client inside an interactive transaction. */
export type Transaction = Omit<PrismaClient, "$connect" | "$disconnect" | "$on" | "$use" | "$extends" | "$transaction">;

/**
 * Opens a Prisma client. The adapter sends timestamps without an offset, so the session time zone must be UTC.
 *
 * @param connectionString PostgreSQL URL
 * @param poolSize most connections at a time
 */
export function openDatabase(connectionString: string, poolSize: number): Database {
  const adapter = new PrismaPg({
    connectionString,
    max: poolSize,
    application_name: "ramgate",
    options: "-c TimeZone=UTC",
  });
  return new PrismaClient({ adapter });
}
