import { describe, expect, test } from "vitest";
import { compareUntilDifferent, compareWorld, type Run } from "../support/compare-evaluators.js";
import { CaseMaker } from "../support/random-cases.js";
import type {
  ReferenceAnswer,
  ReferenceDocument,
  ReferenceQuestion,
  ReferenceWorld,
} from "../support/reference-evaluator.js";
import { shrinkWorld } from "../support/shrink-world.js";

/** One action of one question about one principal is a case. */
const CASES = Number(process.env["DIFFERENTIAL_CASES"] ?? 200_000);
const SEED = Number(process.env["DIFFERENTIAL_SEED"] ?? 1);
const SECONDS_AT_MOST = 60 + CASES / 1_000;

/** How often a thing must occur among ten thousand cases, so that the comparison means something. */
const LEAST: Readonly<Record<string, number>> = {
  ALLOW: 1_000,
  EXPLICIT_DENY: 800,
  IMPLICIT_DENY: 2_000,
  CONDITIONAL: 300,
  SESSION_POLICY: 500,
  ACCOUNT_LEVEL_IDENTITY_BASED_POLICY: 2_000,
  RESOURCE_GROUP_LEVEL_IDENTITY_BASED_POLICY: 100,
  ROLE_TRUST: 500,
  ACCOUNT_OWNER: 500,
  CROSS_ACCOUNT: 300,
  NO_AUTHORIZATION_REQUIRED: 100,
  ACTION_NOT_APPLICABLE: 500,
  CONTAINER_ARN_REQUIRED: 15,
  INCOMPLETE_POLICY_SET: 300,
  POLICY_VARIABLE_UNSUPPORTED: 100,
  RESOURCE_GROUP_DENY_SHADOWED: 10,
  RESOURCE_NOT_REGISTERED: 200,
  SUSPICIOUS_RESOURCE: 200,
  TAG_SCOPE_INFERRED: 20,
  UNKNOWN_OPERATOR: 40,
  UNPARSEABLE_VALUE: 200,
  UNSUPPORTED_ELEMENT: 100,
  CONSERVATIVE: 300,
  "several actions": 2_000,
  "many statements": 80,
  "many statements, with matches": 40,
  "many attachments": 50,
  "matched statements": 2_000,
  "several matched statements": 500,
  "residual conditions": 500,
  "several missing keys": 20,
  "an end": 500,
  "an end that is now": 30,
  "a beginning": 500,
  staged: 3_000,
  "deny-overrides": 3_000,
};

test(
  `${CASES} random cases come out as the naive evaluator has them`,
  () => {
    const seen = new Map<string, number>();
    const run = compareUntilDifferent(SEED, CASES, (answer, { world, question }) => {
      for (const trait of traitsOf(answer, world, question)) seen.set(trait, (seen.get(trait) ?? 0) + 1);
    });
    if (run.world !== null) throw new Error(describeFailure(run, run.world));
    const often = (trait: string): number => ((seen.get(trait) ?? 0) / run.cases) * 10_000;
    const rare = Object.entries(LEAST).filter(([trait, least]) => often(trait) < least);
    expect(rare.map(([trait, least]) => `${trait}: ${often(trait).toFixed(1)} of ${least}`)).toEqual([]);
    expect([...seen.keys()].filter((trait) => !(trait in LEAST))).toEqual([]);
  },
  SECONDS_AT_MOST * 1_000,
);

/** More than the evaluator tries one by one, even if some are about other actions. */
const MANY = 70;

function traitsOf(
  answer: ReferenceAnswer,
  { attachments }: ReferenceWorld,
  { actions, now, precedence }: ReferenceQuestion,
): string[] {
  const { matchedStatements: matched, missingContextKeys, validFrom, validUntil } = answer;
  const many = attachments.some(({ document }) => sizeOf(document) > MANY);
  const traits: readonly (string | false)[] = [
    answer.outcome,
    answer.decidedBy,
    precedence,
    actions.length > 1 && "several actions",
    ...answer.diagnostics,
    answer.certainty === "CONSERVATIVE" && answer.certainty,
    many && "many statements",
    many && matched.length > 0 && "many statements, with matches",
    attachments.length > 4 && "many attachments",
    matched.length > 0 && "matched statements",
    matched.length > 1 && "several matched statements",
    answer.residualConditions.length > 0 && "residual conditions",
    missingContextKeys.length > 1 && "several missing keys",
    validUntil !== null && "an end",
    validUntil === now && "an end that is now",
    validFrom !== null && "a beginning",
  ];
  return traits.filter((trait) => trait !== false);
}

const sizeOf = (document: ReferenceDocument | null): number => document?.Statement.length ?? 0;

/** What somebody needs to see the same failure again. */
function describeFailure({ cases, worlds, difference }: Run, world: ReferenceWorld): string {
  const smallest = shrinkWorld(world, (smaller) => compareWorld(smaller) !== null);
  return [
    `DIFFERENTIAL_SEED=${SEED}, case ${cases}, world ${worlds}: the evaluators differ`,
    `where: ${JSON.stringify(compareWorld(smallest) ?? { onlyAfterOtherWorlds: difference }, null, 2)}`,
    `world: ${JSON.stringify(smallest)}`,
  ].join("\n");
}

describe("the description of a failure", () => {
  const hasDeny = ({ attachments }: ReferenceWorld): boolean =>
    attachments.some(({ document }) => document?.Statement.some(({ Effect }) => Effect === "Deny") ?? false);

  test("is the smallest world that still fails", () => {
    const maker = new CaseMaker(SEED);
    const worlds = Array.from({ length: 100 }, () => maker.world()).filter(hasDeny);
    expect(worlds.length).toBeGreaterThan(10);
    for (const world of worlds) {
      const { attachments, questions } = shrinkWorld(world, hasDeny);
      expect(questions).toEqual([]);
      expect(attachments).toHaveLength(1);
      expect(attachments[0]?.document?.Statement).toHaveLength(1);
      expect(attachments[0]?.document?.Statement[0]).not.toHaveProperty("Condition");
      expect(attachments[0]).toMatchObject({ group: null, notBefore: null, expiresAt: null });
    }
  });

  test("comes from the seed alone", () => {
    const worldsOf = (seed: number): ReferenceWorld[] => {
      const maker = new CaseMaker(seed);
      return Array.from({ length: 50 }, () => maker.world());
    };
    expect(worldsOf(SEED)).toEqual(worldsOf(SEED));
    expect(worldsOf(SEED)).not.toEqual(worldsOf(SEED + 1));
  });
});
