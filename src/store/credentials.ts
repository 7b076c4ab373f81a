import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Pool } from "pg";
import type { Caller } from "../domain/caller.js";
import type { Database, Transaction } from "./prisma-client.js";
import type { RevisionRow } from "./revision-vector.js";
import { type FoundSignIn, findSignIn, type SignIn, type SignInStatement } from "./sign-in.js";
import { asStoreError } from "./store-errors.js";

/** An API key `rg_<id>_<secret>` as it is handed out, and all that is kept of it. */
export interface NewApiKey {
  readonly id: string;
  readonly text: string;
  /** SHA-256 of the whole text. */
  readonly digest: Uint8Array<ArrayBuffer>;
}

/** The two parts of an API key `rg_<id>_<secret>`. */
export interface ApiKey {
  readonly id: string;
  readonly secret: string;
}

/** The operator key given to the gateway has the id of a credential with another secret. */
export class CredentialConflictError extends Error {
  override readonly name = "CredentialConflictError";
}

interface CredentialRow {
  readonly id: string;
  readonly now: number;
  readonly kind: "OPERATOR" | "PRINCIPAL";
  readonly secret_digest: Buffer;
  readonly previous_digest: Buffer | null;
  readonly previous_until: number | null;
  readonly principal_arn: string | null;
  readonly until: number | null;
  readonly scopes: readonly string[];
  readonly revisions: readonly RevisionRow[];
}

interface StoredSecrets {
  readonly secretDigest: Uint8Array;
  readonly previousDigest: Uint8Array | null;
  readonly previousUntil: Date | null;
}

const API_KEY = /^rg_([a-z0-9]{1,32})_([A-Za-z0-9_-]{43,512})$/;
const OPERATOR_LOCK = 7_270_736_901n;
/** `least` takes no notice of NULLs. */
const FIND_CREDENTIAL: SignInStatement<CredentialRow> = {
  name: "ramgate-find-credential",
  text: `SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now,
      c.id, c.kind, c.secret_digest, p.arn AS principal_arn, c.previous_digest,
      floor(extract(epoch FROM c.previous_until) * 1000)::float8 AS previous_until,
      floor(extract(epoch FROM least(c.revoked_at, c.expires_at)) * 1000)::float8 AS until,
      s.scopes, coalesce((SELECT json_agg(json_build_array(r.scope, r.rev, r.tag)) FROM scope_revision r
        WHERE r.scope = ANY (s.scopes)), '[]') AS revisions
    FROM credential c LEFT JOIN principal p ON p.id = c.principal_id,
      LATERAL (SELECT array_remove(ARRAY['cred:' || c.id, 'prin:' || p.arn_key], NULL) AS scopes) s
    WHERE c.id = $1`,
  toSignIn(row) {
    const { secret_digest: digest, until, scopes, revisions } = row;
    return { digest, previous: previousOf(row), caller: callerOf(row), from: null, until, scopes, revisions };
  },
};

/** Makes a key with a secret of 256 random bits. `id`: of a key that gets a new secret; a random one unless given. */
export function newApiKey(id = randomBytes(8).toString("hex")): NewApiKey {
  const text = `rg_${id}_${randomBytes(32).toString("base64url")}`;
  return { id, text, digest: new Uint8Array(digestOf(text)) };
}

/** Whether a text can be the `<id>` of an API key. */
export function isApiKeyId(text: string): boolean {
  return /^[a-z0-9]{1,32}$/.test(text);
}

/** Takes an API key apart at its first two `_`; null when `text` is none. */
export function parseApiKey(text: string): ApiKey | null {
  const [, id, secret] = API_KEY.exec(text) ?? [];
  return id === undefined || secret === undefined ? null : { id, secret };
}

/** What the database knows of the key with this id. @throws UnavailableError when it does not answer */
export function findCredential(pool: Pool, id: string): Promise<FoundSignIn> {
  return findSignIn(pool, FIND_CREDENTIAL, id);
}

function previousOf({ previous_digest: digest, previous_until: until }: CredentialRow): SignIn["previous"] {
  return digest === null || until === null ? null : { digest, until };
}

function callerOf({ id: credentialId, kind, principal_arn: principalArn }: CredentialRow): Caller | null {
  if (kind === "OPERATOR") return { kind, credentialId };
  return principalArn === null ? null : { kind, credentialId, principalArn };
}

/**
 * Makes sure that an operator can sign in. Several gateways may start at once: they take turns.
 *
 * @param apiKey the operator's key; null: make a random one when no operator credential exists
 * @returns the random key, to be shown once; null when none was made
 * @throws CredentialConflictError when the id of `apiKey` is taken by another key
 */
export async function ensureOperator(db: Database, apiKey: string | null): Promise<{ created: string | null }> {
  try {
    return await db.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT pg_advisory_xact_lock(${OPERATOR_LOCK})::text`;
      return apiKey === null ? await createFirstOperator(tx) : await keepOperator(tx, apiKey);
    });
  } catch (error) {
    throw asStoreError(error);
  }
}

async function createFirstOperator(tx: Transaction): Promise<{ created: string | null }> {
  const operator = await tx.credential.findFirst({
    where: { kind: "OPERATOR", revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: new Date() } }] },
    select: { id: true },
  });
  if (operator !== null) return { created: null };
  const { text: created } = newApiKey();
  await insertOperator(tx, created, "made at the first start");
  return { created };
}

async function keepOperator(tx: Transaction, apiKey: string): Promise<{ created: null }> {
  const id = idOf(apiKey);
  const known = await tx.credential.findUnique({ where: { id } });
  if (known === null) await insertOperator(tx, apiKey, "from ADMIN_API_KEY");
  else if (known.kind !== "OPERATOR" || !isSecretOf(known, digestOf(apiKey))) {
    throw new CredentialConflictError(
      `the operator key has the id \`${id}\`, which already belongs to another key: use another id or the key of that id`,
    );
  } else if (known.revokedAt !== null) {
    throw new CredentialConflictError(`the operator key \`${id}\` has been revoked: use a key with another id`);
  }
  return { created: null };
}

/** Gateways that know the secret of before a rotation start as long as it is good. */
function isSecretOf({ secretDigest, previousDigest, previousUntil }: StoredSecrets, digest: Buffer): boolean {
  const current = timingSafeEqual(digest, secretDigest);
  const previous = previousDigest !== null && timingSafeEqual(digest, previousDigest);
  return current || (previous && previousUntil !== null && new Date() < previousUntil);
}

async function insertOperator(tx: Transaction, apiKey: string, description: string): Promise<void> {
  const secretDigest = new Uint8Array(digestOf(apiKey));
  await tx.credential.create({ data: { id: idOf(apiKey), kind: "OPERATOR", secretDigest, description } });
}

function idOf(apiKey: string): string {
  const key = parseApiKey(apiKey);
  if (key === null) throw new CredentialConflictError("the operator key must have the form `rg_<id>_<secret>`");
  return key.id;
}

function digestOf(apiKey: string): Buffer {
  return createHash("sha256").update(apiKey).digest();
}
