import { describe, expect, test } from "vitest";
import { findEscalation } from "../../src/domain/escalation/find-escalation.js";
import { EvaluatorWorld } from "../support/compare-evaluators.js";
import { type ReferenceAttachment, type ReferenceQuestion, referenceAnswer } from "../support/reference-evaluator.js";

const ACCOUNT = "1234567890123456";
const NOW = Date.parse("2026-06-01T12:00:00Z");
const GRANTOR = `acs:ram::${ACCOUNT}:user/bob`;
const RECEIVER = `acs:ram::${ACCOUNT}:user/ann`;
const KMS = `acs:kms:cn-hangzhou:${ACCOUNT}:`;
const MOST_MILLISECONDS = 1_500; // of a machine that does other things, too

type Statement = Readonly<Record<string, unknown>>;
type Attachments = readonly ReferenceAttachment[];

const allow = (Action: unknown, Resource: unknown, more: object = {}) => ({
  Effect: "Allow",
  Action,
  Resource,
  ...more,
});
const deny = (Action: unknown, Resource: unknown, more: object = {}) => ({ Effect: "Deny", Action, Resource, ...more });
const policy = (name: string, statements: readonly Statement[], group: string | null = null): ReferenceAttachment => ({
  ...{ policy: name, attachedTo: RECEIVER, document: { Version: "1", Statement: statements } },
  ...{ group, notBefore: null, expiresAt: null },
});

const facts = (principal: string, attachments: Attachments) => new EvaluatorWorld({ principal, attachments }).principal;

function search(own: Attachments, before: Attachments, after: Attachments) {
  const receivers = [{ before: facts(RECEIVER, before), after: facts(RECEIVER, after), shared: false }];
  return findEscalation({ grantor: facts(GRANTOR, own), receivers, roles: [], now: NOW, scopePrecedence: "staged" });
}

function outcome(principal: string, attachments: Attachments, action: string, arn: string) {
  const resource = { arn, registered: arn !== "*", resourceGroup: null, tags: {}, trust: null };
  const question: ReferenceQuestion = {
    ...{ resource, actions: [action], context: {}, now: NOW, session: null, precedence: "staged" },
  };
  return referenceAnswer({ principal, attachments, questions: [question] }, question, action).outcome;
}

const HAS_SECRETS = policy("Has", [allow("kms:*", "acs:kms:*:*:secret/*")]);
const HAS_ALL = policy("Has", [allow("kms:*", "*")]);
const HAS_KMS = policy("Has", [allow("kms:*", "acs:kms:*:*:*")]);

describe("where an Allow and a Deny of the same text differ", () => {
  test.each<[what: string, own: Statement[], before: Attachments, after: Attachments, action: string, arn: string]>([
    [
      "a Deny that goes sets names free in any case",
      [allow("*", "acs:kms:*:*:secret/prod")],
      [HAS_SECRETS, policy("Gone", [deny("*", "acs:kms:*:*:secret/prod")])],
      [HAS_SECRETS],
      ...(["kms:GetSecretValue", `${KMS}secret/PROD`] as const),
    ],
    [
      "a Deny that goes sets the nameless `*` free",
      [allow("*", "acs:*:*:*:*")],
      [HAS_ALL, policy("Gone", [deny("kms:GetRandomPassword", "acs:kms:*:*:*")])],
      [HAS_ALL],
      ...(["kms:GetRandomPassword", "*"] as const),
    ],
    [
      "a Deny that goes sets regions free in any case",
      [allow("*", "acs:kms:CN-HANGZHOU:*:*")],
      [HAS_KMS, policy("Gone", [deny("*", "acs:kms:CN-HANGZHOU:*:*")])],
      [HAS_KMS],
      ...(["kms:Decrypt", `${KMS}key/x`] as const),
    ],
    [
      "the name of a session counts with its case",
      [allow("*", "acs:ram:*:*:*Foo")],
      [],
      [policy("New", [allow("*", "acs:ram:*:*:assumed-role/dep/Foo")])],
      ...(["ram:GetRole", `acs:ram::${ACCOUNT}:assumed-role/dep/Foo`] as const),
    ],
    [
      "so does what follows a name",
      [allow("*", "acs:ram:*:*:*/Foo")],
      [],
      [policy("New", [allow("*", "acs:ram:*:*:user/x/Foo")])],
      ...(["ram:GetUser", `acs:ram::${ACCOUNT}:user/x/Foo`] as const),
    ],
    [
      "also in an exception",
      [allow("*", "*"), { Effect: "Deny", Action: "*", NotResource: "acs:ram:*:*:*/Foo" }],
      [],
      [policy("New", [allow("*", "acs:ram:*:*:user/x/Foo")])],
      ...(["ram:GetUser", `acs:ram::${ACCOUNT}:user/x/Foo`] as const),
    ],
    [
      "an exception of the grantor's keeps what is out of it",
      [allow("kms:*", "*"), { Effect: "Deny", Action: "kms:*", NotResource: `${KMS}key/k1` }],
      [],
      [policy("New", [allow("kms:*", `${KMS}key/*`)])],
      ...(["kms:Decrypt", `${KMS}key/k2`] as const),
    ],
  ])("%s", (_what, own, before, after, action, arn) => {
    const grantor = [policy("Own", own)];
    expect(outcome(RECEIVER, before, action, arn)).not.toBe("ALLOW");
    expect(outcome(RECEIVER, after, action, arn)).toBe("ALLOW");
    expect(outcome(GRANTOR, grantor, action, arn)).not.toBe("ALLOW");
    expect(search(grantor, before, after)).not.toBeNull();
  });

  test("and yet a Deny may be taken away by who may use all that it denied", () => {
    const gone = policy("Gone", [deny("*", "acs:kms:*:*:secret/prod")]);
    expect(
      search([policy("Own", [allow("kms:*", "acs:kms:*:*:secret/*")])], [HAS_SECRETS, gone], [HAS_SECRETS]),
    ).toBeNull();
  });
});

describe("nobody chooses what a comparison costs", () => {
  const ten = (make: () => Statement) => Array.from({ length: 10 }, (_, p) => policy(`Ten${p}`, [make()]));
  const words = (count: number) =>
    Array.from({ length: count }, (_, i) => String.fromCharCode(97 + (i % 26), 97 + (Math.floor(i / 26) % 26)));
  const wide = policy(
    "Wide",
    [
      allow(
        words(400),
        words(400).map((word) => `::::${word}`),
      ),
    ],
    "rg-2",
  );
  const tags = { StringEquals: Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`kms:tag/${i}`, "1"])) };
  const manyOf = (name: string, make: (action: string) => Statement) =>
    Array.from({ length: 10 }, (_, p) =>
      policy(
        `${name}${p}`,
        Array.from({ length: 4 }, (_, i) => make(`${name}${p}${i}`)),
      ),
    );
  const gone = policy(
    "Gone",
    Array.from({ length: 60 }, (_, i) => deny(`x${i}`, "*")),
    "rg-1",
  );
  const same = (pattern: string) => Array<string>(700).fill(pattern);
  const denies = (name: string) => manyOf(name, (action) => deny(action, "*", { Condition: tags }));
  const exceptions = (name: string) =>
    manyOf(name, (action) => ({ Effect: "Deny", Action: "*", NotResource: `acs:kms:*:1:key/${action}` }));

  test.each<[what: string, own: Attachments, before: Attachments, after: Attachments]>([
    ["many Denies that go, and much that is allowed", [policy("Own", [allow("ram:*", "*")])], [wide, gone], [wide]],
    [
      "the same patterns again and again",
      [policy("Own", [allow("b", "*")])],
      [],
      ten(() => allow(same("a"), same("*"))),
    ],
    ["many patterns", [policy("Own", [allow("ram:*", "*")])], [], [wide]],
    [
      "long conditions",
      [policy("Own", [allow("a*", "*")])],
      [],
      manyOf("a", (action) => allow(action, "*", { Condition: tags })),
    ],
    [
      "long conditions of Denies",
      [policy("Own", [allow("*", "acs:*:*:*:*")])],
      [...denies("x"), ...denies("y")],
      denies("x"),
    ],
    [
      "exceptions",
      [policy("Own", [allow("*", "*")]), ...exceptions("g")],
      exceptions("x"),
      [...exceptions("x"), policy("New", [allow(words(400), "*")])],
    ],
  ])("%s", (_what, own, before, after) => {
    const started = performance.now();
    search(own, before, after);
    expect(performance.now() - started).toBeLessThan(MOST_MILLISECONDS);
  });
});
