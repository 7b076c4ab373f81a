import { describe, expect, test } from "vitest";
import { findEscalation } from "../../src/domain/escalation/find-escalation.js";
import { bruteForce, escalationCase, givesUnknown, search } from "../support/escalation-cases.js";
import { type Mutation, reportKilled } from "../support/mutation.js";
import { CaseMaker } from "../support/random-cases.js";

const CASES = Number(process.env["ESCALATION_CASES"] ?? 10_000);
const SEED = Number(process.env["ESCALATION_SEED"] ?? 1);

interface Counts {
  /** Refused, and rightly so by what is registered. */
  escalations: number;
  /** Made. */
  harmless: number;
  later: number;
  released: number;
  /** Refused for what is not registered yet, or because the right is put together from several statements. */
  strict: number;
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

/** Says which case gives more than the search finds; null: none. */
function findMissed(find: typeof findEscalation, counts?: Counts): string | null {
  for (let number = 0; number < CASES; number += 1) {
    const { each, forced } = caseOf(number);
    const found = search(find, each);
    if (found === null && (forced !== null || givesUnknown(each))) {
      return `case ${number} of seed ${SEED}: missed ${JSON.stringify(forced)}\n${JSON.stringify(each)}`;
    }
    if (counts) count(counts, each, found, forced);
  }
  return null;
}

type Case = ReturnType<typeof escalationCase>;
type Found = ReturnType<typeof search>;
type Forced = ReturnType<typeof bruteForce>;

function count(counts: Counts, { before, after }: Case, found: Found, forced: Forced): void {
  if (forced !== null) counts.escalations += 1;
  if (found === null && JSON.stringify(before) !== JSON.stringify(after)) counts.harmless += 1;
  if (forced !== null && forced.at > Date.parse("2026-06-01T12:00:00Z")) counts.later += 1;
  if (forced !== null && before.attachments.length > after.attachments.length) counts.released += 1;
  if (found !== null && forced === null) counts.strict += 1;
}

test(`${CASES} random grants: whatever brute force over actions and resources finds is refused`, {
  timeout: 60_000 + CASES * 20,
}, () => {
  const counts: Counts = { escalations: 0, harmless: 0, later: 0, released: 0, strict: 0 };
  expect(findMissed(findEscalation, counts)).toBeNull();
  console.log(JSON.stringify(counts));
  const least = { escalations: 0.05, harmless: 0.3, later: 0.001, released: 0.001 };
  for (const [what, share] of Object.entries(least))
    expect(counts[what as keyof Counts], what).toBeGreaterThan(CASES * share);
});

const find = "find-escalation.ts";
const right = "right.ts";
const MUTATIONS: readonly Mutation[] = [
  {
    name: "what the grantor has under other conditions counts",
    file: right,
    find: "(sameHolder || shared) && narrow.conditions.some((each) => budget.spend() && each.text === text)",
    replace: "sameHolder || shared",
  },
  {
    name: "conditions on the request come out the same for everybody",
    file: right,
    find: "(sameHolder || shared) && narrow.conditions",
    replace: "narrow.conditions",
  },
  {
    name: "what the grantor has for a while counts for ever",
    file: right,
    find: "return wide.from <= narrow.from && narrow.until <= wide.until;",
    replace: "return wide.from <= narrow.from;",
  },
  {
    name: "what the grantor has in a resource group counts everywhere",
    file: right,
    find: "(wide.group === null || wide.group === narrow.group) &&\n    !wide",
    replace: "!wide",
  },
  {
    name: "names in an Allow compare without case",
    file: right,
    find: "wide.resources.patterns.some((outer) => budget.spend() && coversArnExactly(outer, inner))",
    replace: "wide.resources.patterns.some((outer) => budget.spend() && coversArn(outer, inner))",
  },
  {
    name: "a Deny that binds the grantor is no matter",
    file: find,
    find: "return free && open && this.mayAssumeAll(right);",
    replace: "return open && this.mayAssumeAll(right);",
  },
  {
    name: "a Deny that is gone gives nothing",
    file: find,
    find: "beyond ?? this.findReleased(taken, after, receiver)",
    replace: "beyond",
  },
  {
    name: "of a Deny that is gone only what is allowed to the receiver now counts, whoever has the policy",
    file: find,
    find: "const allowed = receiver.shared ? null :",
    replace: "const allowed =",
  },
  {
    name: "an exception is read as a list",
    file: right,
    find: "return inner.every((pattern) => wide.patterns.every((kept) => budget.spend() && disjointText(kept, pattern)));",
    replace: "return inner.every((pattern) => wide.patterns.some((outer) => covers(outer, pattern)));",
  },
  {
    name: "another version of a policy is taken for the same",
    file: find,
    find: "JSON.stringify([policy.reference.id, policy.version, scope, notBefore, expiresAt])",
    replace: `JSON.stringify([policy.reference.id.replace(", v2", ""), scope, notBefore, expiresAt])`,
  },
  {
    name: "policies that are not known give nothing",
    file: find,
    find: "added.some(({ policy }) => policy.compiled === null)",
    replace: "added.some(() => false)",
  },
];

describe("the comparison finds out that", () => {
  test.each(MUTATIONS)("$name", { timeout: 120_000 }, async (mutation) => {
    const slip = { ...mutation, file: `domain/escalation/${mutation.file}` };
    const path = `../../src/domain/escalation/find-escalation.js?mutant=${Buffer.from(JSON.stringify(slip)).toString("base64url")}`;
    const broken = (await import(/* @vite-ignore */ path)) as { findEscalation: typeof findEscalation };
    expect(findMissed(broken.findEscalation)).not.toBeNull();
    reportKilled(mutation.name);
  });
});
