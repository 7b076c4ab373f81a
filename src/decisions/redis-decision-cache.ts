import { CircuitBreaker } from "./circuit-breaker.js";
import type { CacheLog, DecisionCache } from "./decision-cache.js";
import { COMMAND_TIMEOUT_MS, type RedisConnection } from "./open-redis.js";

/** `get` stands for reads of one key and of many. */
export type RedisCommand = "get" | "set" | "del";
export type OnCommand = (command: RedisCommand, seconds: number, succeeded: boolean) => void;

export interface RedisDecisionCache extends DecisionCache {
  isConnected(): boolean;
  /** Whether Redis is left alone for now, because it fails or is too slow. */
  isCircuitOpen(): boolean;
}

const MAX_PENDING_WRITES = 20_000;

/**
 * Keeps answers in Redis, shared by all gateways. Nobody waits for it longer than the time of one command, however many
 * keys there are, and when it fails again and again it is left alone for a second at a time. Closing the cache closes the
 * connection.
 *
 * @param redis opened with `openRedis`
 * @param log hears when Redis is lost and when it is back
 * @param onCommand hears of each command; default: nobody does
 */
export function createRedisDecisionCache(
  redis: RedisConnection,
  log: CacheLog,
  onCommand: OnCommand | null = null,
): RedisDecisionCache {
  let closed = false;
  const report = (message: string) => {
    if (!closed) log(message);
  };
  reportChanges(redis, report);
  const breaker = new CircuitBreaker({ onChange: (open) => report(open ? TOO_SLOW : ANSWERS_AGAIN) });
  const write = createWriter(redis, breaker);
  const timed = timer(onCommand);
  return {
    async getMany(keys) {
      if (keys.length === 0 || redis.status !== "ready" || !breaker.admits()) return keys.map(() => null);
      const chunks = chunksOf(keys, redis.isCluster ? 1 : CHUNK);
      const replies = await withinTimeout(chunks.map((chunk) => timed("get", () => read(redis, chunk))));
      breaker.record(replies.some((reply) => reply !== undefined));
      return chunks.flatMap((chunk, place) => chunk.map((_key, index) => bytesOf(replies[place]?.[index])));
    },
    set(key, value, ttlMs) {
      if (ttlMs >= 1) write(() => timed("set", () => redis.set(key, value, "PX", Math.floor(ttlMs))));
    },
    delete(key) {
      write(() => timed("del", () => redis.del(key)));
    },
    close: async () => {
      closed = true;
      redis.disconnect();
    },
    isConnected: () => redis.status === "ready",
    isCircuitOpen: () => breaker.open,
  };
}

function timer(onCommand: OnCommand | null) {
  return <T>(command: RedisCommand, send: () => Promise<T>): Promise<T> => {
    const reply = send();
    if (onCommand === null) return reply;
    const sent = performance.now();
    const tell = (succeeded: boolean) => onCommand(command, (performance.now() - sent) / 1_000, succeeded);
    reply.then(
      () => tell(true),
      () => tell(false),
    );
    return reply;
  };
}

/** Keys of one command; nodes of a cluster take one key at a time, since each may lie elsewhere. */
const CHUNK = 500;

function chunksOf<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, chunk) =>
    list.slice(chunk * size, (chunk + 1) * size),
  );
}

async function read(redis: RedisConnection, keys: readonly string[]): Promise<readonly unknown[]> {
  const [only] = keys;
  return keys.length === 1 && only !== undefined ? [await redis.getBuffer(only)] : redis.mgetBuffer([...keys]);
}

function bytesOf(value: unknown): Buffer | null {
  return Buffer.isBuffer(value) ? value : null;
}

const TOO_SLOW = "decision cache: redis fails or is too slow, it is asked once a second";
const ANSWERS_AGAIN = "decision cache: redis answers in time again";

/** Writes nobody waits for; those that would pile up are dropped. */
function createWriter(redis: RedisConnection, breaker: CircuitBreaker): (send: () => Promise<unknown>) => void {
  let pending = 0;
  return (send) => {
    if (pending >= MAX_PENDING_WRITES || breaker.open || redis.status !== "ready") return;
    pending += 1;
    send()
      .catch(() => {})
      .finally(() => {
        pending -= 1;
      });
  };
}

function reportChanges(redis: RedisConnection, log: CacheLog): void {
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

/**
 * What has arrived in time, in order; undefined for what failed or is late. Commands that share a pipeline have no
 * time-out of their own.
 */
function withinTimeout<T>(replies: readonly Promise<T>[]): Promise<readonly (T | undefined)[]> {
  const arrived = new Array<T | undefined>(replies.length).fill(undefined);
  const all = replies.map((reply, place) =>
    reply.then(
      (value) => {
        arrived[place] = value;
      },
      () => {},
    ),
  );
  return new Promise((resolve) => {
    const giveUp = () => setImmediate(() => resolve([...arrived])); // what has come while this process was busy still counts
    const timer = setTimeout(giveUp, COMMAND_TIMEOUT_MS);
    Promise.all(all).then(() => {
      clearTimeout(timer);
      resolve(arrived);
    });
  });
}
