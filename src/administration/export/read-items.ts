import type { Transaction } from "../../store/prisma-client.js";
import { type Item, SECTIONS, type SectionName } from "./sections.js";

const ROWS_AT_A_TIME = 500;

/**
 * Reads one list of a snapshot from the database, some rows at a time: memory does not grow with the account. Items come
 * in the order of their names, by code points, so that equal accounts give equal exports.
 */
export async function* readItems(tx: Transaction, account: string, name: SectionName): AsyncGenerator<Item> {
  const { statement, itemOf } = SECTIONS[name];
  await tx.$executeRawUnsafe(`DECLARE exported NO SCROLL CURSOR FOR ${statement}`, account);
  for (;;) {
    const rows = await tx.$queryRawUnsafe<never[]>(`FETCH ${ROWS_AT_A_TIME} FROM exported`);
    for (const row of rows) yield itemOf(row);
    if (rows.length < ROWS_AT_A_TIME) break;
  }
  await tx.$executeRawUnsafe("CLOSE exported");
}
