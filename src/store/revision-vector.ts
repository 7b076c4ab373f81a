import { listOf, text, tuple, whole } from "./readable-row.js";
import { UnavailableError } from "./store-errors.js";

/** One entry of the revision vector: `rev` gives the order within one history, `tag` names the state for good. */
export interface Revision {
  readonly rev: number;
  readonly tag: string;
}

/** The revision of every scope that was asked for; null: the scope was never moved, so nothing of it exists. */
export type RevisionVector = ReadonlyMap<string, Revision | null>;

/**
 * The scopes that the answers about a principal depend on besides those that its questions name: of its groups, and of
 * the custom policies that it or they have. By `arn_key` of the principal; a session has those of its role.
 */
export type FollowedScopes = ReadonlyMap<string, readonly string[]>;

/** How the model was, as far as it was looked at. */
export interface ModelState {
  readonly vector: RevisionVector;
  readonly followed: FollowedScopes;
  /** Database clock of the statement that read it, milliseconds since the epoch. */
  readonly now: number;
  /** False: what was read by several statements, so that perhaps all of it was never so together. */
  readonly ofOneMoment: boolean;
}

/** How a revision travels in the JSON of a statement. */
export type RevisionRow = readonly [scope: string, rev: number, tag: string];

export const REVISION_ROWS = listOf(tuple(text, whole, text));

/** How a followed scope travels in the JSON of a statement. */
export type FollowedRow = readonly [arnKey: string, scopes: readonly string[]];

export const FOLLOWED_ROWS = listOf(tuple(text, listOf(text)));

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

/** What was looked up; those of the principals that do not exist follow nothing. */
export function toFollowed(principals: readonly string[], rows: readonly FollowedRow[]): FollowedScopes {
  return new Map([...principals.map((arnKey): FollowedRow => [arnKey, []]), ...rows]);
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
