import { Prisma } from "./generated/prisma/client.js";
import type { Database } from "./prisma-client.js";

type Sql = Prisma.Sql;

/**
 * What a list holds and in which order: its rows are called `r`, and those of a list below another record hang on
 * `p.id`, the text of that record's id. The order is total: its last key tells any two rows apart.
 */
export interface Listing {
  readonly id: Sql;
  readonly from: Sql;
  readonly where: readonly Sql[];
  readonly order: readonly OrderKey[];
}

/** Never null; ascending. */
interface OrderKey {
  readonly sql: Sql;
  readonly type: "text" | "uuid" | "int" | "bigint";
}

/** Where a row stands in its list. The keys say it after the row is gone, too. */
export interface Place {
  readonly id: string;
  readonly keys: readonly string[];
}

/** The part of a list that is asked for: so many places behind and in front of others, from one end. */
export interface Slice {
  readonly after: readonly string[] | null;
  readonly before: readonly string[] | null;
  readonly limit: number;
  readonly fromEnd: boolean;
}

/** Lists that hang on nothing are asked for with this in place of an id. */
export const NO_PARENT = "";

const EVERYTHING = Prisma.sql`TRUE`;

/**
 * The places of a slice of the same list below each of `parents`, in the order of the list. One statement, which reads
 * no more rows of a list than the slice holds where an index has its order.
 */
export async function placesIn(
  db: Database,
  listing: Listing,
  parents: readonly string[],
  slice: Slice,
): Promise<Place[][]> {
  const rows = await db.$queryRaw<(Place & { parent: string })[]>(placesStatement(listing, parents, slice));
  const byParent = new Map(parents.map((parent): [string, Place[]] => [parent, []]));
  for (const { parent, id, keys } of rows) byParent.get(parent)?.push({ id, keys });
  return parents.map((parent) => byParent.get(parent) ?? []);
}

function placesStatement({ id, from, where, order }: Listing, parents: readonly string[], slice: Slice): Sql {
  const direction = slice.fromEnd ? Prisma.sql`DESC` : Prisma.sql`ASC`;
  const keys = order.map(({ sql }) => sql);
  const named = order.map((_, index) => Prisma.raw(`k${index}`));
  const columns = keys.map((key, index) => Prisma.sql`${key} AS ${named[index] ?? Prisma.empty}`);
  const texts = keys.map((key) => Prisma.sql`(${key})::text`);
  const found = [...where, ...bounds(order, slice)];
  return Prisma.sql`SELECT p.id AS parent, s.id, s.keys FROM unnest(${[...parents]}::text[]) AS p(id) CROSS JOIN LATERAL (
    SELECT (${id})::text AS id, ARRAY[${Prisma.join(texts)}] AS keys, ${Prisma.join(columns)}
    FROM ${from} WHERE ${allOf(found)} ORDER BY ${inOrder(keys, direction)} LIMIT ${slice.limit}) s
    ORDER BY ${inOrder(named, Prisma.sql`ASC`)}`;
}

/** How many rows the same list holds below each of `parents`. */
export async function countsIn(db: Database, listing: Listing, parents: readonly string[]): Promise<number[]> {
  const rows = await db.$queryRaw<{ parent: string; count: number }[]>`
    SELECT p.id AS parent, (SELECT count(*)::int FROM ${listing.from} WHERE ${allOf(listing.where)}) AS count
    FROM unnest(${[...parents]}::text[]) AS p(id)`;
  const byParent = new Map(rows.map(({ parent, count }) => [parent, count]));
  return parents.map((parent) => byParent.get(parent) ?? 0);
}

function bounds(order: readonly OrderKey[], { after, before }: Slice): Sql[] {
  const row = Prisma.join(order.map(({ sql }) => sql));
  const place = (keys: readonly string[]) =>
    Prisma.join(order.map(({ type }, index) => Prisma.sql`${keys[index]}::${Prisma.raw(type)}`));
  return [
    ...(after === null ? [] : [Prisma.sql`(${row}) > (${place(after)})`]),
    ...(before === null ? [] : [Prisma.sql`(${row}) < (${place(before)})`]),
  ];
}

function allOf(conditions: readonly Sql[]): Sql {
  return conditions.length === 0 ? EVERYTHING : Prisma.join([...conditions], " AND ");
}

function inOrder(keys: readonly Sql[], direction: Sql): Sql {
  return Prisma.join(keys.map((key) => Prisma.sql`${key} ${direction}`));
}
