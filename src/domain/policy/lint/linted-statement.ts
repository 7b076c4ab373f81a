import { KMS_ACTIONS } from "../../kms/actions.js";
import { RESOURCE_TYPES, type ResourceType } from "../../resource.js";
import { compileGlob, foldCase, globMatchesBeyond, hasWildcard } from "../../wildcard.js";
import type { PatternBlock, Statement } from "../document.js";
import { pointerTo } from "../json-tree.js";
import { splitPattern } from "../resource-pattern.js";

/** One entry of an action or resource block, with its place. */
export interface LintedPattern {
  readonly text: string;
  readonly pointer: string;
}

/** A statement with what rules want to know of it. */
export interface LintedStatement {
  readonly statement: Statement;
  readonly pointer: string;
  readonly actions: readonly LintedPattern[];
  readonly resources: readonly LintedPattern[];
  /** The document's own value of the statement. */
  readonly source: unknown;
}

export function lintedStatement(statement: Statement, pointer: string, source: unknown): LintedStatement {
  const { actions, resources } = statement;
  return {
    statement,
    pointer,
    actions: patternsOf(actions, pointerTo(pointer, actions.negated ? "NotAction" : "Action"), source),
    resources:
      resources === null
        ? []
        : patternsOf(resources, pointerTo(pointer, resources.negated ? "NotResource" : "Resource"), source),
    source,
  };
}

function patternsOf({ patterns }: PatternBlock, pointer: string, source: unknown): LintedPattern[] {
  const isList = Array.isArray(memberOf(source, pointer.slice(pointer.lastIndexOf("/") + 1)));
  return patterns.map((text, index) => ({ text, pointer: isList ? pointerTo(pointer, index) : pointer }));
}

/** A member of a plain JSON value; undefined when it has none. */
export function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

const ACTION_NAMES = [...KMS_ACTIONS.keys()].map((name) => ({ name, folded: foldCase(name) }));
const BY_FOLDED_NAME: ReadonlyMap<string, string> = new Map(ACTION_NAMES.map(({ name, folded }) => [folded, name]));

/** The actions of KMS that a pattern names, in canonical spelling. */
export function kmsActionsOf(pattern: string): readonly string[] {
  const folded = foldCase(pattern);
  if (!hasWildcard(folded)) {
    const known = BY_FOLDED_NAME.get(folded);
    return known === undefined ? [] : [known];
  }
  const glob = compileGlob(folded);
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

/** The kinds of KMS resource that a resource pattern can match; null when it is not readable as an ARN. */
export function typesOf(pattern: string): ReadonlySet<ResourceType> | null {
  if (pattern === "*") return new Set(RESOURCE_TYPES);
  const segments = /\$\{|,/.test(pattern) ? null : splitPattern(pattern);
  if (segments === null) return null;
  if (!compileGlob(foldCase(segments.service))("kms")) return new Set();
  const glob = compileGlob(segments.relativeId);
  return new Set(
    RESOURCE_TYPES.filter((type) => {
      const prefix = ITEM_PREFIXES[type];
      if (prefix !== undefined) return globMatchesBeyond(segments.relativeId, prefix);
      return type.endsWith("_CONTAINER") && glob(type.slice(0, -"_CONTAINER".length).toLowerCase());
    }),
  );
}
