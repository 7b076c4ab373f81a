import type { OutputType } from "@pothos/core";
import { builder } from "./builder.js";

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
          extensions: { pothosPrismaTotalCount: true },
          resolve: (page) => countOf(page),
        }),
      }),
    },
    { name: `${name}Edge`, description: `One place in a list of ${things}.` },
  );
}

/** Lists count when asked; relations were counted with their parent. */
function countOf(page: object): number | Promise<number> {
  const { totalCount } = page as { totalCount: number | (() => number | Promise<number>) };
  return typeof totalCount === "function" ? totalCount() : totalCount;
}

/** `LIKE` takes `%` and `_` for patterns, and Prisma passes them on; names are meant literally. */
export function nameFilter(text: string | null | undefined) {
  if (text === null || text === undefined) return {};
  return { name: { contains: text.replace(/[\\%_]/g, "\\$&"), mode: "insensitive" as const } };
}
