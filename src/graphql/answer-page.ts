import type { OutputType } from "@pothos/core";
import type { ListedAnswer, Moment } from "../decisions/listed-answer.js";
import { builder } from "./builder.js";
import { cursorsOf, InvalidCursorError } from "./cursor.js";
import { connectionOf, type PageArguments } from "./page.js";
import { DEFAULT_PAGE_SIZE } from "./page-size.js";

/** What a question about everybody or everything costs, however small the page: all of them are evaluated. */
export const WHOLE_ACCOUNT_COST = 100;

/** The connection and edge types of an answer that {@link pageOfAnswer} pages through. */
export function answerConnectionOf<Type extends OutputType<typeof builder.$inferSchemaTypes>>(
  type: Type,
  name: string,
  things: string,
) {
  const connection = connectionOf(type, name, things);
  builder.objectField(connection as never, "evaluatedAt", (t) =>
    t.field({
      type: "DateTime",
      description:
        "The instant that all pages of the answer are of; by the clock of the database, unless it was asked for.",
      resolve: (page) => (page as { readonly evaluatedAt: number }).evaluatedAt,
    }),
  );
  return connection;
}

/** Where a cursor stands: in the answer of which moment, behind or in front of which row. */
interface Stand {
  readonly moment: Moment;
  readonly row: number;
}

/**
 * One page of an answer. All its pages are of the moment of the first: cursors say which, and count its rows.
 *
 * @param list field and arguments, which cursors are bound to
 * @param answer finds the answer of a moment, null: now; null when it cannot be had any more
 * @throws InvalidCursorError
 */
export async function pageOfAnswer<Row>(
  list: readonly unknown[],
  args: PageArguments,
  answer: (moment: Moment | null) => Promise<ListedAnswer<Row> | null>,
) {
  const cursors = cursorsOf(...list);
  const standOf = (cursor: string | null | undefined) =>
    typeof cursor === "string" ? readStand(cursors.read(cursor, 3)) : null;
  const [after, before] = [standOf(args.after), standOf(args.before)];
  const found = await answer((after ?? before)?.moment ?? null);
  if (found === null) throw new InvalidCursorError("too much has changed since the first page: start again");
  const { rows, moment } = found;
  const [start, end] = boundsOf(args, after === null ? 0 : after.row + 1, before === null ? rows.length : before.row);
  const edges = rows.slice(start, end).map((node, place) => {
    const cursor = cursors.write([moment.tag, String(moment.instant), String(start + place)]);
    return { cursor, node };
  });
  const pageInfo = {
    startCursor: edges[0]?.cursor ?? null,
    endCursor: edges.at(-1)?.cursor ?? null,
    hasPreviousPage: start > 0,
    hasNextPage: end < rows.length,
  };
  return { edges, pageInfo, totalCount: async () => rows.length, evaluatedAt: moment.instant };
}

function boundsOf({ first, last, before }: PageArguments, start: number, end: number): [start: number, end: number] {
  const fromEnd = typeof last === "number" || (typeof before === "string" && typeof first !== "number");
  const size = last ?? first ?? DEFAULT_PAGE_SIZE;
  if (fromEnd) return [Math.max(start, end - size), Math.max(start, end)];
  return [Math.min(start, end), Math.min(start + size, end)];
}

/** Whoever makes up numbers gets a page of no sense, and nothing that he could not ask for with `currentTime`. */
function readStand([tag = "", instant, row]: readonly string[]): Stand {
  const [at, place] = [Number(instant), Number(row)];
  const readable = Number.isSafeInteger(at) && Math.abs(at) <= 8.64e15 && Number.isSafeInteger(place) && place >= 0;
  if (!readable) throw new InvalidCursorError("the cursor is malformed");
  return { moment: { tag, instant: at }, row: place };
}
