import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { expectNoMismatch, type Pair, startPair, VERIFY_ALL } from "../support/gateway-pair.js";
import { PATIENCE, times } from "../support/long-form.js";
import { type RedisCluster, startRedisCluster } from "../support/redis-cluster.js";
import { CLIENTS, report, sequences } from "../support/revoke-sequences.js";

vi.setConfig(PATIENCE);

const SEQUENCES = times({ short: 50, long: 1_000 });

let cluster: RedisCluster;
let pair: Pair;
beforeAll(async () => {
  cluster = await startRedisCluster();
  const [node] = cluster.nodes;
  const settings = { ...VERIFY_ALL, REDIS_MODE: "cluster", REDIS_URL: cluster.url };
  pair = await startPair({ users: CLIENTS, redisUrl: node?.url ?? "", settings });
});
afterAll(async () => {
  await pair?.close();
  await cluster?.stop();
});

test("R5: what is revoked on one gateway is gone on the other at once, on a Redis Cluster", async () => {
  const seen = await sequences(pair, SEQUENCES);
  report("cluster", seen);
  expect(seen.hits).toBeGreaterThan(seen.reads / 10);
  for (const keys of await cluster.countKeys()) expect(keys).toBeGreaterThan(0); // each master has its share
  expect(seen.stale).toBe(0);
  expectNoMismatch(pair);
});

test("R5: … while one of its masters does not answer, and when it does again", async () => {
  const pid = cluster.nodes[0]?.pid ?? 0;
  process.kill(pid, "SIGSTOP");
  const seen = await sequences(pair, SEQUENCES).finally(() => process.kill(pid, "SIGCONT"));
  report("cluster with a paused master", seen);
  const after = await sequences(pair, SEQUENCES);
  report("cluster, whole again", after);
  expect(seen.stale + after.stale).toBe(0);
  expectNoMismatch(pair);
});

test("R5: … when one of its masters is gone", async () => {
  await cluster.nodes[1]?.stop();
  const seen = await sequences(pair, SEQUENCES);
  report("cluster without a master", seen);
  expect(seen.stale).toBe(0);
  expectNoMismatch(pair);
});
