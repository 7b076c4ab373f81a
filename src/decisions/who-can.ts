import { parseArn } from "../domain/arn.js";
import { InvalidInputError, NotFoundError } from "../domain/errors.js";
import type { PrincipalFacts, RequestContext, ScopePrecedence } from "../domain/evaluation/access-request.js";
import { buildContext } from "../domain/evaluation/context-keys.js";
import { decideActions } from "../domain/evaluation/decide.js";
import type { Detail, Outcome, Verdict } from "../domain/evaluation/decision.js";
import { combineLegs, type OperationDecision, worstOf } from "../domain/evaluation/operation-decision.js";
import { type OperationLeg, type OperationPlan, planOperationOn } from "../domain/kms/operations.js";
import { ASSUME_ROLE } from "../domain/ram-actions.js";
import { TOO_MUCH_TO_FOLLOW } from "../domain/reverse/assume-search.js";
import { findWays, type Way } from "../domain/reverse/find-ways.js";
import { QuestionToAll } from "../domain/reverse/question-to-all.js";
import type { AccountState, LoadAccount, StoredPrincipal } from "../store/account-input.js";
import type { Tokens } from "../store/revision-token.js";
import { createTimeSlicer, createTurns, inSlices } from "../store/time-slicer.js";
import type { CanonicalValue } from "./canonical-text.js";
import { requireAtLeast, revisionFloor } from "./consistency.js";
import { KeptAnswers, type ListedAnswer, type Moment } from "./listed-answer.js";
import { statedInstant } from "./prepare-question.js";
import type { Question } from "./question.js";

/** Who of an account may do something with a resource? */
export interface WhoCanQuestion extends Pick<Question, "context" | "consistency" | "resource"> {
  /** One of both. */
  readonly action?: string | null | undefined;
  readonly operation?: string | null | undefined;
  /** Whose principals; default: the account that the resource states. */
  readonly account?: string | null | undefined;
  /** Those too whose answer is CONDITIONAL. */
  readonly includeConditional: boolean;
  /** Those too who may not themselves, but could assume a role that may; default: false. */
  readonly includeAssumable?: boolean;
  /** That of the page before; null: now. */
  readonly moment: Moment | null;
}

/** A role on the way of somebody to what it may not do itself. */
export interface AssumedRole {
  readonly id: string;
  readonly arn: string;
  /** Whether the one before may assume it. @throws InvalidInputError as `decide` */
  readonly verdict: (detail: Detail) => Verdict;
}

/** One who may. */
export interface WhoCanRow {
  /** Of the record; a session's is that of its role. */
  readonly id: string;
  readonly arn: string;
  readonly session: boolean;
  readonly outcome: "ALLOW" | "CONDITIONAL";
  /** One after the other; none: it may itself. */
  readonly assumes: readonly AssumedRole[];
  /** The decision on the action, or on each leg of the operation: for itself, or for the last role. @throws InvalidInputError as `decide` */
  readonly verdicts: (detail: Detail) => readonly Verdict[];
  /** Null where an action was asked. */
  readonly operation: ((legs: readonly Verdict[]) => OperationDecision) | null;
}

export interface WhoCanOptions {
  readonly loadAccount: LoadAccount;
  readonly tokens: Tokens;
  readonly scopePrecedence: ScopePrecedence;
}

/**
 * Everybody of an account who may, by ARN, sessions last. Null: the moment that was asked for cannot be had any more.
 * Rejects with InvalidInputError, NotFoundError (unknown account), TooMuchWorkError (assumable roles),
 * RevisionUnavailableError or UnavailableError.
 */
export type WhoCan = (question: WhoCanQuestion) => Promise<ListedAnswer<WhoCanRow> | null>;

interface Prepared {
  readonly source: WhoCanQuestion;
  readonly account: string;
  readonly resource: string;
  readonly context: RequestContext;
  readonly stated: number | null;
  readonly canonical: CanonicalValue;
}

export function createWhoCan(options: WhoCanOptions): WhoCan {
  const kept = new KeptAnswers<WhoCanRow>();
  return async (question) => {
    const prepared = prepare(question);
    const { moment, consistency } = question;
    const known = moment && consistency?.kind !== "atLeast" && kept.find(prepared.canonical, moment);
    if (known) return known;
    const state = await readState(options, prepared);
    if (moment !== null && moment.tag !== state.tag) return null;
    const instant = prepared.stated ?? moment?.instant ?? state.now;
    const rows = await findAll(options, prepared, state, instant);
    const answer = { rows, moment: { tag: state.tag, instant } };
    kept.keep(prepared.canonical, answer, state.principals.length);
    return answer;
  };
}

function prepare(question: WhoCanQuestion): Prepared {
  const { action = null, operation = null } = question;
  if ((action === null) === (operation === null)) {
    throw new InvalidInputError("ask about either an `action` or an `operation`");
  }
  const arn = parseArn(question.resource);
  const account = accountOf(arn.account, question.account ?? null);
  const context = buildContext(question.context ?? {});
  return {
    ...{ source: question, account, resource: arn.text, context, stated: statedInstant(context) },
    canonical: [action, operation, arn.text, account, context, ...optionsOf(question)],
  };
}

function optionsOf({ includeConditional, includeAssumable = false }: WhoCanQuestion): CanonicalValue[] {
  return [includeConditional ? "conditional" : null, includeAssumable ? "assumable" : null];
}

/** @throws InvalidInputError where none is named, or two are */
function accountOf(stated: string, asked: string | null): string {
  const owner = /^\d+$/.test(stated) ? stated : null;
  const account = asked ?? owner;
  if (account === null)
    throw new InvalidInputError("the resource states no account: name one as `account`", "/account");
  if (owner === null || owner === account) return account;
  throw new InvalidInputError("the resource belongs to another account than `account`", "/account");
}

async function readState({ loadAccount, tokens }: WhoCanOptions, prepared: Prepared): Promise<AccountState> {
  const { source, account, resource, stated } = prepared;
  const floor = revisionFloor(source.consistency, tokens, Number.NEGATIVE_INFINITY); // expiry: see below
  const at = stated ?? source.moment?.instant ?? null;
  const state = await loadAccount({ account, resources: [resource], at, scopes: [...floor.keys()] });
  if (!state.known) throw new NotFoundError(`account \`${account}\` does not exist`);
  requireAtLeast(revisionFloor(source.consistency, tokens, state.now), state.vector);
  return state;
}

/** What all principals are asked about. */
interface Asked {
  readonly legs: readonly OperationLeg[];
  /** Null: an action. */
  readonly plan: OperationPlan | null;
}

/** What needs no permission needs a principal that exists, and of sessions an active one: asked like `kms:DescribeRegions` (C23). */
const FOR_EVERYBODY: readonly OperationLeg[] = [{ action: "kms:DescribeRegions", resource: "*" }];

function askedOf({ source, resource }: Prepared, state: AccountState): Asked {
  if (source.operation == null) return { legs: [{ action: source.action ?? "", resource }], plan: null };
  const plan = planOperationOn(source.operation, state.resource(resource), state.resource);
  return { legs: plan.legs.length === 0 ? FOR_EVERYBODY : plan.legs, plan };
}

/** All that answers are taken from. */
interface Circumstances {
  readonly asked: Asked;
  readonly state: AccountState;
  readonly context: RequestContext;
  readonly now: number;
  readonly scopePrecedence: ScopePrecedence;
}

async function findAll(
  { scopePrecedence }: WhoCanOptions,
  prepared: Prepared,
  state: AccountState,
  now: number,
): Promise<WhoCanRow[]> {
  const { context, source, account } = prepared;
  const circumstances = { asked: askedOf(prepared, state), state, context, now, scopePrecedence };
  const outcomes = await outcomesOfAll(circumstances);
  const principals = state.principals.map(({ holder }) => holder);
  const search = { account, principals, resource: state.resource, context, now, scopePrecedence };
  const ways = source.includeAssumable
    ? await oneAtATime(() => followTrust(findWays(search, outcomes, source.includeConditional)))
    : NO_WAYS;
  const slice = createTimeSlicer();
  const rows: WhoCanRow[] = [];
  for (const [place, principal] of state.principals.entries()) {
    await slice();
    const { outcome, roles } = ways.get(place) ?? { outcome: outcomes[place] ?? "IMPLICIT_DENY", roles: [] };
    if (isWanted(outcome, source)) rows.push(rowOf(principal, outcome, roles, circumstances));
  }
  return rows;
}

/** Milliseconds of its own that a search for ways may take: no account within RAM's quotas needs a tenth of it. */
const MOST_SEARCH_MS = 2_000;

/** Searches wait for each other: each is much work, and nobody waits for several of them at once. */
const oneAtATime = createTurns(MOST_SEARCH_MS);

const followTrust = (work: ReturnType<typeof findWays>) => inSlices(work, MOST_SEARCH_MS, TOO_MUCH_TO_FOLLOW);

const NO_WAYS: ReadonlyMap<number, Way> = new Map();

async function outcomesOfAll({ asked, state, context, now, scopePrecedence }: Circumstances): Promise<Outcome[]> {
  const questions = asked.legs.map(({ action, resource }) => {
    return new QuestionToAll({ resource: state.resource(resource), context, now }, action, scopePrecedence);
  });
  const slice = createTimeSlicer();
  const outcomes: Outcome[] = [];
  for (const { holder } of state.principals) {
    await slice();
    outcomes.push(worstOf(questions.map((question) => question.outcomeFor(holder))));
  }
  return outcomes;
}

function isWanted(outcome: Outcome, { includeConditional }: WhoCanQuestion): outcome is WhoCanRow["outcome"] {
  return outcome === "ALLOW" || (includeConditional && outcome === "CONDITIONAL");
}

function rowOf(
  principal: StoredPrincipal,
  outcome: WhoCanRow["outcome"],
  roles: readonly number[],
  circumstances: Circumstances,
): WhoCanRow {
  const { asked, state } = circumstances;
  const assumed = roles.flatMap((place) => state.principals[place] ?? []);
  const actor = assumed.at(-1) ?? principal;
  const { id, holder } = principal;
  return {
    ...{ id, arn: holder.arn, session: holder.kind === "ROLE_SESSION", outcome },
    assumes: assumed.map((role, step) => assumedRole(role, assumed[step - 1] ?? principal, circumstances)),
    verdicts: (detail) =>
      asked.plan?.legs.length === 0 ? [] : decideLegs(asked.legs, actor.facts, circumstances, detail),
    operation: operationOf(asked, state),
  };
}

function assumedRole(
  { id, holder: { arn } }: StoredPrincipal,
  by: StoredPrincipal,
  circumstances: Circumstances,
): AssumedRole {
  const legs = [{ action: ASSUME_ROLE, resource: arn }];
  const verdict = (detail: Detail) => {
    const [only] = decideLegs(legs, by.facts, circumstances, detail);
    if (only === undefined) throw new Error("one leg gives one decision");
    return only;
  };
  return { id, arn, verdict };
}

function decideLegs(
  legs: readonly OperationLeg[],
  facts: PrincipalFacts,
  { state, context, now, scopePrecedence }: Circumstances,
  detail: Detail,
): readonly Verdict[] {
  return legs.flatMap(({ action, resource }) => {
    const question = { principal: facts, resource: state.resource(resource), context, now, sessionPolicy: null };
    return decideActions(question, [action], { scopePrecedence, detail });
  });
}

function operationOf({ plan }: Asked, state: AccountState): WhoCanRow["operation"] {
  return plan && ((legs) => combineLegs(plan, legs, (key) => state.resource(key).keyState));
}
