import type { Pool } from "pg";
import type { Caller } from "../domain/caller.js";
import type { RevisionRow } from "./revision-vector.js";
import { REVISION_DEADLINE_MS, withDeadline } from "./revisions.js";
import { asStoreError } from "./store-errors.js";

/** Who signs in with a secret, as the database has it. */
export interface SignIn {
  /** SHA-256 of the whole secret; null: none is asked for, since somebody else vouches for the holder. */
  readonly digest: Buffer | null;
  /** The secret before its rotation, and the instant (ms since the epoch) from which on it is good no more. */
  readonly previous?: { readonly digest: Buffer; readonly until: number } | null | undefined;
  /** Null: its holder is gone. */
  readonly caller: Caller | null;
  /** Milliseconds since the epoch: it is active at t when `from ≤ t < until`; null: no bound. */
  readonly from: number | null;
  readonly until: number | null;
  /** All that the rest depends on. */
  readonly scopes: readonly string[];
  /** Of the scopes, at the same moment. */
  readonly revisions: readonly RevisionRow[];
}

/** A sign-in with the database clock when it was read; null: there is none under the id. */
export interface FoundSignIn {
  readonly signIn: SignIn | null;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** How a kind of sign-in is looked up. */
export interface SignInStatement<Row> {
  readonly name: string;
  /** Takes the id as $1. */
  readonly text: string;
  toSignIn(row: Row): SignIn;
}

/** @throws UnavailableError when the database does not answer */
export async function findSignIn<Row extends { readonly now: number }>(
  pool: Pool,
  { name, text, toSignIn }: SignInStatement<Row>,
  id: string,
): Promise<FoundSignIn> {
  try {
    const found = pool.query<Row>({ name, text, values: [id] });
    const [row] = (await withDeadline(found, REVISION_DEADLINE_MS)).rows;
    return row === undefined ? { signIn: null, now: 0 } : { signIn: toSignIn(row), now: row.now };
  } catch (error) {
    throw asStoreError(error);
  }
}
