import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Pool } from "pg";
import type { Caller } from "../domain/caller.js";
import { findCredential, parseApiKey } from "./credentials.js";
import type { RevisionReader } from "./revisions.js";
import { findSession, sessionIdOf } from "./session-tokens.js";
import type { FoundSignIn, SignIn } from "./sign-in.js";

/** Says who the holder of a secret is; null for one that is malformed, unknown, revoked or expired. */
export type Authenticator = (secret: string) => Promise<Caller | null>;

const MOST_KEPT = 10_000;
const UNKNOWN_DIGEST = createHash("sha256").update(randomBytes(32)).digest();

/**
 * Knows the holders of API keys and of session tokens. What it has looked up before it uses as long as no revision has
 * moved that it depends on, which it reads each time, in the one statement with all that is being asked at the moment: so
 * a revoked key is of no use from the moment on that its revocation was acknowledged. Takes the same time for unknown ids
 * as for wrong secrets.
 *
 * @throws UnavailableError when the database does not answer
 */
export function createAuthenticator(pool: Pool, revisions: RevisionReader): Authenticator {
  const kept = new LRUCache<string, SignIn>({ max: MOST_KEPT });

  async function look(id: string, find: (pool: Pool, id: string) => Promise<FoundSignIn>): Promise<FoundSignIn> {
    const known = kept.get(id);
    if (known !== undefined) {
      const { vector, now } = await revisions.readFresh(known.scopes);
      if (known.revisions.every(([scope, , tag]) => vector.get(scope)?.tag === tag)) return { signIn: known, now };
    }
    const found = await find(pool, id);
    if (found.signIn !== null && isGuarded(found.signIn)) kept.set(id, found.signIn);
    else kept.delete(id);
    return found;
  }

  return async (secret) => {
    const keyId = parseApiKey(secret)?.id;
    const sessionId = keyId === undefined ? sessionIdOf(secret) : null;
    if (keyId !== undefined) return callerOf(secret, await look(keyId, findCredential));
    return sessionId === null ? null : callerOf(secret, await look(sessionId, findSession));
  };
}

function callerOf(secret: string, { signIn, now }: FoundSignIn): Caller | null {
  const known = timingSafeEqual(createHash("sha256").update(secret).digest(), signIn?.digest ?? UNKNOWN_DIGEST);
  return signIn !== null && known && isActive(signIn, now) ? signIn.caller : null;
}

/** A scope without a revision could move without anybody's noticing. */
function isGuarded({ scopes, revisions }: SignIn): boolean {
  return scopes.length > 0 && scopes.length === revisions.length;
}

function isActive({ from, until }: SignIn, now: number): boolean {
  return (from === null || from <= now) && (until === null || now < until);
}
