import type { Transaction } from "../store/prisma-client.js";
import { readClock } from "../store/revisions.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeOf, findKey, type NamedKey, readKey, requireKey } from "./api-key.js";
import { changeAccount, type Effect } from "./change-account.js";
import { apiKeyFacts } from "./facts.js";

export interface RevokeApiKeyInput {
  /** `<id>` of `rg_<id>_<secret>`. */
  readonly apiKey: string;
}

/** Ends an API key for good, with the secret of before its rotation: from now on it signs nobody in, on every gateway. */
export async function revokeApiKey(
  administration: Administration,
  input: RevokeApiKeyInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ keyId: string }>> {
  const found = await findKey(administration.db, input.apiKey, request.caller);
  return changeAccount(administration, request, () => {
    const key = requireKey(found, input.apiKey);
    return { ...changeOf(key), action: "revokeApiKey", input, run: (tx) => revoke(tx, key) };
  });
}

async function revoke(tx: Transaction, key: NamedKey): Promise<Effect<{ keyId: string }>> {
  const value = { keyId: key.id };
  if ((await readKey(tx, key)).revokedAt !== null) return { value, changed: false };
  const before = await apiKeyFacts(tx, key.id);
  const data = { revokedAt: await readClock(tx) };
  await tx.credential.update({ where: { id: key.id }, data, select: { id: true } });
  return { value, changed: true, before, after: await apiKeyFacts(tx, key.id) };
}
