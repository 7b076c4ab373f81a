import { RAM_LIMITS } from "../../limits.js";
import { coversArn, coversText, disjointArn, disjointText } from "../cover.js";
import type { PatternBlock } from "../document.js";
import type { Remark } from "./finding.js";
import { type LintedStatement, plainDenies } from "./linted-statement.js";

/** Pairs of patterns that are compared at most; a document that needs more is left alone. */
const MOST_COMPARISONS = 30_000;

/** Allow statements that a Deny of the same document, which depends on nothing, covers as a whole. */
export function deadStatements(statements: readonly LintedStatement[]): Remark[] {
  const denies = plainDenies(statements);
  let comparisons = 0;
  return statements.flatMap(({ statement, pointer }) => {
    if (statement.effect !== "Allow" || statement.actions.negated || statement.resources?.negated !== false) return [];
    comparisons += denies.reduce((sum, deny) => sum + weightOf(deny) * weightOf({ statement }), 0);
    const deny = comparisons > MOST_COMPARISONS ? undefined : denies.find((each) => covers(each, statement));
    if (deny === undefined) return [];
    const message = `the Deny at \`${deny.pointer}\` covers all of this statement, which therefore allows nothing`;
    return [{ code: "DEAD_STATEMENT" as const, pointer, message }];
  });
}

type Bare = Pick<LintedStatement, "statement">;

function weightOf({ statement }: Bare): number {
  return statement.actions.patterns.length + (statement.resources?.patterns.length ?? 0);
}

function covers({ statement: deny }: Bare, { actions, resources }: LintedStatement["statement"]): boolean {
  if (deny.resources === null || resources === null) return false;
  return (
    coversAll(deny.actions, actions.patterns, coversText, disjointText) &&
    coversAll(deny.resources, resources.patterns, coversArn, disjointArn)
  );
}

type Comparison = (outer: string, inner: string) => boolean;

/** A negated block covers what has nothing in common with what it spares. */
function coversAll(
  { negated, patterns }: PatternBlock,
  inner: readonly string[],
  covered: Comparison,
  disjoint: Comparison,
): boolean {
  if (negated) return inner.every((pattern) => patterns.every((spared) => disjoint(spared, pattern)));
  return inner.every((pattern) => patterns.some((outer) => covered(outer, pattern)));
}

export function duplicateStatements(statements: readonly LintedStatement[]): Remark[] {
  const seen = new Map<string, string>();
  return statements.flatMap(({ statement, pointer }) => {
    const text = JSON.stringify({ ...statement, sid: null });
    const first = seen.get(text);
    if (first !== undefined) {
      return [{ code: "DUPLICATE_STATEMENT" as const, pointer, message: `says the same as \`${first}\`` }];
    }
    seen.set(text, pointer);
    return [];
  });
}

/** RAM refuses to store what the gateway still reads. */
export function tooLongForRam(length: number): Remark[] {
  if (length <= RAM_LIMITS.customPolicyCharacters) return [];
  const message = `the document has ${length} characters, RAM stores ${RAM_LIMITS.customPolicyCharacters} at most`;
  const more = length > MOST_EXAMINED ? `; of more than ${MOST_EXAMINED} nothing else is said` : "";
  return [{ code: "TOO_LONG_FOR_RAM", pointer: "", message: message + more }];
}

/** Characters of a document that is worth its rules: what RAM will never store need not be made better. */
export const MOST_EXAMINED = 4 * RAM_LIMITS.customPolicyCharacters;
