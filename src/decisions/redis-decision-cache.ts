import type { Redis, RedisOptions } from "ioredis";
import type { CacheLog, DecisionCache } from "./decision-cache.js";

const COMMAND_TIMEOUT_MS = 50;
const CONNECT_TIMEOUT_MS = 500;
/** A connection that owes an answer for longer is given up, with everything that waits on it. */
const SOCKET_TIMEOUT_MS = 1_000;
/** Keys of one pipeline: small enough to come back well within the time-out. */
const CHUNK = 500;
/** Longest time that one question waits for Redis, in all. */
const LOOKUP_BUDGET_MS = 250;
const MAX_PENDING_WRITES = 20_000;
const RECONNECT_MS = { first: 100, most: 2_000 };

/**
 * For the one connection of the cache. A Redis that is away fails each command at once; nothing is queued for it and
 * nothing is sent twice. It connects in the background, and again whenever it is lost.
 */
export const REDIS_OPTIONS = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  commandTimeout: COMMAND_TIMEOUT_MS,
  connectTimeout: CONNECT_TIMEOUT_MS,
  socketTimeout: SOCKET_TIMEOUT_MS,
  retryStrategy: (attempt: number) => Math.min(RECONNECT_MS.first * attempt, RECONNECT_MS.most),
} satisfies RedisOptions;

/**
 * Keeps answers in Redis, shared by all gateways. Closing it closes the connection.
 *
 * @param redis opened with {@link REDIS_OPTIONS}
 * @param log hears when Redis is lost and when it is back
 */
export function createRedisDecisionCache(redis: Redis, log: CacheLog): DecisionCache {
  let pendingWrites = 0;
  let closed = false;
  reportChanges(redis, (message) => {
    if (!closed) log(message);
  });
  return {
    async getMany(keys) {
      const values: (Buffer | null)[] = [];
      const deadline = performance.now() + LOOKUP_BUDGET_MS;
      for (let start = 0; start < keys.length && performance.now() < deadline; start += CHUNK) {
        const chunk = await getChunk(redis, keys.slice(start, start + CHUNK));
        if (chunk === null) break;
        values.push(...chunk);
      }
      return keys.map((_key, index) => values[index] ?? null);
    },
    set(key, value, ttlMs) {
      if (ttlMs < 1 || pendingWrites >= MAX_PENDING_WRITES || redis.status !== "ready") return;
      pendingWrites += 1;
      redis
        .set(key, value, "PX", Math.floor(ttlMs))
        .catch(() => {})
        .finally(() => {
          pendingWrites -= 1;
        });
    },
    close: async () => {
      closed = true;
      redis.disconnect();
    },
  };
}

function reportChanges(redis: Redis, log: CacheLog): void {
  let state: "unknown" | "ready" | "lost" = "unknown";
  let lastError = "connection closed";
  redis.on("error", (error: Error) => {
    lastError = error.message;
  });
  redis.on("ready", () => {
    if (state === "lost") log("decision cache: redis is back");
    state = "ready";
  });
  redis.on("close", () => {
    if (state !== "lost") log(`decision cache: redis is not reachable, answers are evaluated each time (${lastError})`);
    state = "lost";
  });
}

/** Null when Redis fails or is too slow. */
async function getChunk(redis: Redis, keys: readonly string[]): Promise<(Buffer | null)[] | null> {
  if (redis.status !== "ready") return null;
  const pipeline = redis.pipeline();
  for (const key of keys) pipeline.getBuffer(key);
  const replies = await withinTimeout(pipeline.exec());
  if (replies === null) return null;
  return replies.map(([error, value]) => (error === null && Buffer.isBuffer(value) ? value : null));
}

/** `commandTimeout` does not cover pipelines. */
function withinTimeout<T>(work: Promise<T>): Promise<T | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(null), COMMAND_TIMEOUT_MS);
    work.then(resolve, () => resolve(null)).finally(() => clearTimeout(timer));
  });
}
