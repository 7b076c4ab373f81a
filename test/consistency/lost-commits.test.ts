import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { killed } from "../support/broken-build.js";
import { withClient } from "../support/databases.js";
import { ACCOUNT, key, policy } from "../support/demo.js";
import { type Pair, startPair } from "../support/gateway-pair.js";
import { change, RefusedError } from "../support/grants.js";
import { PATIENCE, times } from "../support/long-form.js";
import { type OwnPostgres, startOwnPostgres } from "../support/own-postgres.js";

vi.setConfig(PATIENCE);

const CLIENTS = 6;
const MUTATIONS = times({ short: 120, long: 1_200 });
const RESTARTS = 2;
/** Of the COMMITs that PostgreSQL confirms, one in so many is not heard of. */
const LOST_EACH = 12;
const PATIENCE_OF_CLIENT_MS = 60_000;

interface Outcome {
  readonly acknowledged: ReadonlySet<number>;
  /** How often each change is in the database. */
  readonly present: ReadonlyMap<number, number>;
  readonly events: number;
  readonly commits: number;
  readonly lost: number;
  /** Codes of the errors that clients saw. */
  readonly codes: ReadonlySet<string>;
}

interface Counts {
  commits: number;
  lost: number;
}

function loseCommits({ toPostgres }: Pair): Counts {
  const counts = { commits: 0, lost: 0 };
  const isLost = (answer: Buffer) => {
    if (!answer.includes("COMMIT\0")) return false;
    counts.commits += 1;
    const lost = counts.commits % LOST_EACH === 0;
    if (lost) counts.lost += 1;
    return lost;
  };
  for (const proxy of toPostgres) proxy.swallow(isLost);
  return counts;
}

const policyOf = (client: number) => `counted-${client}`;
const documentOf = (n: number) => ({
  Version: "1",
  Statement: [{ Effect: "Allow", Action: "kms:Decrypt", Resource: key(`change-${n}-`) }],
});

/** Not the same when it is done twice: each time there is another version. */
function addVersion({ gateways }: Pair, n: number, attempt: number, withKey: string | undefined): Promise<unknown> {
  const gateway = gateways[(n + attempt) % 2 === 0 ? 0 : 1];
  const input = { policy: policy(policyOf(n % CLIENTS)), document: documentOf(n) };
  return change(gateway, "createPolicyVersion", { ...input, ...(withKey && { idempotencyKey: withKey }) });
}

/** A client that asks again until it has an answer. */
async function insist(pair: Pair, n: number, withKeys: boolean, codes: Set<string>): Promise<boolean> {
  const deadline = performance.now() + PATIENCE_OF_CLIENT_MS;
  const idempotencyKey = withKeys ? randomUUID() : undefined;
  for (let attempt = 0; performance.now() < deadline; attempt += 1) {
    try {
      await addVersion(pair, n, attempt, idempotencyKey);
      return true;
    } catch (error) {
      codes.add(error instanceof RefusedError ? `${error.code}: ${error.message}` : String(error));
      await sleep(50);
    }
  }
  return false;
}

async function changeUnderFaults(
  pair: Pair,
  postgres: OwnPostgres,
  count: number,
  withKeys: boolean,
): Promise<Outcome> {
  for (let client = 0; client < CLIENTS; client += 1) {
    const made = { account: ACCOUNT, name: policyOf(client), document: documentOf(-1) };
    await change(pair.gateways[0], "createPolicy", made);
  }
  const counts = loseCommits(pair);
  const acknowledged = new Set<number>();
  const codes = new Set<string>();
  const client = async (own: number) => {
    for (let n = own; n < count; n += CLIENTS) if (await insist(pair, n, withKeys, codes)) acknowledged.add(n);
  };
  let over = false;
  const restarts = restartNowAndThen(pair, postgres, (share) => over || acknowledged.size >= count * share);
  await Promise.all(Array.from({ length: CLIENTS }, (_, own) => client(own)));
  over = true;
  await restarts;
  return { acknowledged, codes, ...counts, ...(await takeStock(postgres)) };
}

async function restartNowAndThen(
  { toPostgres }: Pair,
  postgres: OwnPostgres,
  isDone: (share: number) => boolean,
): Promise<void> {
  for (let restart = 1; restart <= RESTARTS; restart += 1) {
    while (!isDone(restart / (RESTARTS + 1))) await sleep(20);
    await postgres.crash();
    await postgres.start();
    for (const proxy of toPostgres) proxy.retarget(postgres.url());
  }
}

function takeStock(postgres: OwnPostgres): Promise<Pick<Outcome, "present" | "events">> {
  return withClient(postgres.url(), async (client) => {
    const { rows } = await client.query<{ n: string; count: string }>(
      `SELECT substring(document FROM 'change-([0-9]+)-') AS n, count(*) FROM policy_version
       WHERE document ~ 'change-[0-9]+-' GROUP BY 1`,
    );
    const events = await client.query("SELECT count(*) FROM audit_event WHERE action = 'createPolicyVersion'");
    const present = new Map(rows.map(({ n, count }) => [Number(n), Number(count)]));
    return { present, events: Number(events.rows[0].count) };
  });
}

async function run(count: number, withKeys: boolean): Promise<Outcome> {
  const postgres = await startOwnPostgres();
  try {
    const settings = { LIMIT_VERSIONS_PER_POLICY: "100000" };
    const pair = await startPair({ users: 0, databaseUrl: postgres.url(), proxiedPostgres: true, settings });
    try {
      return await changeUnderFaults(pair, postgres, count, withKeys);
    } finally {
      await pair.close();
    }
  } finally {
    await postgres.remove();
  }
}

const appliedTwice = ({ present }: Outcome) => [...present].filter(([, times]) => times > 1).map(([n]) => n);

test("R8: without idempotency keys changes are made twice, and this test sees it", async () => {
  const outcome = await run(MUTATIONS, false);
  killed("changes repeated without a key", appliedTwice(outcome).length, times({ short: 1, long: 10 }));
});

test("R8: with keys every acknowledged change is there, once, whatever PostgreSQL's answers come to", async () => {
  const outcome = await run(MUTATIONS, true);
  const { acknowledged, present, commits, lost, events, codes } = outcome;
  console.log(
    `${acknowledged.size} changes, ${lost} of ${commits} answers to COMMIT lost; errors: ${[...codes].join(", ")}`,
  );
  expect(lost / commits).toBeGreaterThanOrEqual(0.05);
  expect(acknowledged.size).toBe(MUTATIONS);
  expect([...acknowledged].filter((n) => !present.has(n))).toEqual([]);
  expect(appliedTwice(outcome)).toEqual([]);
  expect(events).toBe(MUTATIONS);
  for (const code of codes) expect(code).toMatch(/^UNAVAILABLE: /);
});
