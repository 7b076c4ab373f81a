import { createHash, randomBytes } from "node:crypto";
import type { Pool } from "pg";
import { afterEach, describe, expect, it } from "vitest";
import type { Answer, Decisions, DecisionsOptions, Question } from "../../src/decisions/decide-many.js";
import { createPolicyCompiler } from "../../src/store/compiled-policies.js";
import { openLoadPool } from "../../src/store/evaluation-input.js";
import { createTokens } from "../../src/store/revision-token.js";
import { openRevisionPool } from "../../src/store/revisions.js";
import { ACCOUNT, type Fixture, key, openFixture, role, session, user } from "../decisions/fixture.js";
import { brokenDecisionPoint, DECISION_POINT, type DecisionPoint } from "../support/decision-point.js";
import { seedOf, times } from "../support/long-form.js";
import { type Mutation, reportKilled } from "../support/mutation.js";
import { randomFrom } from "../support/random-cases.js";

// An answer that was kept is the answer that would be given, at every instant at which it is given.

const NOON = Date.parse("2026-06-01T12:00:00Z");
/** Flips crowd here, so that windows are short and their ends fall together. */
const NEAR = [-86_400_000, -5_000, -1_000, -2, -1, 0, 1, 2, 3, 500, 1_000, 5_000, 86_400_000];
const OPERATORS = [
  "DateLessThan",
  "DateLessThanEquals",
  "DateGreaterThan",
  "DateGreaterThanEquals",
  "DateEquals",
  "DateNotEquals",
];
const ACTIONS = ["kms:Decrypt", "kms:Encrypt", "kms:DescribeKey"];
const ZONES = ["UTC", "Asia/Shanghai", "America/Los_Angeles"];

type Row = Record<string, unknown>;

/** A question, and what the database says about it, except what time it is. */
interface World {
  readonly question: Question;
  readonly input: Row;
}

class WorldMaker {
  private readonly random: () => number;

  constructor(seed: number) {
    this.random = randomFrom(seed);
  }

  below(end: number): number {
    return Math.floor(this.random() * end);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  instant(): number {
    return NOON + this.pick(NEAR);
  }

  /** A date as policies write it, in one zone or another; without a zone it means UTC. */
  date(): string {
    const instant = this.instant();
    const hours = this.pick([0, 8, -7, 14]);
    const local = new Date(instant + hours * 3_600_000).toISOString();
    const short = local.replace(".000Z", "Z");
    if (hours === 0) return this.chance(0.3) ? short.slice(0, -1) : short;
    return `${short.slice(0, -1)}${hours > 0 ? "+" : "-"}${String(Math.abs(hours)).padStart(2, "0")}:00`;
  }

  statement(): object {
    const dates = () => Array.from({ length: this.pick([1, 1, 2]) }, () => this.date());
    const operator = this.chance(0.05) ? this.pick(["StringEquals", "StringNotLike"]) : this.pick(OPERATORS);
    const condition = {
      [operator]: { [this.pick(["acs:CurrentTime", "ACS:currenttime"])]: dates() },
      ...(this.chance(0.3) && { [this.pick(OPERATORS)]: { "acs:CurrentTime": dates() } }),
    };
    return {
      Effect: this.chance(0.65) ? "Allow" : "Deny",
      Action: [this.pick([...ACTIONS, "kms:*"])],
      Resource: [this.pick(["*", key("k1"), key("k2")])],
      ...(this.chance(0.85) && { Condition: condition }),
    };
  }

  document(): string {
    return JSON.stringify({
      Version: "1",
      Statement: Array.from({ length: 1 + this.below(3) }, () => this.statement()),
    });
  }

  /** `[from, until)`, each end null now and then. */
  window(): [from: number | null, until: number | null] {
    const from = this.chance(0.5) ? null : this.instant();
    const until = this.chance(0.5) ? null : this.instant();
    return from !== null && until !== null && from >= until ? [from, null] : [from, until];
  }

  question(): Question {
    const principal = this.pick([user("ann"), role("bot"), session("bot"), session("bot")]);
    const withPolicy = principal !== user("ann") && this.chance(0.3);
    return {
      principal,
      resource: key("k1"),
      actions: this.chance(0.5) ? [this.pick(ACTIONS)] : ACTIONS,
      detail: this.pick(["OUTCOME", "REASONS"]),
      ...(withPolicy && { sessionPolicy: this.document() }),
    };
  }

  world(): World {
    const question = this.question();
    const holder = question.principal === user("ann") ? user("ann") : role("bot");
    const policies = Array.from({ length: 1 + this.below(3) }, (_, index) => `p${index}`);
    const sessions = Array.from({ length: this.pick([0, 1, 1, 2]) }, () => this.session());
    const input = {
      standby: false,
      principals: [["h", ACCOUNT, holder.includes("role") ? "ROLE" : "USER", holder, holder, []]],
      attachments: policies.map((id) => ["h", holder, ACCOUNT, id, this.pick([null, null, "rg-1"]), ...this.window()]),
      policies: policies.map((id) => [
        id,
        ACCOUNT,
        `acs:ram::${ACCOUNT}:policy/${id}`,
        id,
        "CUSTOM",
        1,
        this.document(),
      ]),
      resources: [[key("k1"), "KEY", "rg-1", "ENABLED", null, []]],
      roles: [],
      sessions: question.principal === session("bot") ? sessions : [],
    };
    return { question, input };
  }

  private session() {
    const issued = this.instant();
    const revoked = this.chance(0.3) ? this.instant() : null;
    return [session("bot"), issued, issued + 1 + this.below(2_000), revoked, this.chance(0.4) ? this.document() : null];
  }
}

/** Two gateways in worlds of their own, in which it is whatever time they are told. */
class Timekeeper {
  private readonly cached: Decisions;
  private readonly fresh: Decisions;
  private world: World;
  private number = 0;
  private now = NOON;

  constructor(point: DecisionPoint, first: World) {
    this.world = first;
    const common = {
      pool: this.pool(() => ({})),
      loadPool: this.pool(() => this.world.input),
      compile: createPolicyCompiler(),
      tokens: createTokens({ environment: "env", key: randomBytes(32) }),
      ...{ environment: "env", engineVersion: "test", cacheKey: randomBytes(32), scopePrecedence: "staged" as const },
    } satisfies Partial<DecisionsOptions>;
    this.cached = point.createDecisions({ ...common, cache: null, localAnswers: 50 });
    this.fresh = DECISION_POINT.createDecisions({ ...common, cache: null });
  }

  private pool(row: () => Row): Pool {
    const query = async ({ values: [scopes = []] }: { values: readonly (readonly string[])[] }) => {
      const revisions = scopes.map((scope) => [scope, 1, `tag-${this.number}`]);
      return { rows: [{ ...row(), standby: false, server: "one", now: this.now, revisions, followed: [] }] };
    };
    return { query } as unknown as Pool;
  }

  enter(world: World): void {
    this.world = world;
    this.number += 1;
  }

  async ask(now: number): Promise<{ kept: Answer; right: Answer; stated: Answer }> {
    const { question } = this.world;
    this.now = now;
    const [kept] = await this.cached.decideMany([question]);
    this.now = now + 7_777_777;
    const currentTime = new Date(now).toISOString();
    const [stated] = await this.fresh.decideMany([{ ...question, context: { currentTime } }]);
    this.now = now;
    const [right] = await this.fresh.decideMany([question]);
    return { kept: known(kept), right: known(right), stated: known(stated) };
  }
}

function known(answer: Answer | Error | undefined): Answer {
  if (answer === undefined || answer instanceof Error) throw answer;
  return answer;
}

/** Instants in the window that the decisions tell, its ends, and around them. */
function instantsOf({ decisions }: Answer, maker: WorldMaker, inside: number): number[] {
  const froms = decisions.flatMap(({ validFrom }) => validFrom ?? []);
  const untils = decisions.flatMap(({ validUntil }) => validUntil ?? []);
  const from = froms.length === 0 ? NOON - 200_000_000 : Math.max(...froms);
  const until = untils.length === 0 ? NOON + 200_000_000 : Math.min(...untils);
  const random = Array.from({ length: inside }, () => from + maker.below(until - from));
  const early = maker.chance(0.5) ? [from - 1, from] : [];
  return [from, until - 1, ...random, until - 1, until, until + 1, ...early, until - 1, until];
}

interface Course {
  hits: number;
  asked: number;
  readonly outcomes: Set<string>;
  readonly problems: string[];
  /** Of everything that was told. */
  readonly digest: string;
}

const INSIDE = 20;

/** @param enough ends after so many problems */
async function check(point: DecisionPoint, worlds: Iterable<World>, seed: number, enough = 3): Promise<Course> {
  const maker = new WorldMaker(seed);
  const hash = createHash("sha256");
  const course = { hits: 0, asked: 0, outcomes: new Set<string>(), problems: [] as string[] };
  let keeper: Timekeeper | null = null;
  for (const world of worlds) {
    keeper ??= new Timekeeper(point, world);
    keeper.enter(world);
    const { kept: first } = await keeper.ask(maker.instant() + maker.pick([-1, 0, 0, 1]));
    for (const instant of instantsOf(first, maker, INSIDE)) {
      const { kept, right, stated } = await keeper.ask(instant);
      course.asked += 1;
      if (kept.cache === "HIT") course.hits += 1;
      for (const { outcome } of right.decisions) course.outcomes.add(outcome);
      hash.update(shown(right));
      const at = `at ${new Date(instant).toISOString()} of ${JSON.stringify(world)}`;
      if (shown(kept) !== shown(right)) course.problems.push(`kept: ${firstDifference(kept, right)} ${at}`);
      if (outcomes(stated) !== outcomes(right))
        course.problems.push(`stated: ${outcomes(stated)} ${outcomes(right)} ${at}`);
    }
    if (course.problems.length >= enough) break;
  }
  return { ...course, digest: hash.digest("hex") };
}

/**
 * All that is told of an answer, but for one note: whether a Deny of a resource group is shadowed depends on dates that
 * the decision does not look at, and that therefore do not end it.
 */
function shown({ decisions, resource }: Answer): string {
  return JSON.stringify([decisions, resource], (_name, value: unknown) =>
    Array.isArray(value) ? value.filter((each) => each?.code !== "RESOURCE_GROUP_DENY_SHADOWED") : value,
  );
}

function firstDifference(kept: Answer, right: Answer): string {
  const place = kept.decisions.findIndex(
    (decision, slot) => JSON.stringify(decision) !== JSON.stringify(right.decisions[slot]),
  );
  return `${JSON.stringify(kept.decisions[place])} is not ${JSON.stringify(right.decisions[place])}`;
}

/** What is said of an instant; for how long it holds is another thing where the instant is stated. */
function outcomes({ decisions }: Answer): string {
  return JSON.stringify(decisions.map(({ outcome, decidedBy, certainty }) => [outcome, decidedBy, certainty]));
}

function* worldsOf(seed: number, count: number): Generator<World> {
  const maker = new WorldMaker(seed);
  for (let made = 0; made < count; made += 1) yield maker.world();
}

const MUTANTS: readonly Mutation[] = [
  {
    name: "the window is ignored",
    file: "decisions/decide-many.ts",
    find: "    holdsAt(answer, question.statedInstant ?? now) &&",
    replace: "",
  },
  {
    name: "the window is one millisecond too long",
    file: "decisions/decide-many.ts",
    find: "instant < validUntil",
    replace: "instant <= validUntil",
  },
  {
    name: "the window begins one millisecond too early",
    file: "decisions/decide-many.ts",
    find: "validFrom <= instant",
    replace: "validFrom <= instant + 1",
  },
  {
    name: "the dates of policies do not end an answer",
    file: "decisions/evaluate-question.ts",
    find: "...known(decisions.map(({ validUntil }) => validUntil)), ",
    replace: "",
  },
  {
    name: "only the first decision counts",
    file: "decisions/evaluate-question.ts",
    find: "known(decisions.map(({ validUntil }) => validUntil))",
    replace: "known(decisions.slice(0, 1).map(({ validUntil }) => validUntil))",
  },
];

/** The worlds of this file in PostgreSQL; the first of its policies are `p0`, `p1` and `p2`. */
async function openPostgres(): Promise<Fixture> {
  const fixture = await openFixture("windows");
  await fixture.sql.query("DELETE FROM group_membership");
  for (const name of ["p0", "p1", "p2"]) {
    await fixture.sql.query(
      `WITH p AS (INSERT INTO policy (id, account_id, type, name, name_key, arn)
                  VALUES (gen_random_uuid(), $1, 'CUSTOM', $2, $2, 'acs:ram::' || $1 || ':policy/' || $2) RETURNING id)
       INSERT INTO policy_version (id, policy_id, number, document, is_default) SELECT gen_random_uuid(), id, 1, '{}', true FROM p`,
      [ACCOUNT, name],
    );
  }
  return fixture;
}

type Instant = number | null;
type AttachmentRow = readonly [
  string,
  string,
  string,
  policy: string,
  group: string | null,
  from: Instant,
  until: Instant,
];
type PolicyRow = readonly [id: string, string, string, string, string, number, document: string];
type SessionRow = readonly [arn: string, issued: number, expires: number, revoked: Instant, policy: string | null];

async function install({ sql, ids }: Fixture, { question, input }: World): Promise<void> {
  const text = (instant: Instant) => (instant === null ? null : new Date(instant).toISOString());
  await sql.query("DELETE FROM attachment; DELETE FROM role_session");
  for (const [name, , , , , , document] of input["policies"] as PolicyRow[]) {
    const update = "UPDATE policy_version v SET document = $2 FROM policy p WHERE p.id = v.policy_id AND p.name = $1";
    await sql.query(update, [name, document]);
  }
  const holder = question.principal === user("ann") ? ids["ann"] : ids["bot"];
  for (const [, , , name, group, from, until] of input["attachments"] as AttachmentRow[]) {
    await sql.query(
      `INSERT INTO attachment (id, account_id, policy_id, principal_id, resource_group_id, not_before, expires_at)
       SELECT gen_random_uuid(), $1, id, $3, $4, $5, $6 FROM policy WHERE name = $2`,
      [ACCOUNT, name, holder, group, text(from), text(until)],
    );
  }
  for (const [arn, issued, expires, revoked, policy] of input["sessions"] as SessionRow[]) {
    await sql.query(
      `INSERT INTO role_session (id, account_id, role_id, arn, session_name, token_digest, session_policy, issued_to, issued_at, expires_at, revoked_at)
       VALUES (gen_random_uuid(), $1, $2, $3, 's1', sha256(''), $4, 'x', $5, $6, $7)`,
      [ACCOUNT, ids["bot"], arn, policy, text(issued), text(expires), text(revoked)],
    );
  }
}

/** What is decided, and for how long; what policies are called is another thing in PostgreSQL. */
function verdicts({ decisions }: Answer): string {
  return JSON.stringify(
    decisions.map(({ outcome, decidedBy, certainty, validFrom, validUntil }) => [
      outcome,
      decidedBy,
      certainty,
      validFrom,
      validUntil,
    ]),
  );
}

const worlds = times({ short: 500, long: 5_000 });
const zone = process.env["TZ"];
afterEach(() => {
  process.env["TZ"] = zone;
});

describe("the time an answer holds", { timeout: 1_200_000 }, () => {
  it(`${worlds} worlds of dates, windows and sessions, ${INSIDE} instants each and the ends: kept is fresh, in every time zone`, async () => {
    const seed = seedOf("the time an answer holds");
    const digests = new Set<string>();
    for (const each of ZONES) {
      process.env["TZ"] = each;
      expect(new Date(NOON).getHours()).toBe({ UTC: 12, "Asia/Shanghai": 20, "America/Los_Angeles": 5 }[each]);
      const course = await check(DECISION_POINT, worldsOf(seed, each === "UTC" ? worlds : worlds / 10), seed);
      expect(course.problems).toEqual([]);
      if (each !== "UTC") digests.add(course.digest);
      else {
        console.log(`the time an answer holds: ${course.asked} answers, ${course.hits} of them hits`);
        expect([...course.outcomes].sort()).toEqual(["ALLOW", "EXPLICIT_DENY", "IMPLICIT_DENY"]);
        expect(course.hits).toBeGreaterThan(course.asked / 2);
        digests.add((await check(DECISION_POINT, worldsOf(seed, worlds / 10), seed)).digest);
      }
    }
    expect(digests.size).toBe(1);
  });

  it.each(MUTANTS)("finds out that $name", async (mutation) => {
    const { problems } = await check(await brokenDecisionPoint(mutation), worldsOf(1, 2_000), 1, 1);
    expect(problems).not.toEqual([]);
    reportKilled(mutation.name);
  });

  it("is the same where PostgreSQL keeps the dates, whatever its own time zone is and ours", async () => {
    const fixture = await openPostgres();
    const maker = new WorldMaker(seedOf("the time an answer holds, in PostgreSQL"));
    const first = maker.world();
    const keeper = new Timekeeper(DECISION_POINT, first);
    for (const name of [...ZONES, "Asia/Kathmandu"]) {
      process.env["TZ"] = name;
      await fixture.sql.query(`ALTER DATABASE ${new URL(fixture.url).pathname.slice(1)} SET TimeZone = '${name}'`);
      const [pool, loadPool] = [openRevisionPool(fixture.url), openLoadPool(fixture.url, 2)]; // new sessions take it over
      const own = fixture.decisions({ localAnswers: 1_000, pool, loadPool });
      for (let made = 0; made < times({ short: 10, long: 100 }); made += 1) {
        const world = maker.world();
        await install(fixture, world);
        keeper.enter(world);
        for (let times = 0; times < 10; times += 1) {
          const now = maker.instant() + maker.pick([-1, 0, 1]);
          const { stated } = await keeper.ask(now);
          const question = { ...world.question, context: { currentTime: new Date(now).toISOString() } };
          for (const turn of ["cold", "warm"]) {
            const [answer] = await own.decideMany([question]);
            expect(verdicts(known(answer)), `${turn} ${name} ${JSON.stringify(world)}`).toBe(verdicts(stated));
          }
        }
      }
      await Promise.all([pool.end(), loadPool.end()]);
    }
    await fixture.close();
  });
});
