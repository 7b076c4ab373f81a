import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { killed, type Slip } from "../support/broken-build.js";
import { ACCOUNT } from "../support/demo.js";
import type { Gateway } from "../support/gateway.js";
import { type Pair, startPair } from "../support/gateway-pair.js";
import { setGrant } from "../support/grants.js";
import { PATIENCE, seedOf, times } from "../support/long-form.js";
import { randomFrom } from "../support/random-cases.js";
import { type StreamedResult, subscribe, untilResults } from "../support/subscriber.js";

vi.setConfig(PATIENCE);

// A subscriber that comes and goes hears of each change once and in order, whatever Redis does.

const USERS = 4;
const CHANGES = times({ short: 504, long: 5_040 });
const QUERY = `subscription ($account: String!, $after: String) {
  grantChanges(account: $account, after: $after) { cursor event { sequence } } }`;
const TRAIL =
  "query ($account: String!) { auditEvents(account: $account, last: 1) { nodes { changeCursor sequence } } }";
/** So long after the last change nothing more is to be expected. */
const SILENCE_MS = 3_000;

let pair: Pair;
beforeAll(async () => {
  pair = await startPair({ users: USERS });
});
afterAll(() => pair?.close());

function listen({ url, key }: Gateway, after: string | null, onResult?: (result: StreamedResult) => void) {
  const variables = { account: ACCOUNT, after };
  return subscribe({ url, key, query: QUERY, variables, ...(onResult && { onResult }) });
}

/** So many changes by all users at a time, on both gateways. */
async function makeChanges({ gateways }: Pair, count: number): Promise<void> {
  const perUser = 2 * Math.floor(count / USERS / 2);
  const work = async (user: number) => {
    for (let n = 0; n < perUser; n += 1) await setGrant(gateways[n % 3 === 0 ? 0 : 1], user, n % 2 === 0);
  };
  await Promise.all(Array.from({ length: USERS }, (_, user) => work(user)));
}

async function lastEvent({ gateways }: Pair): Promise<{ changeCursor: string; sequence: number }> {
  return (await gateways[0].ask(TRAIL, { account: ACCOUNT })).data.auditEvents.nodes[0];
}

/** What a subscriber has heard, over all of its connections. */
interface Heard {
  readonly sequences: number[];
  cursor: string;
  pieces: number;
  isOver: boolean;
}

/** Breaks off after a random number of events, stays away for a random time, and comes again to either gateway. */
async function hearInPieces({ gateways }: Pair, heard: Heard, random: () => number): Promise<void> {
  for (; !heard.isOver; heard.pieces += 1) {
    await hearOnePiece(gateways[random() < 0.5 ? 0 : 1], heard, 1 + Math.floor(random() * 60));
    await sleep(random() * 150);
  }
}

async function hearOnePiece(gateway: Gateway, heard: Heard, length: number): Promise<void> {
  let left = length;
  const subscriber = await listen(gateway, heard.cursor, ({ data }) => {
    if (left <= 0) return; // what arrives while the connection breaks was not heard
    left -= 1;
    heard.sequences.push(data.grantChanges.event.sequence);
    heard.cursor = data.grantChanges.cursor;
  });
  while (left > 0 && !heard.isOver) await sleep(1);
  left = 0;
  subscriber.leave();
}

/** How many events a subscriber has not heard in their place while others made changes. */
async function misheard(tested: Pair, changes: number, seed: number): Promise<number> {
  const { changeCursor: cursor, sequence: before } = await lastEvent(tested);
  const heard: Heard = { sequences: [], cursor, pieces: 0, isOver: false };
  const hearing = hearInPieces(tested, heard, randomFrom(seed));
  await makeChanges(tested, changes);
  const { sequence: last } = await lastEvent(tested);
  await untilSilent(heard, last - before);
  heard.isOver = true;
  await hearing;
  expect(last - before).toBe(2 * USERS * Math.floor(changes / USERS / 2));
  console.log(`${heard.sequences.length} events of ${last - before} in ${heard.pieces} pieces`);
  const places = Array.from({ length: Math.max(last - before, heard.sequences.length) }, (_, n) => before + 1 + n);
  return places.filter((sequence, n) => heard.sequences[n] !== sequence || sequence > last).length;
}

async function untilSilent({ sequences }: Heard, expected: number): Promise<void> {
  let [count, since] = [sequences.length, performance.now()];
  while (performance.now() - since < (sequences.length < expected ? SILENCE_MS : SILENCE_MS / 10)) {
    await sleep(20);
    if (sequences.length > count) [count, since] = [sequences.length, performance.now()];
  }
}

test("a hint brings a change sooner than the next look would", async () => {
  const subscriber = await listen(pair.gateways[1], null);
  const delays: number[] = [];
  for (let n = 0; n < 12; n += 1) {
    await setGrant(pair.gateways[0], 0, n % 2 === 0);
    const began = performance.now();
    await untilResults(subscriber, n + 1);
    delays.push(performance.now() - began);
  }
  subscriber.leave();
  console.log(`heard after ${delays.map(Math.round).join(", ")} ms`);
  expect(delays.filter((ms) => ms < 400).length).toBeGreaterThan(9);
});

describe("a subscriber that comes and goes hears each change once, in order", () => {
  test("while changes are made on both gateways", async () => {
    expect(await misheard(pair, CHANGES, seedOf("pieces"))).toBe(0);
  });

  test("while Redis is away, and when hints are lost", async () => {
    for (const proxy of pair.toRedis) proxy.setFlow("hold");
    expect(await misheard(pair, CHANGES / 5, seedOf("no hints"))).toBe(0);
    for (const proxy of pair.toRedis) {
      proxy.setFlow("pass");
      proxy.killConnections();
      await proxy.refuse();
    }
    expect(await misheard(pair, CHANGES / 5, seedOf("no Redis"))).toBe(0);
  });
});

test("without a hint a change is heard of all the same, after a second or so", async () => {
  const subscriber = await listen(pair.gateways[1], null);
  const began = performance.now();
  await setGrant(pair.gateways[0], 0, true);
  await setGrant(pair.gateways[0], 0, false);
  await untilResults(subscriber, 2);
  expect(performance.now() - began).toBeLessThan(5_000);
  subscriber.leave();
});

const FOLLOW = "administration/follow-grant-changes.js";
const START = "changesBehind(request.after ?? trail.head,";
const MISTAKES: Readonly<Record<string, Slip>> = {
  "a cursor names the next event": {
    file: FOLLOW,
    find: START,
    replace: "changesBehind(request.after === null ? trail.head : request.after + 1,",
  },
  "a cursor names the event before": {
    file: FOLLOW,
    find: START,
    replace: "changesBehind((request.after ?? trail.head + 1) - 1,",
  },
  "live events are joined before all behind the cursor are read": {
    file: FOLLOW,
    find: "position = page?.through ?? position;",
    replace: "position = page === null ? position : trail.head;",
  },
};

test.each(Object.entries(MISTAKES))("this would be noticed: %s", async (name, slip) => {
  const broken = await startPair({ users: USERS, slips: [slip] });
  try {
    let seen = 0;
    for (let round = 0; seen === 0 && round < 8; round += 1) seen = await misheard(broken, 120, seedOf(name)); // one of them takes luck
    killed(name, seen);
  } finally {
    await broken.close();
  }
});
