import { describe, expect, test } from "vitest";
import { findEscalation } from "../../src/domain/escalation/find-escalation.js";
import { bruteForce, escalationCase, givesUnknown, isEscalation, search } from "../support/escalation-cases.js";
import { type Mutation, reportKilled } from "../support/mutation.js";
import { CaseMaker } from "../support/random-cases.js";

const CASES = Number(process.env["ESCALATION_CASES"] ?? 10_000);
const SEED = Number(process.env["ESCALATION_SEED"] ?? 1);

interface Counts {
  escalations: number;
  harmless: number;
  later: number;
  released: number;
  standIns: number;
}

/** Cases with what brute force finds in them; made once, when they are first wanted. */
const made: { readonly each: Case; readonly forced: Forced }[] = [];
const make = new CaseMaker(SEED);

function caseOf(number: number) {
  while (made.length <= number) {
    const each = escalationCase(make);
    made.push({ each, forced: bruteForce(each) });
  }
  return made[number] as (typeof made)[number];
}

/** Says in which case the search and the naive evaluator do not agree; null: in none. */
function compare(find: typeof findEscalation, counts?: Counts): string | null {
  for (let number = 0; number < CASES; number += 1) {
    const { each, forced } = caseOf(number);
    const found = search(find, each);
    const problem = problemOf(each, found, forced);
    if (problem !== null) return `case ${number} of seed ${SEED}: ${problem}\n${JSON.stringify(each)}`;
    if (counts) count(counts, each, found, forced);
  }
  return null;
}

type Case = ReturnType<typeof escalationCase>;
type Found = ReturnType<typeof search>;
type Forced = ReturnType<typeof bruteForce>;

function problemOf(each: Case, found: Found, forced: Forced): string | null {
  if (found === null && forced !== null) return `missed ${JSON.stringify(forced)}`;
  if (found === null && givesUnknown(each)) return "missed a policy that is not known";
  if (found !== null && each.beside === null && !isEscalation(each, found)) return `wrong ${JSON.stringify(found)}`;
  return null;
}

function count(counts: Counts, { before, after, resources }: Case, found: Found, forced: Forced): void {
  if (forced !== null) counts.escalations += 1;
  if (found === null && JSON.stringify(before) !== JSON.stringify(after)) counts.harmless += 1;
  if (forced !== null && forced.at > Date.parse("2026-06-01T12:00:00Z")) counts.later += 1;
  if (forced !== null && before.attachments.length > after.attachments.length) counts.released += 1;
  if (found !== null && !resources.some(({ arn }) => arn === found.resource)) counts.standIns += 1;
}

test(`${CASES} random grants are refused where the naive evaluator finds a reason, and nowhere else`, {
  timeout: 60_000 + CASES * 20,
}, () => {
  const counts: Counts = { escalations: 0, harmless: 0, later: 0, released: 0, standIns: 0 };
  expect(compare(findEscalation, counts)).toBeNull();
  console.log(JSON.stringify(counts));
  const least = { escalations: 0.05, harmless: 0.1, later: 0.001, released: 0.001, standIns: 0.01 };
  for (const [what, share] of Object.entries(least))
    expect(counts[what as keyof Counts], what).toBeGreaterThan(CASES * share);
});

const find = "find-escalation.ts";
const MUTATIONS: readonly Mutation[] = [
  {
    name: "what the grantor has under conditions counts",
    file: find,
    find: `verdict !== undefined && verdict.outcome === "ALLOW" && this.isSteady(verdict)`,
    replace: "verdict !== undefined && isRight(verdict.outcome) && this.isSteady(verdict)",
  },
  {
    name: "what comes later is not looked at",
    file: find,
    find: "if (look.until === null) return null;",
    replace: "return null;",
  },
  {
    name: "a Deny that is gone gives nothing",
    file: "comparisons.ts",
    find: "...(denies ? released : [])",
    replace: "",
  },
  {
    name: "who is denied something is taken to be allowed everything",
    file: find,
    find: `if (statements.some(({ statement }) => statement.effect === "Deny")) return false;`,
    replace: "",
  },
  {
    name: "who is allowed everything for a while is taken to be allowed it always",
    file: find,
    find: `attachment.scope.kind === "ACCOUNT" && attachment.notBefore === null && attachment.expiresAt === null;`,
    replace: `attachment.scope.kind === "ACCOUNT";`,
  },
  {
    name: "who is allowed everything in a resource group is taken to be allowed it everywhere",
    file: find,
    find: `attachment.scope.kind === "ACCOUNT" && attachment.notBefore`,
    replace: "attachment.notBefore",
  },
  {
    name: "what is given under conditions is not given",
    file: find,
    find: "return RANK[outcome] >= RANK.CONDITIONAL;",
    replace: "return RANK[outcome] > RANK.CONDITIONAL;",
  },
  {
    name: "what the receiver had counts as given",
    file: find,
    find: "return had === undefined || !this.isSteady(had) || RANK[verdict.outcome] > RANK[had.outcome];",
    replace: "return true;",
  },
  {
    name: "all that is attached in another version is taken for the same",
    file: "comparisons.ts",
    find: "const [taken, added] = [without(before.attachments, after), without(after.attachments, before)];",
    replace: "const [taken, added] = [[] as AttachedPolicy[], without(after.attachments, before).slice(1)];",
  },
  {
    name: "policies that are not known give nothing",
    file: find,
    find: "after.attachments.some(({ policy }) => policy.compiled === null)",
    replace: "after.attachments.some(() => false)",
  },
  {
    name: "conditions on the text of the time are taken to be steady",
    file: find,
    find: "return validUntil === null || validUntil > this.instant;",
    replace: "return true;",
  },
  {
    name: "a policy about some of its holders is read as it is for one",
    file: "comparisons.ts",
    find: "const read = shared ? forAnybody : asItIs;",
    replace: "const read = asItIs;",
  },
];

describe("the comparison finds out that", () => {
  test.each(MUTATIONS)("$name", { timeout: 120_000 }, async (mutation) => {
    const query = Buffer.from(JSON.stringify({ ...mutation, file: `domain/escalation/${mutation.file}` })).toString(
      "base64url",
    );
    const path = `../../src/domain/escalation/find-escalation.js?mutant=${query}`;
    const broken = (await import(/* @vite-ignore */ path)) as {
      findEscalation: typeof findEscalation;
    };
    expect(compare(broken.findEscalation)).not.toBeNull();
    reportKilled(mutation.name);
  });
});
