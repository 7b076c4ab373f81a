import { expect, test, vi } from "vitest";
import { killed, type Slip } from "../support/broken-build.js";
import { type Pair, startPair, VERIFY_ALL } from "../support/gateway-pair.js";
import { readGrant, setGrant } from "../support/grants.js";
import { type HostileRedis, LIES, startHostileRedis } from "../support/hostile-redis.js";
import { PATIENCE, seedOf, times } from "../support/long-form.js";
import { randomFrom } from "../support/random-cases.js";
import { noSeal } from "../support/slips.js";

vi.setConfig(PATIENCE);

const CLIENTS = 8;
/** So many questions about one grant, each at both gateways: none finds its answer in the memory of the gateway. */
const VARIANTS = 4;

/** Each client switches a grant of its own and then reads it, at both gateways in turn. @returns the number of wrong answers */
async function countWrong({ gateways }: Pair, reads: number, mostWrong = Number.POSITIVE_INFINITY): Promise<number> {
  let wrong = 0;
  let left = reads;
  const client = async (user: number) => {
    for (let granted = true; left > 0 && wrong < mostWrong; granted = !granted) {
      await setGrant(gateways[user % 2 === 0 ? 0 : 1], user, granted);
      for (let turn = 0; turn < 2 * VARIANTS; turn += 1, left -= 1) {
        const answer = await readGrant(gateways[turn % 2 === 0 ? 0 : 1], user, turn >> 1);
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
    const pair = await startPair({
      users: CLIENTS,
      redisUrl: redis.url,
      settings: VERIFY_ALL,
      ...(slips && { slips }),
    });
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
  const wrong = await withHostileRedis(seedOf("R10, no seal"), noSeal, (pair) => countWrong(pair, 4_000, 3));
  killed("cached answers without a MAC", wrong);
});

test("R10: whatever Redis says, no answer is wrong or missing, and an alarm is raised", async () => {
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
      const alarms = gateway
        .errors()
        .split("\n")
        .filter((line) => /"level":(50|60)|uncaught|unhandled/i.test(line));
      expect(alarms.length).toBeGreaterThan(0);
      for (const alarm of alarms) expect(alarm).toContain("somebody else writes to redis");
    }
  });
});
