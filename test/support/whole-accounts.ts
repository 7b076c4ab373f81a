import type { PrincipalFacts } from "../../src/domain/evaluation/access-request.js";
import { buildContext } from "../../src/domain/evaluation/context-keys.js";
import { decideActions } from "../../src/domain/evaluation/decide.js";
import { parsePrincipalArn } from "../../src/domain/principal.js";
import { Holder, type Lists } from "../../src/domain/reverse/holdings.js";
import { QuestionToAll } from "../../src/domain/reverse/question-to-all.js";
import { EvaluatorWorld } from "./compare-evaluators.js";
import { CaseMaker } from "./random-cases.js";
import type { ReferenceAttachment, ReferenceQuestion } from "./reference-evaluator.js";

const ACCOUNT = "1234567890123456";
const RAM = `acs:ram::${ACCOUNT}:`;
const USERS = ["bob", "ann", "Eve", "zoe"].map((name) => `${RAM}user/${name}`);
const GROUPS = ["ops", "dev", "all"].map((name) => `${RAM}group/${name}`);
const ROLES = ["Deploy", "other"].map((name) => `${RAM}role/${name}`);
const SESSIONS = ["deploy/ci", "deploy/Ci", "other/x"].map((name) => `${RAM}assumed-role/${name}`);
const WORLDS = 6;

/** An account: its principals with all that each has, and what is asked about all of them. */
interface RandomAccount {
  readonly principals: readonly PrincipalFacts[];
  readonly questions: readonly ReferenceQuestion[];
}

/** The policies of several worlds, shared out among the principals of one account: many have the same ones. */
export function randomAccount(maker: CaseMaker): RandomAccount {
  const worlds = Array.from({ length: WORLDS }, () => maker.world());
  const pool = worlds.flatMap(({ attachments }) => attachments.slice(0, 4));
  const held = new Map([...USERS, ...GROUPS, ...ROLES].map((holder) => [holder, sharesOf(holder, pool, maker)]));
  const of = (holder: string): ReferenceAttachment[] => held.get(holder) ?? [];
  const principals = [
    ...USERS.map((user) => factsOf(user, [...of(user), ...maker.some(GROUPS, 2).flatMap(of)])),
    ...ROLES.map((role) => factsOf(role, of(role))),
    ...SESSIONS.map((session, place) => ({
      ...factsOf(session, of(ROLES[Math.floor(place / 2)] ?? "")),
      issued: Array.from({ length: maker.below(3) }, () =>
        issuedSession(worlds[0]?.questions[0]?.now ?? 0, pool, maker),
      ),
    })),
    factsOf(`${RAM}root`, []),
  ];
  return { principals, questions: worlds.flatMap(({ questions }) => questions.slice(0, 2)) };
}

function sharesOf(holder: string, pool: readonly ReferenceAttachment[], maker: CaseMaker): ReferenceAttachment[] {
  if (pool.length === 0 || maker.chance(0.15)) return [];
  return maker.some(pool, 4).map((attachment) => ({ ...attachment, attachedTo: holder }));
}

export function factsOf(principal: string, attachments: readonly ReferenceAttachment[]): PrincipalFacts {
  const { kind, arn, account } = parsePrincipalArn(principal);
  return { ...new EvaluatorWorld({ principal, attachments: [...attachments] }).principal, kind, arn, account };
}

export function issuedSession(
  now: number,
  pool: readonly ReferenceAttachment[],
  maker: CaseMaker,
): PrincipalFacts["issued"][number] {
  const carried = pool.length === 0 || maker.chance(0.4) ? [] : [maker.pick(pool)];
  const [attached] = carried.flatMap((attachment) => factsOf(`${RAM}user/bob`, [attachment]).attachments);
  return {
    issuedAt: now - maker.below(3),
    expiresAt: now + maker.below(4),
    revokedAt: maker.chance(0.2) ? now + maker.below(2) : null,
    policy: attached === undefined ? null : { compiled: attached.policy.compiled },
  };
}

/** The same principals with what they have in common: each grant once, and what groups and roles give once. */
export function inCommon(principals: readonly PrincipalFacts[]): Holder[] {
  const attachments = principals.flatMap((principal) => principal.attachments);
  const arns = [
    ...new Set([...principals, ...attachments.map(({ attachedTo: arn }) => ({ arn }))].map(({ arn }) => arn)),
  ];
  const grants = new Map(attachments.map((attachment) => [keyOf(attachment), attachment]));
  const numbers = new Map([...grants.keys()].map((key, number) => [key, number]));
  const own = arns.map((arn) => {
    const held = attachments.filter(({ attachedTo }) => attachedTo === arn).map(keyOf);
    return [...new Set(held)].map((key) => numbers.get(key) ?? -1);
  });
  const groups = arns.map((arn) => {
    const held = principals.find((principal) => principal.arn === arn)?.attachments ?? [];
    return [...new Set(held.map(({ attachedTo }) => arns.indexOf(attachedTo)))].filter((place) => arns[place] !== arn);
  });
  const holdings = { account: ACCOUNT, grants: [...grants.values()], arns, own: lists(own), groups: lists(groups) };
  return principals.map(({ kind, arn, issued }, place) => new Holder({ holdings, place, kind, arn, issued }));
}

function keyOf({ policy, scope, notBefore, expiresAt }: PrincipalFacts["attachments"][number]): string {
  return JSON.stringify([policy.reference, policy.compiled?.document ?? null, scope, notBefore, expiresAt]);
}

function lists(of: readonly (readonly number[])[]): Lists {
  const starts = of.map((_, place) => of.slice(0, place).flat().length);
  return { starts: Int32Array.from([...starts, of.flat().length]), numbers: Int32Array.from(of.flat()) };
}

/** What the answer about all and the answers about each do not agree on. */
export interface Disagreement {
  readonly principal: string;
  readonly action: string;
  readonly resource: string;
  readonly all: string;
  readonly each: string;
}

export interface AccountsRun {
  readonly questions: number;
  /** How often each outcome was given. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly found: Disagreement | null;
}

/** Asks about all principals at once and about each by itself; the first disagreement, or null. */
export function compareAccounts(seed: number, accounts: number): AccountsRun {
  const maker = new CaseMaker(seed);
  const outcomes: Record<string, number> = {};
  let questions = 0;
  for (let turn = 0; turn < accounts; turn++) {
    const { principals, questions: asked } = randomAccount(maker);
    for (const question of asked) {
      for (const action of question.actions) {
        const found = compare(principals, question, action, outcomes);
        questions++;
        if (found !== null) return { questions, outcomes, found };
      }
    }
  }
  return { questions, outcomes, found: null };
}

function compare(
  principals: readonly PrincipalFacts[],
  source: ReferenceQuestion,
  action: string,
  outcomes: Record<string, number>,
): Disagreement | null {
  const { precedence: scopePrecedence, now } = source;
  const resource = new EvaluatorWorld({ principal: `${RAM}root`, attachments: [] }).resource(source.resource);
  const context = buildContext({ entries: Object.entries(source.context).map(([key, values]) => ({ key, values })) });
  const toAll = new QuestionToAll({ resource, context, now }, action, scopePrecedence);
  const holders = inCommon(principals);
  for (const [place, principal] of principals.entries()) {
    const question = { principal, resource, context, now, sessionPolicy: null };
    const [verdict] = decideActions(question, [action], { scopePrecedence, detail: "OUTCOME" });
    const [all, each] = [toAll.outcomeFor(holders[place] ?? principal), verdict?.outcome ?? ""];
    outcomes[each] = (outcomes[each] ?? 0) + 1;
    if (all !== each) return { principal: principal.arn, action, resource: resource.arn, all, each };
    const alone = new QuestionToAll({ resource, context, now }, action, scopePrecedence).outcomeFor(principal);
    if (alone !== each) return { principal: principal.arn, action, resource: resource.arn, all: alone, each };
  }
  return null;
}
