import { expect, test, vi } from "vitest";
import { killed, type Slip } from "../support/broken-build.js";
import { type Pair, startPair } from "../support/gateway-pair.js";
import { readGrant, setGrant } from "../support/grants.js";
import { type HostileRedis, LIES, startHostileRedis } from "../support/hostile-redis.js";
import { PATIENCE, seedOf, times } from "../support/long-form.js";
import { randomFrom } from "../support/random-cases.js";
import { noSeal } from "../support/slips.js";

vi.setConfig(PATIENCE);

const CLIENTS = 8;
const READS_PER_CHANGE = 8;

/** Each client switches a grant of its own and then reads it, at both gateways in turn; the number of wrong answers. */
async function countWrong({ gateways }: Pair, reads: number): Promise<number> {
  let wrong = 0;
  let left = reads;
  const client = async (user: number) => {
    for (let granted = true; left > 0; granted = !granted) {
      await setGrant(gateways[user % 2 === 0 ? 0 : 1], user, granted);
      for (let turn = 0; turn < READS_PER_CHANGE; turn += 1, left -= 1) {
        const answer = await readGrant(gateways[turn % 2 === 0 ? 0 : 1], user);
        if (answer.granted !== granted) wrong += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, user) => client(user)));
  return wrong;
}

async function withHostileRedis<T>(
  seed: number,
  slips: readonly Slip[] | undefined,
  work: (pair: Pair, redis: HostileRedis) => Promise<T>,
): Promise<T> {
  const redis = await startHostileRedis(randomFrom(seed));
  try {
    const pair = await startPair({ users: CLIENTS, redisUrl: redis.url, ...(slips && { slips }) });
    try {
      return await work(pair, redis);
    } finally {
      await pair.close();
    }
  } finally {
    await redis.close();
  }
}

test("R10: a gateway that believes what Redis says answers wrongly, and this test sees it", async () => {
  const wrong = await withHostileRedis(seedOf("R10, no seal"), noSeal, (pair) => countWrong(pair, 400));
  killed("cached answers without a MAC", wrong);
});

test("R10: whatever Redis says, no answer is wrong, missing or from elsewhere", async () => {
  await withHostileRedis(seedOf("R10"), undefined, async (pair, redis) => {
    const reads = times({ short: 1_000, long: 10_000 });
    const wrong = await countWrong(pair, reads);
    console.log(
      `redis told in ${reads} reads: ${[...redis.told].map(([lie, count]) => `${lie} ${count}×`).join(", ")}`,
    );
    for (const lie of LIES) expect.soft(redis.told.get(lie) ?? 0, lie).toBeGreaterThan(0);
    expect(wrong).toBe(0);
    for (const gateway of pair.gateways) {
      expect(gateway.isRunning()).toBe(true);
      expect(gateway.errors()).not.toMatch(/"level":"?(error|fatal|50|60)|uncaught|unhandled/i);
    }
  });
});
