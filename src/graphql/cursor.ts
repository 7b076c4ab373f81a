import { createHash } from "node:crypto";
import { excerpt } from "../domain/arn.js";
import { InvalidInputError } from "../domain/errors.js";

/** A cursor that this list did not give. */
export class InvalidCursorError extends InvalidInputError {
  readonly reason = "INVALID_CURSOR";
}

/** The cursors of one list. They hold where a row stands, not which row it is, so they outlive it. */
export interface Cursors {
  /** @param keys what the list is sorted by, ending with what tells any two rows apart */
  write(keys: readonly string[]): string;
  /**
   * The keys of a cursor.
   *
   * @param count how many keys the list is sorted by
   * @throws InvalidCursorError when it comes from another list, or from the same under another filter
   */
  read(cursor: string, count: number): readonly string[];
}

/**
 * Binds cursors to what identifies a list: a place in one list says nothing about another.
 *
 * @param list field, parent and filter, as JSON values
 */
export function cursorsOf(...list: readonly unknown[]): Cursors {
  const binding = createHash("sha256").update(textOf(list)).digest("base64url").slice(0, 12);
  return {
    write: (keys) => Buffer.from(JSON.stringify([binding, ...keys])).toString("base64url"),
    read(cursor, count) {
      const [bound, ...keys] = partsOf(cursor);
      if (bound === binding && keys.length === count) return keys;
      const message = `\`${excerpt(cursor)}\` is no cursor of this list: take one from a page with the same arguments`;
      throw new InvalidCursorError(message);
    },
  };
}

/** A filter that is null is a filter that is left out. */
function textOf(list: readonly unknown[]): string {
  return JSON.stringify(list, (_key, value: unknown) => (value === null ? undefined : value));
}

function partsOf(cursor: string): string[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    return Array.isArray(parts) && parts.every((part) => typeof part === "string") ? parts : [];
  } catch {
    return [];
  }
}
