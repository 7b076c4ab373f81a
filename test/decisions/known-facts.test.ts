import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Answer, Decisions, Question } from "../../src/decisions/decide-many.js";
import type { DecisionCache } from "../../src/decisions/decision-cache.js";
import { MOST_LISTS } from "../../src/store/revisions.js";
import { createMemoryDecisionCache } from "../support/memory-decision-cache.js";
import "../support/backend.js";
import { ACCOUNT, allow, attach, type Fixture, key, openFixture, user } from "./fixture.js";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture("facts");
});
afterAll(() => fixture.close());

const about = (actions: readonly string[], rest: Partial<Question> = {}): Question => ({
  principal: user("ann"),
  resource: key("k1"),
  actions,
  ...rest,
});
const decrypt = about(["kms:Decrypt"]);
const encrypt = about(["kms:Encrypt"]);

async function ask(by: Decisions, question: Question): Promise<Answer> {
  const [answer] = await by.decideMany([question]);
  if (answer === undefined || answer instanceof Error) throw answer;
  return answer;
}

/** Statements that it takes to answer, and how it was answered. */
async function costOf(by: Decisions, question: Question): Promise<[statements: number, cache: string]> {
  fixture.countStatements();
  const { cache } = await ask(by, question);
  return [fixture.countStatements(), cache];
}

const keeping = (): Decisions => fixture.decisions({ cache: null, localAnswers: 100 });
const outcomeOf = ({ decisions: [first] }: Answer) => first?.outcome;

describe("what was loaded of a principal and a resource", () => {
  it("answers other questions about them with the revisions alone", async () => {
    const own = keeping();
    expect(await costOf(own, decrypt)).toEqual([2, "MISS"]);
    for (const question of [encrypt, about(["kms:Decrypt"], { context: { sourceIp: "10.0.0.1" } })]) {
      expect(await costOf(own, question)).toEqual([1, "MISS"]);
      const right = await ask(fixture.decisions({ cache: null }), question);
      expect((await ask(own, question)).decisions).toEqual(right.decisions);
    }
  });

  it("is combined: a known principal with a resource that is known from another", async () => {
    const own = keeping();
    await ask(own, decrypt);
    await ask(own, { principal: user("bob"), resource: key("k2"), actions: ["kms:Decrypt"] });
    expect(await costOf(own, { ...decrypt, resource: key("k2") })).toEqual([1, "MISS"]);
  });

  it("is of no use where nothing is known of either", async () => {
    const own = keeping();
    await ask(own, decrypt);
    expect(await costOf(own, { ...decrypt, resource: key("k2") })).toEqual([2, "MISS"]);
    expect(await costOf(own, { ...decrypt, principal: user("bob") })).toEqual([2, "MISS"]);
  });

  it("is not kept of resources that nobody has registered", async () => {
    const own = keeping();
    const nowhere = { ...decrypt, resource: key("nowhere") };
    for (let times = 0; times < 2; times += 1) expect(await costOf(own, nowhere)).toEqual([2, "BYPASS"]);
  });

  it("is not kept where this process keeps no answers", async () => {
    const shared = fixture.decisions();
    await ask(shared, decrypt);
    expect(await costOf(shared, encrypt)).toEqual([2, "MISS"]);
  });
});

it("more principals than are looked up at a time are all answered, and known from then on", async () => {
  const own = fixture.decisions({ cache: null, localAnswers: 1_000 });
  const names = Array.from({ length: 450 }, (_, index) => `many-${index}`);
  await fixture.sql.query(
    `INSERT INTO principal (id, account_id, kind, name, arn, arn_key)
     SELECT gen_random_uuid(), $1, 'USER', name, $2 || name, $2 || name FROM unnest($3::text[]) name`,
    [ACCOUNT, user(""), names],
  );
  await fixture.sql.query(
    `INSERT INTO group_membership (group_id, user_id, account_id)
     SELECT $1, id, $2 FROM principal WHERE name LIKE 'many-%'`,
    [fixture.ids["ops"], ACCOUNT],
  );
  const questions = names.map((name) => ({ ...decrypt, principal: user(name) }));
  const query = vi.spyOn(fixture.pool, "query");
  for (const cache of ["MISS", "HIT"]) {
    const answers = await own.decideMany(questions);
    expect(new Set(answers.map((answer) => (answer instanceof Error ? answer.message : answer.cache)))).toEqual(
      new Set([cache]),
    );
    expect(answers.every((answer) => !(answer instanceof Error) && outcomeOf(answer) === "ALLOW")).toBe(true);
  }
  const looked = query.mock.calls.map(([statement]) => (statement as unknown as { values: string[][] }).values[1]);
  expect(looked.map((principals) => principals?.length)).toEqual([MOST_LISTS, 0]);
  query.mockRestore();
});

const run = (text: string, ...values: unknown[]) => fixture.sql.query(text, values);
const join = (): Promise<unknown> =>
  run("INSERT INTO group_membership VALUES ($1, $2, $3)", fixture.ids["ops"], fixture.ids["bob"], ACCOUNT);
const give = (holder: string): Promise<unknown> => attach(fixture.sql, fixture.ids, "own", holder);

interface Case {
  readonly name: string;
  /** What bob is in before. */
  readonly member?: true;
  readonly change: () => Promise<unknown>;
  /** Denied before, allowed after. */
  readonly resource: string;
  readonly action: string;
}

const CASES: readonly Case[] = [
  { name: "an attachment", change: () => give("bob"), resource: key("k1"), action: "kms:Encrypt" },
  { name: "a membership", change: join, resource: key("k1"), action: "kms:Decrypt" },
  {
    ...{ name: "an attachment of the group", member: true },
    ...{ change: () => give("ops"), resource: key("k1"), action: "kms:Encrypt" },
  },
  {
    ...{ name: "a policy of the group", member: true, resource: key("k1"), action: "kms:Encrypt" },
    change: () =>
      run("UPDATE policy_version SET document = $1 WHERE policy_id = $2", allow("kms:*"), fixture.ids["group"]),
  },
  {
    ...{ name: "the tags of the resource", member: true, resource: key("k2"), action: "kms:Decrypt" },
    change: () =>
      run("INSERT INTO resource_tag (resource_id, key, value) VALUES ($1, 'Project', 'Apollo')", fixture.ids["k2"]),
  },
];

describe("after a change of", () => {
  beforeEach(async () => {
    await fixture.close();
    fixture = await openFixture("facts");
  });

  it.each(CASES)("$name, what was loaded is not used any more", async ({ member, change, resource, action }) => {
    if (member) await join();
    const by = keeping();
    const question = { principal: user("bob"), resource, actions: [action] };
    await ask(by, { ...question, actions: ["kms:DescribeKey"] });
    expect(await costOf(by, question)).toEqual([1, "MISS"]);
    expect(outcomeOf(await ask(by, question))).toBe("IMPLICIT_DENY");
    await change();
    expect(outcomeOf(await ask(by, { ...question, context: { sourceIp: "10.0.0.1" } }))).toBe("ALLOW");
    expect(outcomeOf(await ask(by, question))).toBe("ALLOW");
  });
});

describe("what gateways share", () => {
  /** The keys that were asked for and set, by turns. */
  function watched(): { cache: DecisionCache; asked: string[]; set: string[] } {
    const [asked, set]: [string[], string[]] = [[], []];
    const memory = createMemoryDecisionCache();
    const cache: DecisionCache = {
      ...memory,
      getMany: (keys) => {
        asked.push(...keys);
        return memory.getMany(keys);
      },
      set: (...entry) => {
        set.push(entry[0]);
        memory.set(...entry);
      },
    };
    return { cache, asked, set };
  }

  it("is not asked for what is known here, and is told what others may ask, too", async () => {
    const { cache, asked, set } = watched();
    const by = fixture.decisions({ cache, localAnswers: 100 });
    await ask(by, decrypt);
    expect([asked.length, set.length]).toEqual([1, 1]);
    await ask(by, about(["kms:Encrypt"], { context: { sourceIp: "10.0.0.1" } }));
    expect([asked.length, set.length]).toEqual([1, 1]);
    await ask(by, encrypt);
    expect([asked.length, set.length]).toEqual([1, 2]);
    expect((await ask(fixture.decisions({ cache, localAnswers: 100 }), encrypt)).cache).toBe("HIT");
  });
});

describe("minimizeLatency", () => {
  const bounded = (question: Question): Question => ({ ...question, consistency: { kind: "minimizeLatency" } });

  it("reads the revisions where an answer is not known, since what is known must be of one moment", async () => {
    const by = keeping();
    await ask(by, bounded(decrypt));
    expect(await costOf(by, bounded(decrypt))).toEqual([0, "HIT"]);
    expect(await costOf(by, bounded(encrypt))).toEqual([1, "MISS"]);
    expect(await costOf(by, bounded(encrypt))).toEqual([0, "HIT"]);
  });
});
