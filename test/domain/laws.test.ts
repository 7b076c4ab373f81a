import { describe, expect, test } from "vitest";
import type { ResourceFacts } from "../../src/domain/evaluation/access-request.js";
import { decideActions } from "../../src/domain/evaluation/decide.js";
import {
  type Decision,
  type Detail,
  type NearMiss,
  type StatementFailure,
  type Verdict,
  withReasons,
} from "../../src/domain/evaluation/decision.js";
import { permissionActions } from "../../src/domain/evaluation/effective-permissions.js";
import { combineLegs } from "../../src/domain/evaluation/operation-decision.js";
import { operationsOf } from "../../src/domain/kms/operations.js";
import { EvaluatorWorld } from "../support/compare-evaluators.js";
import { CaseMaker } from "../support/random-cases.js";
import {
  type Json,
  type ReferenceAttachment,
  type ReferenceDocument,
  type ReferenceQuestion,
  type ReferenceWorld,
  referenceOutcomes,
} from "../support/reference-evaluator.js";

const SEED = Number(process.env["DIFFERENTIAL_SEED"] ?? 1) + 1_000;
const CASES = 4_000;

/** One question about one action. */
interface Case {
  readonly world: Omit<ReferenceWorld, "questions">;
  readonly question: ReferenceQuestion;
}

function casesOf(maker: CaseMaker): Case[] {
  return Array.from({ length: CASES }, () => {
    const { questions, ...world } = maker.world();
    const question = maker.pick(questions);
    return { world, question: { ...question, actions: [maker.pick(question.actions)] } };
  });
}

const maker = new CaseMaker(SEED);
const cases = casesOf(maker);

function decided({ world, question }: Case, detail: Detail = "REASONS"): Verdict {
  const asked = new EvaluatorWorld(world).question(question);
  const [verdict] = decideActions(asked, question.actions, { scopePrecedence: question.precedence, detail });
  if (verdict === undefined) throw new Error("one action gives one verdict");
  return verdict;
}

const explained = (input: Case, detail: Detail = "REASONS"): Decision => withReasons(decided(input, detail));
const outcomeOf = (input: Case): Verdict["outcome"] => decided(input, "OUTCOME").outcome;
const withAttachment = ({ world, question }: Case, ...added: readonly ReferenceAttachment[]): Case => ({
  world: { ...world, attachments: [...world.attachments, ...added] },
  question,
});
const documentOf = (...statements: readonly Json[]): ReferenceDocument => ({ Version: "1", Statement: statements });
const attachment = (statement: Json, group: string | null = null): ReferenceAttachment => ({
  ...{ policy: "added", attachedTo: "acs:ram::1234567890123456:user/bob", document: documentOf(statement) },
  ...{ group, notBefore: null, expiresAt: null },
});

/** One more statement: in a policy of its own, in the session policy, or in the trust policy. */
function withStatement(input: Case, effect: "Allow" | "Deny"): Case {
  const { session, resource } = input.question;
  const statement = { ...maker.statement(), Effect: effect };
  if (session !== null && maker.chance(0.5)) {
    return { ...input, question: { ...input.question, session: documentOf(...session.Statement, statement) } };
  }
  if (resource.trust !== null && maker.chance(0.5)) {
    const { Resource: _, NotResource: __, ...rest } = statement as Record<string, unknown>;
    const trust = documentOf(...resource.trust.Statement, { ...rest, Principal: { RAM: "*" } });
    return { ...input, question: { ...input.question, resource: { ...resource, trust } } };
  }
  return withAttachment(input, attachment(statement, maker.pick([null, null, resource.resourceGroup])));
}

const REACH = { ALLOW: 2, CONDITIONAL: 1, IMPLICIT_DENY: 0, EXPLICIT_DENY: 0 };

describe("one more statement", () => {
  test.each([
    ["Deny", "widens", (before: number, after: number) => after <= before],
    ["Allow", "narrows", (before: number, after: number) => after >= before],
  ] as const)("with %s never %s", (effect, _, holds) => {
    let changed = 0;
    for (const input of cases) {
      const more = withStatement(input, effect);
      const [before, after] = [outcomeOf(input), outcomeOf(more)];
      if (!holds(REACH[before], REACH[after])) throw new Error(`${before}, then ${after}: ${JSON.stringify(more)}`);
      if (REACH[before] !== REACH[after]) changed++;
    }
    expect(changed).toBeGreaterThan(CASES / 50);
  });

  test("that denies everything leaves nothing allowed", () => {
    for (const input of cases) {
      if (input.world.principal.endsWith(":root") || /DescribeRegions/i.test(String(input.question.actions))) continue;
      const denied = withAttachment(input, attachment({ Effect: "Deny", Action: "*", Resource: "*" }));
      expect(["EXPLICIT_DENY", "IMPLICIT_DENY"]).toContain(outcomeOf(denied));
    }
  });
});

describe("order and duplicates", () => {
  const verdictOf = ({ outcome, decidedBy, certainty, validFrom, validUntil }: Verdict) => ({
    ...{ outcome, decidedBy, certainty, validFrom, validUntil },
  });
  const reasonsOf = ({ missingContextKeys, diagnostics }: Decision) => ({
    missingContextKeys: [...missingContextKeys].sort(),
    diagnostics: [...new Set(diagnostics.map(({ code }) => code))].sort(),
  });
  const sorted = (list: readonly unknown[]): string[] => list.map((each) => JSON.stringify(each)).sort();

  test("of policies do not matter", () => {
    for (const { world, question } of cases) {
      const before = explained({ world, question });
      const turned = { ...world, attachments: world.attachments.toReversed() };
      const after = explained({ world: turned, question });
      expect({ ...verdictOf(after), ...reasonsOf(after) }).toEqual({ ...verdictOf(before), ...reasonsOf(before) });
      expect(sorted(after.matchedStatements)).toEqual(sorted(before.matchedStatements));
      expect(sorted(after.residualConditions)).toEqual(sorted(before.residualConditions));
      const twice = { ...world, attachments: [...world.attachments, ...world.attachments] };
      const doubled = explained({ world: twice, question });
      expect({ ...verdictOf(doubled), ...reasonsOf(doubled) }).toEqual({ ...verdictOf(before), ...reasonsOf(before) });
    }
  });

  test("of statements do not matter", () => {
    const turned = (document: ReferenceDocument): ReferenceDocument =>
      documentOf(...document.Statement.toReversed(), ...document.Statement);
    for (const { world, question } of cases) {
      const before = explained({ world, question });
      const attachments = world.attachments.map((each) => ({
        ...each,
        document: each.document === null ? null : turned(each.document),
      }));
      const session = question.session === null ? null : turned(question.session);
      const after = explained({ world: { ...world, attachments }, question: { ...question, session } });
      expect({ ...verdictOf(after), ...reasonsOf(after) }).toEqual({ ...verdictOf(before), ...reasonsOf(before) });
    }
  });
});

describe("what is stated about a missing key", () => {
  /** With one spelling for each key: stating one of two spellings tells something about the other. */
  const sameSpellings = (input: Case): Case =>
    JSON.parse(
      JSON.stringify(input)
        .replaceAll("RequestTag/team", "RequestTag/Team")
        .replace(/kms:EncryptionContext:Dept/gi, "kms:EncryptionContext:Dept"),
    );
  const answersOf = ({ world, question }: Case): Set<string> =>
    referenceOutcomes({ ...world, questions: [] }, question, question.actions[0] ?? "");
  const STATED = [[], ["true"], ["false"], ["10.1.2.3"], ["2"], ["Apollo", "1"], ["2026-06-01T12:00:00Z"], ["?"]];

  test("makes one of the possible answers of the answer", () => {
    let refined = 0;
    for (const input of cases.map(sameSpellings)) {
      const before = explained(input);
      const possible = answersOf(input);
      for (const key of before.missingContextKeys) {
        for (const values of STATED) {
          const context = { ...input.question.context, [key]: values };
          const after = { ...input, question: { ...input.question, context } };
          const left = answersOf(after);
          expect([...left].filter((answer) => !possible.has(answer))).toEqual([]);
          if (left.size === 1) expect([outcomeOf(after)]).toEqual([...left]);
          if (left.size < possible.size) refined++;
        }
      }
      if (before.outcome !== "CONDITIONAL") expect(new Set([...possible, "IMPLICIT_DENY"])).toContain(before.outcome);
    }
    expect(refined).toBeGreaterThan(CASES / 10);
  });
});

test("a row of the effective permissions is what the single check says", () => {
  for (const { world, question } of cases.slice(0, CASES / 8)) {
    const asked = new EvaluatorWorld(world).question(question);
    const actions = permissionActions(question.resource.arn);
    const options = { scopePrecedence: question.precedence };
    const rows = decideActions(asked, actions, options);
    const outcomes = decideActions(asked, actions, { ...options, detail: "OUTCOME" });
    expect(rows.map(({ action }) => action)).toEqual(actions);
    for (const [index, action] of actions.entries()) {
      const single = explained({ world, question: { ...question, actions: [action] } });
      expect(rows[index]).toEqual(single);
      expect(single).toMatchObject(outcomes[index] ?? {});
    }
  }
});

describe("an operation", () => {
  const KEY = "acs:kms:cn-hangzhou:1234567890123456:key/k1";
  const WORST_FIRST = ["EXPLICIT_DENY", "IMPLICIT_DENY", "CONDITIONAL", "ALLOW"] as const;

  test("is the AND of its legs: the worst is the answer", () => {
    const seen = new Set<string>();
    for (const { world, question } of cases.slice(0, CASES / 2)) {
      const { resource, ...asked } = new EvaluatorWorld(world).question(question);
      const secret = resource.arn.includes(":secret/");
      const facts = { ...resource, aliasTargetArn: KEY, encryptionKeyArn: secret ? KEY : null };
      const factsOf = (arn: string): ResourceFacts =>
        arn === resource.arn ? facts : { ...facts, arn, registered: false };
      for (const plan of operationsOf(facts)) {
        const legs = plan.legs.flatMap((leg) =>
          decideActions({ ...asked, resource: factsOf(leg.resource) }, [leg.action], {
            ...{ scopePrecedence: question.precedence, detail: "OUTCOME" },
          }),
        );
        const { outcome, allowed } = combineLegs(plan, legs, () => null);
        const places = legs.map((leg) => WORST_FIRST.indexOf(leg.outcome));
        expect(outcome).toBe(WORST_FIRST[Math.min(...places, 3)]);
        expect(allowed).toBe(legs.every((leg) => leg.outcome === "ALLOW"));
        if (new Set(places).size > 1) seen.add(outcome);
      }
    }
    expect([...seen]).toEqual(expect.arrayContaining(["IMPLICIT_DENY", "EXPLICIT_DENY"]));
  });

  test("is allowed when all legs are, whatever they are", () => {
    const verdict = decided(cases[0] as Case);
    for (const [left, first] of WORST_FIRST.entries()) {
      for (const [right, second] of WORST_FIRST.entries()) {
        const legs = [first, second].map((outcome) => ({ ...verdict, outcome }));
        const plan = { operation: "x", keysUsed: [], legs: legs.map(({ action, resource }) => ({ action, resource })) };
        const { outcome, allowed } = combineLegs(plan, legs, () => null);
        expect([outcome, allowed]).toEqual([WORST_FIRST[Math.min(left, right)], left === 3 && right === 3]);
      }
    }
  });
});

describe("the outcome does not depend on how much is asked for", () => {
  test("and each detail holds what the ones before it hold", () => {
    for (const input of cases) {
      const reasons = explained(input);
      expect(reasons).toMatchObject(decided(input, "OUTCOME"));
      expect(reasons.nearMisses).toBeNull();
      expect({ ...explained(input, "NEAR_MISSES"), nearMisses: null }).toEqual(reasons);
      expect(reasons.reason).not.toBe("");
    }
  });
});

describe("near misses", () => {
  const DISTANCE = { WINDOW: 1, SCOPE: 1, CONDITION: 1, RESOURCE: 2, PRINCIPAL: 2, ACTION: 3 };
  const missesOf = (input: Case): readonly NearMiss[] => explained(input, "NEAR_MISSES").nearMisses ?? [];
  const near = cases.map((input) => [input, missesOf(input)] as const).filter(([, misses]) => misses.length > 0);

  test("are listed for denials only, nearest first, five at most", () => {
    for (const input of cases) {
      const { outcome, nearMisses } = explained(input, "NEAR_MISSES");
      if (outcome === "ALLOW" || outcome === "CONDITIONAL") expect(nearMisses).toEqual([]);
      const distances = (nearMisses ?? []).map(({ failures }) =>
        failures.reduce((sum, { part }) => sum + DISTANCE[part], 0),
      );
      expect(distances).toEqual(distances.toSorted((left, right) => left - right));
      expect(distances.length).toBeLessThanOrEqual(5);
      expect(distances).not.toContain(0);
    }
    expect(near.length).toBeGreaterThan(CASES / 10);
  });

  test("would match with all the failed parts mended, and not with one of them left", () => {
    const parts = new Set<string>();
    for (const [input, misses] of near) {
      for (const { statement, failures } of misses) {
        const mended = (left: StatementFailure | null): boolean =>
          matches(
            mend(
              input,
              statement,
              failures.filter((failure) => failure !== left),
            ),
            statement,
          );
        const about = () => JSON.stringify({ failures, statement, input });
        if (!mended(null)) throw new Error(`does not match with all parts mended: ${about()}`);
        for (const failure of failures) {
          if (mended(failure)) throw new Error(`matches although ${failure.part} fails: ${about()}`);
          parts.add(failure.part);
        }
      }
    }
    expect([...parts].sort()).toEqual(Object.keys(DISTANCE).sort());
  });
});

type Matched = NearMiss["statement"];

function matches(input: Case, { source }: Matched): boolean {
  return explained(input).matchedStatements.some((each) => each.source === source && each.effect === "Allow");
}

/** A case in which the one statement is alone, without what keeps it from matching; the other stages are open. */
function mend({ world, question }: Case, missed: Matched, failures: readonly StatementFailure[]): Case {
  const { source, policy, index, scope } = missed;
  const parts = new Set(failures.map(({ part }) => part));
  const alone = (document: ReferenceDocument | null | undefined): ReferenceDocument =>
    documentOf(mendStatement(document?.Statement[index] ?? {}, failures, question.actions[0] ?? ""));
  const everything = attachment({ Effect: "Allow", Action: "*", Resource: "*" });
  if (source === "SESSION_POLICY") {
    return {
      world: { ...world, attachments: [everything] },
      question: { ...question, session: alone(question.session) },
    };
  }
  if (source === "TRUST_POLICY") {
    const resource = { ...question.resource, trust: alone(question.resource.trust) };
    return { world: { ...world, attachments: [everything] }, question: { ...question, resource, session: null } };
  }
  const attachments = world.attachments
    .filter(
      (each) =>
        each.policy === policy?.name && each.group === (scope?.kind === "RESOURCE_GROUP" ? scope.resourceGroup : null),
    )
    .map((each) => ({
      ...each,
      document: alone(each.document),
      group: parts.has("SCOPE") ? null : each.group,
      ...(parts.has("WINDOW") ? { notBefore: null, expiresAt: null } : {}),
    }));
  return { world: { ...world, attachments }, question: { ...question, session: null } };
}

function mendStatement(statement: Json, failures: readonly StatementFailure[], action: string): Json {
  const parts = new Set(failures.map(({ part }) => part));
  const { Action, NotAction, Resource, NotResource, Principal, Condition, ...rest } = statement;
  const wrong = new Set(failures.map(({ operator, key }) => `${operator} ${key}`));
  const blocks = Object.entries((Condition ?? {}) as Readonly<Record<string, Json>>).flatMap(([operator, block]) => {
    const left = Object.entries(block).filter(([key]) => !wrong.has(`${operator} ${key}`));
    const gone = Object.keys(block).length === 0 ? wrong.has(`${operator} `) : left.length === 0;
    return gone ? [] : [[operator, Object.fromEntries(left)] as const];
  });
  const members = {
    ...rest,
    ...(parts.has("ACTION") ? { Action: action } : { Action, NotAction }),
    ...(parts.has("RESOURCE") ? { Resource: "*" } : { Resource, NotResource }),
    Principal: parts.has("PRINCIPAL") ? { RAM: "*" } : Principal,
    Condition: Object.fromEntries(blocks),
  };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
