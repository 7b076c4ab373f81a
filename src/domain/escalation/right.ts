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
  readonly conditions: readonly RightCondition[];
  /** Resource group that it is limited to; null: the whole account. */
  readonly group: string | null;
  /** Milliseconds since the epoch; infinite where there is no bound. */
  readonly from: number;
  readonly until: number;
  /** The document is not known, and may say it or not (D4). */
  readonly doubtful?: true;
}

interface RightCondition {
  /** Equal for conditions that come out the same on the same request. */
  readonly text: string;
  /** On tags of the resource or on the time, which are the same for all who ask. */
  readonly shared: boolean;
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
    effect === wanted && resources !== null
      ? [{ actions, resources, conditions: conditions.map(readCondition), group, ...bounds }]
      : [],
  );
}

function readCondition(condition: Condition): RightCondition {
  const shared = /^(kms:tag\/|acs:resourcetag\/|acs:currenttime$)/.test(foldCase(condition.key));
  return { text: JSON.stringify(condition), shared };
}

/** An Allow, one for each of its patterns; what can match nothing (D2, D18, D29) is left out. */
export function parted(right: Right, budget: Budget): Right[] {
  const { actions, resources } = right;
  if (resources.negated) return [];
  const actionParts = actions.negated ? [actions] : [...new Set(actions.patterns)].map(only);
  const resourceParts = [...new Set(resources.patterns)].filter(canMatch).map(only);
  return actionParts.flatMap((one) =>
    resourceParts.flatMap((other) => (budget.spend() ? [{ ...right, actions: one, resources: other }] : [])),
  );
}

function canMatch(pattern: string): boolean {
  return pattern === "*" || (splitPattern(pattern) !== null && !/\$\{|,/.test(pattern));
}

/**
 * A Deny, read as an Allow without conditions of all that it may deny. It reaches further than an Allow of the same text:
 * names in any case, the nameless `*`, and from what is no ARN anything (C4, D5, D6, D18).
 */
export function partsOfDenied(denied: Right, budget: Budget): Right[] {
  const { negated, patterns } = denied.resources;
  const wide = negated ? ["*"] : patterns.flatMap(reachOf);
  return parted({ ...denied, resources: { negated: false, patterns: wide }, conditions: [] }, budget);
}

/** Only a star stands for a letter whose case does not count, which here is written as a question mark. */
function reachOf(pattern: string): string[] {
  const segments = splitPattern(pattern);
  if (segments === null || pattern.includes("${")) return ["*"];
  const { partition, service, region, account, relativeId } = segments;
  const [type = "", ...names] = relativeId.split("/");
  const name = names.length === 0 ? type : `${type}/${anyCase(names.join("/"))}`;
  const place = region === foldCase(region) ? region : anyCase(region);
  const arn = [partition, service, place, account, name].join(":");
  const nameless = [region, account, relativeId].every((part) => coversText(part, "*"));
  return nameless ? [arn, "*"] : [arn];
}

function anyCase(text: string): string {
  return text.replace(/[A-Za-z]/g, "?");
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
    budget.spend() &&
    !wide.doubtful &&
    lasts(wide, narrow) &&
    (wide.group === null || wide.group === narrow.group) &&
    !wide.resources.negated &&
    actionsWithin(narrow.actions, wide.actions, budget) &&
    areAmong(narrow, wide, budget, sameHolder) &&
    narrow.resources.patterns.every((inner) =>
      wide.resources.patterns.some((outer) => budget.spend() && coversArnExactly(outer, inner)),
    )
  );
}

function lasts(wide: Right, narrow: Right): boolean {
  return wide.from <= narrow.from && narrow.until <= wide.until;
}

/** Nobody's second factor or address is another one's: between two who ask, only some conditions come out the same. */
function areAmong(narrow: Right, wide: Right, budget: Budget, sameHolder: boolean): boolean {
  return wide.conditions.every(
    ({ text, shared }) =>
      (sameHolder || shared) && narrow.conditions.some((each) => budget.spend() && each.text === text),
  );
}

export function readsPrincipal({ key }: Condition): boolean {
  return foldCase(key) === "acs:principalarn";
}

/** Whether a Deny can take something from what an Allow, or a part of one, gives. Says so when in doubt. */
export function touches(denied: Right, allowed: Right, budget: Budget): boolean {
  budget.spend();
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
    budget.spend() &&
    !wide.doubtful &&
    lasts(wide, narrow) &&
    (wide.group === null || wide.group === narrow.group) &&
    actionsWithin(narrow.actions, wide.actions, budget) &&
    areAmong(narrow, wide, budget, sameHolder) &&
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
