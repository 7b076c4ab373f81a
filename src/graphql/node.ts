import type { ObjectRef } from "@pothos/core";
import type { Caller } from "../domain/caller.js";
import { builder } from "./builder.js";
import { addNodeType } from "./node-id.js";
import type { Records } from "./records.js";

type Types = typeof builder.$inferSchemaTypes;
type Found<Shape> = Promise<readonly (Shape | Error | null)[]>;

/**
 * Makes a type a Relay node.
 *
 * @param key what identifies a row within the type
 * @param load the rows of such keys in their order, null for those that do not exist or that the caller may not see
 */
export function node<Shape extends object>(
  type: ObjectRef<Types, Shape>,
  key: (row: Shape) => string,
  load: (keys: string[], records: Records, caller: Caller | null) => Found<Shape>,
): void {
  addNodeType(type.name);
  builder.nodeRef<Shape, string, ObjectRef<Types, Shape>>(type, {
    id: { resolve: (row) => key(row) },
    loadMany: async (keys, { records, caller }) => (await load(keys, records, caller)).map(orThrow) as Shape[],
  });
}

/** An error among the rows would bypass what turns errors into answers. */
function orThrow<Row>(row: Row | Error | null): Row | null {
  if (row instanceof Error) throw row;
  return row;
}

/** Keeps what has the right kind, so that the id of a user never finds a group. */
export async function only<Row extends object>(rows: Found<Row>, isRight: (row: Row) => boolean): Found<Row> {
  return (await rows).map((row) => (row === null || row instanceof Error || isRight(row) ? row : null));
}
