// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policy variables are written like that
import type { PrincipalFacts, ResourceFacts, ScopePrecedence } from "../../src/domain/evaluation/access-request.js";
import { buildContext } from "../../src/domain/evaluation/context-keys.js";
import { decideActions } from "../../src/domain/evaluation/decide.js";
import type { Outcome } from "../../src/domain/evaluation/decision.js";
import type { AssumeSearchOptions } from "../../src/domain/reverse/assume-search.js";
import { findWays, type Way } from "../../src/domain/reverse/find-ways.js";
import { EvaluatorWorld } from "./compare-evaluators.js";
import { CaseMaker } from "./random-cases.js";
import type { Json, ReferenceAttachment, ReferenceDocument } from "./reference-evaluator.js";
import { factsOf, inCommon, issuedSession } from "./whole-accounts.js";

const ACCOUNT = "1234567890123456";
const RAM = `acs:ram::${ACCOUNT}:`;
const NOW = Date.parse("2026-06-01T12:00:00Z");
const USERS = ["ann", "Bob", "eve"].map((name) => `${RAM}user/${name}`);
const ROLES = ["a", "b", "c", "Deploy", "e", "f", "g", "h"].map((name) => `${RAM}role/${name}`);
const SESSIONS = ["a/x", "deploy/ci", "h/y"].map((name) => `${RAM}assumed-role/${name}`);
/** Roles on a way, at most: what `MOST_ASSUMED_ROLES` is. */
const MOST = 5;

/** An account, and what each of its principals may do itself. */
interface RandomAccount extends AssumeSearchOptions {
  /** The principals by themselves. */
  readonly facts: readonly PrincipalFacts[];
  readonly outcomes: readonly Outcome[];
}

/** Roles that trust each other in chains and circles, among policies and trust policies of every kind. */
export function randomAccount(maker: CaseMaker): RandomAccount {
  const shape = maker.pick([CHAIN, CHAIN, FORK, NONE, NONE]);
  const noise = Array.from({ length: 2 }, () => maker.world()).flatMap(({ attachments }) => attachments.slice(0, 3));
  const of = (holder: string, next: string | undefined) => attachmentsOf(holder, next, noise, maker);
  const roles = ROLES.map((role, place) => factsOf(role, of(role, shape.next(place))));
  const facts = [
    ...USERS.map((user, place) => factsOf(user, of(user, place === 0 ? shape.first : undefined))),
    ...roles,
    factsOf(`${RAM}root`, []),
    ...SESSIONS.map((session) => sessionOf(session, roles, noise, maker)),
  ];
  const trusts = ROLES.map((role, place) => trustOf(role, shape.trusted(place, maker), maker));
  return {
    ...{
      account: ACCOUNT,
      facts,
      principals: inCommon(facts),
      resource: (arn) => trusts[ROLES.indexOf(arn)] ?? fail(arn),
      now: NOW,
    },
    context: buildContext({ mfaPresent: maker.pick([true, false, null]), sourceIp: maker.pick(["10.0.0.1", null]) }),
    scopePrecedence: maker.pick<ScopePrecedence>(["staged", "deny-overrides"]),
    outcomes: facts.map(({ arn }) => ownOutcome(arn, shape !== NONE, maker)),
  };
}

function fail(arn: string): never {
  throw new Error(`there is no role \`${arn}\``);
}

/** How roles hang together beside what is at random. */
interface Shape {
  /** The first user can assume it. */
  readonly first?: string | undefined;
  /** What the role at this place can assume. */
  readonly next: (place: number) => string | undefined;
  readonly trusted: (place: number, maker: CaseMaker) => readonly string[];
}

const NONE: Shape = { next: () => undefined, trusted: () => [] };
const CHAIN: Shape = {
  ...{ first: ROLES[0], next: (place) => ROLES[place + 1] },
  trusted: (place) => [ROLES[place - 1] ?? USERS[0] ?? ""],
};
/** All to the last one, which names some of the others, in any order. */
const FORK: Shape = {
  ...{ first: "acs:ram:*:*:role/*", next: (place) => (place < 7 ? ROLES[7] : undefined) },
  trusted: (place, maker) =>
    place < 7 ? USERS.slice(0, 1) : [maker.pick(ROLES), maker.pick(ROLES), maker.pick(ROLES)],
};

/** Where roles hang together it is the last ones that may. */
function ownOutcome(arn: string, shaped: boolean, maker: CaseMaker): Outcome {
  if (shaped && ROLES.indexOf(arn) >= 6) return maker.pick(["ALLOW", "ALLOW", "CONDITIONAL", "IMPLICIT_DENY"]);
  const rest: readonly Outcome[] = ["IMPLICIT_DENY", "EXPLICIT_DENY"];
  return maker.chance(shaped ? 0.05 : 0.2) ? maker.pick(["ALLOW", "CONDITIONAL"]) : maker.pick(rest);
}

const CONDITIONS: readonly Json[] = [
  { Bool: { "acs:MFAPresent": "true" } },
  { Bool: { "acs:MFAPresent": "false" } },
  { IpAddress: { "acs:SourceIp": "10.0.0.0/8" } },
  { StringLike: { "acs:PrincipalARN": `${RAM}user/*` } },
  { StringNotEquals: { "acs:PrincipalARN": [`${RAM}role/deploy`, `${RAM}user/ann`] } },
];

function statement(maker: CaseMaker, scope: Json): Json {
  return {
    Effect: maker.chance(0.8) ? "Allow" : "Deny",
    Action: maker.pick(["sts:AssumeRole", "sts:*", "*"]),
    ...scope,
    ...(maker.chance(0.4) ? { Condition: maker.pick(CONDITIONS) } : {}),
  };
}

/** What somebody has; who has a `next` role to assume is seldom kept from it. */
function attachmentsOf(
  holder: string,
  next: string | undefined,
  noise: readonly ReferenceAttachment[],
  maker: CaseMaker,
): ReferenceAttachment[] {
  const free = next === undefined;
  const attached = (
    policy: string,
    document: ReferenceDocument | null,
    group: string | null,
    expiresAt: number | null,
  ) => ({ policy, attachedTo: holder, document, group, notBefore: null, expiresAt }) satisfies ReferenceAttachment;
  const own: ReferenceAttachment[] = [];
  if (maker.chance(free ? 0.7 : 0.2)) {
    const random = documentOf([statement(maker, { Resource: resources(maker) })]);
    own.push(attached("random", free && maker.chance(0.07) ? null : random, null, null));
  }
  if (!free) own.push(attached("next", documentOf([{ ...ASSUME, Effect: "Allow", Resource: next }]), null, null));
  if (maker.chance(0.15)) {
    const idle = documentOf([{ ...ASSUME, Effect: maker.pick(["Allow", "Deny", "Deny"]), Resource: "*" }]);
    own.push(maker.chance(0.5) ? attached("over", idle, null, NOW) : attached("elsewhere", idle, "rg-1", null));
  }
  if (noise.length > 0 && maker.chance(free ? 0.2 : 0.05)) own.push({ ...maker.pick(noise), attachedTo: holder });
  return own;
}

const ASSUME = { Action: "sts:AssumeRole" };

const resources = (maker: CaseMaker): string[] =>
  maker.chance(0.3)
    ? ["*"]
    : [...maker.atLeastOne(ROLES), ...maker.some([`acs:ram:*:*:role/*`, `${RAM}role/DEPLOY`], 1)];

function documentOf(Statement: Json[]): ReferenceDocument {
  return { Version: "1", Statement } as ReferenceDocument;
}

const TRUSTED = [
  ...[`${RAM}root`, `${RAM}*`, `acs:ram:*:${ACCOUNT}:root`, "acs:ram::*:root", `${RAM}user/*`, `${RAM}role/?`],
  ...[`${RAM}user/BOB`, `acs:ram:*:${ACCOUNT}:user/ann`, `${RAM}role/DEPLOY`, `${RAM}assumed-role/Deploy/ci`, "${x}"],
  ...["acs:ram::6543210987654321:root", "acs:ram::6543210987654321:user/ann"],
];

function trustOf(role: string, trusted: readonly string[], maker: CaseMaker): ResourceFacts {
  const named = () => [...maker.some([...TRUSTED, ...ROLES, ...USERS], 2), maker.pick([...TRUSTED, ...ROLES])];
  const random = () => statement(maker, { Principal: { RAM: named() } });
  const statements = maker.chance(trusted.length === 0 ? 0.8 : 0.2) ? [random()] : [];
  const link = { Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM: trusted } };
  if (trusted.length > 0) statements.push(link);
  if (statements.length === 0) statements.push({ ...link, Principal: { Service: "ecs.aliyuncs.com" } });
  const trust = maker.chance(0.1) ? maker.trust() : documentOf(statements);
  const facts = { arn: role, registered: maker.chance(0.97), resourceGroup: null, tags: {}, trust };
  return new EvaluatorWorld({ principal: role, attachments: [] }).resource(facts);
}

function sessionOf(
  session: string,
  roles: readonly PrincipalFacts[],
  noise: readonly ReferenceAttachment[],
  maker: CaseMaker,
): PrincipalFacts {
  const name = session.replace("assumed-role", "role").replace(/\/[^/]*$/, "");
  const role = roles.find(({ arn }) => arn.toLowerCase() === name);
  const issued = Array.from({ length: maker.below(3) }, () => issuedSession(NOW, noise, maker));
  return { ...factsOf(session, []), attachments: role?.attachments ?? [], issued };
}

type Edges = readonly (readonly boolean[])[];

/** For each principal the shortest way, by definition: of each length the first by the places of the roles. */
function shortestWays(edges: Edges, ends: ReadonlySet<number>, most: number): (readonly number[] | null)[] {
  let ways = edges.map((_, place): readonly number[] | null => (ends.has(place) ? [] : null));
  const shortest = [...ways];
  for (let length = 1; length <= most; length++) {
    ways = edges.map((row) => firstOf(row.map((leads, role) => (leads && ways[role] ? [role, ...ways[role]] : null))));
    for (const [place, way] of ways.entries()) shortest[place] ??= way;
  }
  return shortest;
}

function firstOf<T>(candidates: readonly (T | null)[]): T | null {
  return candidates.find((candidate) => candidate !== null) ?? null;
}

/** The ways of somebody: what they should be, and what would be one if rules were others. */
interface Expected {
  readonly way: Way | null;
  readonly longer: boolean;
  /** A way that depends on context, or none at all where it may itself under conditions, would be shorter. */
  readonly shorter: boolean;
}

function waysByDefinition(account: RandomAccount, includeConditional: boolean): Expected[] {
  const { facts: principals, outcomes } = account;
  const pairs = principals.map((principal) => principals.map((role) => mayAssume(principal, role, account)));
  const search = (worst: Way["outcome"], most: number) => {
    const isGood = (outcome: Outcome) => outcome === "ALLOW" || outcome === worst;
    const ends = new Set(outcomes.flatMap((outcome, end) => (isGood(outcome) ? end : [])));
    return shortestWays(
      pairs.map((row) => row.map(isGood)),
      ends,
      most,
    );
  };
  const [certain, open, longer] = [search("ALLOW", MOST), search("CONDITIONAL", MOST), search("ALLOW", MOST + 2)];
  return principals.map((_, place) => {
    const [sure, other] = [certain[place] ?? null, open[place] ?? null];
    const outcome = sure === null ? "CONDITIONAL" : "ALLOW";
    const roles = sure ?? (includeConditional ? other : null) ?? [];
    return {
      way: roles.length === 0 ? null : { outcome, roles },
      longer: sure === null && (longer[place] ?? null) !== null,
      shorter: sure !== null && other !== null && other.length < sure.length,
    };
  });
}

function kindsOf({ way, longer, shorter }: Expected): string[] {
  const kinds = way === null ? [] : [`${way.outcome} ${way.roles.length}`];
  if (longer) kinds.push("too long");
  if (shorter) kinds.push("rather than a shorter one that is conditional");
  return kinds;
}

function mayAssume(principal: PrincipalFacts, role: PrincipalFacts, account: RandomAccount): Outcome {
  if (role.kind !== "ROLE") return "IMPLICIT_DENY";
  const { context, now, scopePrecedence } = account;
  const question = { principal, resource: account.resource(role.arn), context, now, sessionPolicy: null };
  const [verdict] = decideActions(question, ["sts:AssumeRole"], { scopePrecedence, detail: "OUTCOME" });
  return verdict?.outcome ?? "IMPLICIT_DENY";
}

export interface AssumeRun {
  /** How many ways of each outcome have each length: `ALLOW 2`. */
  readonly seen: Readonly<Record<string, number>>;
  /** What is there, and what should be. */
  readonly found: string | null;
}

/** Looks for ways in random accounts, and for each principal by itself; the first disagreement, or null. */
export function compareWays(seed: number, accounts: number): AssumeRun {
  const maker = new CaseMaker(seed);
  const seen: Record<string, number> = {};
  for (let turn = 0; turn < accounts; turn++) {
    const account = randomAccount(maker);
    for (const includeConditional of [false, true]) {
      const found = atOnce(findWays(account, account.outcomes, includeConditional));
      const ways = account.principals.map((_, place) => found.get(place) ?? null);
      const expected = waysByDefinition(account, includeConditional);
      const wanted = expected.map(({ way }) => way);
      if (JSON.stringify(ways) !== JSON.stringify(wanted)) return { seen, found: JSON.stringify([ways, wanted]) };
      for (const kind of expected.flatMap(kindsOf)) seen[kind] = (seen[kind] ?? 0) + 1;
    }
  }
  return { seen, found: null };
}

/** Does work that pauses without pausing. */
export function atOnce<Result>(work: Generator<void, Result>): Result {
  for (let step = work.next(); ; step = work.next()) if (step.done) return step.value;
}

/** Users who all hold one policy with these statements, and roles with one trust policy, all of which may. */
export function crowd(size: { readonly users: number; readonly roles: number }, statements: Json[], trusting: Json) {
  const arns = Array.from({ length: size.users }, (_, place) => `${RAM}user/u${place}`);
  const roles = Array.from({ length: size.roles }, (_, place) => `${RAM}role/r${place}`);
  const window = { group: null, notBefore: null, expiresAt: null };
  const document = documentOf(statements);
  const attachments = [{ policy: "P", attachedTo: `${RAM}group/all`, document, ...window }];
  const facts = [...arns.map((arn) => factsOf(arn, attachments)), ...roles.map((arn) => factsOf(arn, []))];
  const principals = inCommon(facts);
  const trust = documentOf([{ Effect: "Allow", Action: "sts:AssumeRole", ...trusting }]);
  const world = new EvaluatorWorld({ principal: arns[0] ?? "", attachments: [] });
  const resource = (arn: string) => world.resource({ arn, registered: true, resourceGroup: null, tags: {}, trust });
  const options: AssumeSearchOptions = {
    ...{ account: ACCOUNT, principals, resource, context: new Map(), now: NOW, scopePrecedence: "staged" },
  };
  return { options, outcomes: principals.map(({ kind }) => (kind === "ROLE" ? "ALLOW" : "IMPLICIT_DENY") as Outcome) };
}
