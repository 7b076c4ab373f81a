import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { killed } from "../support/broken-build.js";
import type { Gateway } from "../support/gateway.js";
import { expectNoMismatch, type Pair, startPair, VERIFY_ALL } from "../support/gateway-pair.js";
import { readGrant, setGrant } from "../support/grants.js";
import { PATIENCE, times } from "../support/long-form.js";
import { keysWithoutTags } from "../support/slips.js";

vi.setConfig(PATIENCE);

const CLIENTS = 5;
const SEQUENCES = times({ short: 250, long: 5_000 });

interface Seen {
  stale: number;
  reads: number;
  hits: number;
}

let pair: Pair;
beforeAll(async () => {
  pair = await startPair({ users: CLIENTS, settings: VERIFY_ALL });
});
afterAll(() => pair?.close());

/** Granted and revoked through one gateway, and each time asked at the other at once, and then at the same. */
async function sequence(writer: Gateway, reader: Gateway, user: number, seen: Seen): Promise<void> {
  for (const granted of [true, false]) {
    await setGrant(writer, user, granted);
    for (const gateway of [reader, writer]) {
      const answer = await readGrant(gateway, user);
      seen.reads += 1;
      if (answer.granted !== granted) seen.stale += 1;
      if (answer.cache === "HIT") seen.hits += 1;
    }
  }
}

async function sequences({ gateways: [a, b] }: Pair, count: number, between = async () => {}): Promise<Seen> {
  const seen: Seen = { stale: 0, reads: 0, hits: 0 };
  let left = count;
  const client = async (user: number) => {
    while (left-- > 0) {
      await between();
      await (left % 2 === 0 ? sequence(a, b, user, seen) : sequence(b, a, user, seen));
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, user) => client(user)));
  return seen;
}

const report = (state: string, { stale, reads, hits }: Seen) =>
  console.log(`redis ${state}: ${stale} stale of ${reads} reads, ${hits} hits`);

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
