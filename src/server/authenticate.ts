import type { Caller } from "../domain/caller.js";

const bearer = /^Bearer +([\x21-\x7e]+)$/i;

/**
 * The key of an `Authorization: Bearer <key>` header.
 *
 * @returns null when there is no such header or it is not of that form
 */
export function bearerKey(header: string | null): string | null {
  return bearer.exec(header ?? "")?.[1] ?? null;
}

/** Looks a key up; null for unknown, revoked and expired ones alike. */
export type Authenticate = (apiKey: string) => Promise<Caller | null>;

/**
 * Who held a key a moment ago, without asking anybody; null: not known. The caller that {@link Authenticate} finds is the
 * same object where that still holds.
 */
export type Believe = (apiKey: string) => Caller | null;
