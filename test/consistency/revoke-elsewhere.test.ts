import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { killed } from "../support/broken-build.js";
import { expectNoMismatch, type Pair, startPair, VERIFY_ALL } from "../support/gateway-pair.js";
import { PATIENCE, times } from "../support/long-form.js";
import { CLIENTS, report, sequences } from "../support/revoke-sequences.js";
import { keysWithoutTags } from "../support/slips.js";

vi.setConfig(PATIENCE);

const SEQUENCES = times({ short: 250, long: 5_000 });

let pair: Pair;
beforeAll(async () => {
  pair = await startPair({ users: CLIENTS, settings: VERIFY_ALL });
});
afterAll(() => pair?.close());

test("R5: keys without tags show revoked permissions, and this test sees it", async () => {
  const broken = await startPair({ users: CLIENTS, slips: keysWithoutTags });
  try {
    killed("decision keys without tags", (await sequences(broken, 20)).stale, 10);
  } finally {
    await broken.close();
  }
});

test("R5: what is revoked on one gateway is gone on the other at once, Redis up", async () => {
  const seen = await sequences(pair, SEQUENCES);
  report("up", seen);
  expect(seen.hits).toBeGreaterThan(seen.reads / 10); // else the cache had no part in it
  expect(seen.stale).toBe(0);
});

test("R5: … while Redis is flushed again and again", async () => {
  const redis = new Redis(pair.redis?.url ?? "");
  const seen = await sequences(pair, SEQUENCES, async () => {
    await redis.flushall();
  });
  redis.disconnect();
  report("flushed", seen);
  expect(seen.stale).toBe(0);
});

test("R5: … with Redis paused, and when it goes on", async () => {
  const pid = pair.redis?.pid ?? 0;
  process.kill(pid, "SIGSTOP");
  const seen = await sequences(pair, SEQUENCES).finally(() => process.kill(pid, "SIGCONT"));
  report("paused", seen);
  const after = await sequences(pair, 20);
  expect(seen.stale + after.stale).toBe(0);
  expectNoMismatch(pair);
});

test("R5: … with Redis down, and when it is back", async () => {
  for (const proxy of pair.toRedis) await proxy.refuse();
  const seen = await sequences(pair, SEQUENCES);
  report("down", seen);
  for (const proxy of pair.toRedis) await proxy.accept();
  const after = await sequences(pair, 20);
  expect(seen.stale + after.stale).toBe(0);
  expectNoMismatch(pair);
});
