import { Agent, request } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { killed } from "../support/broken-build.js";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";
import { GEMINI_KEY, user } from "../support/demo.js";
import { type Gateway, startGateway } from "../support/gateway.js";
import { type RoundRobin, startRoundRobin } from "../support/round-robin.js";

/** Fewer where people wait; with `RAMGATE_LONG`, and in CI, all. */
const LEAST_REQUESTS = process.env["RAMGATE_LONG"] || process.env["CI"] ? 10_000 : 3_000;
/** Few enough for two cores to start a gateway meanwhile: an overload is not what this is about. */
const CLIENTS = 4;
const BODY = JSON.stringify({
  query: `{ checkAccess(input: { principal: "${user("bob")}", action: "kms:Decrypt", resource: "${GEMINI_KEY}" }) { outcome } }`,
});
const RIGHT = '"outcome":"IMPLICIT_DENY"';

let database: TestDatabase;
let balancer: RoundRobin;
let gateways: Gateway[];
let started: Gateway[];

beforeEach(async () => {
  gateways = [];
  started = [];
  database = await createTestDatabase("rolling");
});

afterEach(async () => {
  await balancer?.close();
  await Promise.all(gateways.map((gateway) => gateway.kill()));
  await database?.drop();
});

async function startPair(settings: Record<string, string>): Promise<string> {
  const first = await start({ ...settings, SEED_DEMO: "true" });
  await start({ ...settings, ADMIN_API_KEY: first.key });
  return first.key;
}

async function start(settings: Record<string, string>): Promise<Gateway> {
  const gateway = await startGateway({ DATABASE_URL: database.url, ...settings });
  gateways.push(gateway);
  started.push(gateway);
  balancer.setTargets(gateways.map(({ url }) => url));
  await balancer.untilReady(gateway.url);
  return gateway;
}

/** Replaces each gateway by a new one, one after the other; the exit codes of the old ones. */
async function restartAll(settings: Record<string, string>): Promise<(number | null)[]> {
  const codes: (number | null)[] = [];
  for (const old of [...gateways]) {
    codes.push(await old.stop());
    gateways = gateways.filter((gateway) => gateway !== old);
    await start(settings);
  }
  return codes;
}

function send(agent: Agent, key: string): Promise<string> {
  return new Promise((resolve) => {
    const headers = { "content-type": "application/json", authorization: `Bearer ${key}` };
    const sent = request(`${balancer.url}/graphql`, { method: "POST", headers, agent }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("error", (error) => resolve(error.message));
      response.on("end", () => resolve(text.includes(RIGHT) ? "right" : `${response.statusCode} ${text}`));
    });
    sent.on("error", (error) => resolve(error.message));
    sent.end(BODY);
  });
}

/** Keeps asking on kept connections until `work` is done and enough was asked; how often each answer came. */
async function askDuring(key: string, least: number, work: () => Promise<void>): Promise<Map<string, number>> {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const answers = new Map<string, number>();
  let asked = 0;
  let done = false;
  const client = async () => {
    while (!done || asked < least) {
      asked += 1;
      const answer = await send(agent, key);
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
  };
  const clients = Array.from({ length: CLIENTS }, client);
  try {
    await work();
  } finally {
    done = true;
  }
  await Promise.all(clients);
  agent.destroy();
  return answers;
}

const failures = (answers: Map<string, number>) => [...answers].filter(([answer]) => answer !== "right");

test("no request fails while both gateways are restarted twice", { timeout: 180_000 }, async () => {
  balancer = await startRoundRobin();
  const grace = { DRAIN_GRACE_MS: "1000" };
  const key = await startPair(grace);
  const codes: (number | null)[] = [];
  const answers = await askDuring(key, LEAST_REQUESTS, async () => {
    for (let round = 0; round < 2; round += 1) {
      codes.push(...(await restartAll({ ...grace, ADMIN_API_KEY: key })));
    }
  });
  expect(failures(answers), started.map((gateway) => gateway.errors()).join("\n")).toEqual([]);
  expect(answers.get("right")).toBeGreaterThanOrEqual(LEAST_REQUESTS);
  expect(codes).toEqual([0, 0, 0, 0]);
});

test("a gateway that closes before the balancer has noticed loses requests", { timeout: 120_000 }, async () => {
  balancer = await startRoundRobin(1_000); // as often as real ones ask
  const hasty = { DRAIN_GRACE_MS: "0" };
  const key = await startPair(hasty);
  const answers = await askDuring(key, 0, async () => void (await restartAll({ ...hasty, ADMIN_API_KEY: key })));
  const lost = failures(answers).reduce((sum, [, count]) => sum + count, 0);
  killed("no grace before the drain", lost);
});
