import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type Answered, askForAWhile, askOnce, describeAnswers, quantile } from "../support/answers.js";
import { killed, type Slip } from "../support/broken-build.js";
import { type Pair, startPair } from "../support/gateway-pair.js";
import { readGrant, setGrant } from "../support/grants.js";
import { PATIENCE, times } from "../support/long-form.js";
import { staleOnOutage } from "../support/slips.js";
import type { TcpProxy } from "../support/tcp-proxy.js";

vi.setConfig(PATIENCE);

const CLIENTS = 8;
const AWAY_MS = times({ short: 3_000, long: 15_000 });
/** A busy machine can be late for once, not each time. */
const ATTEMPTS = 3;

let pair: Pair;
beforeAll(async () => {
  pair = await startGranted();
});
afterAll(() => pair?.close());

async function startGranted(slips?: readonly Slip[]): Promise<Pair> {
  const started = await startPair({ users: CLIENTS, proxiedPostgres: true, ...(slips && { slips }) });
  for (let user = 0; user < CLIENTS; user += 1) await setGrant(started.gateways[0], user, true);
  return started;
}

type Fault = (proxy: TcpProxy) => unknown;

/** Asks what everybody knows to be allowed, and Redis too, while the database is away. */
async function askWithoutDatabase({ gateways, toPostgres }: Pair, away: Fault): Promise<Answered[]> {
  for (const gateway of gateways) {
    for (let user = 0; user < CLIENTS; user += 1) expect((await readGrant(gateway, user)).granted).toBe(true);
  }
  for (const proxy of toPostgres) await away(proxy);
  return askForAWhile({ gateways, clients: CLIENTS, milliseconds: AWAY_MS });
}

/** How long it takes until a gateway answers again; milliseconds. */
async function timeToRecover(index: 0 | 1): Promise<number> {
  const start = performance.now();
  while (performance.now() - start < 30_000) {
    if ((await askOnce(pair.gateways[index], index)).outcome === "ALLOW") return performance.now() - start;
    await sleep(20);
  }
  return Number.POSITIVE_INFINITY;
}

test("R13: a gateway that answers from what it last knew allows what may be revoked, and this test sees it", async () => {
  const broken = await startGranted(staleOnOutage);
  try {
    const answers = await askWithoutDatabase(broken, (proxy) => proxy.refuse());
    killed("stale on outage", answers.filter(({ outcome }) => outcome === "ALLOW").length);
  } finally {
    await broken.close();
  }
});

test.each<[string, Fault, Fault]>([
  ["refuses connections", (proxy) => proxy.refuse(), (proxy) => proxy.accept()],
  ["says nothing any more", (proxy) => proxy.setFlow("drop"), (proxy) => proxy.setFlow("pass")],
  ["hears nothing for a while", (proxy) => proxy.setFlow("hold"), (proxy) => proxy.setFlow("pass")],
])(
  "R13: when PostgreSQL %s every answer is UNAVAILABLE within a second, and the next is right when it is back",
  async (name, away, back) => {
    const p99: number[] = [];
    for (let attempt = 0; attempt < ATTEMPTS && !p99.some((time) => time <= 1_000); attempt += 1) {
      const answers = await askWithoutDatabase(pair, away);
      for (const proxy of pair.toPostgres) await back(proxy);
      const recovery = await Promise.all([timeToRecover(0), timeToRecover(1)]);
      console.log(
        `PostgreSQL ${name}: ${describeAnswers(answers)}; back after ${recovery.map(Math.round).join(" and ")} ms`,
      );
      expect(new Set(answers.map(({ outcome }) => outcome))).toEqual(new Set(["UNAVAILABLE"]));
      expect(Math.max(...recovery)).toBeLessThanOrEqual(5_000);
      p99.push(quantile(answers, 0.99));
    }
    expect(Math.min(...p99)).toBeLessThanOrEqual(1_000);
    await setGrant(pair.gateways[1], 0, false);
    expect((await readGrant(pair.gateways[0], 0)).granted).toBe(false);
    await setGrant(pair.gateways[0], 0, true);
  },
);
