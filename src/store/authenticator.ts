import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Pool } from "pg";
import type { Caller } from "../domain/caller.js";
import { findCredential, parseApiKey } from "./credentials.js";
import { looksLikeToken, type TokenVerifier } from "./oidc-tokens.js";
import { findPrincipalSignIn } from "./principal-sign-in.js";
import type { RevisionReader } from "./revisions.js";
import { findSession, sessionIdOf } from "./session-tokens.js";
import type { FoundSignIn, SignIn } from "./sign-in.js";

/** Says who the holder of a secret is. */
export interface Authenticator {
  /** Null for a secret that is malformed, unknown, revoked or expired. */
  (secret: string): Promise<Caller | null>;
  /**
   * Who held the secret when it was last looked up, without asking; null: not known. It may be revoked since. Where nothing
   * has changed since, the promise yields the very same object.
   */
  believed(secret: string): Caller | null;
}

const MOST_KEPT = 10_000;
const UNKNOWN_DIGEST = hash("sha256", randomBytes(32), "buffer");

export interface AuthenticatorOptions {
  /** Told the id of each API key that has signed somebody in. */
  readonly onKeyUsed?: (id: string) => void;
  /** Says whom a token of the issuer names; null: there is no issuer. */
  readonly tokens?: TokenVerifier | null;
}

/**
 * Knows the holders of API keys, of session tokens and of an issuer's tokens. What it has looked up before it uses as long
 * as no revision has moved that it depends on, which it reads each time, in the one statement with all that is being asked
 * at the moment: so a revoked key is of no use from the moment on that its revocation was acknowledged. Takes the same time
 * for unknown ids as for wrong secrets.
 *
 * @throws UnavailableError when the database, or the issuer whose keys are needed, does not answer
 */
export function createAuthenticator(
  pool: Pool,
  revisions: RevisionReader,
  { onKeyUsed = () => {}, tokens = null }: AuthenticatorOptions = {},
): Authenticator {
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

  async function holderOfKey(id: string, secret: string): Promise<Caller | null> {
    const caller = holderOf(secret, await look(id, findCredential));
    if (caller !== null) onKeyUsed(id);
    return caller;
  }

  async function holderOfToken(token: string): Promise<Caller | null> {
    const named = (await tokens?.(token)) ?? null;
    if (named === null) return null;
    const { signIn } = await look(named.principal.arnKey, findPrincipalSignIn);
    return signIn?.caller ? { ...signIn.caller, credentialId: named.tokenId } : null;
  }

  async function authenticate(secret: string): Promise<Caller | null> {
    const keyId = parseApiKey(secret)?.id;
    if (keyId !== undefined) return holderOfKey(keyId, secret);
    const sessionId = sessionIdOf(secret);
    if (sessionId !== null) return holderOf(secret, await look(sessionId, findSession));
    return looksLikeToken(secret) ? holderOfToken(secret) : null;
  }

  function believed(secret: string): Caller | null {
    const signIn = kept.get(parseApiKey(secret)?.id ?? sessionIdOf(secret) ?? "");
    return signIn === undefined ? null : holderOf(secret, { signIn, now: Date.now() });
  }

  return Object.assign(authenticate, { believed });
}

/** Compares with both secrets whatever the first comparison gave, and with as many where there is nothing to compare with. */
function holderOf(secret: string, { signIn, now }: FoundSignIn): Caller | null {
  const digest = hash("sha256", secret, "buffer");
  const current = isSame(digest, signIn?.digest);
  const previous = isSame(digest, signIn?.previous?.digest) && now < (signIn?.previous?.until ?? 0);
  return signIn !== null && (current || previous) && isActive(signIn, now) ? signIn.caller : null;
}

function isSame(digest: Buffer, known: Buffer | null | undefined): boolean {
  return timingSafeEqual(digest, known ?? UNKNOWN_DIGEST);
}

/** A scope without a revision could move without anybody's noticing. */
function isGuarded({ scopes, revisions }: SignIn): boolean {
  return scopes.length > 0 && scopes.length === revisions.length;
}

function isActive({ from, until }: SignIn, now: number): boolean {
  return (from === null || from <= now) && (until === null || now < until);
}
