import { LRUCache } from "lru-cache";
import { type Clocks, SYSTEM_CLOCKS } from "./known-revisions.js";
import type { Database } from "./prisma-client.js";

/** Notes when API keys are used, beside the requests. */
export interface CredentialUse {
  /** `id`: of a key that has just signed somebody in. Returns at once; what cannot be written is noted at its next use. */
  note(id: string): void;
  /** Resolves when nothing is being written any more. */
  settled(): Promise<void>;
}

/** Milliseconds between two notes of one key; all gateways together keep to it. */
const INTERVAL_MS = 60_000;
const MOST_KEPT = 10_000;

/** @param onFailure told why nothing could be written; sign-ins do not depend on it */
export function createCredentialUse(
  db: Pick<Database, "$executeRaw">,
  onFailure: (error: unknown) => void,
  clocks: Clocks = SYSTEM_CLOCKS,
): CredentialUse {
  const noted = new LRUCache<string, number>({ max: MOST_KEPT });
  const waiting = new Set<string>();
  let writing: Promise<void> | null = null;

  async function writeAll(): Promise<void> {
    while (waiting.size > 0) {
      const ids = [...waiting];
      waiting.clear();
      await write(db, ids).catch((error) => {
        for (const id of ids) noted.delete(id);
        onFailure(error);
      });
    }
    writing = null;
  }

  return {
    note(id) {
      const now = clocks.monotonic();
      const last = noted.get(id);
      if (last !== undefined && now - last < INTERVAL_MS) return;
      noted.set(id, now);
      waiting.add(id);
      writing ??= new Promise((resolve) => setImmediate(resolve)).then(writeAll); // behind the request, many at once
    },
    settled: async () => writing ?? undefined,
  };
}

/** A key that is gone meanwhile is passed over. In order of their ids, as others write them. */
async function write(db: Pick<Database, "$executeRaw">, ids: readonly string[]): Promise<void> {
  await db.$executeRaw`
    INSERT INTO credential_use (credential_id, last_used_at)
    SELECT id, clock_timestamp() FROM credential WHERE id = ANY(${[...ids]}::text[]) ORDER BY id
    ON CONFLICT (credential_id) DO UPDATE SET last_used_at = EXCLUDED.last_used_at
    WHERE credential_use.last_used_at < EXCLUDED.last_used_at - make_interval(secs => ${INTERVAL_MS / 1_000}::int)`;
}
