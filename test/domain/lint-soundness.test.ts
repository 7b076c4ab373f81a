// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policy variables are written like that
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { actionsOfType } from "../../src/domain/kms/actions.js";
import type { LintCode } from "../../src/domain/policy/lint/finding.js";
import { lintPolicy } from "../../src/domain/policy/lint/lint-policy.js";
import type { ResourceType } from "../../src/domain/resource.js";
import {
  ACCOUNT,
  ALIAS,
  allow,
  ask,
  attached,
  KEY,
  KEYS,
  ROLE,
  SECRET,
  SECRETS,
  type StatementSource,
} from "./build.js";

/** What a finding says nothing comes of may be taken away, and no decision changes. */
const SEED = { seed: 20_260_601 };

const ACTIONS = fc.constantFrom(
  ...["*", "*:*", "kms:*", "KMS:*", "kms:De*", "kms:Decrypt", "kms:decrypt", "kms:?ecrypt", "kms:Decrypt*", "k*"],
  ...["kms:List*", "kms:ListKeys", "kms:CreateKey", "kms:GetSecretValue", "kms:*Secret*", "kms:GetRandomPassword"],
  ...[
    "kms:*ecrypt",
    "kms:CreateAlias",
    "kms:Decrpt",
    "Decrypt",
    "kms: Decrypt",
    "kms:${x}",
    "sts:AssumeRole",
    "sts:*",
    "ecs:*",
  ],
);
const RELATIVE_IDS = [
  "*",
  "key",
  "key*",
  "key/*",
  "key/k1",
  "key/K?",
  "KEY/*",
  "*/*",
  "secret/*",
  "secret*",
  "alias/*",
];
const HEADS = [
  "acs:kms:*:*",
  "acs:KMS:*:*",
  "acs:*:*:*",
  `acs:kms:cn-hangzhou:${ACCOUNT}`,
  "ACS:kms:*:*",
  "acs:kms:cn-?*:*",
];
const RESOURCES = fc.oneof(
  fc.constant("*"),
  fc.tuple(fc.constantFrom(...HEADS), fc.constantFrom(...RELATIVE_IDS)).map((parts) => parts.join(":")),
  fc.constantFrom(
    ...["acs:ram:*:*:role/*", "acs:ram::*:role/deploy", "acs:ram:*:*:Role/*", "acs:ecs:*:*:*", "acs:cn-hangzhou:*:*:*"],
    ...["acs:kms:*:*:key/${x}", "acs:kms:*:*:key/k1,acs:kms:*:*:key/k2", "acs:kms:*", "arn:kms:*:*:key/k1"],
    ...["acs:kms:*:*:*:key/k1", "acs:kms:*:*:key/", "acs:kms:::key/k1", "acs:kms:*:mine:*", "acs:kms:a b:*:key/k1"],
  ),
);
const CONDITION = fc.constantFrom<unknown>(
  ...[undefined, undefined, undefined, {}, { Bool: { "acs:MFAPresent": "true" } }, { Null: { "kms:tag/a": "true" } }],
);
const block = <T>(name: string, entries: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T | T[]>> =>
  fc.oneof(entries, fc.array(entries, { minLength: 1, maxLength: 3 })).map((value) => ({ [name]: value }));
const often = <T>(usual: fc.Arbitrary<T>, seldom: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 6, arbitrary: usual }, { weight: 1, arbitrary: seldom });
const STATEMENT: fc.Arbitrary<StatementSource> = fc
  .tuple(
    fc.constantFrom("Allow", "Deny"),
    often(block("Action", ACTIONS), block("NotAction", ACTIONS)),
    often(block("Resource", RESOURCES), block("NotResource", RESOURCES)),
    CONDITION,
  )
  .map(([Effect, action, resource, condition]) => ({
    ...{ Effect, ...action, ...resource },
    ...(condition === undefined ? {} : { Condition: condition }),
  }));
/** Behind an Allow of everything a Deny shows what it does. */
const STATEMENTS = fc
  .tuple(fc.array(STATEMENT, { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([statements, allowed]) => (allowed ? [allow(), ...statements] : statements));

const ON: readonly (readonly [string, ResourceType])[] = [
  [KEY, "KEY"],
  [KEYS, "KEY_CONTAINER"],
  [SECRET, "SECRET"],
  [SECRETS, "SECRET_CONTAINER"],
  [ALIAS, "ALIAS"],
  ["*", "NONE"],
];
/** Every action on what it is checked on. */
const REAL = [
  ...ON.flatMap(([on, type]) => actionsOfType(type).map((action) => ({ action, on }))),
  { action: "sts:AssumeRole", on: ROLE },
  { action: "ecs:StopInstance", on: `acs:ecs:cn-hangzhou:${ACCOUNT}:instance/i` },
];
/** Any action on anything. */
const ANY = REAL.flatMap(({ action }) => [...ON, [ROLE] as const].map(([on]) => ({ action, on }))).filter(
  (_, index) => index % 5 === 0,
);

type Questions = readonly { readonly action: string; readonly on: string }[];

function outcomes(statements: readonly StatementSource[], questions: Questions): string {
  const policies = [attached(statements)];
  return questions.map((question) => ask(policies, question).outcome).join(" ");
}

/** The statements without what `pointer` names: a statement, or an entry of one; without its last entry it is gone. */
function without(statements: readonly StatementSource[], pointer: string): StatementSource[] {
  const [, , statement = "", member, entry] = pointer.split("/");
  return statements.flatMap((source, index): StatementSource[] => {
    if (index !== Number(statement)) return [source];
    const entries = member === undefined ? [] : source[member];
    if (!Array.isArray(entries) || entries.length === 1 || entry === undefined) return [];
    return [{ ...source, [member ?? ""]: entries.filter((_, at) => at !== Number(entry)) }];
  });
}

/** In a Deny these match as much as they can. */
const STRICT_ONLY = new Set(["SUSPICIOUS_RESOURCE", "UNKNOWN_OPERATOR", "POLICY_VARIABLE_UNSUPPORTED"]);

/** Takes away, one at a time, what findings with one of `codes` point at; returns how many there were. */
function takeAway(statements: readonly StatementSource[], codes: readonly LintCode[], questions: Questions): number {
  const findings = lintPolicy({ Version: "1", Statement: statements }).filter(({ code, pointer }) => {
    const source = statements[Number(pointer.split("/")[2])] ?? {};
    const negated = "NotAction" in source || "NotResource" in source;
    const lenient = STRICT_ONLY.has(code) && source["Effect"] === "Deny";
    return (codes as readonly string[]).includes(code) && !(negated && code !== "UNSUPPORTED_ELEMENT") && !lenient;
  });
  const before = findings.length === 0 ? "" : outcomes(statements, questions);
  for (const { pointer } of findings) expect(outcomes(without(statements, pointer), questions)).toBe(before);
  return findings.length;
}

describe("what lint says nothing comes of changes no decision", () => {
  test.each<[string, readonly LintCode[], Questions, number]>([
    ["dead statements", ["DEAD_STATEMENT"], ANY, 1_500],
    ["repetitions", ["DUPLICATE_ENTRY", "DUPLICATE_STATEMENT"], ANY, 400],
    ["actions that are none", ["UNKNOWN_ACTION"], REAL, 200],
    ["what cannot be interpreted", ["UNKNOWN_OPERATOR", "POLICY_VARIABLE_UNSUPPORTED"], ANY, 400],
    ["resources that are none, and NotResource", ["SUSPICIOUS_RESOURCE", "UNSUPPORTED_ELEMENT"], REAL, 150],
    [
      "actions that do not belong to the resources",
      ["ACTION_NOT_APPLICABLE", "CONTAINER_ARN_REQUIRED", "ITEM_ARN_REQUIRED", "RESOURCE_NOT_SUPPORTED"],
      REAL,
      400,
    ],
  ])("%s", (_, codes, questions, numRuns) => {
    let taken = 0;
    fc.assert(
      fc.property(STATEMENTS, (statements) => {
        taken += takeAway(statements, codes, questions);
      }),
      { ...SEED, numRuns },
    );
    expect(taken).toBeGreaterThan(20);
  });
});
