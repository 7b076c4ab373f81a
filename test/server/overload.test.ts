import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";
import { APOLLO_KEY, user } from "../support/demo.js";
import { type Gateway, startGateway } from "../support/gateway.js";
import { LONG } from "../support/long-form.js";

const CLIENTS = 500;
const SECONDS = LONG ? 20 : 4;
const ANSWER_MS = 2_000;
const BACK_TO_NORMAL_MS = 2_000;

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase("overload");
});

afterAll(async () => {
  await database?.drop();
});

/** Every question goes to PostgreSQL, over the eight connections that there are for loads. */
const start = (settings: Record<string, string>) =>
  startGateway({ DATABASE_URL: database.url, SEED_DEMO: "true", DECISION_CACHE: "off", ...settings });

interface Timed {
  readonly outcome: string;
  readonly ms: number;
}

async function ask({ url, key }: Gateway): Promise<Timed> {
  const began = performance.now();
  const query = `{ checkAccess(input: { principal: "${user("bob")}", action: "kms:Decrypt", resource: "${APOLLO_KEY}" }) { outcome } }`;
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify({ query }),
  });
  const { data, errors } = (await response.json()) as { data?: object; errors?: { extensions: { code: string } }[] };
  const outcome = data && !errors ? "answered" : `${response.status} ${errors?.[0]?.extensions.code}`;
  return { outcome, ms: performance.now() - began };
}

/** So many clients at once, each asking again as soon as it is answered, and a little later when it is refused. */
async function storm(gateway: Gateway, seconds: number): Promise<Timed[]> {
  const end = performance.now() + seconds * 1_000;
  const all: Timed[] = [];
  const client = async () => {
    while (performance.now() < end) {
      const timed = await ask(gateway);
      all.push(timed);
      if (timed.outcome !== "answered") await sleep(200);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return all;
}

const REFUSED = "503 UNAVAILABLE";

test("500 clients are answered or refused in time, and all is normal soon after", { timeout: 120_000 }, async () => {
  const gateway = await start({ MAX_IN_FLIGHT: "32", MAX_WAITING: "64" });
  try {
    const all = await storm(gateway, SECONDS);
    const over = performance.now();
    expect([...new Set(all.map(({ outcome }) => outcome))].sort()).toEqual([REFUSED, "answered"]);
    expect(all.filter(({ outcome }) => outcome === "answered").length).toBeGreaterThan(100);
    expect(Math.max(...all.map(({ ms }) => ms))).toBeLessThanOrEqual(ANSWER_MS);
    let timed = await ask(gateway);
    while (timed.outcome !== "answered" || timed.ms > 200) {
      expect(performance.now() - over).toBeLessThan(BACK_TO_NORMAL_MS);
      timed = await ask(gateway);
    }
  } finally {
    await gateway.stop();
  }
});

test("without limits on how many there are nobody is refused, and everybody waits longer", {
  timeout: 120_000,
}, async () => {
  const gateway = await start({ MAX_IN_FLIGHT: "10000", MAX_WAITING: "10000", REQUEST_DEADLINE_MS: "60000" });
  try {
    const all = await storm(gateway, 2);
    expect([...new Set(all.map(({ outcome }) => outcome))]).toEqual(["answered"]);
  } finally {
    await gateway.stop();
  }
});
