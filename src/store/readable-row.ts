import { UnavailableError } from "./store-errors.js";

/** What a row must hold, column by column. */
export type RowShape = Readonly<Record<string, Readable>>;

/** Whether a value is what a column holds. */
export type Readable = (value: unknown) => boolean;

export const text: Readable = (value) => typeof value === "string";
export const flag: Readable = (value) => typeof value === "boolean";
export const whole: Readable = (value) => Number.isSafeInteger(value);

export function oneOf(...allowed: readonly string[]): Readable {
  return (value) => typeof value === "string" && allowed.includes(value);
}

export function orNull(readable: Readable): Readable {
  return (value) => value === null || readable(value);
}

export function listOf(readable: Readable): Readable {
  return (value) => Array.isArray(value) && value.every(readable);
}

export function tuple(...columns: readonly Readable[]): Readable {
  return (value) =>
    Array.isArray(value) && value.length === columns.length && columns.every((readable, at) => readable(value[at]));
}

/**
 * Gives back a row of the primary that can be read. A standby may not have what the primary has acknowledged; and what
 * is decided from half an answer would be a guess, and kept for all.
 *
 * @throws UnavailableError for anything else
 */
export function primaryRow<Row extends { readonly standby: boolean }>(row: Row | undefined, shape: RowShape): Row {
  if (typeof row !== "object" || row === null) throw new UnavailableError("the database gave no answer");
  if (row.standby) throw new UnavailableError("the database is a standby");
  return readableRow(row, { ...shape, standby: no });
}

/** The same for a row that does not say whose it is. @throws UnavailableError */
export function readableRow<Row extends object>(row: Row | undefined, shape: RowShape): Row {
  if (typeof row !== "object" || row === null) throw new UnavailableError("the database gave no answer");
  const columns = new Map<string, unknown>(Object.entries(row));
  const unreadable = Object.entries(shape).find(([name, readable]) => !readable(columns.get(name)));
  if (unreadable === undefined) return row;
  throw new UnavailableError(`the answer of the database cannot be read: \`${unreadable[0]}\``);
}

const no: Readable = (value) => value === false;
