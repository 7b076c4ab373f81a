import { createHmac, timingSafeEqual } from "node:crypto";
import { InvalidInputError } from "../domain/errors.js";
import type { RevisionVector } from "./revisions.js";

/** A revision token that this gateway did not issue, or that is too old. */
export class InvalidTokenError extends InvalidInputError {
  readonly reason = "CONSISTENCY_TOKEN_INVALID";
}

export interface Tokens {
  /** Makes a token for (at most 64 entries of) a vector. `now`: milliseconds since the epoch, database clock. */
  issue(vector: RevisionVector, now: number): string;
  /**
   * The revisions a token stands for; 0 for a scope that did not exist.
   *
   * @throws InvalidTokenError for a token that is forged, expired, malformed or from another environment
   */
  read(token: string, now: number): { revisions: ReadonlyMap<string, number> };
}

interface TokenPayload {
  /** Environment. */
  readonly e: string;
  /** Revisions. */
  readonly r: readonly (readonly [scope: string, rev: number])[];
  /** Expiry, milliseconds since the epoch. */
  readonly x: number;
}

const LIFETIME_MS = 24 * 60 * 60 * 1000;
const MAX_SCOPES = 64;
/** Names of imported policies can be long. */
const MAX_NAMES = 16_384;
const MAC_BYTES = 16;
const MAX_LENGTH = 32_768;

/** Creates the issuer and reader of revision tokens: `v1.<payload>.<mac>`, opaque to callers. */
export function createTokens({ environment, key }: { environment: string; key: Buffer }): Tokens {
  const mac = (payload: string): Buffer =>
    createHmac("sha256", key).update(`ramgate token v1\0${payload}`).digest().subarray(0, MAC_BYTES);

  return {
    issue(vector, now) {
      const payload = encode({ e: environment, r: entriesOf(vector), x: now + LIFETIME_MS });
      return `v1.${payload}.${mac(payload).toString("base64url")}`;
    },
    read(token, now) {
      const [version, payload, seal, ...rest] = token.length > MAX_LENGTH ? [] : token.split(".");
      if (version !== "v1" || payload === undefined || seal === undefined || rest.length > 0) throw invalid();
      if (!sameBytes(Buffer.from(seal, "base64url"), mac(payload))) throw invalid();
      const { e, r, x } = decode(payload);
      if (e !== environment) throw new InvalidTokenError("the revision token belongs to another environment");
      if (!(now < x)) throw new InvalidTokenError("the revision token has expired");
      return { revisions: new Map(r) };
    },
  };
}

/** What is cut off a large vector is the least shared: policies go first, then groups. */
const RANKS = ["glob", "acct:", "trail:", "prin:", "res:", "grp:", "pol:"];

function entriesOf(vector: RevisionVector): [string, number][] {
  const entries = [...vector].map(([scope, revision]): [string, number] => [scope, revision?.rev ?? 0]);
  const rank = (scope: string): number => RANKS.findIndex((kind) => scope.startsWith(kind));
  entries.sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1));
  let room = MAX_NAMES;
  return entries.slice(0, MAX_SCOPES).filter(([scope]) => {
    room -= Buffer.byteLength(scope);
    return room >= 0;
  });
}

function encode(payload: TokenPayload): string {
  return Buffer.from(JSON.stringify(payload)).toString("base64url");
}

/** Only payloads under a valid MAC get here, so their shape is ours. */
function decode(payload: string): TokenPayload {
  return JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as TokenPayload;
}

function sameBytes(left: Buffer, right: Buffer): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}

function invalid(): InvalidTokenError {
  return new InvalidTokenError("the revision token is not valid");
}
