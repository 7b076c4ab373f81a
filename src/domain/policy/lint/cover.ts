import { compileGlob, foldCase, hasWildcard } from "../../wildcard.js";
import { splitPattern } from "../resource-pattern.js";
import type { LintedStatement } from "./linted-statement.js";

/** Deny statements that depend on nothing. */
export function plainDenies(statements: readonly LintedStatement[]): LintedStatement[] {
  return statements.filter(({ statement: { effect, conditions } }) => effect === "Deny" && conditions.length === 0);
}

/**
 * Whether `outer`, in a Deny, matches all that `inner` matches in an Allow. Sound, not complete: true when the stars of
 * `outer` swallow the wildcards of `inner`.
 */
export function coversText(outer: string, inner: string): boolean {
  return !outer.includes("?") && compileGlob(foldCase(outer))(foldCase(inner));
}

/** The same for resources, part by part. */
export function coversArn(outer: string, inner: string): boolean {
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

/** Whether nothing matches both patterns. Sound, not complete: of two wildcards only what stands in front is looked at. */
export function disjointText(left: string, right: string): boolean {
  const [one, other] = [foldCase(left), foldCase(right)];
  if (!hasWildcard(one)) return !compileGlob(other)(one);
  if (!hasWildcard(other)) return !compileGlob(one)(other);
  const [start, otherStart] = [literalStart(one), literalStart(other)];
  return !start.startsWith(otherStart) && !otherStart.startsWith(start);
}

function literalStart(pattern: string): string {
  return pattern.slice(0, pattern.search(/[*?]/));
}

/** The same for resources: one part is enough. */
export function disjointArn(left: string, right: string): boolean {
  const [one, other] = [splitPattern(left), splitPattern(right)];
  if (one === null || other === null || /\$\{|,/.test(left + right)) return false;
  return (
    disjointText(one.service, other.service) ||
    disjointText(one.region, other.region) ||
    disjointText(one.account, other.account) ||
    disjointText(one.relativeId, other.relativeId)
  );
}
