import type {
  AccessRequest,
  AttachedPolicy,
  ResourceFacts,
  ScopePrecedence,
} from "../../src/domain/evaluation/access-request.js";
import { buildContext } from "../../src/domain/evaluation/context-keys.js";
import { decide, decideActions, type Question } from "../../src/domain/evaluation/decide.js";
import {
  type Decision,
  type MatchedStatement,
  type Verdict,
  withReasons,
} from "../../src/domain/evaluation/decision.js";
import { type CompiledPolicy, compilePolicy } from "../../src/domain/policy/compile-policy.js";
import type { DocumentKind } from "../../src/domain/policy/document.js";
import { parseDocument } from "../../src/domain/policy/parse-document.js";
import { parsePrincipalArn } from "../../src/domain/principal.js";
import { CaseMaker } from "./random-cases.js";
import {
  type ReferenceAnswer,
  type ReferenceDocument,
  type ReferenceQuestion,
  type ReferenceResource,
  type ReferenceWorld,
  referenceAnswer,
} from "./reference-evaluator.js";

/** What the evaluator and the reference do not agree on. */
export interface Difference {
  readonly question: number;
  readonly action: string;
  /** How the evaluator was asked. */
  readonly asked: string;
  readonly evaluator: unknown;
  readonly reference: unknown;
}

const DOCUMENTS = new WeakMap<ReferenceDocument, CompiledPolicy>();
const RESOURCES = new WeakMap<ReferenceResource, ResourceFacts>();

/** Turns worlds into what the evaluator reads; what is the same object there is the same object here, in other worlds too. */
export class EvaluatorWorld {
  readonly principal: AccessRequest["principal"];

  constructor({ principal, attachments }: Pick<ReferenceWorld, "principal" | "attachments">) {
    const { kind, arn, account } = parsePrincipalArn(principal);
    this.principal = { kind, arn, account, attachments: attachments.map((each) => this.attached(each)), issued: [] };
  }

  question({ resource, context, now, session }: ReferenceQuestion): Question {
    return {
      principal: this.principal,
      resource: this.resource(resource),
      context: buildContext({ entries: Object.entries(context).map(([key, values]) => ({ key, values })) }),
      now,
      sessionPolicy: session === null ? null : this.compile(session, "identity"),
    };
  }

  private attached({ policy, attachedTo, document, group, ...window }: ReferenceWorld["attachments"][number]) {
    const reference = { id: policy, arn: `acs:ram::1234567890123456:policy/${policy}`, name: policy, type: "CUSTOM" };
    const compiled = document === null ? null : this.compile(document, "identity");
    return {
      policy: { reference, version: compiled === null ? null : "v1", compiled },
      attachedTo,
      scope: group === null ? { kind: "ACCOUNT" } : { kind: "RESOURCE_GROUP", resourceGroup: group },
      notBefore: window.notBefore,
      expiresAt: window.expiresAt,
    } as AttachedPolicy;
  }

  resource(reference: ReferenceResource): ResourceFacts {
    const known = RESOURCES.get(reference);
    if (known !== undefined) return known;
    const { arn, registered, resourceGroup, tags, trust } = reference;
    const facts: ResourceFacts = {
      ...{ arn, registered, resourceGroup, tags: new Map(Object.entries(tags)) },
      ...{ keyState: null, encryptionKeyArn: null, aliasTargetArn: null },
      trustPolicy: trust === null ? null : this.compile(trust, "trust"),
    };
    RESOURCES.set(reference, facts);
    return facts;
  }

  private compile(document: ReferenceDocument, kind: DocumentKind): CompiledPolicy {
    const known = DOCUMENTS.get(document);
    if (known !== undefined) return known;
    const parsed = parseDocument(document, kind);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    const compiled = compilePolicy(parsed.document);
    DOCUMENTS.set(document, compiled);
    return compiled;
  }
}

/** Told of everything that was compared. */
export type Witness = (
  answer: ReferenceAnswer,
  asked: { readonly world: ReferenceWorld; readonly question: ReferenceQuestion; readonly action: string },
) => void;

/** Asks everything in every way; the first difference, or null. */
export function compareWorld(world: ReferenceWorld, witness: Witness = () => {}): Difference | null {
  const evaluator = new EvaluatorWorld(world);
  for (const [index, question] of world.questions.entries()) {
    const answers = question.actions.map((action) => referenceAnswer(world, question, action));
    const found = compareQuestion(evaluator, question, answers);
    if (found !== null) return { question: index, ...found };
    answers.forEach((answer, slot) => {
      witness(answer, { world, question, action: question.actions[slot] ?? "" });
    });
  }
  return null;
}

function compareQuestion(
  evaluator: EvaluatorWorld,
  source: ReferenceQuestion,
  answers: readonly ReferenceAnswer[],
): Omit<Difference, "question"> | null {
  const { actions, precedence: scopePrecedence } = source;
  const question = evaluator.question(source);
  const outcomes = decideActions(question, actions, { scopePrecedence, detail: "OUTCOME" });
  const reasons = decideActions(question, actions, { scopePrecedence, detail: "REASONS" });
  for (const [slot, reference] of answers.entries()) {
    const action = actions[slot] ?? "";
    const tell = (asked: string, evaluated: unknown, expected: unknown) =>
      same(evaluated, expected) ? null : { action, asked, evaluator: evaluated, reference: expected };
    const [verdict] = decideActions(question, [action], { scopePrecedence, detail: "OUTCOME" });
    const all = reasons[slot];
    const found =
      tell("decideActions, OUTCOME", verdictOf(outcomes[slot]), verdictOf(reference)) ??
      tell("decideActions, REASONS", all && answerOf(withReasons(all)), reference) ??
      tell("decideActions with one action, OUTCOME", verdictOf(verdict), verdictOf(reference)) ??
      tell("decide", answerOf(decide({ ...question, action }, { scopePrecedence })), reference) ??
      tell("decide again", answerOf(decide({ ...question, action }, { scopePrecedence })), reference) ??
      tell("OUTCOME again", outcomeAgain(question, action, scopePrecedence), verdictOf(reference));
    if (found !== null) return found;
  }
  return null;
}

/** What is kept of a question is used when it is asked for the third time. */
function outcomeAgain(question: Question, action: string, scopePrecedence: ScopePrecedence): unknown {
  const ask = () => decideActions(question, [action], { scopePrecedence, detail: "OUTCOME" });
  ask();
  return verdictOf(ask()[0]);
}

const same = (left: unknown, right: unknown): boolean => JSON.stringify(left) === JSON.stringify(right);

function verdictOf(verdict: Verdict | ReferenceAnswer | undefined): unknown {
  if (verdict === undefined) return null;
  const { outcome, decidedBy, certainty, validFrom, validUntil } = verdict;
  return { outcome, decidedBy, certainty, validFrom, validUntil };
}

/** A decision as the reference writes it. */
function answerOf(decision: Decision): ReferenceAnswer {
  const { outcome, decidedBy, certainty, validFrom, validUntil } = decision;
  return {
    ...{ outcome, decidedBy, certainty, validFrom, validUntil },
    matchedStatements: decision.matchedStatements.map(statementLabel).sort(),
    residualConditions: decision.residualConditions.map(residualLabel).sort(),
    missingContextKeys: [...decision.missingContextKeys].sort(),
    diagnostics: [...new Set(decision.diagnostics.map(({ code }) => code))].sort(),
  };
}

function statementLabel(statement: MatchedStatement): string {
  const { source, effect, index, sid, residual, policy, version, attachedTo, scope } = statement;
  const group = scope?.kind === "RESOURCE_GROUP" ? scope.resourceGroup : null;
  return `${source} ${policy?.name ?? null} ${version} ${effect} ${index} ${sid} ${attachedTo} ${group} ${residual}`;
}

function residualLabel(condition: Decision["residualConditions"][number]): string {
  const { policy, version, effect, statementIndex, operator, key, values } = condition;
  return `${policy?.name ?? null} ${version} ${effect} ${statementIndex} ${operator} ${key} ${JSON.stringify(values)}`;
}

/** How far a run came, and where it stopped. */
export interface Run {
  /** Actions of questions that were compared. */
  readonly cases: number;
  readonly worlds: number;
  /** The world in which the two disagree, and on what; null when they never do. */
  readonly world: ReferenceWorld | null;
  readonly difference: Difference | null;
}

/** Compares the worlds of a seed until there is a difference, or as many cases as wanted. */
export function compareUntilDifferent(seed: number, wanted: number, witness: Witness = () => {}): Run {
  const maker = new CaseMaker(seed);
  let [cases, worlds] = [0, 0];
  while (cases < wanted) {
    const world = maker.world();
    worlds++;
    const difference = compareWorld(world, (...told) => {
      cases++;
      witness(...told);
    });
    if (difference !== null) return { cases: cases + 1, worlds, world, difference };
  }
  return { cases, worlds, world: null, difference: null };
}
