import { KMS_ACTIONS } from "../../kms/actions.js";
import { RESOURCE_TYPES, type ResourceType } from "../../resource.js";
import { compileGlob, compileTextGlob, foldCase, GlobText, globMatchesBeyond, hasWildcard } from "../../wildcard.js";
import type { Effect, PatternBlock, Statement } from "../document.js";
import { pointerTo } from "../json-tree.js";
import { splitPattern } from "../resource-pattern.js";

/** One entry of an action or resource block, with its place. */
export interface LintedPattern {
  readonly text: string;
  readonly pointer: string;
}

/** An action pattern with the actions of KMS that it names, which are worked out once: there are many to try. */
export interface LintedAction extends LintedPattern {
  readonly named: readonly string[];
}

/** A statement with what rules want to know of it. */
export interface LintedStatement {
  readonly statement: Statement;
  readonly pointer: string;
  readonly actions: readonly LintedAction[];
  /** All actions of KMS that are named, each once. */
  readonly named: readonly string[];
  readonly resources: readonly LintedPattern[];
  /** The document's own value of the statement. */
  readonly source: unknown;
}

export function lintedStatement(statement: Statement, pointer: string, source: unknown): LintedStatement {
  const actions = patternsOf(statement.actions, pointerTo(pointer, nameOf("Action", statement.actions)), source).map(
    (pattern): LintedAction => ({ ...pattern, named: kmsActionsOf(pattern.text) }),
  );
  const named = [...new Set(actions.flatMap((action) => action.named))];
  return { statement, pointer, actions, named, resources: resourcesOf(statement, pointer, source), source };
}

function resourcesOf({ resources }: Statement, pointer: string, source: unknown): LintedPattern[] {
  return resources === null ? [] : patternsOf(resources, pointerTo(pointer, nameOf("Resource", resources)), source);
}

function nameOf(name: string, { negated }: PatternBlock): string {
  return negated ? `Not${name}` : name;
}

/** Entries of the list, or the one string, that `pointer` names the last member of `source` by. */
export function patternsOf(
  { patterns }: Pick<PatternBlock, "patterns">,
  pointer: string,
  source: unknown,
): LintedPattern[] {
  const isList = Array.isArray(memberOf(source, pointer.slice(pointer.lastIndexOf("/") + 1)));
  return patterns.map((text, index) => ({ text, pointer: isList ? pointerTo(pointer, index) : pointer }));
}

/** A member of a plain JSON value; undefined when it has none. */
export function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

const ACTION_NAMES = [...KMS_ACTIONS.keys()].map((name) => ({ name, folded: new GlobText(foldCase(name)) }));
const BY_FOLDED_NAME: ReadonlyMap<string, string> = new Map(
  ACTION_NAMES.map(({ name, folded }) => [folded.text, name]),
);

/** The actions of KMS that a pattern names, in canonical spelling. */
export function kmsActionsOf(pattern: string): readonly string[] {
  const folded = foldCase(pattern);
  if (!hasWildcard(folded)) {
    const known = BY_FOLDED_NAME.get(folded);
    return known === undefined ? [] : [known];
  }
  const glob = compileTextGlob(folded);
  return ACTION_NAMES.filter((action) => glob(action.folded)).map(({ name }) => name);
}

/** True for a pattern that names actions of KMS only. */
export function isKmsPattern(pattern: string): boolean {
  return foldCase(pattern).startsWith("kms:");
}

const ITEM_PREFIXES: Readonly<Partial<Record<ResourceType, string>>> = {
  KEY: "key/",
  SECRET: "secret/",
  ALIAS: "alias/",
  CERTIFICATE: "certificate/",
};

/**
 * The kinds of KMS resource that a resource pattern can match under an effect (D6, C4); null when it is not readable as
 * an ARN.
 */
export function typesOf(pattern: string, effect: Effect): ReadonlySet<ResourceType> | null {
  if (pattern === "*") return new Set(RESOURCE_TYPES);
  const segments = /\$\{|,/.test(pattern) ? null : splitPattern(pattern);
  if (segments === null) return null;
  if (!compileGlob(foldCase(segments.service))("kms")) return new Set();
  const relativeId = effect === "Deny" ? foldCase(segments.relativeId) : segments.relativeId;
  const namesNothing = effect === "Deny" && [segments.region, segments.account, relativeId].every(matchesStar);
  return new Set(RESOURCE_TYPES.filter((type) => (type === "NONE" ? namesNothing : reaches(relativeId, type))));
}

/** Actions without a resource are asked on `acs:kms:*:*:*` where a Deny is concerned. */
function matchesStar(pattern: string): boolean {
  return compileGlob(pattern)("*");
}

function reaches(relativeId: string, type: ResourceType): boolean {
  const prefix = ITEM_PREFIXES[type];
  if (prefix !== undefined) return globMatchesBeyond(relativeId, prefix);
  return type.endsWith("_CONTAINER") && compileGlob(relativeId)(type.slice(0, -"_CONTAINER".length).toLowerCase());
}

/** Deny statements that depend on nothing. */
export function plainDenies(statements: readonly LintedStatement[]): LintedStatement[] {
  return statements.filter(({ statement: { effect, conditions } }) => effect === "Deny" && conditions.length === 0);
}
