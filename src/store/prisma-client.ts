import { PrismaPg } from "@prisma/adapter-pg";
import { Pool } from "pg";
import { PrismaClient } from "./generated/prisma/client.js";

import type { InStage } from "./stages.js";

export type { Prisma } from "./generated/prisma/client.js";
export type Database = PrismaClient;
/** What is left of the client inside an interactive transaction. */
export type Transaction = Omit<PrismaClient, "$connect" | "$disconnect" | "$on" | "$use" | "$extends" | "$transaction">;

/** Opens the pool of a Prisma client. The adapter sends timestamps without an offset, so the session time zone must be UTC. */
export function openModelPool(connectionString: string, max: number): Pool {
  return new Pool({ connectionString, max, application_name: "ramgate", options: "-c TimeZone=UTC" });
}

/**
 * Opens a Prisma client.
 *
 * @param connectionString PostgreSQL URL
 * @param poolSize most connections at a time
 * @param pool default: one of its own; the client ends it, whoever has opened it
 */
export function openDatabase(
  connectionString: string,
  poolSize: number,
  pool: Pool = openModelPool(connectionString, poolSize),
): Database {
  return new PrismaClient({ adapter: new PrismaPg(pool, { disposeExternalPool: true }) });
}

/** From now on every transaction of the client is a stage. */
export function stageTransactions(db: Database, inStage: InStage): void {
  const staged: unknown = inStage("transaction", db.$transaction.bind(db) as (...args: unknown[]) => unknown);
  Object.assign(db, { $transaction: staged });
}
