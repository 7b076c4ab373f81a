import { expect, test, vi } from "vitest";
import { killed, type Slip } from "../support/broken-build.js";
import { type Pair, startPair, VERIFY_ALL } from "../support/gateway-pair.js";
import { readGrant, setGrant } from "../support/grants.js";
import { type HostileRedis, LIES, startHostileRedis } from "../support/hostile-redis.js";
import { PATIENCE, seedOf, times } from "../support/long-form.js";
import { randomFrom } from "../support/random-cases.js";
import { noSeal } from "../support/slips.js";

vi.setConfig(PATIENCE);

const CLIENTS = 3;
/** So many questions about one grant, each at both gateways: none finds its answer in the memory of the gateway. */
const VARIANTS = 4;

interface Seen {
  reads: number;
  wrong: number;
}

/** Each client switches a grant of its own and then reads it, at both gateways in turn. */
async function readUntil({ gateways }: Pair, isEnough: (seen: Seen) => boolean): Promise<Seen> {
  const seen: Seen = { reads: 0, wrong: 0 };
  const client = async (user: number) => {
    for (let granted = true; !isEnough(seen); granted = !granted) {
      await setGrant(gateways[user % 2 === 0 ? 0 : 1], user, granted);
      for (let turn = 0; turn < 2 * VARIANTS; turn += 1) {
        const answer = await readGrant(gateways[turn % 2 === 0 ? 0 : 1], user, turn >> 1);
        seen.reads += 1;
        if (answer.granted !== granted) seen.wrong += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, user) => client(user)));
  return seen;
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
  const seed = seedOf("R10, no seal");
  const isEnough = ({ reads, wrong }: Seen) => wrong >= 3 || reads >= 4_000;
  killed(
    "cached answers without a MAC",
    (await withHostileRedis(seed, noSeal, (pair) => readUntil(pair, isEnough))).wrong,
  );
});

test("R10: whatever Redis says, no answer is wrong or missing, and an alarm is raised", async () => {
  await withHostileRedis(seedOf("R10"), undefined, async (pair, redis) => {
    const told = times({ short: 300, long: 10_000 });
    const most = 20 * told; // on a busy machine gateways ask less often: Redis is late, and left alone for a second
    const { reads, wrong } = await readUntil(pair, (seen) => redis.count() >= told || seen.reads >= most);
    console.log(
      `redis told in ${reads} reads: ${[...redis.told].map(([lie, count]) => `${lie} ${count}×`).join(", ")}`,
    );
    for (const lie of LIES) expect.soft(redis.told.get(lie) ?? 0, lie).toBeGreaterThan(0);
    expect(redis.count()).toBeGreaterThanOrEqual(told);
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
