import { createLocalJWKSet, errors, type JWTVerifyGetKey } from "jose";
import { type Clocks, SYSTEM_CLOCKS } from "./known-revisions.js";
import { UnavailableError } from "./store-errors.js";

/** The public keys of an issuer. */
type KeySet = ReturnType<typeof createLocalJWKSet>;

/** Milliseconds between two requests to the issuer, whatever came of them: unknown key ids cost it no more than this. */
export const REFETCH_COOLDOWN_MS = 30_000;
/** After this time keys are fetched anew, so that those that the issuer has withdrawn go. */
const FRESH_MS = 300_000;
/** What was fetched is good for so long when the issuer does not answer any more. */
const USABLE_MS = 900_000;
const TIMEOUT_MS = 2_000;
const MOST_BYTES = 262_144;

interface Fetched {
  readonly keys: KeySet;
  /** Monotonic, in milliseconds. */
  readonly at: number;
}

/**
 * Finds the key of a token among those at one fixed address; nothing in a token can name another. Fetches them when they
 * are needed first, when they are old, and when a token was signed with a key that is not among them.
 *
 * @returns for jose; throws its errors for a key that is not there, and UnavailableError without any usable keys
 */
export function createIssuerKeys(url: URL, clocks: Clocks = SYSTEM_CLOCKS): JWTVerifyGetKey {
  let fetched: Fetched | null = null;
  let triedAt = Number.NEGATIVE_INFINITY;
  let fetching: Promise<boolean> | null = null;

  const age = () => (fetched === null ? Number.POSITIVE_INFINITY : clocks.monotonic() - fetched.at);

  /** Whether there is something new. */
  function refetch(): Promise<boolean> {
    const now = clocks.monotonic();
    if (fetching !== null) return fetching;
    if (now - triedAt < REFETCH_COOLDOWN_MS) return Promise.resolve(false);
    triedAt = now;
    fetching = fetchKeys(url)
      .then((keys) => {
        fetched = { keys, at: now };
        return true;
      })
      .catch(() => false)
      .finally(() => {
        fetching = null;
      });
    return fetching;
  }

  function usableKeys(): KeySet {
    if (fetched !== null && age() < USABLE_MS) return fetched.keys;
    throw new UnavailableError("the keys of the issuer cannot be had");
  }

  return async (header, token) => {
    if (age() >= FRESH_MS) await refetch();
    try {
      return await usableKeys()(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !(await refetch())) throw error;
      return usableKeys()(header, token);
    }
  };
}

/** A redirect would let somebody else say where the keys are. */
async function fetchKeys(url: URL): Promise<KeySet> {
  const headers = { accept: "application/jwk-set+json, application/json" };
  const response = await fetch(url, { headers, redirect: "error", signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (response.status !== 200) throw new Error(`the issuer answered with ${response.status}`);
  return createLocalJWKSet(JSON.parse(await textOf(response)));
}

async function textOf(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.byteLength;
    if (size > MOST_BYTES) throw new Error(`the key set is larger than ${MOST_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}
