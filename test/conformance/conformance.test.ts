import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CacheStatus } from "../../src/decisions/question.js";
import type { ScopePrecedence } from "../../src/domain/evaluation/access-request.js";
import "../support/backend.js";
import { snapshotsOf } from "./account-snapshot.js";
import type { Answer } from "./answer.js";
import { askApi, askBatch } from "./api-ways.js";
import { type Case, readCaseFiles } from "./case.js";
import { type Answers, disagreements, WAYS } from "./disagreements.js";
import { askEvaluator, isKeptInCache } from "./evaluator-way.js";
import { type Installation, openInstallation } from "./gateway.js";
import { type Accounts, type Situation, situationOf } from "./situation.js";

const FILES = readCaseFiles();
const CASES = FILES.flatMap(({ content }) => content.cases);
const PRECEDENCES: readonly ScopePrecedence[] = ["staged", "deny-overrides"];

let installation: Installation;
const situations = new Map<Case, Situation>();
const batchAnswers = new Map<Case, Answer>();
const uncached: string[] = [];

beforeAll(async () => {
  installation = await openInstallation();
  await importAccounts();
  for (const precedence of PRECEDENCES) await askInBatch(precedence);
}, 120_000);
afterAll(() => installation?.close());

/** Cases about the same account share it, so that one import serves them all. */
async function importAccounts(): Promise<void> {
  const known = new Map<string, Accounts>();
  for (const source of CASES) {
    const setup = JSON.stringify([...snapshotsOf(situationOf(source, numbered(0))).values()]);
    const accounts = known.get(setup) ?? numbered(known.size + 1);
    const situation = situationOf(source, accounts);
    situations.set(source, situation);
    if (known.has(setup)) continue;
    known.set(setup, accounts);
    for (const [account, snapshot] of snapshotsOf(situation)) await installation.importSnapshot(account, snapshot);
  }
}

function numbered(position: number): Accounts {
  return { account: String(1_000_000_000_000_000 + position), other: String(2_000_000_000_000_000 + position) };
}

async function askInBatch(precedence: ScopePrecedence): Promise<void> {
  const asked = [...situations].filter(([, situation]) => situation.precedence === precedence);
  const gateway = installation.gateway(precedence);
  const answers = await askBatch(
    gateway,
    asked.map(([, situation]) => situation),
  );
  for (const [index, [source]] of asked.entries()) batchAnswers.set(source, answers[index] ?? {});
}

interface Asked {
  readonly answers: Answers;
  /** How the cache took part in the first and in the second answer of the API. */
  readonly cold: readonly CacheStatus[];
  readonly warm: readonly CacheStatus[];
}

/** The gateway is new, so its cache holds nothing. */
async function askEveryWay(source: Case): Promise<Asked> {
  const situation = situations.get(source);
  if (situation === undefined) throw new Error(`\`${source.name}\` was not prepared`);
  const gateway = installation.gateway(situation.precedence);
  const evaluator = askEvaluator(situation);
  const first = await askApi(gateway, situation);
  const cold = gateway.cacheStatuses();
  const second = await askApi(gateway, situation);
  const warm = gateway.cacheStatuses();
  const batch = batchAnswers.get(source) ?? {};
  return { answers: { evaluator, "cold API": first, "warm API": second, batch }, cold, warm };
}

for (const { name, content } of FILES) {
  describe(`${name}: ${content.about}`, () => {
    it.each(content.cases.map((source) => [source.name, source] as const))("%s", async (_name, source) => {
      const { answers, cold, warm } = await askEveryWay(source);
      expect(disagreements(source.expect, answers)).toEqual([]);
      expect(cold).not.toContain("HIT");
      const kept = isKeptInCache(situations.get(source) as Situation, answers.evaluator);
      expect(cold.includes("BYPASS")).toBe(!kept);
      expect(warm).toEqual(cold.map((status) => (status === "MISS" ? "HIT" : status)));
      if (!kept) uncached.push(source.name);
    });
  });
}

describe("the runner", () => {
  it("finds most answers in the cache the second time", () => {
    expect(uncached.length).toBeLessThan(CASES.length / 5);
  });

  it.each(["action", "operation"])(
    "reports a wrong expectation of each way for a question about an %s",
    async (kind) => {
      const source = CASES.find((each) => kind in each && each.expect.outcome === "ALLOW") as Case;
      const { answers } = await askEveryWay(source);
      const wrong = disagreements({ outcome: "IMPLICIT_DENY" }, answers);
      expect(wrong).toEqual(WAYS.map((way) => `${way}: \`outcome\` is "ALLOW", not "IMPLICIT_DENY"`));
    },
  );

  it.each(WAYS)("reports an answer that only the way %s gives", async (way) => {
    const source = CASES.find((each) => each.action && each.expect.outcome === "ALLOW") as Case;
    const { answers } = await askEveryWay(source);
    const changed = { ...answers, [way]: { ...answers[way], decidedBy: "SESSION_POLICY" } };
    expect(disagreements({ outcome: "ALLOW" }, changed)).not.toEqual([]);
  });
});
