import type { ScopePrecedence } from "../domain/evaluation/access-request.js";
import { type CompileDocument, createPolicyCompiler } from "../store/compiled-policies.js";
import { createInputLoader, type LoadPool } from "../store/evaluation-input.js";
import type { Tokens } from "../store/revision-token.js";
import {
  type Clocks,
  createRevisionReader,
  type ModelState,
  type MovedScope,
  type RevisionPool,
  type RevisionReader,
} from "../store/revisions.js";
import { type InStage, unheard } from "../store/stages.js";
import { asStoreError } from "../store/store-errors.js";
import { createTimeSlicer } from "../store/time-slicer.js";
import { type AnswerCache, createAnswerCache } from "./answer-cache.js";
import { requireAtLeast, revisionFloor } from "./consistency.js";
import type { DecisionCache } from "./decision-cache.js";
import { decisionKey, type KeySpace, revisionsOf } from "./decision-key.js";
import { evaluateQuestion } from "./evaluate-question.js";
import { type FactsInState, KnownFacts } from "./known-facts.js";
import { KnownQuestions } from "./known-questions.js";
import { type AnswerLoader, asError, createAnswerLoader, type Loaded } from "./load-answers.js";
import type { PreparedQuestion } from "./prepare-question.js";
import type { Answer, CacheStatus, Question } from "./question.js";
import type { CachedAnswer } from "./sealed-answer.js";
import { type Asked, createPlainStateReader, createStateReader, type StateReader } from "./state-reader.js";
import { createVerifier, type Verifier } from "./verifier.js";

export { type Consistency, RevisionUnavailableError } from "./consistency.js";
export type { Answer, Ask, CacheStatus, Question, ResourceSummary } from "./question.js";

export interface DecisionsOptions extends KeySpace {
  /** For vector reads only, see `openRevisionPool`. */
  readonly pool: RevisionPool;
  /** For loads of evaluation input, see `openLoadPool`. */
  readonly loadPool: LoadPool;
  /** What gateways share; null: nothing. */
  readonly cache: DecisionCache | null;
  /**
   * Answers that this process keeps before what is shared, and with them what it loaded of principals and resources;
   * default: none. With neither, every question is loaded and evaluated.
   */
  readonly localAnswers?: number;
  readonly tokens: Tokens;
  /** MAC key of shared answers. */
  readonly cacheKey: Buffer;
  readonly scopePrecedence: ScopePrecedence;
  /** Default: a compiler with its own cache. */
  readonly compile?: CompileDocument;
  /** Oldest state that `minimizeLatency` may answer from, in milliseconds before the question; default 1,000. */
  readonly maxStaleness?: number;
  /** Share of the answers from what is kept, 0 to 1, that is evaluated again to see that it is right; default: none. */
  readonly verifiedShare?: number;
  /** Default: one of its own on `pool`. */
  readonly revisions?: RevisionReader;
  /** Default: the machine's. */
  readonly clocks?: Clocks;
  /** Hears of stages; default: nobody does. */
  readonly inStage?: InStage;
  /** Told of what must never happen; default: nobody. */
  readonly onAlarm?: (message: string) => void;
}

export interface Decisions {
  /**
   * Answers questions in their order; a question that cannot be answered has an error in its place:
   * InvalidInputError, NotFoundError (unknown principal), RevisionUnavailableError or UnavailableError.
   * Every answer sees all changes that were acknowledged before the call, unless the question permits an older state.
   * Takes at most two SQL statements.
   */
  decideMany(questions: readonly Question[]): Promise<readonly (Answer | Error)[]>;
  /** Some scopes have moved: what is known of their revisions is not used any more. */
  forgetRevisions(moved: readonly MovedScope[]): void;
  /** What has happened since the start. */
  counts(): DecisionCounts;
}

/** Each a number of questions, or of shared entries. */
export interface DecisionCounts {
  readonly hits: number;
  readonly misses: number;
  readonly bypasses: number;
  /** Answers from what was kept that were loaded and evaluated again, and came out the same. */
  readonly verified: number;
  /** The same, and came out differently: a defect. */
  readonly mismatches: number;
  /** Shared entries that no gateway has sealed for their key: somebody else writes to the cache. */
  readonly forgeries: number;
}

interface Services extends DecisionsOptions {
  readonly inStage: InStage;
  readonly revisions: RevisionReader;
  readonly states: StateReader;
  /** Null: every question loads what it is evaluated from. */
  readonly facts: KnownFacts | null;
  readonly loader: AnswerLoader;
  readonly questions: KnownQuestions;
  /** Null: every question is evaluated. */
  readonly answers: AnswerCache | null;
  readonly verifier: Verifier;
  readonly counted: { -readonly [Count in keyof DecisionCounts]: DecisionCounts[Count] };
}

/** A prepared question with its place in the batch. */
interface Pending extends Asked {
  readonly index: number;
}

/** The same question, asked in several places. */
interface Group {
  /** Null where nothing is kept. */
  readonly key: string | null;
  readonly first: Pending;
  readonly items: readonly Pending[];
}

type Answers = (Answer | Error | undefined)[];

/** Creates the decision point. */
export function createDecisions(options: DecisionsOptions): Decisions {
  const services = assemble(options);
  return {
    decideMany: (questions) => decideMany(services, questions),
    forgetRevisions: (moved) => services.revisions.forget(moved),
    counts: () => ({ ...services.counted }),
  };
}

function assemble(options: DecisionsOptions): Services {
  const { cache: shared, localAnswers: entries = 0, cacheKey: macKey, scopePrecedence, onAlarm = () => {} } = options;
  const { inStage = unheard } = options;
  const counted = { hits: 0, misses: 0, bypasses: 0, verified: 0, mismatches: 0, forgeries: 0 };
  const onForged = () => {
    counted.forgeries += 1;
    onAlarm("decision cache: an entry was not sealed by a gateway for its key: somebody else writes to redis");
  };
  const answers = shared === null && entries === 0 ? null : createAnswerCache({ shared, macKey, entries, onForged });
  const facts = entries === 0 ? null : new KnownFacts();
  const revisions = options.revisions ?? createRevisionReader(options.pool, options.clocks);
  const states =
    answers === null ? createPlainStateReader(revisions) : createStateReader(revisions, options.maxStaleness);
  const load = states.remembering(createInputLoader(options.loadPool, options.compile ?? createPolicyCompiler()));
  const loader = createAnswerLoader({ load, scopePrecedence, known: facts, inStage });
  const verifier = createVerifier({ load, share: options.verifiedShare ?? 0, scopePrecedence });
  const questions = new KnownQuestions(entries > 0);
  return { ...options, inStage, revisions, states, facts, loader, questions, answers, verifier, counted };
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

/** What costs least comes first: what this process knows, then Redis, then the database. */
async function answerAll(services: Services, pending: readonly Pending[], answers: Answers): Promise<void> {
  if (pending.length === 0) return;
  const { inStage } = services;
  const came = services.loader.begun();
  const state = await inStage("read revisions", services.states.read)(pending);
  const current = attempt(pending, answers, (item) => checkFloor(services, item, state));
  const asked = await answerFromLast(services, current, state, answers);
  const groups = await groupByKey(services, asked, state);
  const own = await answerFromCache(services, groups, state, answers, "recall");
  if (own.length > 0 && !state.ofOneMoment) return answerAll(services, own.flatMap(fromNow), answers);
  const unknown = own.length === 0 ? own : await inStage("evaluate", answerFromFacts)(services, own, state, answers);
  const misses = await findShared(services, unknown, state, answers);
  if (misses.length > 0) await answerByLoad(services, misses, { came, now: state.now }, answers);
}

function findShared(services: Services, unknown: readonly Group[], state: ModelState, answers: Answers) {
  if (services.cache === null || unknown.length === 0) return unknown;
  return services.inStage("look up answers", answerFromCache)(services, unknown, state, answers, "find");
}

/** What may be older need not be. */
function fromNow({ items }: Group): Pending[] {
  return items.map((item) => ({ ...item, consistency: null }));
}

function prepareAll(services: Services, questions: readonly Question[], answers: Answers): Pending[] {
  const items = questions.map((question, index) => ({ index, question }));
  return attempt(items, answers, ({ index, question }) => ({
    index,
    question: services.questions.prepare(question),
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

function checkFloor(services: Services, item: Pending, { vector, now }: ModelState): Pending {
  requireAtLeast(revisionFloor(item.consistency, services.tokens, now), vector);
  return item;
}

/** Answers what was asked before in the same state, and returns the rest. */
async function answerFromLast(
  services: Services,
  pending: readonly Pending[],
  state: ModelState,
  answers: Answers,
): Promise<readonly Pending[]> {
  if (services.answers === null) return pending;
  const slice = createTimeSlicer();
  const rest: Pending[] = [];
  for (const item of pending) {
    if (item.index % SLICED === SLICED - 1) await slice();
    const answer = services.questions.recall(item.question, state);
    if (answer === null || !answersQuestion(answer, item.question, state.now)) {
      rest.push(item);
      continue;
    }
    answers[item.index] = toAnswer(services, item, answer, state, "HIT");
    verify(services, item, answer, state);
  }
  return rest;
}

/** Questions between two looks at the clock, where each costs next to nothing. */
const SLICED = 64;

async function groupByKey(services: Services, pending: readonly Pending[], state: ModelState): Promise<Group[]> {
  const { answers } = services;
  if (answers === null) return pending.map((first) => ({ key: null, first, items: [first] }));
  const groups = new Map<string, { key: string; first: Pending; items: Pending[] }>();
  const slice = createTimeSlicer();
  for (const item of pending) {
    await slice();
    const key = decisionKey(services, item.question, state);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { key, first: item, items: [item] });
    else group.items.push(item);
  }
  return [...groups.values()];
}

/** Answers what the cache knows and returns the rest. */
async function answerFromCache(
  services: Services,
  groups: readonly Group[],
  state: ModelState,
  answers: Answers,
  from: "recall" | "find",
): Promise<readonly Group[]> {
  if (services.answers === null || groups.length === 0) return groups;
  const cached = await services.answers[from](groups.map(({ key }) => key ?? ""));
  const slice = createTimeSlicer();
  const misses: Group[] = [];
  for (const [place, group] of groups.entries()) {
    await slice();
    const answer = cached[place] ?? null;
    if (answer === null || !answersQuestion(answer, group.first.question, state.now)) {
      misses.push(group);
      continue;
    }
    services.questions.keep(group.first.question, answer, state);
    for (const item of group.items) answers[item.index] = toAnswer(services, item, answer, state, "HIT");
    verify(services, group.first, answer, state);
  }
  return misses;
}

/** That it is about the question cannot fail under a valid seal; it costs little to make sure. */
function answersQuestion(answer: CachedAnswer, question: PreparedQuestion, now: number): boolean {
  const { decisions, resource } = answer;
  return (
    holdsAt(answer, question.statedInstant ?? now) &&
    resource.arn === question.resource &&
    decisions.length === question.actions.length &&
    decisions.every(({ action }, index) => action === question.actions[index])
  );
}

function holdsAt({ validFrom, validUntil }: CachedAnswer, instant: number): boolean {
  return (validFrom === null || validFrom <= instant) && (validUntil === null || instant < validUntil);
}

function verify(services: Services, { question }: Pending, answer: CachedAnswer, state: ModelState) {
  void services.verifier.check(question, answer, state)?.then((result) => {
    if (result === "same") services.counted.verified += 1;
    if (result !== "different") return;
    services.counted.mismatches += 1;
    services.answers?.forget(decisionKey(services, question, state));
    services.questions.forget(question);
    services.facts?.forget(question);
    services.onAlarm?.(`decision cache: an answer about \`${question.resource}\` was wrong: it is a defect`);
  });
}

/** Evaluates what needs no load, and returns the rest. */
async function answerFromFacts(
  services: Services,
  groups: readonly Group[],
  state: ModelState,
  answers: Answers,
): Promise<readonly Group[]> {
  const slice = createTimeSlicer();
  const unknown: Group[] = [];
  for (const group of groups) {
    await slice();
    const { question } = group.first;
    const known = services.facts?.recall(question, state) ?? null;
    if (known === null) {
      unknown.push(group);
      continue;
    }
    const loaded = evaluateFrom(services, question, known);
    answerGroup(services, group.items, loaded, isLikelyElsewhere(question), answers);
    if (!(loaded instanceof Error)) verify(services, group.first, loaded.answer, known.state);
  }
  return unknown;
}

/** What was no work here is worth sharing only where others will ask it: not from the same address at the same time. */
function isLikelyElsewhere({ context }: PreparedQuestion): boolean {
  return context.size === 0;
}

function evaluateFrom(
  { scopePrecedence }: Services,
  question: PreparedQuestion,
  { facts, state }: FactsInState,
): Loaded | Error {
  try {
    return { ...state, answer: evaluateQuestion(question, facts, scopePrecedence, state.now) };
  } catch (error) {
    return asError(error);
  }
}

/** Loads one snapshot for all and keeps each answer under the revisions of that very snapshot. */
async function answerByLoad(
  services: Services,
  groups: readonly Group[],
  { came, now }: { readonly came: number; readonly now: number },
  answers: Answers,
): Promise<void> {
  const wanted = groups.map(({ key, first: { question }, items }) => {
    const scopes = items.flatMap(({ floor }) => [...floor.keys()]);
    const accepts = (loaded: Loaded) =>
      decisionKey(services, question, loaded) === key && holdsAt(loaded.answer, question.statedInstant ?? now);
    return { key: scopes.length === 0 ? key : null, question, scopes, came, accepts };
  });
  const loaded = await services.loader.load(wanted);
  for (const [place, { items }] of groups.entries()) {
    answerGroup(services, items, loaded[place] ?? new Error("a question was left without an answer"), true, answers);
  }
}

function answerGroup(
  services: Services,
  items: readonly Pending[],
  loaded: Loaded | Error,
  shared: boolean,
  answers: Answers,
): void {
  if (loaded instanceof Error) {
    failUnanswered(items, answers, loaded);
    return;
  }
  const status = keep(services, items[0], loaded, shared);
  attempt(items, answers, (item) => {
    requireAtLeast(item.floor, loaded.vector);
    answers[item.index] = toAnswer(services, item, loaded.answer, loaded, status);
  });
}

const MAX_TTL_MS = 300_000;
const TTL_JITTER = 0.1;

function keep(services: Services, item: Pending | undefined, loaded: Loaded, shared: boolean): CacheStatus {
  if (services.answers === null || item === undefined) return "BYPASS";
  const { answer, now } = loaded;
  const { statedInstant } = item.question;
  if (!isKeepable(answer, statedInstant ?? now)) return "BYPASS";
  const key = decisionKey(services, item.question, loaded);
  services.answers.keep(key, answer);
  services.questions.keep(item.question, answer, loaded);
  const until = statedInstant === null ? answer.validUntil : null;
  if (shared) services.answers.share(key, answer, timeToLive(until, now));
  return "MISS";
}

function timeToLive(validUntil: number | null, now: number): number {
  const remaining = validUntil === null ? MAX_TTL_MS : validUntil - now;
  return Math.min(remaining, MAX_TTL_MS) * (1 - Math.random() * TTL_JITTER);
}

/** Anybody can make up resources, so answers about unregistered ones would only crowd out others. */
function isKeepable(answer: CachedAnswer, instant: number): boolean {
  return answer.resource.registered && holdsAt(answer, instant);
}

const COUNTER = { HIT: "hits", MISS: "misses", BYPASS: "bypasses" } as const;

function toAnswer(
  services: Services,
  { question }: Pending,
  cached: CachedAnswer,
  state: ModelState,
  cache: CacheStatus,
): Answer {
  services.counted[COUNTER[cache]] += 1;
  const { decisions, resource, evaluatedAt } = cached;
  return {
    ...{ decisions, resource, cache, evaluatedAt },
    get vector() {
      return revisionsOf(question, state); // an answer holds on to the state only, which a batch has in common
    },
    revision: () => services.tokens.issue(revisionsOf(question, state), state.now),
  };
}

function failUnanswered(items: readonly Pending[], answers: Answers, error: Error): void {
  for (const { index } of items) answers[index] ??= error;
}
