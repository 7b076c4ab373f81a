import { RAM_LIMITS } from "../../limits.js";
import { compileGlob, foldCase } from "../../wildcard.js";
import { splitPattern } from "../resource-pattern.js";
import type { Remark } from "./finding.js";
import type { LintedStatement } from "./linted-statement.js";

/** Pairs of patterns that are compared at most; a document that needs more is left alone. */
const MOST_COMPARISONS = 100_000;

/** Allow statements that a Deny of the same document, which depends on nothing, covers as a whole. */
export function deadStatements(statements: readonly LintedStatement[]): Remark[] {
  const denies = statements.filter(({ statement }) => {
    const { effect, actions, resources, conditions } = statement;
    return effect === "Deny" && conditions.length === 0 && !actions.negated && resources?.negated === false;
  });
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

function covers({ statement: deny }: Bare, allow: LintedStatement["statement"]): boolean {
  const every = (
    inner: readonly string[],
    outer: readonly string[],
    covered: (outer: string, inner: string) => boolean,
  ): boolean => inner.every((pattern) => outer.some((candidate) => covered(candidate, pattern)));
  return (
    every(allow.actions.patterns, deny.actions.patterns, coversText) &&
    every(allow.resources?.patterns ?? [], deny.resources?.patterns ?? [], coversArn)
  );
}

/** Sound, not complete: whatever `inner` matches, `outer` matches too, because its stars swallow the wildcards of `inner`. */
function coversText(outer: string, inner: string): boolean {
  return !outer.includes("?") && compileGlob(foldCase(outer))(foldCase(inner));
}

function coversArn(outer: string, inner: string): boolean {
  if (outer === "*") return true;
  const [wide, narrow] = [splitPattern(outer), splitPattern(inner)];
  if (wide === null || narrow === null || /\$\{|,/.test(outer + inner)) return false;
  return (
    coversText(wide.partition, narrow.partition) &&
    coversText(wide.service, narrow.service) &&
    coversText(wide.region, narrow.region) &&
    coversText(wide.account, narrow.account) &&
    coversText(wide.relativeId, narrow.relativeId)
  );
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
export function tooLongForRam(text: string): Remark[] {
  const { length } = text;
  if (length <= RAM_LIMITS.customPolicyCharacters) return [];
  const message = `the document has ${length} characters, RAM stores ${RAM_LIMITS.customPolicyCharacters} at most`;
  return [{ code: "TOO_LONG_FOR_RAM", pointer: "", message }];
}
