import { describe, expect, test } from "vitest";
import { InvalidInputError } from "../../src/domain/errors.js";
import type { AccessRequest } from "../../src/domain/evaluation/access-request.js";
import { buildContext, type RequestContextInput } from "../../src/domain/evaluation/context-keys.js";
import { decide } from "../../src/domain/evaluation/decide.js";
import { HARD_LIMITS } from "../../src/domain/limits.js";
import { type CompiledPolicy, compilePolicy } from "../../src/domain/policy/compile-policy.js";
import type { DocumentKind, PolicyDocument } from "../../src/domain/policy/document.js";
import { lintPolicy } from "../../src/domain/policy/lint/lint-policy.js";
import { parseDocument } from "../../src/domain/policy/parse-document.js";
import { parsePrincipalArn } from "../../src/domain/principal.js";
import { HostileMaker } from "../support/hostile-input.js";
import { Watch } from "../support/watch.js";
import { attached, KEY, NOW, resource, USER } from "./build.js";

const INPUTS = Number(process.env["HOSTILE_INPUTS"] ?? 100_000);
const SEED = Number(process.env["DIFFERENTIAL_SEED"] ?? 1) + 2_000;
const MOST_MILLISECONDS = 5;
/** The linter compares every pattern with the whole catalogue of actions, and no decision waits for it. */
const MOST_MILLISECONDS_TO_LINT_A_LARGE_DOCUMENT = 25;

interface Given {
  /** In text or as a value. */
  readonly document: unknown;
  readonly kind: DocumentKind;
  readonly context: RequestContextInput;
  readonly arn: string;
  readonly action: string;
  readonly group: string | undefined;
  readonly tags: ReadonlyMap<string, string>;
}

function given(maker: HostileMaker, document: unknown, context: RequestContextInput): Given {
  return {
    ...{ document, context, arn: maker.arn() },
    kind: maker.chance(0.9) ? "identity" : "trust",
    action: maker.pick([...ACTIONS, ...ACTIONS, maker.string()]),
    group: maker.pick([undefined, "rg-1"]),
    tags: new Map([["a", maker.string()] as const, ["A", "x"] as const]),
  };
}

/** Takes a document and a context through everything that reads them; why they were refused. */
function push(watch: Watch, input: Given, lints = watch): string[] {
  const { document, kind, context } = input;
  const built = watch.step("buildContext", true, () => context, buildContext, context);
  const how = typeof document === "string" ? "text" : "value";
  lints.step(
    `lintPolicy, ${how}`,
    false,
    () => document,
    (source) => lintPolicy(source, kind),
    document,
  );
  const parsed = watch.step(
    `parseDocument, ${how}`,
    false,
    () => document,
    (source) => parseDocument(source, kind),
    document,
  );
  const refused = built.ok ? [] : [built.why];
  if (!parsed.ok) return [...refused, parsed.why];
  if (!parsed.value.ok) return [...refused, ...parsed.value.problems.map(({ message }) => message)];
  const policy = parsed.value.document;
  watch.step("compilePolicy", false, () => policy, compilePolicy, policy);
  return [...refused, ...decideOn(watch, policy, built.ok ? input : { ...input, context: {} })];
}

const ACTIONS = ["kms:Decrypt", "kms:Decrypt", "kms:Encrypt", "kms:CreateKey", "sts:AssumeRole", "a:b"];

/** Everything is made anew for each run: nothing that was worked out once makes the next one fast. */
function decideOn(watch: Watch, policy: PolicyDocument, input: Given): string[] {
  return (["REASONS", "NEAR_MISSES"] as const).flatMap((detail) => {
    const run = (request: AccessRequest) => decide(request, { scopePrecedence: "staged", detail });
    const result = watch.step(`decide, ${detail}`, true, () => requestFor(policy, input), run, { ...input, policy });
    return result.ok ? [] : [result.why];
  });
}

const ALL = compilePolicy({
  version: "1",
  statements: [
    {
      ...{ effect: "Allow", principal: null, conditions: [], sid: null },
      ...{ actions: { negated: false, patterns: ["*"] }, resources: { negated: false, patterns: ["*"] } },
    },
  ],
});

function requestFor(policy: PolicyDocument, { kind, context, arn, action, group, tags }: Given): AccessRequest {
  const compiled = compilePolicy(policy);
  const own: CompiledPolicy = kind === "trust" ? ALL : compiled;
  return {
    principal: {
      ...parsePrincipalArn(USER),
      attachments: [attached(own, { name: "P", ...(group && { group }) })],
      issued: [],
    },
    action,
    resource: resource(arn, { tags, resourceGroup: "rg-1", trustPolicy: kind === "trust" ? compiled : null }),
    context: buildContext(context),
    now: NOW,
    sessionPolicy: null,
  };
}

/** What the mutations have to reach, of a hundred inputs each. */
const REACHED = {
  ...{ "parseDocument, text": 40, "parseDocument, value": 40, compilePolicy: 20, "decide, REASONS": 20 },
};

test(`${INPUTS} mutated documents and contexts do no harm`, () => {
  const maker = new HostileMaker(SEED);
  const watch = new Watch(MOST_MILLISECONDS);
  for (let index = 0; index < INPUTS && watch.offences.length < 5; index++) {
    push(watch, given(maker, maker.chance(0.5) ? maker.text() : maker.value(), maker.context()));
  }
  expect(watch.offences).toEqual([]);
  for (const [step, least] of Object.entries(REACHED)) {
    expect(watch.runs.get(step), step).toBeGreaterThan((INPUTS * least) / 100);
  }
  const refused = (step: string): number => (watch.refusals.get(step) ?? 0) / (watch.runs.get(step) ?? 1);
  expect(refused("buildContext")).toBeGreaterThan(0.05);
  expect(refused("buildContext")).toBeLessThan(0.5);
  expect(refused("decide, REASONS")).toBeGreaterThan(0.05);
  expect(refused("decide, REASONS")).toBeLessThan(0.5);
}, 300_000);

test("large documents and contexts full of wildcards do no harm", () => {
  const maker = new HostileMaker(SEED + 1);
  const watch = new Watch(MOST_MILLISECONDS);
  const lints = new Watch(MOST_MILLISECONDS_TO_LINT_A_LARGE_DOCUMENT);
  for (let index = 0; index < INPUTS / 250 && watch.offences.length < 5; index++) {
    const document = maker.heavyDocument();
    push(watch, given(maker, maker.chance(0.5) ? JSON.stringify(document) : document, maker.heavyContext()), lints);
  }
  expect([...watch.offences, ...lints.offences]).toEqual([]);
  expect(watch.refusals.get("decide, REASONS")).toBeGreaterThan(INPUTS / 2_500); // the work budget, mostly
}, 300_000);

describe("input at a hard limit, and one beyond it", () => {
  const statement = { Effect: "Allow", Action: "*", Resource: "*" };
  const documentOf = (...statements: readonly unknown[]) => ({ Version: "1", Statement: statements });
  const list = (length: number): string[] => Array.from({ length }, (_, index) => `kms:*${index}*a`);
  const conditions = (length: number) => ({
    StringLike: Object.fromEntries(list(length).map((key) => [key, key])),
  });
  const nested = (depth: number): unknown => (depth === 1 ? [] : [nested(depth - 1)]);
  /** A hundred for each character, and ten for each of the patterns. */
  const searching = (length: number) => ({
    document: documentOf({ ...statement, Condition: { StringLike: { "x:a": list(100) } } }),
    context: { entries: [{ key: "x:a", values: ["b".repeat(length)] }] },
  });
  type Row = readonly [keyof typeof HARD_LIMITS, string, (size: number) => Partial<Given>];

  const ROWS: readonly Row[] = [
    [
      "statements",
      "more than 1000 statements",
      (size) => ({ document: documentOf(...new Array(size).fill(statement)) }),
    ],
    [
      ...(["documentEntries", "more than 3000 actions"] as const),
      (size) => ({ document: documentOf({ ...statement, Action: list(size - 1) }) }),
    ],
    [
      ...(["documentNodes", "more than 10000 values"] as const),
      (size) => ({ document: documentOf({ ...statement, Action: new Array(size - 12).fill("a") }) }),
    ],
    [
      "conditions",
      "more than 500 conditions",
      (size) => ({ document: documentOf({ ...statement, Condition: conditions(size) }) }),
    ],
    [
      "valueLength",
      "longer than 4096 characters",
      (size) => ({ document: documentOf({ ...statement, Action: "?*".repeat(size).slice(0, size) }) }),
    ],
    [
      "documentBytes",
      "larger than 131072 bytes",
      (size) => ({ document: JSON.stringify(documentOf(statement)).padEnd(size) }),
    ],
    ["documentDepth", "deeper than 16 levels", (size) => ({ document: nested(size) })],
    ["arnLength", "longer than 2048 characters", (size) => ({ arn: `acs:kms:::key/${"k".repeat(size - 14)}` })],
    ["actionLength", "is not a valid action", (size) => ({ action: `kms:${"k".repeat(size - 4)}` })],
    [
      "contextBytes",
      "context is too large",
      (size) => ({ context: { entries: [{ key: "x:a", values: ["b".repeat(size - 3)] }] } }),
    ],
    [
      ...(["contextEntries", "context is too large"] as const),
      (size) => ({ context: { entries: list(size).map((key) => ({ key, values: [] })) } }),
    ],
    [
      "contextValues",
      "context is too large",
      (size) => ({ context: { entries: [{ key: "x:a", values: list(size) }] } }),
    ],
    ["evaluationWork", "too large for the policies in force", (size) => searching(Math.ceil((size - 1_000) / 100))],
  ];

  test.each(ROWS)("%s: %s", (limit, message, make) => {
    const ordinary: Given = {
      ...{ document: documentOf(statement), kind: "identity", context: {}, arn: KEY },
      ...{ action: "kms:Decrypt", group: undefined, tags: new Map() },
    };
    const watch = new Watch(MOST_MILLISECONDS);
    const lints = new Watch(MOST_MILLISECONDS_TO_LINT_A_LARGE_DOCUMENT);
    const refusals = (size: number): string[] => push(watch, { ...ordinary, ...make(size) }, lints);
    expect(refusals(HARD_LIMITS[limit]).join("\n")).not.toContain(message);
    expect(refusals(HARD_LIMITS[limit] + 1).join("\n")).toContain(message);
    expect([...watch.offences, ...lints.offences]).toEqual([]);
  });

  test("reportedProblems: no more are listed", () => {
    const wrong = { ...statement, Effect: "allow" };
    expect(parseDocument(documentOf(...new Array(101).fill(wrong)), "identity")).toMatchObject({ ok: false });
    const parsed = parseDocument(documentOf(...new Array(101).fill(wrong)), "identity");
    expect(parsed.ok ? 0 : parsed.problems.length).toBe(HARD_LIMITS.reportedProblems);
  });
});

describe("the watch", () => {
  const offencesOf = (run: () => unknown, mayRefuse = true): string[] => {
    const watch = new Watch(MOST_MILLISECONDS);
    watch.step("it", mayRefuse, () => null, run, "the input");
    return watch.offences;
  };
  const compute = (milliseconds: number): void => {
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    for (;;) {
      const { user, system } = process.cpuUsage(cpu);
      if (Math.min(performance.now() - start, (user + system) / 1_000) >= milliseconds) return;
    }
  };

  test("reports what hangs for 6 ms", () => {
    expect(offencesOf(() => compute(6))).toEqual([expect.stringMatching(/^it takes \d+\.\d ms: 'the input'$/)]);
  });

  test("reports a TypeError, and a refusal where there may be none", () => {
    const refuse = () => {
      throw new InvalidInputError("no");
    };
    expect(offencesOf(() => (null as unknown as string).length)).toEqual([expect.stringContaining("throws TypeError")]);
    expect(offencesOf(refuse, false)).toEqual(["it throws InvalidInputError: no: 'the input'"]);
    expect(offencesOf(refuse)).toEqual([]);
  });

  test("forgives what is slow only once", () => {
    let runs = 0;
    expect(offencesOf(() => (runs++ === 0 ? compute(20) : compute(0)))).toEqual([]);
    expect(runs).toBeGreaterThan(1);
  });
});
