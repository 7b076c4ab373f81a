import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CanonicalValue, canonicalText } from "../../src/decisions/canonical-text.js";
import { decisionKey, type KeySpace } from "../../src/decisions/decision-key.js";
import { prepareQuestion } from "../../src/decisions/prepare-question.js";
import type { Question } from "../../src/decisions/question.js";
import { parsePrincipalArn } from "../../src/domain/principal.js";
import { type Revision, scopesOf } from "../../src/store/revisions.js";
import { key, session, user } from "./fixture.js";

const space: KeySpace = { environment: "e", engineVersion: "v", scopePrecedence: "staged" };
const TAG = "00000000-0000-4000-8000-000000000000";

function keyOf(question: Question, tags: Record<string, string | null> = {}, keySpace = space): string {
  const prepared = prepareQuestion(question);
  const vector = new Map<string, Revision | null>(prepared.scopes.map((scope) => [scope, { rev: 1, tag: TAG }]));
  for (const [scope, tag] of Object.entries(tags)) vector.set(scope, tag === null ? null : { rev: 1, tag });
  const followed = new Map([[prepared.follows, Object.keys(tags).filter((scope) => /^(grp|pol):/.test(scope))]]);
  return decisionKey(keySpace, prepared, { vector, followed });
}

const question: Question = { principal: user("ann"), resource: key("k1"), actions: ["kms:Decrypt"] };

describe("canonical text", () => {
  const leaf = fc.oneof(
    fc.constant(null),
    fc.string({ maxLength: 3, unit: fc.constantFrom("a", ",", "\0", "0", "s", "1:", "\ud800", "\udc00", "é") }),
  );
  const value = fc.letrec<{ value: CanonicalValue }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      leaf,
      fc.array(tie("value"), { maxLength: 3 }),
      fc
        .array(fc.tuple(fc.constantFrom("", "a", "b", "ab"), tie("value")), { maxLength: 3 })
        .map((entries) => new Map(entries)),
    ),
  })).value;

  it("are equal exactly for equal data", () => {
    fc.assert(
      fc.property(value, value, (left, right) => {
        expect(canonicalText(left) === canonicalText(right)).toBe(same(left, right));
      }),
      { numRuns: 20_000 },
    );
  });

  it.each<[CanonicalValue, CanonicalValue]>([
    [null, ""],
    [null, []],
    ["", []],
    [["a", "b"], ["a,b"]],
    [["a", "b"], ["ab"]],
    [
      ["a", ["b"]],
      ["a", "b"],
    ],
    [[["a"], "b"], [["a", "b"]]],
    [new Map(), []],
    [new Map([["a", null]]), new Map()],
    [new Map([["a", "b"]]), ["a", "b"]],
    ["\ud800", "\udfff"],
    ["\ud800", "\ufffd"],
    ["é", "e\u0301"],
    ["k", "\u212a"],
  ])("tell %j from %j", (left, right) => {
    expect(canonicalText(left) === canonicalText(right)).toBe(false);
  });

  it("do not depend on the order of a map", () => {
    const forwards = new Map([
      ["a", "1"],
      ["b", "2"],
    ]);
    const backwards = new Map([
      ["b", "2"],
      ["a", "1"],
    ]);
    expect(canonicalText(forwards)).toEqual(canonicalText(backwards));
  });
});

function same(left: CanonicalValue, right: CanonicalValue): boolean {
  if (left instanceof Map && right instanceof Map) {
    return (
      left.size === right.size &&
      [...left].every(([name, each]) => right.has(name) && same(each, right.get(name) ?? null))
    );
  }
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((each, index) => same(each, right[index] ?? null));
  }
  return Object.is(left, right);
}

describe("decision key", () => {
  it("is the same for the same question in another spelling", () => {
    expect(keyOf({ ...question, principal: user("ANN") })).toBe(keyOf(question));
    expect(keyOf({ ...question, actions: ["KMS:decrypt"] })).toBe(keyOf(question));
    expect(keyOf({ ...question, context: {} })).toBe(keyOf(question));
    expect(keyOf({ ...question, consistency: { kind: "minimizeLatency" } })).toBe(keyOf(question));
    const one = [
      { key: "a:x", values: ["1"] },
      { key: "a:y", values: ["2"] },
    ];
    expect(keyOf({ ...question, context: { entries: one } })).toBe(
      keyOf({ ...question, context: { entries: one.reverse() } }),
    );
  });

  const policy = { Version: "1", Statement: [{ Effect: "Allow", Action: "kms:*", Resource: "*" }] };
  const bot: Question = { ...question, principal: session("bot") };
  const entry = (...values: string[]): Question => ({ ...question, context: { entries: [{ key: "a:b", values }] } });
  const OTHERS: [string, string][] = [
    ["principal", keyOf({ ...question, principal: user("bob") })],
    ["resource", keyOf({ ...question, resource: key("K1") })],
    ["action", keyOf({ ...question, actions: ["kms:Encrypt"] })],
    ["no actions", keyOf({ ...question, actions: [] })],
    ["all actions", keyOf({ ...question, actions: null })],
    ["an action twice", keyOf({ ...question, actions: ["kms:Decrypt", "kms:Decrypt"] })],
    ["source ip", keyOf({ ...question, context: { sourceIp: "10.0.0.1" } })],
    ["source vpc", keyOf({ ...question, context: { sourceVpc: "10.0.0.1" } })],
    ["time", keyOf({ ...question, context: { currentTime: "2026-01-01T00:00:00Z" } })],
    ["another time", keyOf({ ...question, context: { currentTime: "2026-01-01T00:00:01Z" } })],
    ["known to be absent", keyOf(entry())],
    ["empty value", keyOf(entry(""))],
    ["two values", keyOf(entry("x", "y"))],
    ["joined values", keyOf(entry("x,y"))],
    ["session", keyOf(bot)],
    ["another session", keyOf({ ...bot, principal: `${session("bot")}x` })],
    ["session policy", keyOf({ ...bot, sessionPolicy: policy })],
    ["another session policy", keyOf({ ...bot, sessionPolicy: { ...policy, Statement: [] } })],
    ["user's tag", keyOf(question, { [`prin:${user("ann")}`]: "other" })],
    ["user's tag absent", keyOf(question, { [`prin:${user("ann")}`]: null })],
    ["resource's tag", keyOf(question, { [`res:${key("k1")}`]: "other" })],
    ["global tag", keyOf(question, { glob: "other" })],
    ["a group", keyOf(question, { "grp:devs": TAG })],
    ["the group's tag", keyOf(question, { "grp:devs": "other" })],
    ["the group's tag absent", keyOf(question, { "grp:devs": null })],
    ["another group", keyOf(question, { "grp:ops": TAG })],
    ["a policy", keyOf(question, { "pol:devs": TAG })],
    ["a group and a policy", keyOf(question, { "grp:devs": TAG, "pol:devs": TAG })],
    ["environment", keyOf(question, {}, { ...space, environment: "e2" })],
    ["engine", keyOf(question, {}, { ...space, engineVersion: "v2" })],
    ["configuration", keyOf(question, {}, { ...space, scopePrecedence: "deny-overrides" })],
  ];

  it("differs with everything that the answer depends on", () => {
    const keys = [["question", keyOf(question)] as const, ...OTHERS];
    const byKey = new Map<string, string[]>();
    for (const [name, text] of keys) byKey.set(text, [...(byKey.get(text) ?? []), name]);
    expect([...byKey.values()].filter((names) => names.length > 1)).toEqual([]);
  });

  it("takes a session policy as text or as a value", () => {
    const asText = keyOf({ ...bot, sessionPolicy: JSON.stringify(policy, null, 2) });
    expect(asText).toBe(keyOf({ ...bot, sessionPolicy: policy }));
  });
});

describe("scopes of a question", () => {
  const scopes = (principal: string, resource: string): string[] =>
    scopesOf(parsePrincipalArn(principal), resource).sort();

  it("are those of both accounts, of the principal and its role, and of the resource", () => {
    const ann = "acs:ram::1:user/Ann";
    const other = "acs:kms:cn-hangzhou:2:key/K:1";
    expect(scopes(ann, other)).toEqual(["acct:1", "acct:2", "glob", "prin:acs:ram::1:user/ann", `res:${other}`]);
    expect(scopes("acs:sts::1:assumed-role/Bot/S", "acs:ram::2:role/bot")).toEqual([
      "acct:1",
      "acct:2",
      "glob",
      "prin:acs:ram::1:assumed-role/bot/S",
      "prin:acs:ram::1:role/bot",
      "res:acs:ram::2:role/bot",
    ]);
    expect(scopes(ann, "*")).toEqual(["acct:1", "glob", "prin:acs:ram::1:user/ann", "res:*"]);
    expect(scopes(ann, "acs:kms:*:*:key/k")).toHaveLength(4);
  });
});
