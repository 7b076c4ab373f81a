import { afterEach, expect, test, vi } from "vitest";
import { isRedisAt, startRedis } from "./support/redis.js";

afterEach(() => vi.unstubAllEnvs());

test("a Redis of our own answers, and is gone afterwards", async () => {
  const redis = await startRedis();
  const port = Number(new URL(redis.url).port);
  expect(await isRedisAt("127.0.0.1", port)).toBe(true);
  await redis.stop();
  expect(await isRedisAt("127.0.0.1", port)).toBe(false);
});

test("a missing redis-server is a failure that names the Debian package", async () => {
  vi.stubEnv("PATH", "/nonexistent");
  await expect(startRedis()).rejects.toThrow(/install the Debian package redis-server, or set TEST_REDIS_URL/);
});
