import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { expect, test, vi } from "vitest";
import { killed } from "../support/broken-build.js";
import { expectNoMismatch, type Pair, startPair, VERIFY_ALL } from "../support/gateway-pair.js";
import { readGrants, setGrant } from "../support/grants.js";
import { PATIENCE, seedOf, times } from "../support/long-form.js";
import { randomFrom } from "../support/random-cases.js";
import { RegisterHistory } from "../support/register-history.js";
import { cacheAside } from "../support/slips.js";
import type { TcpProxy } from "../support/tcp-proxy.js";

vi.setConfig(PATIENCE);

const CLIENTS = 8;
/** Grants that one request asks about: each is a read of its register. */
const READS_PER_REQUEST = 6;
const WRITE_SHARE = 0.4;

/** On a busy machine, too, a run comes to its counts, or fails. */
const LIMIT_MS = times({ short: 90_000, long: 600_000 });

type Register = RegisterHistory<boolean>;

interface Run {
  readonly milliseconds: number;
  readonly reads: number;
  readonly writes: number;
  readonly violations: readonly string[];
  readonly faults: ReadonlyMap<string, number>;
}

type Random = () => number;

const pick = <T>(random: Random, choices: readonly T[]): T => {
  const choice = choices[Math.floor(random() * choices.length)];
  if (choice === undefined) throw new Error("nothing to choose from");
  return choice;
};

/** Each client writes one register, through either gateway, and reads all of them, through either gateway. */
async function runClients(
  { gateways }: Pair,
  histories: readonly Register[],
  random: Random,
  isOver: () => boolean,
): Promise<void> {
  const client = async (own: number) => {
    for (let granted = true; !isOver(); ) {
      const which = random() < 0.5 ? 0 : 1;
      if (random() < WRITE_SHARE) {
        const value = granted;
        await histories[own]?.write(value, () => setGrant(gateways[which], own, value));
        granted = !granted;
        continue;
      }
      const from = Math.floor(random() * CLIENTS);
      const users = Array.from({ length: READS_PER_REQUEST }, (_, index) => (from + index) % CLIENTS);
      const start = performance.now();
      const values = await readGrants(gateways[which], users);
      const end = performance.now();
      for (const [index, user] of users.entries()) {
        const note = `gateway ${which}, register ${user}, at ${start.toFixed(1)}`;
        histories[user]?.noteRead({ start, end, value: values[index] ?? false, note });
      }
    }
  };
  await Promise.all(histories.map((_, own) => client(own)));
}

const FAULTS: Record<string, (proxy: TcpProxy, redis: Redis, random: Random) => unknown> = {
  kill: (proxy) => proxy.killConnections(),
  pause: (proxy) => proxy.setFlow("hold"),
  drop: (proxy) => proxy.setFlow("drop"),
  slow: (proxy, _redis, random) => proxy.setDelay(() => random() * 40),
  flush: (_proxy, redis) => redis.flushall(),
};

/** Most of the time Redis works, or there would be nothing to go wrong. */
async function makeTrouble(
  { toRedis, redis }: Pair,
  faults: Map<string, number>,
  random: Random,
  isOver: () => boolean,
): Promise<void> {
  const admin = new Redis(redis?.url ?? "");
  while (!isOver()) {
    const [proxy, name] = [pick(random, toRedis), pick(random, Object.keys(FAULTS))];
    faults.set(name, (faults.get(name) ?? 0) + 1);
    await FAULTS[name]?.(proxy, admin, random);
    await sleep(20 + random() * 80);
    proxy.setFlow("pass");
    await sleep(50 + random() * 250);
    proxy.setDelay(() => random() * 3);
  }
  admin.disconnect();
}

async function run(pair: Pair, seed: number, isEnough: (run: Run) => boolean): Promise<Run> {
  const random = randomFrom(seed);
  const histories = Array.from({ length: CLIENTS }, () => new RegisterHistory(false));
  const faults = new Map<string, number>();
  const start = performance.now();
  const soFar = (): Run => ({
    milliseconds: performance.now() - start,
    reads: histories.reduce((sum, { reads }) => sum + reads, 0),
    writes: histories.reduce((sum, { writes }) => sum + writes, 0),
    violations: histories.flatMap(({ violations }) => violations),
    faults,
  });
  const isOver = () => isEnough(soFar()) || soFar().milliseconds > LIMIT_MS;
  const trouble = makeTrouble(pair, faults, randomFrom(seed + 1), isOver);
  await runClients(pair, histories, random, isOver).finally(() => trouble);
  return soFar();
}

function report(name: string, { milliseconds, reads, writes, violations, faults }: Run): void {
  const counts = [...faults].map(([fault, count]) => `${count} ${fault}`).join(", ");
  const seconds = (milliseconds / 1_000).toFixed(1);
  console.log(`${name}: ${violations.length} violations in ${reads} reads, ${writes} writes, ${seconds} s, ${counts}`);
}

test("R3: a cache-aside gateway shows what was revoked, and this test sees it", async () => {
  const pair = await startPair({ users: CLIENTS, slips: cacheAside });
  const enough = times({ short: 1, long: 10 });
  try {
    const result = await run(pair, seedOf("R3, cache-aside"), ({ violations }) => violations.length >= enough);
    report("cache-aside", result);
    killed("cache-aside", result.violations.length, enough);
  } finally {
    await pair.close();
  }
});

test("R3: no read after an acknowledged write shows an older state, whatever happens to Redis", async () => {
  const pair = await startPair({ users: CLIENTS, settings: VERIFY_ALL });
  const least = { ms: times({ short: 6_000, long: 60_000 }), writes: times({ short: 200, long: 5_000 }) };
  const reads = times({ short: 2_000, long: 40_000 });
  try {
    const isEnough = (run: Run) => run.milliseconds >= least.ms && run.reads >= reads && run.writes >= least.writes;
    const result = await run(pair, seedOf("R3"), isEnough);
    report("ours", result);
    expect(result.violations).toEqual([]);
    expect(isEnough(result)).toBe(true);
    expectNoMismatch(pair);
  } finally {
    await pair.close();
  }
});
