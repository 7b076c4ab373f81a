import { type CompiledCondition, compileCondition } from "../condition/evaluate-conditions.js";
import { anyOf, leaningOf, not, type Truth } from "../condition/truth.js";
import type { Diagnostic } from "../evaluation/decision.js";
import type { ResourceTarget } from "../evaluation/evaluation-request.js";
import { compileGlob, foldCase, type Glob, hasWildcard } from "../wildcard.js";
import type { Effect, PatternBlock, PolicyDocument, Statement } from "./document.js";
import { compilePrincipal, type PrincipalMatcher } from "./principal-pattern.js";
import { compileResourcePattern } from "./resource-pattern.js";

/** A policy ready for evaluation. Immutable, so it may be shared by everything that evaluates the same document. */
export interface CompiledPolicy {
  readonly document: PolicyDocument;
  readonly statements: readonly CompiledStatement[];
}

export interface CompiledStatement {
  readonly index: number;
  readonly effect: Effect;
  readonly sid: string | null;
  /** Takes the action in lower case; negation is part of it. */
  readonly matchesAction: (foldedAction: string) => boolean;
  readonly resources: ResourceMatcher;
  /** Null outside trust policies. */
  readonly matchesCaller: PrincipalMatcher | null;
  readonly conditions: readonly CompiledCondition[];
}

/** A compiled resource block, negation included. */
export interface ResourceMatcher {
  readonly matches: (target: ResourceTarget) => Truth;
  readonly matchesItemOf: (container: ResourceTarget) => boolean;
  readonly diagnostics: readonly Diagnostic[];
}

const ANY_RESOURCE: ResourceMatcher = { matches: () => "true", matchesItemOf: () => true, diagnostics: [] };

/** Compiles a document once; evaluation never looks at its text again. */
export function compilePolicy(document: PolicyDocument): CompiledPolicy {
  return { document, statements: document.statements.map(compileStatement) };
}

function compileStatement(statement: Statement, index: number): CompiledStatement {
  const { effect, sid, actions, resources, principal, conditions } = statement;
  return {
    index,
    effect,
    sid,
    matchesAction: compileActions(actions),
    resources: resources === null ? ANY_RESOURCE : compileResources(resources, effect),
    matchesCaller: principal === null ? null : compilePrincipal(principal, effect),
    conditions: conditions.map((condition) => compileCondition(condition, effect)),
  };
}

function compileActions({ negated, patterns }: PatternBlock): (foldedAction: string) => boolean {
  const matches = compileActionList(patterns.map(foldCase));
  return negated ? (action) => !matches(action) : matches;
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
  const diagnostics = patterns.flatMap((pattern) => pattern.diagnostics);
  const [only] = patterns;
  const single = patterns.length === 1 && only !== undefined ? only.matches : null;
  const matches = single ?? ((target: ResourceTarget) => anyOf(patterns.map((pattern) => pattern.matches(target))));
  return {
    matches: block.negated ? (target) => not(matches(target)) : matches,
    matchesItemOf: (container) => patterns.some((pattern) => pattern.matchesItemOf(container)),
    diagnostics,
  };
}

/** D2: `NotResource` in an Allow never matches. */
function unsupportedComplement(): ResourceMatcher {
  const message = "`NotResource` is not supported in an Allow statement, which therefore grants nothing";
  return {
    matches: () => "false",
    matchesItemOf: () => false,
    diagnostics: [{ code: "UNSUPPORTED_ELEMENT", message }],
  };
}
