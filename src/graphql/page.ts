import type { OutputType } from "@pothos/core";
import { queryFromInfo } from "@pothos/plugin-prisma";
import DataLoader from "dataloader";
import type { FieldNode, GraphQLResolveInfo } from "graphql";
import { countsIn, type Listing, NO_PARENT, type Place, placesIn, type Slice } from "../store/listing.js";
import type { Database } from "../store/prisma-client.js";
import { builder } from "./builder.js";
import type { GraphQLContext } from "./context.js";
import { type Cursors, cursorsOf } from "./cursor.js";
import { DEFAULT_PAGE_SIZE } from "./page-size.js";
import { recordsOf } from "./records.js";
import { selects } from "./selection.js";

/**
 * The connection and edge types of lists of one type, shared by every such list.
 *
 * @param things what the list holds, for descriptions: "users"
 */
export function connectionOf<Type extends OutputType<typeof builder.$inferSchemaTypes>>(
  type: Type,
  name: string,
  things: string,
) {
  return builder.connectionObject(
    {
      type,
      name: `${name}Connection`,
      description: `A page of ${things}, in stable order.`,
      fields: (t) => ({
        totalCount: t.int({
          description: `How many ${things} the whole list holds, on all pages together.`,
          resolve: (page) => (page as unknown as { totalCount(): Promise<number> }).totalCount(),
        }),
      }),
    },
    { name: `${name}Edge`, description: `One place in a list of ${things}.` },
  );
}

/** A list that a connection pages through. */
export interface PagedList<Row> {
  /** The same for every object that has the list. */
  readonly listing: Listing;
  /** Id of the object that has the list; none for lists of the query itself. */
  readonly parent?: string;
  /** Rows with these ids, in any order; `query` says what to read along with them. */
  read(db: Database, ids: string[], query: object): Promise<readonly Row[]>;
  /** Id of a row as the listing has it. Default: its `id`. */
  idOf?(row: Row): string;
}

/** What connections take; every other argument is a filter, which cursors are bound to. */
export interface PageArguments {
  readonly first?: number | null | undefined;
  readonly last?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly before?: string | null | undefined;
}

/**
 * One page of a list. The same list of many objects is read together: one statement finds which rows are on the pages,
 * one reads them, one counts when asked to.
 *
 * @throws InvalidCursorError for a cursor that does not come from this list under this filter
 */
export async function pageOf<Row extends object>(
  list: PagedList<Row>,
  args: PageArguments,
  context: GraphQLContext,
  info: GraphQLResolveInfo,
) {
  const { parent = NO_PARENT } = list;
  const { first, last, after, before, ...filter } = args;
  const cursors = cursorsOf(info.fieldName, parent, filter);
  const slice = sliceOf(args, cursors, list.listing.order.length);
  const totalCount = () => countLoader(list.listing, context, info).load(parent);
  if (!["edges", "nodes", "pageInfo"].some((name) => selects(info, name))) return emptyPage(totalCount);
  const query = queryFromInfo({ context, info, paths: [["nodes"], ["edges", "node"]] });
  const found = await pageLoader(list, slice, query, context, info).load(parent);
  return { ...connection(found, slice, cursors), totalCount };
}

function emptyPage(totalCount: () => Promise<number>) {
  const pageInfo = { startCursor: null, endCursor: null, hasNextPage: false, hasPreviousPage: false };
  return { edges: [], pageInfo, totalCount };
}

function sliceOf({ first, last, after, before }: PageArguments, cursors: Cursors, keys: number): Slice {
  const read = (cursor: string | null | undefined) => (typeof cursor === "string" ? cursors.read(cursor, keys) : null);
  return {
    after: read(after),
    before: read(before),
    limit: (last ?? first ?? DEFAULT_PAGE_SIZE) + 1,
    fromEnd: typeof last === "number" || (typeof before === "string" && typeof first !== "number"),
  };
}

/** A place on a page; without its row when that went between finding and reading it. */
interface FoundPlace<Row> {
  readonly place: Place;
  readonly row: Row | undefined;
}

/** The slice has one place more than the page: whether there is more. */
function connection<Row>(
  found: readonly FoundPlace<Row>[],
  { after, before, limit, fromEnd }: Slice,
  cursors: Cursors,
) {
  const more = found.length === limit;
  const page = !more ? found : fromEnd ? found.slice(1) : found.slice(0, -1);
  const edges = page.flatMap(({ place, row }) =>
    row === undefined ? [] : [{ cursor: cursors.write(place.keys), node: row }],
  );
  return {
    edges,
    pageInfo: {
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
      hasNextPage: fromEnd ? before !== null : more,
      hasPreviousPage: fromEnd ? more : after !== null,
    },
  };
}

function pageLoader<Row extends object>(
  { listing, read, idOf = defaultId }: PagedList<Row>,
  slice: Slice,
  query: object,
  { services, records }: GraphQLContext,
  info: GraphQLResolveInfo,
): DataLoader<string, FoundPlace<Row>[]> {
  const db = recordsOf(services);
  return shared(records.lists, `page ${nameOf(info)}`, async (parents) => {
    const places = await placesIn(db, listing, parents, slice);
    const ids = [...new Set(places.flat().map(({ id }) => id))];
    const rows = ids.length === 0 ? [] : await read(db, ids, query);
    const byId = new Map(rows.map((row) => [idOf(row), row]));
    return places.map((each) => each.map((place) => ({ place, row: byId.get(place.id) })));
  });
}

function defaultId(row: object): string {
  return (row as { id: string }).id;
}

function countLoader(
  listing: Listing,
  { services, records }: GraphQLContext,
  info: GraphQLResolveInfo,
): DataLoader<string, number> {
  const db = recordsOf(services);
  return shared(records.lists, `count ${nameOf(info)}`, (parents) => countsIn(db, listing, parents));
}

function shared<Value>(
  loaders: Map<string, DataLoader<string, unknown>>,
  name: string,
  load: (parents: readonly string[]) => Promise<Value[]>,
): DataLoader<string, Value> {
  const loader = (loaders.get(name) as DataLoader<string, Value> | undefined) ?? new DataLoader(load);
  loaders.set(name, loader as DataLoader<string, unknown>);
  return loader;
}

/** The same for what the same places of the document ask for, and so with the same arguments and selection. */
function nameOf({ fieldNodes }: GraphQLResolveInfo): string {
  return fieldNodes.map(numberOf).join();
}

const numbers = new WeakMap<FieldNode, number>();
let lastNumber = 0;

function numberOf(node: FieldNode): number {
  const known = numbers.get(node);
  if (known !== undefined) return known;
  lastNumber += 1;
  numbers.set(node, lastNumber);
  return lastNumber;
}
