import { isIPv6 } from "node:net";
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import type { RedisConnection } from "../decisions/open-redis.js";
import { type Refusal, rateLimited } from "./refusal.js";
import { SharedCount } from "./shared-count.js";

/** Seconds over which requests are counted. */
export const WINDOW_SECONDS = 10;

/**
 * Counts one request of a sender.
 *
 * @throws Refusal RATE_LIMITED, with `retry-after`, beyond the limit
 */
export type CountRequest = (sender: string) => Promise<void>;

export interface RateLimitOptions {
  /** Requests of one sender in {@link WINDOW_SECONDS}. */
  readonly limit: number;
  /** Heads the keys of this limit in Redis. */
  readonly keyPrefix: string;
  /** Null: only this process counts. */
  readonly redis: RedisConnection | null;
}

/**
 * Limits the requests of each sender. Gateways count together in Redis; beside that each counts for itself what it has
 * let in, so that without Redis no sender gets more than the limit from each gateway, and a flood is refused without
 * waiting for Redis. A Redis that is slow is waited for as long as its connection allows, and after some failures not at all.
 */
export function createRateLimit({ limit, keyPrefix, redis }: RateLimitOptions): CountRequest {
  const counted = { points: limit, duration: WINDOW_SECONDS, keyPrefix };
  const local = new RateLimiterMemory(counted);
  const shared = redis && new SharedCount(new RateLimiterRedis({ ...counted, storeClient: redis }), limit);
  return async (sender) => {
    try {
      await local.consume(sender);
      await shared?.add(sender);
    } catch (error) {
      throw error instanceof RateLimiterRes ? tooMany(error, limit) : error;
    }
  };
}

function tooMany({ msBeforeNext }: RateLimiterRes, limit: number): Refusal {
  const seconds = Math.max(1, Math.ceil(msBeforeNext / 1_000));
  const message = `more than ${limit} requests in ${WINDOW_SECONDS} s, retry in ${seconds} s`;
  return rateLimited(message, { exceeded: "requests", limit, seconds });
}

/** What an address counts as: IPv6 networks are given away by the 64 bits, so one sender may have all of one. */
export function networkOf(address: string | undefined): string {
  if (address === undefined) return "unknown";
  const plain = address.startsWith("::ffff:") ? address.slice("::ffff:".length) : address;
  return isIPv6(plain) ? `${firstGroups(plain, 4).join(":")}::/64` : plain;
}

function firstGroups(address: string, count: number): string[] {
  const [head = "", tail] = address.split("%", 1)[0]?.split("::") ?? [];
  const before = head === "" ? [] : head.split(":");
  const after = tail ? tail.split(":") : [];
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => "0");
  return [...before, ...zeros, ...after].slice(0, count);
}
