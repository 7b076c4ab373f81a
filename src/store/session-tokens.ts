import { createHash, randomBytes } from "node:crypto";
import type { Pool } from "pg";
import type { RevisionRow } from "./revision-vector.js";
import { type FoundSignIn, findSignIn, type SignInStatement } from "./sign-in.js";

/** A token `rgs_<session id>_<secret>`, and all that is kept of it. */
export interface SessionToken {
  readonly text: string;
  /** SHA-256 of the whole text. */
  readonly digest: Buffer;
}

interface SessionRow {
  readonly id: string;
  readonly now: number;
  readonly arn: string;
  readonly token_digest: Buffer;
  readonly from: number;
  readonly until: number;
  readonly revisions: readonly RevisionRow[];
}

const SESSION_TOKEN = /^rgs_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})_[A-Za-z0-9_-]{43}$/;
/** `least` takes no notice of NULLs. */
const FIND_SESSION: SignInStatement<SessionRow> = {
  name: "ramgate-find-session",
  text: `SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now, s.id, s.arn, s.token_digest,
      floor(extract(epoch FROM s.issued_at) * 1000)::float8 AS from,
      floor(extract(epoch FROM least(s.expires_at, s.revoked_at)) * 1000)::float8 AS until,
      coalesce((SELECT json_agg(json_build_array(r.scope, r.rev, r.tag)) FROM scope_revision r
        WHERE r.scope = 'prin:' || s.arn), '[]') AS revisions
    FROM role_session s WHERE s.id = $1`,
  toSignIn({ id: credentialId, arn: principalArn, token_digest: digest, from, until, revisions }) {
    const caller = { kind: "PRINCIPAL", credentialId, principalArn, signedInBy: "SESSION_TOKEN" } as const;
    return { digest, caller, from, until, scopes: [`prin:${principalArn}`], revisions };
  },
};

/** Makes the token of a new session, 256 random bits. `sessionId`: a UUID. */
export function newSessionToken(sessionId: string): SessionToken {
  const text = `rgs_${sessionId.replaceAll("-", "")}_${randomBytes(32).toString("base64url")}`;
  return { text, digest: digestOf(text) };
}

/** The id of the session that a token is of; null when `text` is no such token. */
export function sessionIdOf(text: string): string | null {
  const [, ...parts] = SESSION_TOKEN.exec(text) ?? [];
  return parts.length === 0 ? null : parts.join("-");
}

/** What the database knows of the session with this id. @throws UnavailableError when it does not answer */
export function findSession(pool: Pool, id: string): Promise<FoundSignIn> {
  return findSignIn(pool, FIND_SESSION, id);
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
