import type { Tokens } from "../store/revision-token.js";
import { isTrailScope, type RevisionVector } from "../store/revisions.js";

/** How fresh an answer must be. `full`: it sees every change that was acknowledged before the question came. */
export type Consistency =
  | { readonly kind: "full" }
  | { readonly kind: "atLeast"; readonly token: string }
  /** Permits an older state; at present answered like `full`. */
  | { readonly kind: "minimizeLatency" };

/** The database does not have the revision that the caller has seen: an acknowledged change is missing in it. */
export class RevisionUnavailableError extends Error {
  override readonly name = "RevisionUnavailableError";
}

/** Revisions that an answer must not be older than. */
export type RevisionFloor = ReadonlyMap<string, number>;

const NO_FLOOR: RevisionFloor = new Map();

/**
 * The revisions a question insists on.
 *
 * @param now milliseconds since the epoch, decides whether the token has expired
 * @throws InvalidTokenError
 */
export function revisionFloor(consistency: Consistency | null | undefined, tokens: Tokens, now: number): RevisionFloor {
  if (consistency?.kind !== "atLeast") return NO_FLOOR;
  const { revisions } = tokens.read(consistency.token, now);
  return new Map([...revisions].filter(([scope]) => !isTrailScope(scope)));
}

/** @throws RevisionUnavailableError when `vector` is behind `floor` in any scope */
export function requireAtLeast(floor: RevisionFloor, vector: RevisionVector): void {
  for (const [scope, rev] of floor) {
    if ((vector.get(scope)?.rev ?? 0) >= rev) continue;
    throw new RevisionUnavailableError("the database is behind the revision of the token");
  }
}
