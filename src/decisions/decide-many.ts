import { NotFoundError } from "../domain/errors.js";
import type { ResourceFacts, ScopePrecedence } from "../domain/evaluation/access-request.js";
import { decideActions } from "../domain/evaluation/decide.js";
import type { Verdict } from "../domain/evaluation/decision.js";
import { subjectOf } from "../domain/evaluation/subject.js";
import { type CompileDocument, createPolicyCompiler } from "../store/compiled-policies.js";
import {
  createInputLoader,
  type EvaluationInput,
  type LoadEvaluationInput,
  type LoadPool,
} from "../store/evaluation-input.js";
import type { Tokens } from "../store/revision-token.js";
import {
  createRevisionReader,
  type FreshRevisions,
  type RevisionPool,
  type RevisionReader,
  type RevisionVector,
} from "../store/revisions.js";
import { asStoreError } from "../store/store-errors.js";
import { type RevisionFloor, requireAtLeast, revisionFloor } from "./consistency.js";
import type { DecisionCache } from "./decision-cache.js";
import { decisionKey, type KeySpace } from "./decision-key.js";
import { type PreparedQuestion, prepareQuestion } from "./prepare-question.js";
import type { Answer, CacheStatus, Question, ResourceSummary } from "./question.js";
import { type CachedAnswer, openAnswer, sealAnswer } from "./sealed-answer.js";
import { createTimeSlicer } from "./time-slicer.js";

export { type Consistency, RevisionUnavailableError } from "./consistency.js";
export type { Answer, Ask, CacheStatus, Question, ResourceSummary } from "./question.js";

export interface DecisionsOptions extends KeySpace {
  /** For vector reads only, see `openRevisionPool`. */
  readonly pool: RevisionPool;
  /** For loads of evaluation input, see `openLoadPool`. */
  readonly loadPool: LoadPool;
  /** Null: every question is evaluated. */
  readonly cache: DecisionCache | null;
  readonly tokens: Tokens;
  /** MAC key of cached answers. */
  readonly cacheKey: Buffer;
  readonly scopePrecedence: ScopePrecedence;
  /** Default: a compiler with its own cache. */
  readonly compile?: CompileDocument;
}

export interface Decisions {
  /**
   * Answers questions in their order; a question that cannot be answered has an error in its place:
   * InvalidInputError, NotFoundError (unknown principal), RevisionUnavailableError or UnavailableError.
   * Every answer sees all changes that were acknowledged before the call. Takes at most two SQL statements.
   */
  decideMany(questions: readonly Question[]): Promise<readonly (Answer | Error)[]>;
}

interface Services extends DecisionsOptions {
  readonly revisions: RevisionReader;
  readonly load: LoadEvaluationInput;
}

/** A prepared question with its place in the batch. */
interface Pending {
  readonly index: number;
  readonly question: PreparedQuestion;
  readonly consistency: Question["consistency"];
  readonly floor: RevisionFloor;
}

interface Keyed extends Pending {
  readonly key: string;
}

type Answers = (Answer | Error | undefined)[];

/** Creates the decision point. */
export function createDecisions(options: DecisionsOptions): Decisions {
  const compile = options.compile ?? createPolicyCompiler();
  const services: Services = {
    ...options,
    revisions: createRevisionReader(options.pool),
    load: createInputLoader(options.loadPool, compile),
  };
  return { decideMany: (questions) => decideMany(services, questions) };
}

async function decideMany(services: Services, questions: readonly Question[]): Promise<readonly (Answer | Error)[]> {
  const answers: Answers = new Array(questions.length);
  const pending = prepareAll(services, questions, answers);
  try {
    await answerAll(services, pending, answers);
  } catch (error) {
    failUnanswered(pending, answers, asError(asStoreError(error)));
  }
  return answers.map((answer) => answer ?? new Error("a question was left without an answer"));
}

async function answerAll(services: Services, pending: readonly Pending[], answers: Answers): Promise<void> {
  if (pending.length === 0) return;
  const fresh = await services.revisions.readFresh(scopesOfAll(pending));
  const current = attempt(pending, answers, (item) => checkFloor(services, item, fresh));
  const misses = await answerFromCache(services, current, fresh, answers);
  if (misses.length > 0) await answerByEvaluation(services, misses, answers);
}

function prepareAll(services: Services, questions: readonly Question[], answers: Answers): Pending[] {
  const items = questions.map((question, index) => ({ index, question }));
  return attempt(items, answers, ({ index, question }) => ({
    index,
    question: prepareQuestion(question),
    consistency: question.consistency,
    floor: revisionFloor(question.consistency, services.tokens, Number.NEGATIVE_INFINITY), // expiry: see checkFloor
  }));
}

/** Maps items; one that throws gets its error as the answer and is left out. */
function attempt<T extends { readonly index: number }, R>(
  items: readonly T[],
  answers: Answers,
  work: (item: T) => R,
): R[] {
  return items.flatMap((item) => {
    try {
      return [work(item)];
    } catch (error) {
      answers[item.index] = asError(error);
      return [];
    }
  });
}

/** The floor's own scopes are read too: a token may come from a change to something else. */
function scopesOfAll(pending: readonly Pending[]): string[] {
  return [...new Set(pending.flatMap(({ question, floor }) => [...question.scopes, ...floor.keys()]))];
}

function checkFloor(services: Services, item: Pending, { vector, now }: FreshRevisions): Pending {
  requireAtLeast(revisionFloor(item.consistency, services.tokens, now), vector);
  return item;
}

/** Answers what the cache knows and returns the rest. */
async function answerFromCache(
  services: Services,
  pending: readonly Pending[],
  { vector, now }: FreshRevisions,
  answers: Answers,
): Promise<readonly Pending[]> {
  if (services.cache === null) return pending;
  const byKey = groupByKey(services, pending, vector);
  const keys = [...byKey.keys()];
  const sealed = await services.cache.getMany(keys);
  const slice = createTimeSlicer();
  const misses: Pending[] = [];
  for (const [position, items] of [...byKey.values()].entries()) {
    await slice();
    const cached = openHit(services, items, sealed[position] ?? null, now);
    if (cached === null) misses.push(...items);
    else for (const item of items) answers[item.index] = toAnswer(services, item, cached, vector, now, "HIT");
  }
  return misses;
}

function groupByKey(services: Services, pending: readonly Pending[], vector: RevisionVector): Map<string, Keyed[]> {
  const groups = new Map<string, Keyed[]>();
  for (const item of pending) {
    const key = decisionKey(services, item.question, vector);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [{ ...item, key }]);
    else group.push({ ...item, key });
  }
  return groups;
}

function openHit(
  services: Services,
  [item]: readonly Keyed[],
  sealed: Buffer | null,
  now: number,
): CachedAnswer | null {
  if (item === undefined || sealed === null) return null;
  const cached = openAnswer(services.cacheKey, item.key, sealed);
  if (cached === null || !holdsAt(cached, item.question.statedInstant ?? now)) return null;
  return answersQuestion(cached, item.question) ? cached : null;
}

function holdsAt({ validFrom, validUntil }: CachedAnswer, instant: number): boolean {
  return (validFrom === null || validFrom <= instant) && (validUntil === null || instant < validUntil);
}

/** Cannot fail under a valid seal; it costs little to make sure. */
function answersQuestion({ decisions, resource }: CachedAnswer, question: PreparedQuestion): boolean {
  return (
    resource.arn === question.resource &&
    decisions.length === question.actions.length &&
    decisions.every(({ action }, index) => action === question.actions[index])
  );
}

/** Loads one snapshot for all and keeps each answer under the revisions of that very snapshot. */
async function answerByEvaluation(services: Services, pending: readonly Pending[], answers: Answers): Promise<void> {
  const input = await services.load({
    principals: pending.map(({ question }) => question.principal),
    resources: [...new Set(pending.map(({ question }) => question.resource))],
    scopes: scopesOfAll(pending),
  });
  const slice = createTimeSlicer();
  for (const items of groupByKey(services, pending, input.vector).values()) {
    await slice();
    attempt(items.slice(0, 1), answers, (item) => answerGroup(services, item, items, input, answers));
    failUnanswered(items, answers, answers[items[0]?.index ?? 0]);
  }
}

function answerGroup(
  services: Services,
  first: Keyed,
  items: readonly Keyed[],
  input: EvaluationInput,
  answers: Answers,
): void {
  const evaluated = evaluate(services, first.question, input);
  const status = keep(services, first, evaluated, input.now);
  for (const item of items) {
    attempt([item], answers, () => {
      requireAtLeast(item.floor, input.vector);
      answers[item.index] = toAnswer(services, item, evaluated, input.vector, input.now, status);
    });
  }
}

function evaluate(services: Services, question: PreparedQuestion, input: EvaluationInput): CachedAnswer {
  const principal = input.principal(question.principal);
  if (principal === null) throw new NotFoundError(`\`${question.principal.arn}\` does not exist`);
  const resource = input.resource(question.resource);
  const { context, sessionPolicy, actions, statedInstant, detail } = question;
  const now = statedInstant ?? input.now;
  const request = { principal, resource, context, now, sessionPolicy };
  const decisions = decideActions(request, actions, { scopePrecedence: services.scopePrecedence, detail });
  const window = windowOf(decisions, subjectOf(principal).bounds, now);
  return { decisions, resource: summaryOf(resource), evaluatedAt: input.now, ...window };
}

function summaryOf({ arn, registered, keyState, encryptionKeyArn, aliasTargetArn }: ResourceFacts): ResourceSummary {
  return { arn, registered, keyState, encryptionKeyArn, aliasTargetArn };
}

/** An answer holds where all its decisions hold and no attachment or session comes into force or ends. */
function windowOf(
  decisions: readonly Verdict[],
  bounds: readonly number[],
  now: number,
): Pick<CachedAnswer, "validFrom" | "validUntil"> {
  const from = [...known(decisions.map(({ validFrom }) => validFrom)), ...bounds.filter((at) => at <= now)];
  const until = [...known(decisions.map(({ validUntil }) => validUntil)), ...bounds.filter((at) => at > now)];
  return {
    validFrom: from.length === 0 ? null : from.reduce((a, b) => Math.max(a, b)),
    validUntil: until.length === 0 ? null : until.reduce((a, b) => Math.min(a, b)),
  };
}

function known(instants: readonly (number | null)[]): number[] {
  return instants.filter((instant) => instant !== null);
}

const MAX_TTL_MS = 300_000;
const TTL_JITTER = 0.1;

function keep(services: Services, item: Keyed, answer: CachedAnswer, now: number): CacheStatus {
  const { statedInstant } = item.question;
  if (services.cache === null || !isKeepable(answer, statedInstant ?? now)) return "BYPASS";
  const remaining = statedInstant !== null || answer.validUntil === null ? MAX_TTL_MS : answer.validUntil - now;
  const ttl = Math.min(remaining, MAX_TTL_MS) * (1 - Math.random() * TTL_JITTER);
  services.cache.set(item.key, sealAnswer(services.cacheKey, item.key, answer), ttl);
  return "MISS";
}

/** Anybody can make up resources, so answers about unregistered ones would only crowd out others. */
function isKeepable(answer: CachedAnswer, instant: number): boolean {
  return answer.resource.registered && holdsAt(answer, instant);
}

function toAnswer(
  services: Services,
  { question }: Pending,
  cached: CachedAnswer,
  vector: RevisionVector,
  now: number,
  cache: CacheStatus,
): Answer {
  const own = new Map(question.scopes.map((scope) => [scope, vector.get(scope) ?? null]));
  const { decisions, resource, evaluatedAt } = cached;
  return { decisions, resource, cache, vector: own, revision: services.tokens.issue(own, now), evaluatedAt };
}

function failUnanswered(items: readonly Pending[], answers: Answers, error: Answer | Error | undefined): void {
  for (const { index } of items) if (error instanceof Error) answers[index] ??= error;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error("an unknown failure", { cause: error });
}
