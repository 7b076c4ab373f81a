import { expect, test } from "vitest";
import { findEscalation } from "../../src/domain/escalation/find-escalation.js";
import { bruteForce, escalationCase, isEscalation, search } from "../support/escalation-cases.js";
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

/** Says in which case the search and the naive evaluator do not agree; null: in none. */
function compare(find: typeof findEscalation, cases: number, counts?: Counts): string | null {
  const make = new CaseMaker(SEED);
  for (let number = 0; number < cases; number += 1) {
    const each = escalationCase(make);
    const found = search(find, each);
    const forced = bruteForce(each);
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
  expect(compare(findEscalation, CASES, counts)).toBeNull();
  console.log(JSON.stringify(counts));
  const least = { escalations: 0.1, harmless: 0.1, later: 0.001, released: 0.001, standIns: 0.01 };
  for (const [what, share] of Object.entries(least))
    expect(counts[what as keyof Counts], what).toBeGreaterThan(CASES * share);
});
