import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type BrokenBuild, breakBuild, killed, type Slip } from "../support/broken-build.js";
import { withClient } from "../support/databases.js";
import { ACCOUNT, policy } from "../support/demo.js";
import { type Gateway, startGateway } from "../support/gateway.js";
import { startPair } from "../support/gateway-pair.js";
import { change, nameOf, readGrant, setGrant } from "../support/grants.js";
import { PATIENCE, seedOf, times } from "../support/long-form.js";
import { type OwnPostgres, startOwnPostgres } from "../support/own-postgres.js";
import { randomFrom } from "../support/random-cases.js";
import { startRedis } from "../support/redis.js";
import { keysFromNumbers } from "../support/slips.js";

vi.setConfig(PATIENCE);

const USERS = 5;
const CHANGES = times({ short: 25, long: 50 });

/** Two histories of one past, each with a gateway; they share a Redis and all secrets. */
let forks: readonly [OwnPostgres, OwnPostgres];
let operatorKey: string;

beforeAll(async () => {
  const original = await startOwnPostgres();
  forks = [original, original];
  const pair = await startPair({ users: USERS, databaseUrl: original.url() });
  operatorKey = pair.gateways[0].key;
  await change(pair.gateways[0], "createPolicy", { account: ACCOUNT, name: NEUTRAL, document: neutralDocument });
  await pair.close();
  await original.stop();
  forks = [original, await original.fork()];
  await Promise.all(forks.map((fork) => fork.start()));
});
afterAll(() => Promise.all((forks ?? []).map((fork) => fork.remove())));

interface Fork {
  readonly gateway: Gateway;
  /** What is true in it, by user. */
  readonly granted: boolean[];
  readonly neutral: boolean[];
}

type Random = () => number;

/** What decides nothing about the key, and moves the same revisions by as much. */
const NEUTRAL = "neutral";
const neutralDocument = { Version: "1", Statement: [{ Effect: "Allow", Action: "kms:List*", Resource: "*" }] };

/** The numbers of the revisions stay the same in both; what they stand for does not. */
async function diverge(pair: readonly Fork[], user: number, random: Random): Promise<void> {
  for (const { gateway, granted, neutral } of pair) {
    const kind = random() < 0.5 ? granted : neutral;
    kind[user] = !kind[user];
    if (kind === granted) await setGrant(gateway, user, granted[user] === true);
    else {
      const input = { policy: policy(NEUTRAL), principal: nameOf(user) };
      await change(gateway, neutral[user] ? "attachPolicy" : "detachPolicy", input);
    }
  }
}

async function countWrong(pair: readonly [Fork, Fork], random: Random): Promise<{ questions: number; wrong: number }> {
  const seen = { questions: 0, wrong: 0 };
  for (let turn = 0; turn < CHANGES; turn += 1) {
    await diverge(pair, Math.floor(random() * USERS), random);
    const first = random() < 0.5 ? pair : [...pair].reverse();
    for (let user = 0; user < USERS; user += 1) {
      for (const { gateway, granted } of first) {
        seen.questions += 1;
        if ((await readGrant(gateway, user)).granted !== granted[user]) seen.wrong += 1;
      }
    }
  }
  return seen;
}

/** Who holds a policy, by user, as the database says: an earlier test has changed it. */
async function holdersOf(fork: OwnPostgres, name: string): Promise<boolean[]> {
  const sql = `SELECT p.arn FROM attachment a JOIN principal p ON p.id = a.principal_id
    JOIN policy y ON y.id = a.policy_id WHERE y.name = $1`;
  const { rows } = await withClient(fork.url(), (client) => client.query<{ arn: string }>(sql, [name]));
  return Array.from({ length: USERS }, (_, user) => rows.some(({ arn }) => arn === nameOf(user)));
}

async function withForks<T>(slips: readonly Slip[] | undefined, work: (pair: [Fork, Fork]) => Promise<T>): Promise<T> {
  const redis = await startRedis();
  const gateways: Gateway[] = [];
  let build: BrokenBuild | undefined;
  try {
    build = slips && (await breakBuild("fork", slips));
    const start = async (fork: OwnPostgres): Promise<Fork> => {
      const settings = { DATABASE_URL: fork.url(), REDIS_URL: redis.url, ADMIN_API_KEY: operatorKey };
      const gateway = await startGateway(settings, build?.program);
      gateways.push(gateway);
      return { gateway, granted: await holdersOf(fork, "switched"), neutral: await holdersOf(fork, NEUTRAL) };
    };
    return await work([await start(forks[0]), await start(forks[1])]);
  } finally {
    await Promise.all(gateways.map((gateway) => gateway.kill()));
    await build?.remove();
    await redis.stop();
  }
}

test("R9: keys from the numbers of revisions mix the histories up, and this test sees it", async () => {
  const random = randomFrom(seedOf("R9, numbers"));
  const { wrong } = await withForks(keysFromNumbers, (pair) => countWrong(pair, random));
  killed("keys from numbers instead of tags", wrong);
});

test("R9: two histories of one database share a Redis, and no decision of one shows in the other", async () => {
  const random = randomFrom(seedOf("R9"));
  const seen = await withForks(undefined, (pair) => countWrong(pair, random));
  console.log(`two histories, ${CHANGES} changes: ${seen.wrong} of ${seen.questions} decisions wrong`);
  expect(seen.questions).toBe(CHANGES * USERS * 2);
  expect(seen.wrong).toBe(0);
});
