import { randomBytes } from "node:crypto";
import { createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, inject, it } from "vitest";
import type { DecisionCache } from "../../src/decisions/decision-cache.js";
import { openRedis, type RedisConnection } from "../../src/decisions/open-redis.js";
import { createRedisDecisionCache } from "../../src/decisions/redis-decision-cache.js";
import { createMemoryDecisionCache } from "../support/memory-decision-cache.js";
import "../support/backend.js";
import { startRedisCluster } from "../support/redis-cluster.js";

const redisUrl = inject("redisUrl");
const prefix = `test:${randomBytes(6).toString("hex")}:`;

async function openRedisCache(
  url: string,
  log: string[] = [],
): Promise<{ cache: DecisionCache; redis: RedisConnection }> {
  const redis = openRedis({ kind: "single", url });
  const cache = createRedisDecisionCache(redis, (message) => log.push(message));
  return { cache, redis };
}

const adapters: [string, () => Promise<DecisionCache>][] = [["memory", async () => createMemoryDecisionCache()]];
if (redisUrl !== null) {
  adapters.push([
    "redis",
    async () => {
      const { cache, redis } = await openRedisCache(redisUrl);
      await ready(redis);
      return cache;
    },
  ]);
  adapters.push(["redis cluster", openClusterCache]);
}

async function openClusterCache(): Promise<DecisionCache> {
  const cluster = await startRedisCluster();
  const redis = openRedis({ kind: "cluster", urls: cluster.url.split(",") });
  const cache = createRedisDecisionCache(redis, () => {});
  await ready(redis);
  const close = async () => {
    await cache.close();
    await cluster.stop();
  };
  return { ...cache, close };
}

async function ready(redis: RedisConnection): Promise<void> {
  while (redis.status !== "ready") await sleep(5);
}

describe.each(adapters)("decision cache in %s", async (_name, open) => {
  const cache = await open();
  afterAll(() => cache.close());
  const one = async (key: string): Promise<Buffer | null | undefined> => (await cache.getMany([key]))[0];
  const stored = async (key: string): Promise<Buffer | null | undefined> => {
    for (let attempt = 0; attempt < 100 && (await one(key)) === null; attempt += 1) await sleep(5);
    return one(key);
  };

  it("gives back the bytes, any bytes", async () => {
    const value = Buffer.from([0, 255, 10, 13, 0, 128, ...randomBytes(300)]);
    cache.set(`${prefix}bytes`, value, 10_000);
    expect(await stored(`${prefix}bytes`)).toEqual(value);
  });

  it("answers in the order of the keys, null for what it has not", async () => {
    cache.set(`${prefix}a`, Buffer.from("A"), 10_000);
    cache.set(`${prefix}b`, Buffer.from("B"), 10_000);
    await stored(`${prefix}b`);
    const values = await cache.getMany([`${prefix}b`, `${prefix}none`, `${prefix}a`]);
    expect(values.map((value) => value?.toString() ?? null)).toEqual(["B", null, "A"]);
    expect(await cache.getMany([])).toEqual([]);
  });

  it("keeps the newest value", async () => {
    cache.set(`${prefix}twice`, Buffer.from("1"), 10_000);
    cache.set(`${prefix}twice`, Buffer.from("2"), 10_000);
    await stored(`${prefix}twice`);
    expect((await one(`${prefix}twice`))?.toString()).toBe("2");
  });

  it("forgets after the time to live, and takes nothing that has none", async () => {
    cache.set(`${prefix}short`, Buffer.from("x"), 60);
    cache.set(`${prefix}never`, Buffer.from("x"), 0.4);
    cache.set(`${prefix}negative`, Buffer.from("x"), -5);
    await sleep(120);
    expect(await cache.getMany([`${prefix}short`, `${prefix}never`, `${prefix}negative`])).toEqual([null, null, null]);
  });

  it("serves thousands of keys at once", async () => {
    const keys = Array.from({ length: 2_000 }, (_, index) => `${prefix}many:${index}`);
    for (const key of keys) cache.set(key, Buffer.from(key), 10_000);
    await stored(keys.at(-1) ?? "");
    let right: readonly unknown[] = [];
    for (let attempt = 0; attempt < 20 && right.length === 0; attempt += 1) {
      const values = await cache.getMany(keys);
      right = values.filter((value, index) => value?.toString() === keys[index]);
      expect(values.filter((value) => value !== null)).toEqual(right);
      if (right.length === 0) await sleep(100); // a busy machine may be too slow for all of them: those are misses
    }
    expect(right.length).toBeGreaterThan(0);
  });
});

describe("memory cache", () => {
  it("stays within its bounds", async () => {
    const cache = createMemoryDecisionCache({ entries: 1_000, bytes: 10_000 });
    for (let index = 0; index < 100; index += 1) cache.set(`${index}`, Buffer.alloc(1_000), 10_000);
    const values = await cache.getMany(Array.from({ length: 100 }, (_, index) => `${index}`));
    expect(values.filter((value) => value !== null).length).toBeLessThanOrEqual(10);
    expect(values[99]).not.toBeNull();
  });
});

describe("a Redis that fails", () => {
  it("that is away at the start is a miss at once, is told once, and never throws", async () => {
    const log: string[] = [];
    const { cache } = await openRedisCache("redis://127.0.0.1:1", log);
    const started = performance.now();
    expect(await cache.getMany(["a", "b"])).toEqual([null, null]);
    cache.set("a", Buffer.from("x"), 1_000);
    await sleep(700); // several attempts to connect
    expect(await cache.getMany(["a"])).toEqual([null]);
    expect(performance.now() - started).toBeLessThan(5_000);
    await cache.close();
    expect(log).toHaveLength(1);
    expect(log[0]).toMatch(/not reachable/);
  });

  it("that accepts and never answers costs a bounded wait", async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    const { cache } = await openRedisCache(`redis://127.0.0.1:${port}`);
    await sleep(50);
    const started = performance.now();
    expect(await cache.getMany(["a", "b"])).toEqual([null, null]);
    expect(performance.now() - started).toBeLessThan(2_000);
    await cache.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
});
