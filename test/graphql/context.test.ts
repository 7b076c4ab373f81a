import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { Answer, Question } from "../../src/decisions/decide-many.js";
import { questionKey } from "../../src/decisions/question-key.js";
import { InvalidInputError, NotFoundError } from "../../src/domain/errors.js";
import { createContext, type Services } from "../../src/graphql/context.js";
import { UnavailableError } from "../../src/store/store-errors.js";

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

describe("permissions of a caller", () => {
  const caller = { kind: "PRINCIPAL", credentialId: "c", principalArn: "acs:ram::1:user/ann" } as const;
  const answering = (outcome: string) =>
    vi.fn(async (questions: readonly Question[]) =>
      questions.map(() => ({ decisions: [{ outcome }], cache: "HIT" }) as unknown as Answer),
    );
  const contextOf = (own: ReturnType<typeof answering>, others = answering("ALLOW")) => {
    const services = { decisions: { decideMany: others }, permissions: { decideMany: own } } as unknown as Services;
    return createContext(services, caller, "request-1");
  };
  const READ = ["ramgate:ReadPolicy", ["acs:ram::1:*"]] as const;

  it("are asked where nobody listens, once until something has changed, and are no part of the answers", async () => {
    const [own, others] = [answering("ALLOW"), answering("ALLOW")];
    const { permissions, cacheUse, clearDecisions } = contextOf(own, others);
    expect(await Promise.all([permissions?.allows(...READ), permissions?.allows(...READ)])).toEqual([true, true]);
    expect([own, others].map(({ mock }) => mock.calls.length)).toEqual([1, 0]);
    expect(cacheUse.size).toBe(0);
    clearDecisions();
    await permissions?.allows(...READ);
    expect(own).toHaveBeenCalledTimes(2);
  });

  it.each(["EXPLICIT_DENY", "IMPLICIT_DENY", "CONDITIONAL"])("are none where the decision is %s", async (outcome) => {
    expect(await contextOf(answering(outcome)).permissions?.allows(...READ)).toBe(false);
  });

  it("are none where there is no decision, and unknown where the database is away", async () => {
    const failing = (error: Error) => vi.fn(async () => [error] as never);
    for (const error of [new NotFoundError("gone"), new InvalidInputError("too much")]) {
      expect(await contextOf(failing(error)).permissions?.allows(...READ)).toBe(false);
    }
    await expect(contextOf(failing(new UnavailableError("away"))).permissions?.allows(...READ)).rejects.toThrow("away");
  });

  it("are none for operators, who need none", () => {
    const operator = { kind: "OPERATOR", credentialId: "o" } as const;
    expect(createContext({} as Services, operator, "request-1").permissions).toBeNull();
  });

  it.each([
    ["acs:kms:cn-hangzhou:2:key/k", true],
    ["acs:ram::2:role/r", true],
    ["acs:kms:cn-hangzhou:1:key/k", undefined],
    ["*", undefined],
  ])("do not reach %s as more than a stranger's: %s", async (resource, asStranger) => {
    const others = answering("ALLOW");
    await contextOf(answering("ALLOW"), others).ask({ principal: "p", resource, actions: [] });
    expect(others.mock.calls[0]?.[0]?.[0]?.asStranger).toBe(asStranger);
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
