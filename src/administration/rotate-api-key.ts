import type { Transaction } from "../store/prisma-client.js";
import { readClock } from "../store/revisions.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import {
  changeOf,
  expiryOf,
  findKey,
  type Issue,
  type IssuedKey,
  type KeptIssue,
  type NamedKey,
  newIssue,
  readKey,
  requireKey,
  withSecret,
} from "./api-key.js";
import { changeAccount, type Effect } from "./change-account.js";
import { apiKeyFacts } from "./facts.js";
import { refuse } from "./user-error.js";

export interface RotateApiKeyInput {
  /** `<id>` of `rg_<id>_<secret>`. */
  readonly apiKey: string;
  /** Seconds that the secret so far stays good beside the new one, 0 to 604,800; 0 unless given: it is void at once. */
  readonly overlapSeconds?: number | null | undefined;
  /** First instant at which the key is good no more. Unless given it lives as long from now on as it was made for. */
  readonly expiresAt?: Date | null | undefined;
}

/** A week. */
const MOST_OVERLAP_SECONDS = 604_800;

type Row = Awaited<ReturnType<typeof readKey>>;

/** Gives a key a new secret under the same id. A secret from before an earlier rotation is void from now on. */
export async function rotateApiKey(
  administration: Administration,
  input: RotateApiKeyInput,
  request: ChangeRequest,
): Promise<ChangeResult<IssuedKey>> {
  const found = await findKey(administration.db, input.apiKey, request.caller);
  const issue = newIssue(input.apiKey);
  const plan = () => {
    const key = requireKey(found, input.apiKey);
    const overlap = overlapOf(input);
    return {
      ...changeOf(key),
      action: "rotateApiKey",
      input,
      run: (tx: Transaction) => rotate(tx, key, { ...input, overlap }, issue, administration.limits.apiKeyDays),
    };
  };
  return withSecret(await changeAccount(administration, request, plan), issue, request);
}

function overlapOf({ overlapSeconds }: RotateApiKeyInput): number {
  const seconds = overlapSeconds ?? 0;
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= MOST_OVERLAP_SECONDS) return seconds;
  const message = `the secrets overlap for 0 to ${MOST_OVERLAP_SECONDS} seconds`;
  refuse("INVALID_PARAMETER_OVERLAP_SECONDS", message, "overlapSeconds");
}

async function rotate(
  tx: Transaction,
  named: NamedKey,
  { overlap, expiresAt }: RotateApiKeyInput & { readonly overlap: number },
  { issue, key }: Issue,
  days: number,
): Promise<Effect<KeptIssue>> {
  const [row, before] = [await readKey(tx, named), await apiKeyFacts(tx, named.id)];
  const now = await readClock(tx);
  requireActive(row, now);
  const end = expiresAt ?? endOf(row, now);
  const data = { secretDigest: key.digest, rotatedAt: now, expiresAt: expiryOf(end, named.principal, now, days) };
  const previous = previousOf(row, overlap, now);
  await tx.credential.update({ where: { id: named.id }, data: { ...data, ...previous }, select: { id: true } });
  return { value: { keyId: named.id, issue }, changed: true, before, after: await apiKeyFacts(tx, named.id) };
}

function requireActive({ id, revokedAt, expiresAt }: Row, now: Date): void {
  if (revokedAt === null && (expiresAt === null || now < expiresAt)) return;
  refuse("API_KEY_INACTIVE", `the api key \`${id}\` has expired or was revoked: make a new one`, "apiKey");
}

/** The same time from now on as from its last secret on. */
function endOf({ createdAt, rotatedAt, expiresAt }: Row, now: Date): Date | null {
  return expiresAt && new Date(now.getTime() + expiresAt.getTime() - (rotatedAt ?? createdAt).getTime());
}

/** It ends no later than it would have without a rotation. */
function previousOf({ secretDigest, expiresAt }: Row, overlap: number, now: Date) {
  if (overlap === 0) return { previousDigest: null, previousUntil: null };
  const until = new Date(now.getTime() + overlap * 1_000);
  return { previousDigest: secretDigest, previousUntil: expiresAt !== null && expiresAt < until ? expiresAt : until };
}
