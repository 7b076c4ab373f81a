import type { AttachedPolicy } from "../evaluation/access-request.js";
import { coversArn, coversArnExactly, coversText, disjointArn, disjointText } from "../policy/cover.js";
import type { Condition, Effect, PatternBlock } from "../policy/document.js";
import { splitPattern } from "../policy/resource-pattern.js";
import { foldCase } from "../wildcard.js";
import type { Budget } from "./budget.js";

/** Actions on resources under conditions, in a scope, for a time: what one statement of an attached policy speaks about. */
export interface Right {
  readonly actions: PatternBlock;
  readonly resources: PatternBlock;
  readonly conditions: readonly Condition[];
  /** Resource group that it is limited to; null: the whole account. */
  readonly group: string | null;
  /** Milliseconds since the epoch; infinite where there is no bound. */
  readonly from: number;
  readonly until: number;
  /** The document is not known, and may say it or not (D4). */
  readonly doubtful?: true;
}

/** What the policies of a principal say, taken apart. */
export interface Rights {
  readonly allowed: readonly Right[];
  readonly denied: readonly Right[];
}

/** Statements of policies that are in force at `now` or later. */
export function rightsIn(attachments: readonly AttachedPolicy[], now: number): Rights {
  const current = attachments.filter(({ expiresAt }) => expiresAt === null || expiresAt > now);
  const of = (effect: Effect) => current.flatMap((attachment) => rightsOf(attachment, effect));
  return { allowed: of("Allow"), denied: of("Deny") };
}

const EVERYTHING = { actions: only("*"), resources: only("*"), conditions: [] };

function rightsOf({ policy, scope, notBefore, expiresAt }: AttachedPolicy, wanted: Effect): Right[] {
  const bounds = { from: notBefore ?? Number.NEGATIVE_INFINITY, until: expiresAt ?? Number.POSITIVE_INFINITY };
  const group = scope.kind === "ACCOUNT" ? null : scope.resourceGroup;
  if (policy.compiled === null) return [{ ...EVERYTHING, group, ...bounds, doubtful: true }];
  return policy.compiled.document.statements.flatMap(({ effect, actions, resources, conditions }) =>
    effect === wanted && resources !== null ? [{ actions, resources, conditions, group, ...bounds }] : [],
  );
}

/** An Allow, one for each of its patterns; what can match nothing (D2, D18, D29) is left out. */
export function parted(right: Right): Right[] {
  const { actions, resources } = right;
  if (resources.negated) return [];
  const actionParts = actions.negated ? [actions] : actions.patterns.map(only);
  const resourceParts = resources.patterns.filter(canMatch).map(only);
  return actionParts.flatMap((one) => resourceParts.map((other) => ({ ...right, actions: one, resources: other })));
}

function canMatch(pattern: string): boolean {
  return pattern === "*" || (splitPattern(pattern) !== null && !/\$\{|,/.test(pattern));
}

/** A Deny, read as an Allow without conditions of all that it may deny: what is no ARN is tried on everything (D5, D18). */
export function partsOfDenied(denied: Right): Right[] {
  const { negated, patterns } = denied.resources;
  const wide = negated ? ["*"] : patterns.map((pattern) => (canMatch(pattern) ? pattern : "*"));
  return parted({ ...denied, resources: { negated: false, patterns: wide }, conditions: [] });
}

function only(pattern: string): PatternBlock {
  return { negated: false, patterns: [pattern] };
}

/**
 * Whether `wide`, an Allow, allows whatever `narrow`, a part of an Allow, does, whoever asks. Sound, not complete.
 *
 * @param sameHolder both are of one principal, under one name
 */
export function includes(wide: Right, narrow: Right, budget: Budget, sameHolder = false): boolean {
  return (
    !wide.doubtful &&
    lasts(wide, narrow) &&
    (wide.group === null || wide.group === narrow.group) &&
    areAmong(narrow.conditions, wide.conditions, sameHolder) &&
    !wide.resources.negated &&
    actionsWithin(narrow.actions, wide.actions, budget) &&
    narrow.resources.patterns.every((inner) =>
      wide.resources.patterns.some((outer) => budget.spend() && coversArnExactly(outer, inner)),
    )
  );
}

function lasts(wide: Right, narrow: Right): boolean {
  return wide.from <= narrow.from && narrow.until <= wide.until;
}

/** Nobody's second factor or address is another one's: between two who ask, only what the gateway knows itself is the same. */
function areAmong(given: readonly Condition[], wanted: readonly Condition[], sameHolder: boolean): boolean {
  return wanted.every((each) => (sameHolder || isAboutResource(each)) && given.some(isLike(each)));
}

function isAboutResource({ key }: Condition): boolean {
  return /^(kms:tag\/|acs:resourcetag\/|acs:currenttime$)/.test(foldCase(key));
}

function isLike(one: Condition): (other: Condition) => boolean {
  const text = JSON.stringify(one);
  return (other) => JSON.stringify(other) === text;
}

export function readsPrincipal({ key }: Condition): boolean {
  return foldCase(key) === "acs:principalarn";
}

/** Whether a Deny can take something from what an Allow, or a part of one, gives. Says so when in doubt. */
export function touches(denied: Right, allowed: Right, budget: Budget): boolean {
  if (denied.until <= allowed.from || allowed.until <= denied.from) return false;
  if (denied.group !== null && allowed.group !== null && denied.group !== allowed.group) return false;
  return !actionsApart(allowed.actions, denied.actions, budget) && !resourcesApart(allowed, denied, budget);
}

function resourcesApart({ resources: { patterns } }: Right, { resources: denied }: Right, budget: Budget): boolean {
  return patterns.every((pattern) =>
    denied.negated
      ? denied.patterns.some((kept) => budget.spend() && coversArnExactly(kept, pattern))
      : denied.patterns.every((other) => budget.spend() && disjointArn(other, pattern)),
  );
}

/** Whether a Deny denies all that another one does. Sound, not complete. @param sameHolder as for `includes` */
export function denies(wide: Right, narrow: Right, budget: Budget, sameHolder = false): boolean {
  return (
    !wide.doubtful &&
    lasts(wide, narrow) &&
    (wide.group === null || wide.group === narrow.group) &&
    areAmong(narrow.conditions, wide.conditions, sameHolder) &&
    actionsWithin(narrow.actions, wide.actions, budget) &&
    deniedWithin(narrow.resources, wide.resources, budget)
  );
}

function deniedWithin(narrow: PatternBlock, wide: PatternBlock, budget: Budget): boolean {
  if (!wide.negated && wide.patterns.includes("*")) return true;
  if (narrow.negated || wide.negated) return JSON.stringify(narrow) === JSON.stringify(wide);
  return narrow.patterns.every((inner) => wide.patterns.some((outer) => budget.spend() && coversArn(outer, inner)));
}

/** Of one pattern, or of a whole exception. */
function actionsWithin(narrow: PatternBlock, wide: PatternBlock, budget: Budget): boolean {
  const { patterns: inner } = narrow;
  const covers = (outer: string, pattern: string) => budget.spend() && coversText(outer, pattern);
  if (narrow.negated) {
    if (!wide.negated) return wide.patterns.includes("*");
    return wide.patterns.every((pattern) => inner.some((kept) => covers(kept, pattern)));
  }
  if (!wide.negated) return inner.every((pattern) => wide.patterns.some((outer) => covers(outer, pattern)));
  return inner.every((pattern) => wide.patterns.every((kept) => budget.spend() && disjointText(kept, pattern)));
}

function actionsApart(one: PatternBlock, other: PatternBlock, budget: Budget): boolean {
  const within = (patterns: readonly string[], kept: readonly string[]) =>
    patterns.every((pattern) => kept.some((each) => budget.spend() && coversText(each, pattern)));
  if (one.negated && other.negated) return false;
  if (one.negated) return within(other.patterns, one.patterns);
  if (other.negated) return within(one.patterns, other.patterns);
  return one.patterns.every((left) => other.patterns.every((right) => budget.spend() && disjointText(left, right)));
}
