import { randomUUID } from "node:crypto";
import { expect, test, vi } from "vitest";
import { type BrokenBuild, breakBuild, killed, type Slip } from "../support/broken-build.js";
import { withClient } from "../support/databases.js";
import { type Gateway, startGateway } from "../support/gateway.js";
import { expectNoMismatch, type Pair, startPair, VERIFY_ALL } from "../support/gateway-pair.js";
import { readGrant, setGrant } from "../support/grants.js";
import { PATIENCE, times } from "../support/long-form.js";
import { keysWithoutTags, noLocalAnswers } from "../support/slips.js";

vi.setConfig(PATIENCE);

const KILLS = times({ short: 20, long: 200 });
const MARK = "committed, and hangs";

/** Between COMMIT and everything that comes after it. */
const hangAfterCommit: Slip = {
  file: "administration/change-account.js",
  find: "async function withRetries(",
  replace: `
    async function withRetries(run) {
      const done = await tryAgain(run);
      console.log("${MARK}");
      await new Promise(() => setInterval(() => {}, 1e6));
      return done;
    }
    async function tryAgain(`,
};

/** The answer is kept after COMMIT, in a transaction of its own, which a kill prevents. */
const answerKeptLater: Slip = {
  file: "administration/change-account.js",
  find: "await storeResponse(tx, claim, result);",
  replace: "await null;",
};

interface Seen {
  kills: number;
  stale: number;
  lost: number;
  notReplayed: number;
}

type Doomed = () => Promise<Gateway>;

/** A gateway is killed in the middle of each change; then the other one is asked, and asked to do the same again. */
async function killInTheMiddle(
  { gateways: [, other], databaseUrl }: Pair,
  start: Doomed,
  kills: number,
): Promise<Seen> {
  const seen: Seen = { kills: 0, stale: 0, lost: 0, notReplayed: 0 };
  let next = start();
  try {
    for (let turn = 0; turn < kills; turn += 1) {
      const granted = turn % 2 === 0;
      await readGrant(other, 0); // it is cached now
      const doomed = await next;
      next = start(); // it takes a while
      const options = { idempotencyKey: randomUUID() };
      await killWhileCommitted(doomed, () => setGrant(doomed, 0, granted, options));
      seen.kills += 1;
      if ((await readGrant(other, 0)).granted !== granted) seen.stale += 1;
      if ((await countAttachments(databaseUrl)) !== (granted ? 1 : 0)) seen.lost += 1;
      const events = await countEvents(databaseUrl);
      const again = await setGrant(other, 0, granted, options).catch(() => null);
      if (again?.changed !== true || (await countEvents(databaseUrl)) !== events) seen.notReplayed += 1;
      if ((await readGrant(other, 0)).granted !== granted) seen.stale += 1;
    }
  } finally {
    await (await next).kill();
  }
  return seen;
}

async function killWhileCommitted(gateway: Gateway, work: () => Promise<unknown>): Promise<void> {
  const failed = work().then(
    () => false,
    () => true,
  );
  await vi.waitUntil(() => gateway.output().includes(MARK), { timeout: 20_000, interval: 2 });
  await gateway.kill();
  expect(await failed).toBe(true);
}

const count = (sql: string) => (url: string) =>
  withClient(url, async (client) => Number((await client.query(sql)).rows[0].count));
const countAttachments = count("SELECT count(*) FROM attachment");
const countEvents = count("SELECT count(*) FROM audit_event");

async function run(kills: number, slips: readonly Slip[] | undefined, doomedSlips: readonly Slip[]): Promise<Seen> {
  const pair = await startPair({ users: 1, ...(slips === undefined ? { settings: VERIFY_ALL } : { slips }) });
  let build: BrokenBuild | undefined;
  try {
    build = await breakBuild("doomed", doomedSlips);
    const { program } = build;
    const settings = {
      DATABASE_URL: pair.databaseUrl,
      REDIS_URL: pair.redis?.url ?? "",
      ADMIN_API_KEY: pair.gateways[0].key,
    };
    const seen = await killInTheMiddle(pair, () => startGateway(settings, program), kills);
    if (slips === undefined) expectNoMismatch(pair); // a broken pair's own verifier may well see what is wrong
    return seen;
  } finally {
    await build?.remove();
    await pair.close();
  }
}

test("R7: a gateway that deletes cache entries after COMMIT leaves stale ones, and this test sees it", async () => {
  const aside = [...keysWithoutTags, noLocalAnswers]; // and the deletion that none of the killed ones comes to
  killed("cache entries deleted after COMMIT", (await run(2, aside, [...aside, hangAfterCommit])).stale);
});

test("R7: a gateway that keeps its answers after COMMIT cannot replay them, and this test sees it", async () => {
  killed("answers kept after COMMIT", (await run(2, undefined, [answerKeptLater, hangAfterCommit])).notReplayed);
});

test("R7: a gateway killed between COMMIT and answer leaves nothing stale or lost, and the other one replays", async () => {
  const seen = await run(KILLS, undefined, [hangAfterCommit]);
  console.log(`killed between COMMIT and answer: ${JSON.stringify(seen)}`);
  expect(seen).toEqual({ kills: KILLS, stale: 0, lost: 0, notReplayed: 0 });
});
