import { listOf, text, tuple, whole } from "./readable-row.js";
import { UnavailableError } from "./store-errors.js";

/** One entry of the revision vector: `rev` gives the order within one history, `tag` names the state for good. */
export interface Revision {
  readonly rev: number;
  readonly tag: string;
}

/** The revision of every scope that was asked for; null: the scope was never moved, so nothing of it exists. */
export type RevisionVector = ReadonlyMap<string, Revision | null>;

/** A vector together with the database clock (milliseconds since the epoch) of the statement that read it. */
export interface FreshRevisions {
  readonly vector: RevisionVector;
  readonly now: number;
}

/** How a revision travels in the JSON of a statement. */
export type RevisionRow = readonly [scope: string, rev: number, tag: string];

export const REVISION_ROWS = listOf(tuple(text, whole, text));

/** A scope and the revision it has moved to. */
export interface MovedScope {
  readonly scope: string;
  readonly rev: number;
}

/**
 * The entries of `scopes`, absent ones as null.
 *
 * @throws UnavailableError where `glob` is missing, which every database has: the rows are not all that there are
 */
export function toVector(scopes: readonly string[], rows: readonly RevisionRow[]): RevisionVector {
  const vector = new Map<string, Revision | null>(scopes.map((scope) => [scope, null]));
  for (const [scope, rev, tag] of rows) vector.set(scope, { rev, tag });
  if (vector.get("glob") === null) throw new UnavailableError("the database does not show its revisions");
  return vector;
}

const TRAIL = "trail:";

/** Stands in tokens for all changes of an account; no decision depends on it, and the database has no revision of it. */
export function trailScope(account: string): string {
  return `${TRAIL}${account}`;
}

export function isTrailScope(scope: string): boolean {
  return scope.startsWith(TRAIL);
}

/** What has moved between two states, of the scopes that both know. */
export function movedScopes(before: RevisionVector, after: RevisionVector): MovedScope[] {
  return [...after].flatMap(([scope, revision]) => {
    const moved = revision !== null && revision.tag !== before.get(scope)?.tag;
    return moved ? { scope, rev: revision.rev } : [];
  });
}
