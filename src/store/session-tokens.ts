import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Pool } from "pg";
import type { Caller } from "../domain/caller.js";
import { REVISION_DEADLINE_MS, withDeadline } from "./revisions.js";
import { asStoreError } from "./store-errors.js";

/** A token `rgs_<session id>_<secret>`, and all that is kept of it. */
export interface SessionToken {
  readonly text: string;
  /** SHA-256 of the whole text. */
  readonly digest: Buffer;
}

interface SessionRow {
  readonly arn: string;
  readonly token_digest: Buffer;
  readonly active: boolean;
}

const SESSION_TOKEN = /^rgs_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})_[A-Za-z0-9_-]{43}$/;
const UNKNOWN_DIGEST = createHash("sha256").update(randomBytes(32)).digest();
const FIND_SESSION = {
  name: "ramgate-find-session",
  text: `SELECT arn, token_digest, issued_at <= clock_timestamp() AND expires_at > clock_timestamp()
      AND (revoked_at IS NULL OR revoked_at > clock_timestamp()) AS active
    FROM role_session WHERE id = $1`,
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

/**
 * Says which session the holder of a token acts in; null for a token that is malformed or unknown, and for a session
 * that has expired or was revoked (by the database's clock).
 * @throws UnavailableError when the database does not answer
 */
export async function authenticateSession(pool: Pool, token: string): Promise<Caller | null> {
  const id = sessionIdOf(token);
  if (id === null) return null;
  const row = await findSession(pool, id);
  const known = timingSafeEqual(digestOf(token), row?.token_digest ?? UNKNOWN_DIGEST);
  if (row === undefined || !known || !row.active) return null;
  return { kind: "PRINCIPAL", credentialId: id, principalArn: row.arn };
}

async function findSession(pool: Pool, id: string): Promise<SessionRow | undefined> {
  try {
    const found = pool.query<SessionRow>({ ...FIND_SESSION, values: [id] });
    return (await withDeadline(found, REVISION_DEADLINE_MS)).rows[0];
  } catch (error) {
    throw asStoreError(error);
  }
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
