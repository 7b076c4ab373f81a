import { beforeAll, describe, expect, test } from "vitest";
import { compareSources, mutate, readSources } from "../support/mutants.js";
import type { Mutation } from "../support/mutation.js";

/** Far fewer than `differential.test.ts` goes through by itself. */
const CASES = 60_000;
const SEED = Number(process.env["DIFFERENTIAL_SEED"] ?? 1);

const MUTATIONS: readonly Mutation[] = [
  {
    name: "D31: a negation does not turn the leaning round",
    file: "condition/truth.ts",
    find: `return (effect === "Deny") === negated ? "strict" : "lenient";`,
    replace: `return effect === "Deny" ? "lenient" : "strict";`,
  },
  {
    name: "D5, D6: a Deny matches resources as strictly as an Allow",
    file: "policy/resource-pattern.ts",
    find: `return leaning === "strict" ? strictPattern(segments) : lenientPattern(segments);`,
    replace: "return strictPattern(segments);",
  },
  {
    name: "D9: a pattern of items reaches the container",
    file: "policy/resource-pattern.ts",
    find: "const relative = compileGlob(segments.relativeId);",
    replace: `const relative = compileGlob(segments.relativeId.replace(/\\/\\*$/, "*"));`,
  },
  {
    name: "D29: a comma is plain text",
    file: "policy/resource-pattern.ts",
    find: `if (text.includes(",")) {`,
    replace: `if (text.includes(",") && leaning === "strict") {`,
  },
  {
    name: "the index compares what resources start with exactly",
    file: "policy/resource-pattern.ts",
    find: "return foldCase(wildcard < 0 ? relativeId : relativeId.slice(0, wildcard));",
    replace: "return wildcard < 0 ? relativeId : relativeId.slice(0, wildcard);",
  },
  {
    name: "NotAction is read as Action",
    file: "policy/compile-policy.ts",
    find: "matches: negated ? (action) => !matches(action) : matches",
    replace: "matches",
  },
  {
    name: "D2: NotResource in an Allow is the complement",
    file: "policy/compile-policy.ts",
    find: `if (block.negated && effect === "Allow") return unsupportedComplement();`,
    replace: "",
  },
  {
    name: "D6: the tag key ignores case in an Allow",
    file: "condition/evaluate-conditions.ts",
    find: "if (!rule.lenient) return evaluateValues(rule, exact, request, notes);",
    replace: "",
  },
  {
    name: "D16: ForAllValues holds for an empty set in an Allow",
    file: "condition/evaluate-conditions.ts",
    find: "const { source, operator, effect } = rule;",
    replace: `const { source, operator, effect } = rule;\n  if (source.setPrefix === "ForAllValues") return "true";`,
  },
  {
    name: "D17: one of several request values is enough in an Allow",
    file: "condition/evaluate-conditions.ts",
    find: `needsEvery: setPrefix === null ? effect === "Allow" : setPrefix === "ForAllValues"`,
    replace: `needsEvery: setPrefix === "ForAllValues"`,
  },
  {
    name: "C8: acs:PrincipalARN regards case",
    file: "condition/evaluate-conditions.ts",
    find: `const ignoreCase = key.kind === "action" || key.kind === "caller";`,
    replace: `const ignoreCase = key.kind === "action";`,
  },
  {
    name: "C11: a missing key is residual even where no policy value can be read",
    file: "condition/evaluate-conditions.ts",
    find: `if (someUnreadable) return "unknown";`,
    replace: `if (someUnreadable) return "residual";`,
  },
  {
    name: "C17: every absent key meets Bool `false`",
    file: "condition/evaluate-conditions.ts",
    find: `foldCase(source.key) === "acs:mfapresent" && `,
    replace: "",
  },
  {
    name: "C6: a date without zone is UTC in every Deny",
    file: "condition/operators.ts",
    find: `parsed.zoned || (effect === "Deny" && !negated)`,
    replace: `parsed.zoned || effect === "Deny"`,
  },
  {
    name: "C15: the end of a `DateLessThanEquals` is the constant itself only",
    file: "condition/operators.ts",
    find: `date(LESS_OR_EQUAL), true)`,
    replace: "date(LESS_OR_EQUAL))",
  },
  {
    name: "C6: offsets of time zones are added",
    file: "condition/date.ts",
    find: `(zone.startsWith("-") ? -1 : 1)`,
    replace: `(zone.startsWith("-") ? 1 : -1)`,
  },
  {
    name: "C7: negative numbers compare like positive ones",
    file: "condition/decimal.ts",
    find: "return left.negative ? -magnitude : magnitude;",
    replace: "return magnitude;",
  },
  {
    name: "D20: an IPv4-mapped address stays IPv6",
    file: "condition/ip-address.ts",
    find: "return isMapped(bytes) ? bytes.slice(12) : bytes;",
    replace: "return bytes;",
  },
  {
    name: "C18: `?` is one UTF-16 unit",
    file: "wildcard.ts",
    find: "SURROGATE.test(this.text) ? new PointText(this.text) : new UnitText(this.text)",
    replace: "new UnitText(this.text)",
  },
  {
    name: "C1: a residual condition outweighs a false one behind it",
    file: "evaluation/match-statement.ts",
    find: `if (value === "false")`,
    replace: `if (value === "false" && applies !== "residual")`,
  },
  {
    name: "C1: an unknown part counts as false in a Deny, too",
    file: "condition/truth.ts",
    find: `return effect === "Deny" ? "true" : "false";`,
    replace: `return "false";`,
  },
  {
    name: "a residual Deny beside an Allow is overlooked",
    file: "evaluation/outcome-set.ts",
    find: "if ((applying & ALLOWS) !== 0) return denied | ALLOW;",
    replace: "if ((applying & ALLOWS) !== 0) return ALLOW;",
  },
  {
    name: "D1: a Deny of the resource group counts under `staged`",
    file: "evaluation/combine-stages.ts",
    find: `precedence === "staged" ? stagedEnding : denyOverridesEnding`,
    replace: "denyOverridesEnding",
  },
  {
    name: "a session policy that may allow is no gate",
    file: "evaluation/combine-stages.ts",
    find: `return session.flatMap((outcome) => (outcome === "ALLOW" ? rest`,
    replace: `return session.flatMap((outcome) => (session.includes("ALLOW") ? rest`,
  },
  {
    name: "C14: combinations with another outcome have a say in the deciding stage",
    file: "evaluation/combine-stages.ts",
    find: `outcome === "CONDITIONAL" || ending.outcome === outcome`,
    replace: "outcome !== ending.outcome || ending.outcome === outcome",
  },
  {
    name: "C22: a silent trust policy leaves it to the identity step",
    file: "evaluation/combine-stages.ts",
    find: `if (trust !== "ALLOW") return`,
    replace: `if (trust === "EXPLICIT_DENY") return`,
  },
  {
    name: "C22: `…:root` in a trust policy is the account owner only",
    file: "policy/principal-pattern.ts",
    find: `if (relativeId !== "root" && relativeId !== "*") return null;`,
    replace: `if (relativeId !== "*") return null;`,
  },
  {
    name: "C12: the answer ends one millisecond late",
    file: "evaluation/validity.ts",
    find: "if (at > this.now) this.addUntil(at);",
    replace: "if (at > this.now) this.addUntil(at + 1);",
  },
  {
    name: "C15: a constant of this very instant is no end",
    file: "evaluation/validity.ts",
    find: "if (at === this.now) this.addUntil(at);",
    replace: "if (at === this.now) this.addFrom(at);",
  },
  {
    name: "an answer is kept for whatever the context says",
    file: "evaluation/standing.ts",
    find: `return reads === "context" || (reads`,
    replace: `return reads === "caller" || (reads`,
  },
  {
    name: "an answer is kept for tags that only the caller knows",
    file: "evaluation/standing.ts",
    find: `(reads === "resource-tag" && tags === null)`,
    replace: "false",
  },
  {
    name: "an answer is kept for a condition that may change an outcome unless another one denies",
    file: "evaluation/standing.ts",
    find: "return open.filter(({ slots, effect }) => !isSettled(applying, slots, effect));",
    replace: `return open.filter(({ slots, effect }) => effect === "Allow" && !isSettled(applying, slots, effect));`,
  },
  {
    name: "an answer is taken although its time is over",
    file: "evaluation/standing.ts",
    find: " && answer.from <= now && now < answer.until",
    replace: "",
  },
  {
    name: "an answer is kept for a time before it was asked for",
    file: "evaluation/standing.ts",
    find: "const from = validFrom ?? Number.NEGATIVE_INFINITY;",
    replace: "const from = Number.NEGATIVE_INFINITY;",
  },
  {
    name: "an answer under one precedence is taken for the other",
    file: "evaluation/standing.ts",
    find: "const answer = this.known[precedence].get(key);",
    replace: "const answer = (this.known[precedence] && this.known.staged).get(key);",
  },
  {
    name: "what was noted of one value is told of another",
    file: "evaluation/standing.ts",
    find: "return notes === null || notes.empty ? key : null;",
    replace: "return key;",
  },
  {
    name: "what holds without a session policy is kept for one",
    file: "evaluation/subject.ts",
    find: "if (policy === null) return this;",
    replace: "if (policy === null || this.byResourceGroup.size > 0) return this;",
  },
  {
    name: "an owner of a resource is taken for the one before",
    file: "policy/resource-pattern.ts",
    find: "if (owner !== last) [last, matched] = [owner, test()(owner)];",
    replace: "if (last === null) [last, matched] = [owner, test()(owner)];",
  },
  {
    name: "the index overlooks patterns without a wildcard",
    file: "evaluation/prefix-index.ts",
    find: "length > relativeId.length ?",
    replace: "length >= relativeId.length ?",
  },
];

describe("the comparison with the naive evaluator", { timeout: 120_000 }, () => {
  let sources: Map<string, string>;
  beforeAll(() => {
    sources = readSources();
  });

  test("finds nothing wrong with the evaluator", async () => {
    const { world, cases } = await compareSources(sources, SEED, CASES);
    expect(world).toBeNull();
    expect(cases).toBeGreaterThanOrEqual(CASES);
  });

  test.each(MUTATIONS.map((mutation) => [mutation.name, mutation] as const))("finds: %s", async (_, mutation) => {
    const { world, cases } = await compareSources(mutate(sources, mutation), SEED, CASES);
    expect(world).not.toBeNull();
    if (process.env["DIFFERENTIAL_VERBOSE"]) console.log(`${cases} cases: ${mutation.name}`);
  });

  test("refuses a mutation whose place is not there, or not unique", () => {
    const [file, replace, name] = ["condition/truth.ts", "", "x"];
    expect(() => mutate(sources, { name, file, find: "no such text", replace })).toThrow("0 times");
    expect(() => mutate(sources, { name, file, find: "return", replace })).toThrow("times");
    expect(() => mutate(sources, { name, file: "gone.ts", find: "x", replace })).toThrow("no file");
  });
});
