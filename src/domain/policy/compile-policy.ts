import { type CompiledCondition, compileCondition } from "../condition/evaluate-conditions.js";
import { anyTestOf, leaningOf, not, type Truth } from "../condition/truth.js";
import type { Diagnostic } from "../evaluation/decision.js";
import { MOST_NOTES } from "../evaluation/diagnostics.js";
import type { ResourceTarget } from "../evaluation/evaluation-request.js";
import { once } from "../once.js";
import { compileGlob, foldCase, type Glob, hasWildcard, searchCost } from "../wildcard.js";
import type { Effect, PatternBlock, PolicyDocument, Statement } from "./document.js";
import { compilePrincipal, type PrincipalMatcher } from "./principal-pattern.js";
import { compileResourcePattern, type ResourcePattern } from "./resource-pattern.js";

/** A policy ready for evaluation. Immutable, so it may be shared by everything that evaluates the same document. */
export interface CompiledPolicy {
  readonly document: PolicyDocument;
  readonly statements: readonly CompiledStatement[];
}

export interface CompiledStatement {
  readonly index: number;
  readonly effect: Effect;
  readonly sid: string | null;
  readonly actions: ActionMatcher;
  readonly resources: ResourceMatcher;
  /** Null outside trust policies. */
  readonly matchesCaller: PrincipalMatcher | null;
  readonly conditions: readonly CompiledCondition[];
  /** A condition looks at the requested action. */
  readonly readsAction: boolean;
  /** A condition compares the current time. */
  readonly readsTime: boolean;
}

/** A compiled action block, negation included. */
export interface ActionMatcher {
  /** Takes the action in lower case. */
  readonly matches: (foldedAction: string) => boolean;
  /** Work for one character of an action. */
  readonly cost: number;
}

/** A compiled resource block, negation included. */
export interface ResourceMatcher {
  readonly matches: (target: ResourceTarget) => Truth;
  readonly matchesItemOf: (container: ResourceTarget) => boolean;
  /**
   * What the folded relative id of every resource that it can match starts with, one of these; null where it can match
   * any, or has something to say about all.
   */
  readonly prefixes: readonly string[] | null;
  /** Work for one character of an ARN. */
  readonly cost: number;
  /** Null: nothing to say. */
  readonly diagnostics: (() => readonly Diagnostic[]) | null;
}

const ANY_RESOURCE: ResourceMatcher = {
  matches: () => "true",
  matchesItemOf: () => true,
  prefixes: null,
  cost: 0,
  diagnostics: null,
};

/** Compiles a document once; evaluation never looks at its text again. */
export function compilePolicy(document: PolicyDocument): CompiledPolicy {
  return { document, statements: document.statements.map(compileStatement) };
}

function compileStatement(statement: Statement, index: number): CompiledStatement {
  const { effect, sid, actions, resources, principal } = statement;
  const conditions = statement.conditions.map((condition) => compileCondition(condition, effect));
  return {
    index,
    effect,
    sid,
    actions: compileActions(actions),
    resources: resources === null ? ANY_RESOURCE : compileResources(resources, effect),
    matchesCaller: principal === null ? null : compilePrincipal(principal, effect),
    conditions,
    readsAction: conditions.some(({ reads }) => reads === "action"),
    readsTime: conditions.some(({ flips, timeVolatile }) => flips.length > 0 || timeVolatile),
  };
}

function compileActions({ negated, patterns }: PatternBlock): ActionMatcher {
  const matches = compileActionList(patterns.map(foldCase));
  const cost = patterns.reduce((sum, pattern) => sum + searchCost(pattern), 0);
  return { matches: negated ? (action) => !matches(action) : matches, cost };
}

function compileActionList(patterns: readonly string[]): Glob {
  if (patterns.includes("*")) return () => true;
  const names = new Set(patterns.filter((pattern) => !hasWildcard(pattern)));
  const globs = patterns.filter(hasWildcard).map(compileGlob);
  if (globs.length === 0) return (action) => names.has(action);
  return (action) => names.has(action) || globs.some((glob) => glob(action));
}

function compileResources(block: PatternBlock, effect: Effect): ResourceMatcher {
  if (block.negated && effect === "Allow") return unsupportedComplement();
  const patterns = block.patterns.map((text) => compileResourcePattern(text, leaningOf(effect, block.negated)));
  const notes = patterns.flatMap(({ diagnostic }) => diagnostic ?? []).slice(0, MOST_NOTES);
  const matches = matchesAnyPattern(patterns);
  return {
    matches: block.negated ? (target) => not(matches(target)) : matches,
    matchesItemOf: (container) => patterns.some((pattern) => pattern.matchesItemOf(container)),
    prefixes: block.negated || notes.length > 0 ? null : commonPrefixes(patterns),
    cost: patterns.reduce((sum, { cost }) => sum + cost, 0),
    diagnostics: notes.length === 0 ? null : once(() => notes.map((note) => note())),
  };
}

/** What the relative id starts with is compared first: that is one text for each pattern, and all that most lists are asked. */
function matchesAnyPattern(patterns: readonly ResourcePattern[]): (target: ResourceTarget) => Truth {
  const [only] = patterns;
  if (patterns.length === 1 && only !== undefined) return only.matches;
  const prefixes = commonPrefixes(patterns);
  if (prefixes === null) return (target) => anyTestOf(patterns, target);
  return (target) => (startsWithAny(target.foldedId, prefixes) ? anyTestOf(patterns, target) : "false");
}

function startsWithAny(text: string, prefixes: readonly string[]): boolean {
  for (const prefix of prefixes) if (text.startsWith(prefix)) return true;
  return false;
}

/** Null as soon as one pattern can match anything. No prefix starts with another, so a resource has at most one. */
function commonPrefixes(patterns: readonly ResourcePattern[]): readonly string[] | null {
  const prefixes: string[] = [];
  for (const prefix of [...new Set(patterns.map((pattern) => pattern.prefix))].sort()) {
    if (prefix === "") return null;
    if (!prefix.startsWith(prefixes.at(-1) ?? "\0")) prefixes.push(prefix);
  }
  return prefixes;
}

/** D2: `NotResource` in an Allow never matches. */
function unsupportedComplement(): ResourceMatcher {
  const message = "`NotResource` is not supported in an Allow statement, which therefore grants nothing";
  return {
    matches: () => "false",
    matchesItemOf: () => false,
    prefixes: null,
    cost: 0,
    diagnostics: () => [{ code: "UNSUPPORTED_ELEMENT", message }],
  };
}
