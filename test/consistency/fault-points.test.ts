import { randomBytes } from "node:crypto";
import type { Pool } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Answer, DecisionsOptions, Question } from "../../src/decisions/decide-many.js";
import { asError } from "../../src/decisions/load-answers.js";
import { createPolicyCompiler } from "../../src/store/compiled-policies.js";
import { createTokens } from "../../src/store/revision-token.js";
import { type Fixture, openFixture } from "../decisions/fixture.js";
import { brokenDecisionPoint, DECISION_POINT, type DecisionPoint } from "../support/decision-point.js";
import { seedOf, times } from "../support/long-form.js";
import { type Mutation, reportKilled } from "../support/mutation.js";
import { randomFrom } from "../support/random-cases.js";
import { type Fault, faultsOf, PASSED, type Seams } from "./faults.js";
import { type Moment, recordScenes, type Scene, told } from "./scenes.js";

const MUTANTS: readonly Mutation[] = [
  {
    name: "without the revisions, the last known ones will do",
    file: "store/revisions.ts",
    find: "    return withDeadline(batch.answer, REVISION_DEADLINE_MS);",
    replace: `    return batch.answer.catch((error) => {
      const stale = known.recall(scopes, Number.POSITIVE_INFINITY);
      if (stale === null) throw error;
      return stale;
    });`,
  },
  {
    name: "what cannot be evaluated is allowed",
    file: "decisions/load-answers.ts",
    find: "    return wanted.map(() => asError(error));",
    replace: `    return wanted.map(({ question }) => ({
      answer: {
        decisions: question.actions.map((action) => ({ action, outcome: "ALLOW" })),
        resource: { arn: question.resource, registered: false },
        evaluatedAt: 0, validFrom: null, validUntil: null,
      },
      vector: new Map(), followed: new Map(), now: 0,
    }) as never);`,
  },
  {
    name: "a standby will do",
    file: "store/readable-row.ts",
    find: `if (row.standby) throw new UnavailableError("the database is a standby");`,
    replace: `if (row.standby) return row;`,
  },
  {
    name: "the answer of the database is not looked at",
    file: "store/readable-row.ts",
    find: "if (unreadable === undefined) return row;",
    replace: "if (unreadable === undefined || row.standby !== true) return row;",
  },
  {
    name: "a database that shows no revisions is believed",
    file: "store/revision-vector.ts",
    find: `if (vector.get("glob") === null)`,
    replace: `if (vector.get("glob") === undefined)`,
  },
  {
    name: "seals are not compared",
    file: "decisions/sealed-answer.ts",
    find: "if (!timingSafeEqual(sealed.subarray(0, MAC_BYTES), macOf(macKey, key, payload))) return null;",
    replace: "",
  },
  {
    name: "seals are not bound to their key",
    file: "decisions/sealed-answer.ts",
    find: `.update(key).update("\\0")`,
    replace: `.update("\\0")`,
  },
  {
    name: "the window of an answer is not looked at",
    file: "decisions/decide-many.ts",
    find: "    holdsAt(answer, question.statedInstant ?? now) &&",
    replace: "",
  },
  {
    name: "a clock that goes back makes everything young",
    file: "store/known-revisions.ts",
    find: "return age >= 0 && age <= most;",
    replace: "return age <= most;",
  },
  {
    name: "a policy that was not loaded is passed over",
    file: "store/evaluation-input.ts",
    find: `if (row === undefined) throw new Error("an attachment names a policy that was not loaded");`,
    replace: `if (row === undefined) return { reference: {}, version: null, compiled: null } as never;`,
  },
];

// Whatever fails on the way to a decision, alone and in pairs: never an ALLOW that is not true, and no decision at all
// where the database could not be read. What was true once lies in both caches each time, for a lazy catch to find.

let fixture: Fixture;
let scenes: readonly Scene[];
beforeAll(async () => {
  fixture = await openFixture("faults");
  scenes = await recordScenes(fixture);
});
afterAll(() => fixture.close());
beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

const MODES = ["full", "token", "bounded"] as const;
type Mode = (typeof MODES)[number];

const compile = createPolicyCompiler();
const tokens = createTokens({ environment: "env", key: randomBytes(32) });
const cacheKey = randomBytes(32);

/** A gateway whose every surrounding can be made to fail. It lives on, so what one fault leaves behind meets the next. */
class Stage {
  readonly sealed: Buffer[] = [];
  /** What was called since things began to fail: what is known already is not asked for. */
  readonly passed = new Set<string>();
  /** What is called at present. */
  private seams: Seams;
  private readonly kept = new Map<string, Buffer>();
  private readonly decisions: ReturnType<DecisionPoint["createDecisions"]>;
  private performed = 0;

  constructor(point: DecisionPoint, first: Moment) {
    this.seams = this.soundSeams(first, 0);
    this.decisions = point.createDecisions({
      ...{ pool: this.pool("readRevisions"), loadPool: this.pool("loadInput") },
      cache: {
        getMany: (keys) => this.seams.getMany(keys) as Promise<(Buffer | null)[]>,
        set: (...entry) => this.seams.set(...entry),
        delete: (key) => this.seams.delete(key),
        close: async () => {},
      },
      compile: (text, kind) => this.seams.compile(text, kind) as ReturnType<typeof compile>,
      tokens: {
        issue: (...given) => (this.seams.issue() ?? tokens.issue(...given)) as string,
        read: (...given) =>
          (this.seams.readToken() === SOUND ? tokens.read(...given) : this.seams.readToken()) as never,
      },
      clocks: { monotonic: () => this.seams.monotonic() as number, wall: () => this.seams.wall() as number },
      onAlarm: (message) => this.seams.alarm(message),
      ...{ localAnswers: 20, environment: "env", engineVersion: "test", cacheKey, scopePrecedence: "staged" },
    } satisfies DecisionsOptions);
  }

  /** Answers the question before the change, makes things fail, and asks again after it. */
  async perform(scene: Scene, mode: Mode, faults: readonly Fault[]): Promise<Answer | Error> {
    this.performed += 1;
    this.kept.clear();
    this.sealed.length = 0;
    this.seams = this.soundSeams(scene.before, 0);
    const first = await this.ask({ ...scene.question, ...(mode === "bounded" && { consistency: BOUNDED }) });
    if (first instanceof Error || first.decisions[0]?.outcome !== "ALLOW") throw first;
    const sound = this.soundSeams(scene.after, PASSED);
    this.seams = sound;
    for (const fault of faults) this.seams = { ...this.seams, ...fault.rig(this.seams) };
    this.passed.clear();
    this.seams = noting(this.seams, this.passed);
    const answer = this.ask({ ...scene.question, consistency: consistencyOf(mode, scene) });
    return faults.some(({ hangs }) => hangs) ? await outwait(answer) : await answer;
  }

  /** Whoever is told an answer is told its revision, too. */
  private async ask(question: Question): Promise<Answer | Error> {
    const [answer = new Error("nothing")] = await this.decisions.decideMany([question]);
    try {
      if (!(answer instanceof Error)) answer.revision();
      return answer;
    } catch (error) {
      return asError(error);
    }
  }

  private pool(name: "readRevisions" | "loadInput"): Pool {
    return { query: () => this.seams[name]() } as unknown as Pool;
  }

  private soundSeams({ revisions, input }: Moment, passed: number): Seams {
    const time = this.performed * 1_000_000 + passed;
    return {
      readRevisions: async () => ({ rows: [this.tagged(revisions)] }),
      loadInput: async () => ({ rows: [this.tagged(input)] }),
      getMany: async (keys) => keys.map((key) => this.kept.get(key) ?? null),
      set: (key, value) => {
        this.kept.set(key, value);
        this.sealed.push(value);
      },
      delete: (key) => void this.kept.delete(key),
      compile,
      issue: () => undefined,
      readToken: () => SOUND,
      monotonic: () => time,
      wall: () => 1_700_000_000_000 + time,
      alarm: () => {},
    };
  }

  /** Each performance is a history of its own: no answer of an earlier one is of use. */
  private tagged(row: Moment["input"]): Moment["input"] {
    return { ...row, revisions: revisionsOf(row).map(([scope, rev, tag]) => [scope, rev, `${tag}-${this.performed}`]) };
  }
}

/** The same, and notes which of them are called. */
function noting(seams: Seams, passed: Set<string>): Seams {
  const noted = Object.entries(seams).map(([name, call]) => [
    name,
    (...given: unknown[]) => {
      passed.add(name);
      return (call as (...given: unknown[]) => unknown)(...given);
    },
  ]);
  return Object.fromEntries(noted) as Seams;
}

const SOUND = Symbol("sound");
const HUNG = new Error("never answered");
const BOUNDED = { kind: "minimizeLatency" } as const;

type Revisions = readonly (readonly [scope: string, rev: number, tag: string])[];
const revisionsOf = (row: Moment["input"]) => row["revisions"] as Revisions;

function consistencyOf(mode: Mode, { after }: Scene): Question["consistency"] {
  if (mode === "full") return { kind: "full" };
  if (mode === "bounded") return BOUNDED;
  const vector = new Map(revisionsOf(after.revisions).map(([scope, rev, tag]) => [scope, { rev, tag }]));
  return { kind: "atLeast", token: tokens.issue(vector, after.revisions["now"] as number) };
}

async function outwait(answer: Promise<Answer | Error>): Promise<Answer | Error> {
  let result: Answer | Error = HUNG;
  void answer.then((settled) => {
    result = settled;
  });
  for (let seconds = 0; seconds < 20 && result === HUNG; seconds += 1) {
    await new Promise(setImmediate);
    await vi.advanceTimersByTimeAsync(1_000);
  }
  return result;
}

/** What is wrong with an answer; null: nothing. */
function problemWith(
  result: Answer | Error,
  truth: Truth,
  faults: readonly Fault[],
  passed: ReadonlySet<string>,
): string | null {
  const allowed = faults.filter(({ point }) => passed.has(point)).map((fault) => new Set(fault.allowed));
  if (result === HUNG) return faults.some(({ point, hangs }) => hangs && point === "getMany") ? null : "it hangs";
  if (result instanceof Error) return problemWithError(result, faults);
  const wrong = result.decisions.some(({ outcome }, slot) => outcome === "ALLOW" && truth.outcomes[slot] !== "ALLOW");
  if (wrong) return "a wrong ALLOW";
  const mustFail = allowed.some((each) => !each.has("truth") && !each.has("less"));
  if (mustFail) return `a decision: ${result.decisions.map(({ outcome }) => outcome)}`;
  if (told(result) === truth.told) return null;
  const less = allowed.some((each) => each.has("less"));
  return less ? null : `another answer: ${told(result)}`;
}

function problemWithError(error: Error, faults: readonly Fault[]): string | null {
  const [only, ...others] = faults;
  if (only === undefined || others.length > 0) return null;
  const mayFail = only.allowed.some((each) => each === "error" || each === "unavailable");
  if (!mayFail) return `${error.name}: ${error.message}`;
  const unavailable = only.allowed.includes("unavailable") && error.name !== "UnavailableError";
  return unavailable ? `not unavailable but ${error.name}: ${error.message}` : null;
}

interface Truth {
  readonly outcomes: readonly string[];
  readonly told: string;
}

async function truthOf(scene: Scene): Promise<Truth> {
  const truth = await new Stage(DECISION_POINT, scene.before).perform(scene, "full", []);
  if (truth instanceof Error) throw truth;
  return { outcomes: truth.decisions.map(({ outcome }) => outcome), told: told(truth) };
}

/** A scene in a mode, with a gateway, everything that may go wrong, and what is true nevertheless. */
interface Production {
  readonly scene: Scene;
  readonly mode: Mode;
  readonly stage: Stage;
  readonly truth: Truth;
  readonly faults: readonly Fault[];
}

async function productionsOf(point: DecisionPoint): Promise<Production[]> {
  const productions: Production[] = [];
  for (const scene of scenes) {
    const truth = await truthOf(scene);
    for (const mode of MODES) {
      const stage = new Stage(point, scene.before);
      const faults = faultsOf(scene.after, () => stage.sealed).filter(
        ({ only }) => only === undefined || only === mode,
      );
      productions.push({ scene, mode, stage, truth, faults });
    }
  }
  return productions;
}

/** What is wrong with what comes of these faults; null: nothing. */
async function check({ scene, mode, stage, truth }: Production, faults: readonly Fault[]): Promise<string | null> {
  const result = await stage.perform(scene, mode, faults).catch((error: unknown) => `it rejects with ${error}`);
  const problem = typeof result === "string" ? result : problemWith(result, truth, faults, stage.passed);
  const where = faults.map(({ point, how }) => `${point} ${how}`).join(" + ");
  return problem === null ? null : `${scene.name}, ${mode}: ${where}: ${problem}`;
}

/** @param share of all faults, about; ends after so many problems */
async function oneByOne(point: DecisionPoint, share: number, seed: number, enough = 5) {
  const random = randomFrom(seed);
  const points = new Set<string>();
  const problems: string[] = [];
  let performed = 0;
  for (const production of await productionsOf(point)) {
    for (const fault of production.faults) {
      if (problems.length >= enough) break;
      if (random() >= share) continue;
      points.add(`${fault.point}: ${fault.how.split(" ")[0]}`);
      performed += 1;
      const problem = await check(production, [fault]);
      if (problem !== null) problems.push(problem);
    }
  }
  return { performed, points: points.size, problems };
}

async function inPairs(point: DecisionPoint, pairs: number, seed: number) {
  const random = randomFrom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const productions = (await productionsOf(point)).map((production) => ({ production, byPoint: byPoint(production) }));
  const problems: string[] = [];
  for (let performed = 0; performed < pairs && problems.length < 5; performed += 1) {
    const { production, byPoint: points } = pick(productions);
    const first = pick(points); // of one place, the second fault could undo the first
    const problem = await check(production, [pick(first), pick(pick(points.filter((each) => each !== first)))]);
    if (problem !== null) problems.push(problem);
  }
  return { problems };
}

/** So that places with few faults come in as often as those with many. */
function byPoint({ faults }: Production): Fault[][] {
  const points = [...new Set(faults.map(({ point }) => point))];
  return points.map((point) => faults.filter((fault) => fault.point === point));
}

const share = times({ short: 0.25, long: 1 });
const pairs = times({ short: 5_000, long: 200_000 });

describe("fault points of a decision", { timeout: 600_000 }, () => {
  it("are passed in scenes in which something is true, and nothing fails", async () => {
    for (const { scene, mode, stage, truth } of await productionsOf(DECISION_POINT)) {
      const answer = await stage.perform(scene, mode, []);
      expect(truth.outcomes[0]).toBe(scene.outcome);
      expect(told(answer as Answer)).toBe(truth.told);
    }
  });

  it("one by one: never an ALLOW that is not true, and an error where the database cannot be read", async () => {
    const { performed, points, problems } = await oneByOne(DECISION_POINT, share, seedOf("fault points"));
    console.log(`fault points: ${points} kinds of fault, ${performed} questions`);
    expect(problems).toEqual([]);
    expect(points).toBeGreaterThanOrEqual(30);
  });

  it(`in ${pairs} pairs`, async () => {
    expect(await inPairs(DECISION_POINT, pairs, seedOf("fault points in pairs"))).toEqual({ problems: [] });
  });

  it.each(MUTANTS)("finds out that $name", async (mutation) => {
    const broken = await brokenDecisionPoint(mutation);
    const { problems } = await oneByOne(broken, 1, 1, 1);
    expect(problems).not.toEqual([]);
    reportKilled(`${mutation.name} (${problems[0]})`);
  });
});
