import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Administration, DEFAULT_LIMITS } from "../../src/administration/administration.js";
import type { Answer, Decisions, Question } from "../../src/decisions/decide-many.js";
import { prepareQuestion } from "../../src/decisions/prepare-question.js";
import { InvalidInputError } from "../../src/domain/errors.js";
import { createPolicyCompiler } from "../../src/store/compiled-policies.js";
import { openDatabase } from "../../src/store/prisma-client.js";
import {
  ACCOUNT,
  alias,
  allow,
  attach,
  type Fixture,
  group,
  key,
  OTHER_ACCOUNT,
  openFixture,
  role,
  secret,
  session,
  user,
} from "../decisions/fixture.js";
import { seedOf, times } from "../support/long-form.js";
import { reportKilled } from "../support/mutation.js";
import { randomFrom } from "../support/random-cases.js";
import { type Pick, SQL_CHANGES, USE_CASE_CHANGES } from "./random-changes.js";

// Whatever changes the answer to a question moves at least one revision of that question. Everything else rests on it.
// That all triggers are there and cannot be got round is the start-up check's business: test/decisions/revision-triggers.

let fixture: Fixture;
beforeEach(open);
afterEach(() => fixture.close());

async function open(): Promise<void> {
  fixture = await openFixture("complete");
  await furnish();
}

async function refresh(): Promise<void> {
  await fixture.close();
  await open();
}

/** More that an answer can depend on: a policy of another account, and a built-in one that an account may override. */
async function furnish(): Promise<void> {
  await addNeighbour();
  await fixture.sql.query("UPDATE policy SET last_version = 1");
  await fixture.sql.query("UPDATE policy_version SET document = $1 WHERE policy_id = $2", [
    allow("kms:*"),
    fixture.ids["built-in"],
  ]);
  await attach(fixture.sql, fixture.ids, "foreign", "Mixed");
  await attach(fixture.sql, fixture.ids, "built-in", "Mixed");
}

const NEIGHBOUR = `acs:ram::${OTHER_ACCOUNT}:user/neighbour`;

/** A user of the other account who may assume any role that trusts its account. */
async function addNeighbour(): Promise<void> {
  await fixture.sql.query(
    `WITH p AS (INSERT INTO principal (id, account_id, kind, name, arn, arn_key)
                VALUES (gen_random_uuid(), '${OTHER_ACCOUNT}', 'USER', 'neighbour', $1, $1) RETURNING id),
          q AS (INSERT INTO policy (id, account_id, type, name, name_key, arn)
                VALUES (gen_random_uuid(), '${OTHER_ACCOUNT}', 'CUSTOM', 'go', 'go', 'acs:ram::${OTHER_ACCOUNT}:policy/go') RETURNING id),
          v AS (INSERT INTO policy_version (id, policy_id, number, document, is_default)
                SELECT gen_random_uuid(), id, 1, $2, true FROM q)
     INSERT INTO attachment (id, account_id, policy_id, principal_id)
     SELECT gen_random_uuid(), '${OTHER_ACCOUNT}', q.id, p.id FROM p, q`,
    [NEIGHBOUR, allow("sts:AssumeRole")],
  );
}

function makeQuestions(): Question[] {
  const principals = [
    ...["ann", "bob", "mixed", "late", "made"].map(user),
    role("bot"),
    session("bot"),
    `acs:ram::${ACCOUNT}:root`,
    NEIGHBOUR,
  ];
  const resources = [key("k1"), key("k2"), key("made"), secret("db"), secret("made"), alias("one"), role("bot"), "*"];
  const actions = ["kms:Decrypt", "kms:GetSecretValue", "kms:UpdateAlias", "sts:AssumeRole"];
  const details = ["REASONS", "OUTCOME", "NEAR_MISSES"] as const;
  const pairs = principals.flatMap((principal) => resources.map((resource) => ({ principal, resource, actions })));
  return [
    ...pairs.map((question, place): Question => ({ ...question, detail: details[place % 3] })),
    { principal: group("devs"), resource: key("k1"), actions },
  ];
}

const QUESTIONS = makeQuestions();
const FIXED_SCOPES = QUESTIONS.map((question) => {
  try {
    return prepareQuestion(question).scopes;
  } catch {
    return [];
  }
});

/** All that the answer depends on, in the state in which it was given. */
function scopesOf(answer: Answer | Error | undefined, place: number): readonly string[] {
  return answer === undefined || answer instanceof Error ? (FIXED_SCOPES[place] ?? []) : [...answer.vector.keys()];
}

/** What is so at one moment: the answers, evaluated anew, and the revisions. */
interface State {
  readonly answers: readonly (Answer | Error)[];
  readonly tags: ReadonlyMap<string, string>;
}

const plain = (): Decisions => fixture.decisions({ cache: null, compile: createPolicyCompiler() });

async function look(by: Decisions): Promise<State> {
  const answers = await by.decideMany(QUESTIONS);
  const { rows } = await fixture.sql.query<{ scope: string; tag: string }>("SELECT scope, tag FROM scope_revision");
  return { answers, tags: new Map(rows.map(({ scope, tag }) => [scope, tag])) };
}

/** What the caller sees of an answer, without time and tokens. */
function visible(answer: Answer | Error | undefined): string {
  if (answer === undefined || answer instanceof Error) return `${answer?.name}: ${answer?.message}`;
  return JSON.stringify([answer.decisions, answer.resource], withoutInstant);
}

/** A near miss of an attachment's window shows when it was found. */
function withoutInstant(_name: string, value: unknown): unknown {
  const isWindow = typeof value === "object" && value !== null && "part" in value && value.part === "WINDOW";
  return isWindow ? { ...value, actual: null } : value;
}

/**
 * Questions whose answer is another one, or depends on something else, and those of them whose vector is not. Whoever
 * has the old answer looks for the scopes that it depended on.
 */
function differences(before: State, after: State): { changed: number; unnoticed: string[] } {
  const changed = QUESTIONS.flatMap((_, place) => {
    const [old, now] = [before.answers[place], after.answers[place]];
    const same = visible(old) === visible(now) || hasRunOut(old, now);
    return same && String(scopesOf(old, place)) === String(scopesOf(now, place)) ? [] : [place];
  });
  const unnoticed = changed.filter((place) => {
    const scopes = scopesOf(before.answers[place], place);
    return scopes.every((scope) => before.tags.get(scope) === after.tags.get(scope));
  });
  return { changed: changed.length, unnoticed: unnoticed.map((place) => JSON.stringify(QUESTIONS[place])) };
}

/** Time alone may change an answer, where the answer says so. */
function hasRunOut(before: Answer | Error | undefined, after: Answer | Error | undefined): boolean {
  if (before === undefined || after === undefined || before instanceof Error || after instanceof Error) return false;
  return before.decisions.some(({ validUntil }) => validUntil !== null && validUntil <= after.evaluatedAt);
}

/** Whether it was made; checks of the database may forbid it. */
async function applySql(sql: string): Promise<boolean> {
  try {
    const { rowCount } = await fixture.sql.query(sql);
    return (rowCount ?? 0) > 0;
  } catch (error) {
    if (/^23/.test((error as { code?: string }).code ?? "")) return false;
    throw error;
  }
}

interface Made {
  readonly told: string;
  readonly kind: string;
  readonly made: boolean;
}

/** Changes of all kinds in turn, each made by random choice; names those that have changed something. */
async function* changes(administration: Administration, pick: Pick, count: number): AsyncGenerator<Made> {
  for (let turn = 0; turn < count; turn += 1) {
    if (turn % 2 === 0) {
      const place = (turn / 2) % SQL_CHANGES.length;
      const told = SQL_CHANGES[place]?.sql(pick, fixture.ids) ?? "";
      yield { told, kind: `sql ${place}`, made: await applySql(told) };
    } else {
      const useCase = USE_CASE_CHANGES[((turn - 1) / 2) % USE_CASE_CHANGES.length];
      const made = await useCase?.run(pick, administration).catch((error: unknown) => {
        if (error instanceof InvalidInputError) return false;
        throw error;
      });
      yield { told: useCase?.name ?? "", kind: useCase?.name ?? "", made: made ?? false };
    }
  }
}

function pickFrom(seed: number): Pick {
  const random = randomFrom(seed);
  return (below) => Math.floor(random() * below);
}

const CHANGES = times({ short: 320, long: 4_000 });

describe("completeness of the revision vector", { timeout: 1_200_000 }, () => {
  it(`${CHANGES} random changes of ${QUESTIONS.length} questions: an answer that changed has another vector, and what is cached is right`, async () => {
    const db = openDatabase(fixture.url, 2);
    const administration = { db, tokens: fixture.tokens, limits: DEFAULT_LIMITS, auditKey: randomBytes(32) };
    const [uncached, cached] = [plain(), fixture.decisions({ localAnswers: 1_000 })];
    const kinds = new Set<string>();
    let changed = 0;
    let before = await look(uncached);
    for await (const { told, kind, made } of changes(administration, pickFrom(seedOf("completeness")), CHANGES)) {
      if (made) kinds.add(kind);
      const after = await look(uncached);
      const kept = await cached.decideMany(QUESTIONS);
      const found = differences(before, after);
      expect(found.unnoticed, told).toEqual([]);
      for (const [place, answer] of kept.entries()) {
        const right = after.answers[place];
        if (!hasRunOut(right, answer)) expect(visible(answer), told).toBe(visible(right));
      }
      changed += found.changed;
      before = after;
    }
    await db.$disconnect();
    const all = SQL_CHANGES.length + USE_CASE_CHANGES.length;
    console.log(
      `completeness: ${CHANGES * QUESTIONS.length} questions, ${changed} other answers, ${kinds.size} of ${all} kinds of change made`,
    );
    expect(changed).toBeGreaterThan(CHANGES); // the changes are not idle
    expect(kinds.size).toBeGreaterThan(all * 0.75);
  });
});

/** Tables that an answer is made of. Of the others, answers know nothing: who changes them moves scopes for other ends. */
const UNREAD = ["account", "gateway_secret", "principal_tag", "resource_group"];
const READ = [...new Set(SQL_CHANGES.map(({ table }) => table))].filter((table) => !UNREAD.includes(table));
const EVENTS = ["insert", "update_old", "update_new", "delete"];
const TRIGGERS = READ.flatMap((table) => EVENTS.map((event) => ({ table, name: `authz_${event}` })));
const ROUNDS = 20;
const TRIES = 40;

describe("a database without one of the triggers is found out", { timeout: 600_000 }, () => {
  it.each(TRIGGERS)("$name on $table", async ({ table, name }) => {
    let found: string | null = null;
    for (let round = 1; round <= ROUNDS && found === null; round += 1) {
      if (round > 1) await refresh();
      await fixture.sql.query(`DROP TRIGGER ${name} ON ${table}`);
      found = await firstUnnoticed(table, pickFrom(round));
    }
    expect(found).not.toBeNull();
    reportKilled(`without ${name} on ${table}`);
  });

  /** Changes the table at random until an answer changes and its vector does not; null: that never happens. */
  async function firstUnnoticed(table: string, pick: Pick): Promise<string | null> {
    const mine = SQL_CHANGES.filter((change) => change.table === table);
    const by = plain();
    let before = await look(by);
    for (let turn = 0; turn < TRIES; turn += 1) {
      const change = turn % 10 === 9 ? SQL_CHANGES[pick(SQL_CHANGES.length)] : mine[pick(mine.length)];
      const sql = change?.sql(pick, fixture.ids) ?? "";
      if (!(await applySql(sql))) continue;
      const after = await look(by);
      const { unnoticed } = differences(before, after);
      if (unnoticed.length > 0) return sql;
      before = after;
    }
    return null;
  }
});
