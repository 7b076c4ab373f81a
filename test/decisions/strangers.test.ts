import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canPerform } from "../../src/decisions/can-perform.js";
import type { Answer, Ask, Decisions, Question } from "../../src/decisions/decide-many.js";
import { effectivePermissions } from "../../src/decisions/effective-permissions.js";
import "../support/backend.js";
import { alias, type Fixture, key, openFixture, role, secret, user } from "./fixture.js";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture("strangers");
});
afterAll(() => fixture.close());

const DETAILS = ["OUTCOME", "REASONS", "NEAR_MISSES"] as const;
const about = (resource: string, rest: Partial<Question> = {}): Question => ({
  principal: user("ann"),
  resource,
  actions: ["kms:Decrypt", "kms:Encrypt", "sts:AssumeRole"],
  ...rest,
});
const askOf = (by: Decisions) => {
  return async (question: Question): Promise<Answer> => {
    const [answer] = await by.decideMany([question]);
    if (answer === undefined || answer instanceof Error) throw answer;
    return answer;
  };
};
/** All that can be seen of an answer, with the name of the resource taken out. */
const seen = ({ decisions, resource, cache, vector }: Answer, name: string): string =>
  JSON.stringify([decisions, resource, cache, [...vector].sort()]).replaceAll(name, "*name*");

describe("a stranger", () => {
  it.each(DETAILS)("sees no difference between what is registered and what is not: %s", async (detail) => {
    const own = fixture.decisions({ localAnswers: 100 });
    for (const [registered, unregistered] of [
      [key("k1"), key("k9")],
      [secret("db"), secret("xx")],
      [alias("one"), alias("two")],
      [role("bot"), role("nob")],
    ] as const) {
      const known = await askOf(own)(about(registered, { detail })); // so that it would be at hand
      const one = await askOf(own)(about(registered, { detail, asStranger: true }));
      const other = await askOf(own)(about(unregistered, { detail, asStranger: true }));
      expect(seen(one, registered)).toBe(seen(other, unregistered));
      expect(seen(known, registered)).not.toBe(seen(one, registered));
    }
  });

  it("leaves the answers of others as they are", async () => {
    const own = fixture.decisions({ localAnswers: 100 });
    const outcomes = async (asStranger: boolean) =>
      (await askOf(own)(about(key("k1"), { asStranger }))).decisions.map(({ outcome }) => outcome);
    const [first, stranger, again] = [await outcomes(true), await outcomes(false), await outcomes(true)];
    expect(first).toEqual(again);
    expect(stranger).toEqual(["ALLOW", "ALLOW", "IMPLICIT_DENY"]);
    expect(first).toEqual(["IMPLICIT_DENY", "ALLOW", "IMPLICIT_DENY"]); // the first depends on a tag
    expect(await outcomes(false)).toEqual(stranger);
  });

  it("sees as little in a batch with others", async () => {
    const own = fixture.decisions({ localAnswers: 100 });
    const outcomesOf = async (rest: Partial<Question>) =>
      (await own.decideMany([true, false].map((asStranger) => about(key("k1"), { ...rest, asStranger })))).map(
        (answer) => (answer instanceof Error ? answer : answer.decisions[0]?.outcome),
      );
    expect(await outcomesOf({})).toEqual(["IMPLICIT_DENY", "ALLOW"]);
    expect(await outcomesOf({ detail: "OUTCOME" })).toEqual(["IMPLICIT_DENY", "ALLOW"]); // from what is known by now
  });

  it("is not led from a secret or an alias to its key", async () => {
    const ask = askOf(fixture.decisions({ localAnswers: 100 }));
    const strange: Ask = (question) => ask({ ...question, asStranger: true });
    const operation = { principal: user("ann"), operation: "GetSecretValue" };
    const legs = async (secret_: string) =>
      (await canPerform(strange, { ...operation, targets: { secret: secret_ } })).legs.map(({ action }) => action);
    expect(await legs(secret("db"))).toEqual(await legs(secret("xx")));
    const aliased = { principal: user("ann"), operation: "Decrypt", targets: { alias: alias("one") } };
    await expect(canPerform(strange, aliased)).rejects.toThrow("is not known: name it as `key`");
    const { operations } = await effectivePermissions(strange, { principal: user("ann"), resource: secret("db") });
    expect(operations.flatMap(({ legs }) => legs).map(({ resource }) => resource)).not.toContain(key("k1"));
  });
});
