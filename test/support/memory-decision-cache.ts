import { LRUCache } from "lru-cache";
import type { DecisionCache } from "../../src/decisions/decision-cache.js";

const MAX_ENTRIES = 50_000;
const MAX_BYTES = 64 * 1024 * 1024;

/** Keeps what gateways share in the test's own process. */
export function createMemoryDecisionCache(limits: { entries?: number; bytes?: number } = {}): DecisionCache {
  const entries = new LRUCache<string, Buffer>({
    max: limits.entries ?? MAX_ENTRIES,
    maxSize: limits.bytes ?? MAX_BYTES,
    sizeCalculation: (value, key) => value.length + key.length + 128,
  });
  return {
    getMany: async (keys) => keys.map((key) => entries.get(key) ?? null),
    set: (key, value, ttlMs) => {
      if (ttlMs >= 1) entries.set(key, value, { ttl: Math.floor(ttlMs) });
    },
    delete: (key) => {
      entries.delete(key);
    },
    close: async () => entries.clear(),
  };
}
