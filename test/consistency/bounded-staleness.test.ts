import { afterEach, expect, test } from "vitest";
import "../support/backend.js";
import { killed, type Slip } from "../support/broken-build.js";
import type { Gateway } from "../support/gateway.js";
import { type Pair, startPair } from "../support/gateway-pair.js";
import { readBoundedGrant, setGrant } from "../support/grants.js";
import { LONG, times } from "../support/long-form.js";

const BOUND_MS = 1_000;
const CLIENTS = 10;
const REVOKES = times({ short: 100, long: 2_000 });
const TIME_LIMIT = LONG ? 1_800_000 : 180_000;

/** Its age counts from nowhere: what was read once is known for three times as long. */
const threeTimesAsOld: Slip = {
  file: "store/revisions.js",
  find: "known.recall(scopes, maxStaleness)",
  replace: "known.recall(scopes, 3 * maxStaleness)",
};

let pair: Pair | null = null;
afterEach(async () => {
  await pair?.close();
  pair = null;
});

interface Seen {
  /** Milliseconds from the acknowledgement of a revocation to the start of the last question that did not see it. */
  readonly staleness: number[];
  /** Milliseconds from there to the first answer that saw it. */
  readonly delays: number[];
}

/** Grants and revokes on one gateway, and asks the other, which may answer from an older state, again and again. */
async function revokeAgainAndAgain([writer, reader]: readonly [Gateway, Gateway], count: number): Promise<Seen> {
  const seen: Seen = { staleness: [], delays: [] };
  let left = count;
  const client = async (user: number) => {
    while (left-- > 0) {
      await setGrant(writer, user, true);
      while (!(await readBoundedGrant(reader, user)));
      await setGrant(writer, user, false);
      const acknowledged = performance.now();
      let last = acknowledged;
      for (let asked = acknowledged; await readBoundedGrant(reader, user); asked = performance.now()) last = asked;
      seen.staleness.push(last - acknowledged);
      seen.delays.push(performance.now() - acknowledged);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, user) => client(user)));
  return seen;
}

const quantile = (list: readonly number[], share: number): number =>
  [...list].sort((left, right) => left - right)[Math.ceil(list.length * share) - 1] ?? Number.NaN;

test("R6: without hints no answer is older than the bound", { timeout: TIME_LIMIT }, async () => {
  pair = await startPair({ users: CLIENTS, settings: { DECISION_CACHE: "local", MAX_STALENESS_MS: `${BOUND_MS}` } });
  const { staleness } = await revokeAgainAndAgain(pair.gateways, REVOKES);
  const most = Math.max(...staleness);
  console.log(`without hints: ${staleness.length} revocations, oldest answer ${Math.round(most)} ms behind`);
  expect(most).toBeLessThanOrEqual(BOUND_MS);
  expect(most).toBeGreaterThan(BOUND_MS / 4); // or there was nothing to bound
});

test("R6: a gateway that knows revisions for too long is seen", { timeout: TIME_LIMIT }, async () => {
  const settings = { DECISION_CACHE: "local", MAX_STALENESS_MS: `${BOUND_MS}` };
  pair = await startPair({ users: CLIENTS, slips: [threeTimesAsOld], settings });
  const { staleness } = await revokeAgainAndAgain(pair.gateways, 20);
  killed("revisions are known for three times as long", staleness.filter((age) => age > BOUND_MS).length);
});

test("R6: with hints a revocation is seen almost at once", { timeout: TIME_LIMIT }, async () => {
  pair = await startPair({ users: CLIENTS, settings: { MAX_STALENESS_MS: `${BOUND_MS}` } });
  let delay = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 5 && delay > 50; attempt += 1) {
    const { staleness, delays } = await revokeAgainAndAgain(pair.gateways, REVOKES);
    expect(Math.max(...staleness)).toBeLessThanOrEqual(BOUND_MS);
    delay = quantile(staleness, 0.99);
    const seen = `${Math.round(quantile(delays, 0.5))} ms, 99 of 100 within ${Math.round(quantile(delays, 0.99))} ms`;
    console.log(`with hints: seen after ${seen}; the last stale question came ${Math.round(delay)} ms after`);
  }
  expect(delay).toBeLessThanOrEqual(50);
});
