import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Answer, Decisions, Question } from "../../src/decisions/decide-many.js";
import type { DecisionCache } from "../../src/decisions/decision-cache.js";
import { openAnswer, sealAnswer } from "../../src/decisions/sealed-answer.js";
import { createMemoryDecisionCache } from "../support/memory-decision-cache.js";
import "../support/backend.js";
import { attach, type Fixture, key, openFixture, user } from "./fixture.js";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture("answers");
});
afterAll(() => fixture.close());

const decrypt: Question = { principal: user("ann"), resource: key("k1"), actions: ["kms:Decrypt"] };
const encrypt: Question = { principal: user("bob"), resource: key("k2"), actions: ["kms:Encrypt"] };

async function ask(by: Decisions, question: Question): Promise<Answer> {
  const [answer] = await by.decideMany([question]);
  if (answer === undefined || answer instanceof Error) throw answer;
  return answer;
}

const shown = ({ cache, decisions: [first] }: Answer) => [cache, first?.outcome];

/** Counts what is asked of a cache. */
function counting(cache: DecisionCache) {
  const counts = { reads: 0, deleted: [] as string[] };
  const counted: DecisionCache = {
    ...cache,
    getMany: (keys) => {
      counts.reads += keys.length;
      return cache.getMany(keys);
    },
    delete: (name) => {
      counts.deleted.push(name);
      cache.delete(name);
    },
  };
  return { counts, cache: counted };
}

describe("answers of this process", () => {
  it("come first, in the state that they are of only", async () => {
    const { counts, cache } = counting(createMemoryDecisionCache());
    const own = fixture.decisions({ cache, localAnswers: 100 });
    expect(shown(await ask(own, encrypt))).toEqual(["MISS", "IMPLICIT_DENY"]);
    expect(counts.reads).toBe(1);
    expect(shown(await ask(own, encrypt))).toEqual(["HIT", "IMPLICIT_DENY"]);
    expect(counts.reads).toBe(1);
    const id = await attach(fixture.sql, fixture.ids, "own", "bob");
    expect(shown(await ask(own, encrypt))).toEqual(["MISS", "ALLOW"]);
    await fixture.sql.query("DELETE FROM attachment WHERE id = $1", [id]);
    expect(shown(await ask(own, encrypt))).toEqual(["MISS", "IMPLICIT_DENY"]);
  });

  it("are kept without anything that gateways share, and are taken over from what they share", async () => {
    const alone = fixture.decisions({ cache: null, localAnswers: 100 });
    expect([shown(await ask(alone, decrypt)), shown(await ask(alone, decrypt))]).toEqual([
      ["MISS", "ALLOW"],
      ["HIT", "ALLOW"],
    ]);
    const { counts, cache } = counting(createMemoryDecisionCache());
    await ask(fixture.decisions({ cache }), decrypt);
    const second = fixture.decisions({ cache, localAnswers: 100 });
    for (let times = 0; times < 3; times++) expect(shown(await ask(second, decrypt))).toEqual(["HIT", "ALLOW"]);
    expect(counts.reads).toBe(2);
  });

  it("are not used outside their window", async () => {
    const expiresAt = Date.now() + 1_000;
    const id = await attach(fixture.sql, fixture.ids, "own", "bob", "w", { expires_at: new Date(expiresAt) });
    const own = fixture.decisions({ cache: null, localAnswers: 100 });
    expect(shown(await ask(own, encrypt))).toEqual(["MISS", "ALLOW"]);
    await sleep(expiresAt - Date.now() + 50);
    expect(shown(await ask(own, encrypt))).toEqual(["MISS", "IMPLICIT_DENY"]);
    await fixture.sql.query("DELETE FROM attachment WHERE id = $1", [id]);
  });
});

describe("200 questions at once right after a change", () => {
  it("take one load, whoever asks", async () => {
    const own = fixture.decisions({ cache: null, localAnswers: 100 });
    await ask(own, encrypt);
    const id = await attach(fixture.sql, fixture.ids, "own", "bob");
    fixture.countStatements();
    const answers = await Promise.all(Array.from({ length: 200 }, () => ask(own, encrypt)));
    expect(fixture.countStatements()).toBe(2); // the revisions, and one load
    expect(new Set(answers.map((answer) => shown(answer)[1]))).toEqual(new Set(["ALLOW"]));
    await fixture.sql.query("DELETE FROM attachment WHERE id = $1", [id]);
  });

  it("all get the error when the load fails, and the next one loads again", async () => {
    const own = fixture.decisions({ cache: null, localAnswers: 100 });
    const nobody = { ...encrypt, principal: user("nobody") };
    const answers = await Promise.all(Array.from({ length: 50 }, () => own.decideMany([nobody])));
    expect(answers.every(([answer]) => answer instanceof Error && answer.name === "NotFoundError")).toBe(true);
    fixture.countStatements();
    await own.decideMany([nobody]);
    expect(fixture.countStatements()).toBe(2);
  });
});

describe("the verifier", () => {
  it("finds that answers from the cache are right", async () => {
    const own = fixture.decisions({ localAnswers: 100, verifiedShare: 1 });
    for (let times = 0; times < 5; times++) await ask(own, decrypt);
    await expect.poll(() => own.counts().verified).toBe(4);
    expect(own.counts()).toMatchObject({ hits: 4, misses: 1, mismatches: 0 });
  });

  it("raises the alarm over a wrong one, and takes it out of the cache", async () => {
    const cacheKey = randomBytes(32);
    const memory = createMemoryDecisionCache();
    const lying: DecisionCache = {
      ...memory,
      set: (name, value, ttl) => {
        const answer = openAnswer(cacheKey, name, value);
        if (answer === null) throw new Error("not sealed");
        const wrong = answer.decisions.map((decision) => ({ ...decision, outcome: "ALLOW" as const }));
        memory.set(name, sealAnswer(cacheKey, name, { ...answer, decisions: wrong }), ttl);
      },
    };
    const alarms: string[] = [];
    const own = fixture.decisions({ cache: lying, cacheKey, verifiedShare: 1, onAlarm: (alarm) => alarms.push(alarm) });
    await ask(own, encrypt);
    expect(shown(await ask(own, encrypt))).toEqual(["HIT", "ALLOW"]);
    await expect.poll(() => own.counts().mismatches).toBe(1);
    expect(alarms).toEqual([expect.stringContaining("was wrong")]);
    expect(shown(await ask(own, encrypt))).toEqual(["MISS", "IMPLICIT_DENY"]);
  });

  it("notices what went away without moving a revision, and has it loaded again", async () => {
    const alarms: string[] = [];
    const options = { cache: null, localAnswers: 100, verifiedShare: 1 };
    const own = fixture.decisions({ ...options, onAlarm: (alarm) => alarms.push(alarm) });
    const id = await attach(fixture.sql, fixture.ids, "own", "bob");
    expect(shown(await ask(own, encrypt))).toEqual(["MISS", "ALLOW"]);
    await fixture.sql.query("ALTER TABLE attachment DISABLE TRIGGER authz_delete");
    await fixture.sql.query("DELETE FROM attachment WHERE id = $1", [id]);
    await fixture.sql.query("ALTER TABLE attachment ENABLE ALWAYS TRIGGER authz_delete");
    const elsewhere = { ...encrypt, context: { sourceIp: "10.0.0.1" } };
    expect(shown(await ask(own, elsewhere))).toEqual(["MISS", "ALLOW"]); // from what was loaded
    await expect.poll(() => own.counts().mismatches).toBe(1);
    expect(alarms).toEqual([expect.stringContaining("was wrong")]);
    expect(shown(await ask(own, elsewhere))).toEqual(["MISS", "IMPLICIT_DENY"]);
    expect(shown(await ask(own, encrypt))).toEqual(["MISS", "IMPLICIT_DENY"]); // what is followed is known again
  });

  it("takes no offence at near misses, which show the instant they were found at", async () => {
    const window = { expires_at: "2001-01-01Z" };
    const id = await attach(fixture.sql, fixture.ids, "own", "bob", "v", window);
    const own = fixture.decisions({ localAnswers: 100, verifiedShare: 1 });
    const first = await ask(own, { ...encrypt, detail: "NEAR_MISSES" });
    expect(first.decisions).toMatchObject([{ nearMisses: [{ failures: [{ part: "WINDOW" }] }] }]);
    await sleep(5);
    await ask(own, { ...encrypt, detail: "NEAR_MISSES" });
    await expect.poll(() => own.counts()).toMatchObject({ verified: 1, mismatches: 0 });
    await fixture.sql.query("DELETE FROM attachment WHERE id = $1", [id]);
  });

  it("says nothing about a state that is over", async () => {
    const own = fixture.decisions({ localAnswers: 100, verifiedShare: 1 });
    await ask(own, encrypt);
    const asked = ask(own, encrypt);
    const id = await attach(fixture.sql, fixture.ids, "own", "bob");
    await asked;
    await fixture.sql.query("DELETE FROM attachment WHERE id = $1", [id]);
    await sleep(100);
    expect(own.counts().mismatches).toBe(0);
  });
});

it("counts and removes what no gateway has sealed", async () => {
  const { counts, cache } = counting({
    ...createMemoryDecisionCache(),
    getMany: async (keys) => keys.map(() => FORGED),
  });
  const alarms: string[] = [];
  const own = fixture.decisions({ cache, onAlarm: (alarm) => alarms.push(alarm) });
  expect(shown(await ask(own, decrypt))).toEqual(["MISS", "ALLOW"]);
  expect([own.counts().forgeries, counts.deleted.length, alarms.length]).toEqual([1, 1, 1]);
});

const FORGED = Buffer.from(`${"0".repeat(32)}{}`);

describe("minimizeLatency", () => {
  const bounded = (question: Question): Question => ({ ...question, consistency: { kind: "minimizeLatency" } });

  it("takes no statement while the revisions are known, and sees a change when the time is over", async () => {
    const own = fixture.decisions({ localAnswers: 100, maxStaleness: 400 });
    await ask(own, bounded(encrypt));
    fixture.countStatements();
    for (let times = 0; times < 10; times++) expect((await ask(own, bounded(encrypt))).cache).toBe("HIT");
    expect(fixture.countStatements()).toBe(0);
    const id = await attach(fixture.sql, fixture.ids, "own", "bob");
    await sleep(400);
    expect(shown(await ask(own, bounded(encrypt)))[1]).toBe("ALLOW");
    await fixture.sql.query("DELETE FROM attachment WHERE id = $1", [id]);
    expect(shown(await ask(own, encrypt))[1]).toBe("IMPLICIT_DENY"); // full waits for nothing
  });

  it("sees a change as soon as it is told of it", async () => {
    const own = fixture.decisions({ localAnswers: 100, maxStaleness: 5_000 });
    const { vector } = await ask(own, bounded(encrypt));
    const id = await attach(fixture.sql, fixture.ids, "own", "bob");
    expect(shown(await ask(own, bounded(encrypt)))[1]).toBe("IMPLICIT_DENY");
    const scope = `prin:${user("bob")}`;
    own.forgetRevisions([{ scope, rev: (vector.get(scope)?.rev ?? 0) + 1 }]);
    expect(shown(await ask(own, bounded(encrypt)))[1]).toBe("ALLOW");
    await fixture.sql.query("DELETE FROM attachment WHERE id = $1", [id]);
  });

  it("beside a question that permits nothing older is answered from the newest state, too", async () => {
    const own = fixture.decisions({ localAnswers: 100, maxStaleness: 5_000 });
    await ask(own, bounded(encrypt));
    const id = await attach(fixture.sql, fixture.ids, "own", "bob");
    const answers = await own.decideMany([bounded(encrypt), decrypt]);
    expect(answers.map((answer) => (answer instanceof Error ? answer : shown(answer)[1]))).toEqual(["ALLOW", "ALLOW"]);
    await fixture.sql.query("DELETE FROM attachment WHERE id = $1", [id]);
  });
});
