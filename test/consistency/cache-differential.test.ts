// biome-ignore-all lint/suspicious/noTemplateCurlyInString: slips are written as text
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Answer, Decisions, Question } from "../../src/decisions/decide-many.js";
import type { PreparedQuestion } from "../../src/decisions/prepare-question.js";
import type { ScopePrecedence } from "../../src/domain/evaluation/access-request.js";
import { createPolicyCompiler } from "../../src/store/compiled-policies.js";
import type { Revision } from "../../src/store/revisions.js";
import {
  ACCOUNT,
  alias,
  type Fixture,
  key,
  OTHER_ACCOUNT,
  openFixture,
  role,
  secret,
  session,
  user,
} from "../decisions/fixture.js";
import { brokenDecisionPoint, DECISION_POINT, type DecisionPoint } from "../support/decision-point.js";
import { seedOf, times } from "../support/long-form.js";
import { createMemoryDecisionCache } from "../support/memory-decision-cache.js";
import { type Mutation, reportKilled } from "../support/mutation.js";
import { type Cast, QuestionMaker } from "./random-questions.js";

// With the cache or without it, the answers are the same; and no question gets what was kept for another one.

const statement = (Effect: string, Action: string[], Condition?: object) => ({
  ...{ Effect, Action, Resource: ["*"] },
  ...(Condition && { Condition }),
});
const policy = (...Statement: object[]) => ({ Version: "1", Statement });

/** Policies in which nearly every word of a context counts. */
const POLICIES = [
  policy(
    statement("Allow", ["kms:*"], { StringEquals: { "x:list": ["a", "a,b"] } }),
    statement("Deny", ["kms:Decrypt"], { "ForAllValues:StringEquals": { "x:list": ["a", "b", "\0"] } }),
    statement("Allow", ["kms:Encrypt"], {
      NumericEquals: { "x:num": "1" },
      StringNotEquals: { "x:num": ["1.0", "01"] },
    }),
    statement("Allow", ["kms:Decrypt", "sts:*"], { StringEquals: { "x:text": ["\ud800", "", "\u00e9", "k", "true"] } }),
    statement("Deny", ["kms:*"], { Bool: { "x:flag": "true" } }),
  ),
  policy(
    statement("Allow", ["*"], { StringEquals: { "acs:RequestTag/Team": ["a", "A"] } }),
    statement("Deny", ["*"], { StringLike: { "kms:EncryptionContext:Dept": ["*a*", "\udc00"] } }),
    statement("Allow", ["kms:*"], {
      IpAddress: { "acs:SourceIp": "10.0.0.0/8" },
      Bool: { "acs:SecureTransport": "true" },
    }),
    statement("Allow", ["kms:*"], { DateGreaterThan: { "acs:CurrentTime": "2026-06-01T12:00:00Z" } }),
    statement("Deny", ["kms:*"], { "ForAnyValue:StringEquals": { "x:a,b": ["a", "1"], "x:\0": ["b"] } }),
  ),
];
const DENY_IN_GROUP = policy(statement("Deny", ["kms:Decrypt", "kms:Encrypt"]));
const ARN_OF_OTHERS = `acs:kms:cn-hangzhou:${OTHER_ACCOUNT}:key/k1`;

const CAST: Cast = {
  principals: [
    user("ann"),
    user("ann"),
    user("Mixed"),
    user("bob"),
    role("bot"),
    role("bot"),
    session("bot"),
    `acs:ram::${ACCOUNT}:root`,
  ],
  resources: [
    key("k1"),
    key("k1"),
    key("k2"),
    secret("db"),
    alias("one"),
    role("bot"),
    `acs:kms:cn-hangzhou:${ACCOUNT}:key`,
    "*",
    ARN_OF_OTHERS,
  ],
  actions: [
    "kms:Decrypt",
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GetSecretValue",
    "kms:ListKeys",
    "sts:AssumeRole",
    "kms:No,thing",
  ],
  sessionPolicies: [
    policy(statement("Allow", ["kms:*"])),
    policy(statement("Allow", ["kms:Decrypt"])),
    policy(statement("Allow", ["kms:*"], { StringEquals: { "x:list": ["a", "b"] } })),
    policy(statement("Allow", ["kms:*"], { StringEquals: { "x:list": ["a,b"] } })),
    policy(statement("Deny", ["kms:Decrypt"], { StringEquals: { "x:text": ["\ud800"] } }), statement("Allow", ["*"])),
    policy(statement("Deny", ["kms:Decrypt"], { StringEquals: { "x:text": ["\udfff"] } }), statement("Allow", ["*"])),
  ],
};

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture("differential");
  for (const holder of ["ann", "Mixed", "bot"]) for (const document of POLICIES) await give(holder, document, null);
  for (const holder of ["ann", "bot"]) await give(holder, DENY_IN_GROUP, "rg-1");
  await fixture.sql.query(
    `INSERT INTO role_session (id, account_id, role_id, arn, session_name, token_digest, issued_to, issued_at, expires_at)
     VALUES (gen_random_uuid(), $1, $2, $3, 's1', sha256(''), 'x', '2020-01-01Z', '2050-01-01Z')`,
    [ACCOUNT, fixture.ids["bot"], session("bot")],
  );
});
afterAll(() => fixture.close());

async function give(holder: string, document: object, group: string | null): Promise<void> {
  const [id, name] = [randomUUID(), `p-${randomUUID()}`];
  await fixture.sql.query(
    `WITH p AS (INSERT INTO policy (id, account_id, type, name, name_key, arn)
                VALUES ($1, '${ACCOUNT}', 'CUSTOM', $2, $2, 'acs:ram::${ACCOUNT}:policy/' || $2)),
          v AS (INSERT INTO policy_version (id, policy_id, number, document, is_default) VALUES (gen_random_uuid(), $1, 1, $3, true))
     INSERT INTO attachment (id, account_id, policy_id, principal_id, resource_group_id) VALUES (gen_random_uuid(), '${ACCOUNT}', $1, $4, $5)`,
    [id, name, JSON.stringify(document), fixture.ids[holder], group],
  );
}

/** All that makes a question this one, told apart by means that have nothing to do with keys. */
function identityOf(prepared: PreparedQuestion, { actions, sessionPolicy }: Question): string {
  const { principal, resource, context, detail, asStranger } = prepared;
  const session = typeof sessionPolicy === "string" ? JSON.parse(sessionPolicy) : (sessionPolicy ?? null);
  const entries = [...context].sort(([one], [other]) => (one < other ? -1 : 1));
  const asked = actions === null ? null : prepared.actions;
  return JSON.stringify([principal.kind, principal.arnKey, resource, asked, entries, session, detail, asStranger]);
}

function prepare(question: Question): PreparedQuestion | null {
  try {
    return DECISION_POINT.prepareQuestion(question);
  } catch {
    return null;
  }
}

const PRECEDENCES: readonly ScopePrecedence[] = ["staged", "deny-overrides"];
const BATCH = 250;

/** Two gateways that share a cache, and two that keep nothing; they differ in what goes before what. */
function openGateways(point: DecisionPoint) {
  const cache = createMemoryDecisionCache();
  const compile = createPolicyCompiler();
  const common = { pool: fixture.pool, loadPool: fixture.loadPool, tokens: fixture.tokens, compile };
  const keys = { environment: "env-1", engineVersion: "test", cacheKey: Buffer.alloc(32, 1) };
  return PRECEDENCES.map((scopePrecedence) => ({
    scopePrecedence,
    cached: point.createDecisions({ ...common, ...keys, scopePrecedence, cache, localAnswers: 2_000 }),
    plain: DECISION_POINT.createDecisions({ ...common, ...keys, scopePrecedence, cache: null }),
  }));
}

function told(answer: Answer | Error | undefined): string {
  if (answer === undefined || answer instanceof Error) return `${answer?.name}: ${answer?.message}`;
  return JSON.stringify([answer.decisions, answer.resource, [...answer.vector.keys()]]);
}

interface Course {
  asked: number;
  hits: number;
  answered: number;
  readonly outcomes: Set<string>;
  readonly problems: string[];
}

/** Asks random questions of both kinds of gateway, each twice of the ones that keep answers. */
async function compare(point: DecisionPoint, questions: number, seed: number): Promise<Course> {
  const maker = new QuestionMaker(seed, CAST);
  const gateways = openGateways(point);
  const seen = new Set<string>();
  const course: Course = { asked: 0, hits: 0, answered: 0, outcomes: new Set(), problems: [] };
  while (course.asked < questions && course.problems.length === 0) {
    const gateway = maker.pick(gateways);
    const batch = Array.from({ length: BATCH }, () => maker.next());
    const plain = await gateway.plain.decideMany(batch);
    await compareOnce(gateway.cached, gateway.scopePrecedence, batch, plain, seen, course);
    await compareOnce(gateway.cached, gateway.scopePrecedence, batch, plain, seen, course);
    course.asked += BATCH;
  }
  return course;
}

async function compareOnce(
  cached: Decisions,
  scopePrecedence: ScopePrecedence,
  batch: readonly Question[],
  plain: readonly (Answer | Error)[],
  seen: Set<string>,
  course: Course,
): Promise<void> {
  const answers = await cached.decideMany(batch);
  const kept: string[] = [];
  for (const [place, question] of batch.entries()) {
    const [answer, right] = [answers[place], plain[place]];
    if (told(answer) !== told(right)) course.problems.push(`${show(question)}\n${told(answer)}\n${told(right)}`);
    if (answer === undefined || answer instanceof Error) continue;
    const prepared = prepare(question);
    const identity = `${scopePrecedence} ${prepared && identityOf(prepared, question)}`;
    if (answer.cache === "HIT" && !seen.has(identity)) course.problems.push(`a hit for another: ${show(question)}`);
    if (answer.cache === "HIT") course.hits += 1;
    kept.push(identity);
    course.answered += 1;
    for (const { outcome } of answer.decisions) course.outcomes.add(outcome);
  }
  for (const identity of kept) seen.add(identity);
}

const show = (question: Question): string => JSON.stringify(question);

const TAG: Revision = { rev: 1, tag: "t1" };
const OTHER_TAG: Revision = { rev: 2, tag: "t2" };
const FOLLOWED = [[], [], ["grp:a"], ["pol:a"], ["grp:a", "pol:a"]];

/** Looks for two questions, in whatever state each, that share a key, and for one that has two keys. */
function collide(point: DecisionPoint, pairs: number, seed: number): { pairs: number; problems: string[] } {
  const maker = new QuestionMaker(seed, CAST);
  const identities = new Map<string, string>();
  const keys = new Map<string, string>();
  for (let tries = 0; keys.size < pairs && tries < 4 * pairs; tries += 1) {
    const question = maker.next();
    const right = prepare(question);
    if (right === null) continue;
    const moved = maker.chance(0.3) ? 0.5 : 0; // mostly the same state, or no two questions would differ in one thing only
    const list = maker.pick(FOLLOWED);
    const scopes = [...right.scopes, ...list];
    const tags = scopes.map(() => (maker.chance(moved) ? maker.pick([null, OTHER_TAG]) : TAG));
    const vector = new Map(scopes.map((scope, at) => [scope, tags[at] ?? null]));
    const state = { vector, followed: new Map([[right.follows, list]]) };
    const space = {
      environment: maker.chance(0.1) ? "e2" : "e",
      engineVersion: maker.chance(0.1) ? "v2" : "v",
      scopePrecedence: maker.pick(PRECEDENCES),
    };
    const identity = JSON.stringify([
      space,
      scopes,
      tags.map((revision) => revision?.tag ?? null),
      identityOf(right, question),
    ]);
    const name = point.decisionKey(space, point.prepareQuestion(question), state);
    if ((identities.get(name) ?? identity) !== identity)
      return { pairs: keys.size, problems: [`${identity} has the key of ${identities.get(name)}`] };
    if ((keys.get(identity) ?? name) !== name) return { pairs: keys.size, problems: [`${identity} has two keys`] };
    identities.set(name, identity);
    keys.set(identity, name);
  }
  return { pairs: keys.size, problems: [] };
}

/** `inState`: only the state is missing, which does not change while questions are compared. */
const MUTANTS: readonly (Mutation & { readonly inState?: true })[] = [
  {
    name: "lists are joined with commas",
    file: "decisions/canonical-text.ts",
    find: "  const list = value as readonly CanonicalValue[];",
    replace: `  const list = value as readonly CanonicalValue[];
  if (list.length > 0 && list.every((each) => typeof each === "string")) return canonicalText(list.join(","));`,
  },
  {
    name: "texts have no length",
    file: "decisions/canonical-text.ts",
    find: "return `s${value.length}:${value}`",
    replace: "return `s${value}`",
  },
  {
    name: "texts are compared without case",
    file: "decisions/canonical-text.ts",
    find: "return `s${value.length}:${value}`",
    replace: "return `s${value.length}:${value.toLowerCase()}`",
  },
  {
    name: "lone surrogates become one character",
    file: "decisions/decision-key.ts",
    find: `Buffer.from(text, "utf16le")`,
    replace: `Buffer.from(text, "utf8")`,
  },
  {
    name: "no value and an empty one are the same",
    file: "decisions/canonical-text.ts",
    find: "  const list = value as readonly CanonicalValue[];",
    replace: `  const list = value as readonly CanonicalValue[];
  if (list.length === 0) return canonicalText([""]);`,
  },
  { name: "the key has no context", ...withoutPart("context, text, detail]", "text, detail]") },
  { name: "the key has no session policy", ...withoutPart("context, text, detail]", "context, detail]") },
  { name: "the key has no detail", ...withoutPart("context, text, detail]", "context, text]") },
  { name: "the key has no actions", ...withoutPart("resource, namedActions, context", "resource, context") },
  {
    name: "all actions and none are the same",
    ...withoutPart("resource, namedActions, context", "resource, namedActions ?? [], context"),
  },
  {
    name: "the key has no scope precedence",
    file: "decisions/decision-key.ts",
    find: "    space.scopePrecedence,\n",
    replace: "",
  },
  {
    name: "the key has no state",
    file: "decisions/decision-key.ts",
    find: "    tagsOf(question.scopes, vector),\n",
    replace: "",
    inState: true,
  },
  {
    name: "the state in the key has no absent scopes",
    file: "decisions/decision-key.ts",
    find: "vector.get(scope)?.tag ?? null",
    replace: `vector.get(scope)?.tag ?? "t1"`,
    inState: true,
  },
];

function withoutPart(find: string, replace: string): Omit<Mutation, "name"> {
  return { file: "decisions/prepare-question.ts", find, replace };
}

const questions = times({ short: 5_000, long: 50_000 });
const pairs = times({ short: 20_000, long: 100_000 });

describe("cache on and off", { timeout: 600_000 }, () => {
  it(`${questions} questions, each twice: the same answers, and no answer that was kept for another`, async () => {
    const { asked, hits, answered, outcomes, problems } = await compare(
      DECISION_POINT,
      questions,
      seedOf("cache on and off"),
    );
    console.log(`cache on and off: ${asked} questions, ${answered} answers, ${hits} of them hits`);
    expect(problems).toEqual([]);
    expect([...outcomes].sort()).toEqual(["ALLOW", "CONDITIONAL", "EXPLICIT_DENY", "IMPLICIT_DENY"]);
    expect(hits).toBeGreaterThan(answered / 4);
    expect(hits).toBeLessThan(answered * 0.9);
  });

  it.each(MUTANTS.filter(({ inState }) => !inState))("finds out that $name", async (mutation) => {
    const { problems } = await compare(await brokenDecisionPoint(mutation), 20_000, 1);
    expect(problems).not.toEqual([]);
    reportKilled(`cache on and off: ${mutation.name}`);
  });
});

describe("keys", { timeout: 600_000 }, () => {
  it(`${pairs} questions in their states have as many keys`, () => {
    expect(collide(DECISION_POINT, pairs, seedOf("keys"))).toEqual({ pairs, problems: [] });
  });

  it.each(MUTANTS)("finds out that $name", async (mutation) => {
    expect(collide(await brokenDecisionPoint(mutation), 100_000, 1).problems).not.toEqual([]);
    reportKilled(`keys: ${mutation.name}`);
  });
});
