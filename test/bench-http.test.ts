import { describe, expect, test } from "vitest";

interface Rule {
  readonly actions: readonly string[];
  readonly effect: string;
  readonly condition?: { readonly match: { readonly expr: string } };
}
type Account = Record<"users" | "policies" | "keys", readonly unknown[]>;
type Documents = Map<string, unknown>;
interface Question {
  readonly user: { readonly arn: string };
  readonly sourceIp: string;
  readonly checks: readonly { readonly key: { readonly arn: string }; readonly actions: readonly string[] }[];
}

const load = async <T>(name: string): Promise<T> =>
  (await import(new URL(`../bench/${name}`, import.meta.url).href)) as T;
const { ruleOf, TRANSLATIONS, withoutDenies } = await load<{
  ruleOf: (statement: unknown) => Rule;
  TRANSLATIONS: Record<string, { documents: (account: Account) => Documents }>;
  withoutDenies: (documents: Documents) => Documents;
}>("http/cerbos-policies.mjs");
const { makeAccount } = await load<{ makeAccount: (seed?: number) => Account }>("http/account.mjs");
const { cerbosAllows, gatewayAllows, requireEqual } = await load<{
  cerbosAllows: (question: Question, answer: unknown) => readonly boolean[];
  gatewayAllows: (workload: unknown, answer: unknown) => readonly boolean[];
  requireEqual: (question: Question, ours: readonly boolean[], theirs: readonly boolean[]) => void;
}>("http/answers.mjs");
const { replacePart } = await load<{ replacePart: (text: string, name: string, part: string) => string }>(
  "support/report.mjs",
);

const KEY = "acs:kms:cn-hangzhou:9000000000000009:key/key-p01-00001";
const allow = { Effect: "Allow", Action: "kms:Decrypt", Resource: "*" };

describe("a statement for Cerbos", () => {
  const conditionOf = (statement: object) => ruleOf({ ...allow, ...statement }).condition?.match.expr;

  test("has the effect, and the actions with their wildcards", () => {
    expect(ruleOf(allow)).toEqual({ effect: "EFFECT_ALLOW", actions: ["kms:Decrypt"] });
    const deny = { Effect: "Deny", Action: ["kms:*crypt", "*"], Resource: "*" };
    expect(ruleOf(deny)).toEqual({ effect: "EFFECT_DENY", actions: ["kms:*crypt", "*"] });
  });

  test("is about all keys, those it names, or those that start alike", () => {
    expect(conditionOf({ Resource: ["acs:kms:*:9000000000000009:key/*", KEY] })).toBeUndefined();
    expect(conditionOf({ Resource: KEY })).toBe(`R.id == "${KEY}"`);
    expect(conditionOf({ Resource: [KEY, `${KEY}2`, "acs:kms:cn-hangzhou:9000000000000009:key/key-p01-*"] })).toBe(
      `(R.id in ["${KEY}", "${KEY}2"] || R.id.startsWith("acs:kms:cn-hangzhou:9000000000000009:key/key-p01-"))`,
    );
  });

  test("has all of its conditions", () => {
    const StringEquals = { "kms:tag/Project": ["p01", "p02"], "acs:ResourceTag/Stage": "test" };
    expect(conditionOf({ Condition: { StringEquals, IpAddress: { "acs:SourceIp": "10.0.0.0/8" } } })).toBe(
      'R.attr.tags.Project in ["p01", "p02"] && R.attr.tags.Stage == "test" && P.attr.sourceIp.inIPAddrRange("10.0.0.0/8")',
    );
    expect(conditionOf({ Condition: { NotIpAddress: { "acs:SourceIp": ["10.0.0.0/8", "192.168.0.0/16"] } } })).toBe(
      '!(P.attr.sourceIp.inIPAddrRange("10.0.0.0/8") || P.attr.sourceIp.inIPAddrRange("192.168.0.0/16"))',
    );
    expect(conditionOf({ Condition: { DateLessThan: { "acs:CurrentTime": "2035-01-01T00:00:00Z" } } })).toBe(
      'now() < timestamp("2035-01-01T00:00:00Z")',
    );
  });

  test.each([
    [{ NotAction: "kms:Decrypt" }, "NotAction"],
    [{ Action: "kms:?ecrypt" }, "kms:?ecrypt"],
    [{ Resource: "acs:kms:*:9000000000000009:key/key-1" }, "acs:kms:*:9000000000000009:key/key-1"],
    [{ Condition: { StringLike: { "kms:tag/Project": "p*" } } }, "StringLike"],
    [{ Condition: { StringEquals: { "acs:SourceVpc": "vpc-1" } } }, "acs:SourceVpc"],
    [{ Condition: { IpAddress: { "acs:VpcSourceIp": "10.0.0.0/8" } } }, "acs:VpcSourceIp"],
  ])("is refused where Cerbos has no exact counterpart: %j", (part, named) => {
    expect(() => ruleOf({ ...allow, ...part })).toThrow(`no translation of \`${named}\``);
  });
});

describe("the account", () => {
  const account = makeAccount();

  test("has a thousand users, and is the same from the same seed", () => {
    expect([account.users, account.policies, account.keys].map(({ length }) => length)).toEqual([1_000, 500, 10_000]);
    expect(makeAccount()).toEqual(account);
    expect(makeAccount(3)).not.toEqual(account);
  });

  test.each(["users", "policies"])(
    "can be said whole in Cerbos, and the broken translation has no Deny: %s",
    (name) => {
      const documents = TRANSLATIONS[name]?.documents(account) ?? new Map();
      const denies = (some: Documents) => JSON.stringify([...some]).split("EFFECT_DENY").length - 1;
      expect(denies(documents)).toBeGreaterThan(100);
      expect(denies(withoutDenies(documents))).toBe(0);
      expect(withoutDenies(documents).size).toBe(1);
    },
  );
});

describe("answers", () => {
  const question: Question = {
    user: { arn: "acs:ram::9000000000000009:user/user-1" },
    sourceIp: "10.1.2.3",
    checks: [{ key: { arn: KEY }, actions: ["kms:Encrypt", "kms:Decrypt"] }],
  };
  const answered = (Encrypt: string, Decrypt: string, id = KEY) => ({
    results: [{ resource: { id }, actions: { "kms:Decrypt": Decrypt, "kms:Encrypt": Encrypt } }],
  });

  test("are read in the order of the question", () => {
    expect(cerbosAllows(question, answered("EFFECT_ALLOW", "EFFECT_DENY"))).toEqual([true, false]);
  });

  test("that differ are an error, which names what was asked", () => {
    const theirs = cerbosAllows(question, answered("EFFECT_ALLOW", "EFFECT_DENY"));
    expect(() => requireEqual(question, [true, false], theirs)).not.toThrow();
    expect(() => requireEqual(question, [true, true], theirs)).toThrow(
      `${question.user.arn}, kms:Decrypt on ${KEY}, from 10.1.2.3: true and false`,
    );
    expect(() => requireEqual(question, [true], theirs)).toThrow("kms:Decrypt");
  });

  test("that are none are an error", () => {
    expect(() => cerbosAllows(question, answered("EFFECT_ALLOW", "EFFECT_DENY", `${KEY}2`))).toThrow(`${KEY}2`);
    expect(() => gatewayAllows({}, { errors: [{ message: "no" }] })).toThrow("no");
  });
});

test("what a benchmark printed replaces what stood in the document, and nothing else", () => {
  const document = "# A\n<!-- http -->\nold\n<!-- /http -->\nB\n";
  expect(replacePart(document, "http", "new\n")).toBe("# A\n<!-- http -->\nnew\n<!-- /http -->\nB\n");
  expect(() => replacePart(document, "reverse", "new")).toThrow("reverse");
});
