import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { Answer, Question } from "../../src/decisions/decide-many.js";
import { createContext, questionKey, type Services } from "../../src/graphql/context.js";

const question: Question = { principal: "p", resource: "r", actions: null };

function contextOver(decideMany: (questions: readonly Question[]) => Promise<readonly (Answer | Error)[]>) {
  return createContext({ decisions: { decideMany } } as unknown as Services, null, "request-1");
}

describe("questions of one request", () => {
  it("are decided together, equal ones once, and anew after a change", async () => {
    const decideMany = vi.fn(async (questions: readonly Question[]) =>
      questions.map(({ principal }) => ({ revision: () => principal }) as Answer),
    );
    const { ask, clearDecisions } = contextOver(decideMany);
    const answers = await Promise.all([ask(question), ask({ ...question, principal: "q" }), ask({ ...question })]);
    expect(answers.map(({ revision }) => revision())).toEqual(["p", "q", "p"]);
    expect(decideMany).toHaveBeenCalledTimes(1);
    expect(decideMany.mock.calls[0]?.[0]).toHaveLength(2);
    await ask(question);
    expect(decideMany).toHaveBeenCalledTimes(1);
    clearDecisions();
    await ask(question);
    expect(decideMany).toHaveBeenCalledTimes(2);
  });

  it("fail one by one", async () => {
    const { ask } = contextOver(async (questions) =>
      questions.map(({ principal }) => (principal === "bad" ? new Error("bad") : ({} as Answer))),
    );
    const results = await Promise.allSettled([ask(question), ask({ ...question, principal: "bad" })]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  });
});

describe("the key of a question", () => {
  const context = fc.record(
    {
      sourceIp: fc.option(fc.string()),
      currentTime: fc.oneof(fc.date({ noInvalidDate: true }), fc.string()),
      mfaPresent: fc.option(fc.boolean()),
      entries: fc.array(fc.record({ key: fc.string(), values: fc.array(fc.string(), { maxLength: 2 }) }), {
        maxLength: 2,
      }),
    },
    { requiredKeys: [] },
  );
  const questions = fc.record({
    principal: fc.string(),
    resource: fc.string(),
    actions: fc.option(fc.array(fc.string(), { maxLength: 3 })),
    context: fc.option(context, { nil: undefined }),
    sessionPolicy: fc.option(fc.jsonValue(), { nil: undefined }),
    consistency: fc.oneof(
      fc.constant({ kind: "full" as const }),
      fc.record({ kind: fc.constant("atLeast" as const), token: fc.string() }),
    ),
    detail: fc.constantFrom(undefined, "OUTCOME", "REASONS", "NEAR_MISSES"),
  }) as fc.Arbitrary<Question>;

  it("is shared by equal questions only", () => {
    fc.assert(
      fc.property(questions, questions, (one, other) => {
        expect(questionKey(structuredClone(one))).toBe(questionKey(one));
        if (questionKey(one) === questionKey(other)) expect(other).toEqual(one);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each<[Partial<Question>, Partial<Question>]>([
    [{ context: {} }, { context: { sourceIp: null } }],
    [{ context: { sourceIp: "true" } }, { context: { secureTransport: true } }],
    [{ context: { currentTime: new Date(0) } }, { context: { currentTime: "1970-01-01T00:00:00.000Z" } }],
    [{ sessionPolicy: undefined }, { sessionPolicy: null }],
    [{ sessionPolicy: "{}" }, { sessionPolicy: {} }],
    [{ sessionPolicy: ["date", 0] }, { sessionPolicy: new Date(0) }],
    [{ actions: null }, { actions: [] }],
    [{ detail: "OUTCOME" }, { detail: "REASONS" }],
    [{}, { detail: "OUTCOME" }],
    [{ actions: ["a,b"] }, { actions: ["a", "b"] }],
    [{ principal: 'p","r' }, { principal: "p", resource: '","r' }],
  ])("tells %j from %j", (one, other) => {
    expect(questionKey({ ...question, ...one })).not.toBe(questionKey({ ...question, ...other }));
  });
});
