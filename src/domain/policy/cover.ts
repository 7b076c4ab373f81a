import { foldEntityName } from "../evaluation/evaluation-request.js";
import { compileGlob, foldCase, hasWildcard } from "../wildcard.js";
import { splitPattern } from "./resource-pattern.js";

/**
 * Whether `outer`, in a Deny, matches all that `inner` matches in an Allow. Sound, not complete: true when the stars of
 * `outer` swallow the wildcards of `inner`.
 */
export function coversText(outer: string, inner: string): boolean {
  return coversExactly(foldCase(outer), foldCase(inner));
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

/** Whether `outer` matches all that `inner` does where both stand in an Allow: there the case of names counts. Sound, not complete. */
export function coversArnExactly(outer: string, inner: string): boolean {
  if (outer === "*") return true;
  const [wide, narrow] = [splitPattern(outer), splitPattern(inner)];
  if (wide === null || narrow === null || /\$\{|,/.test(outer + inner)) return false;
  return (
    coversText(wide.service, narrow.service) &&
    coversExactly(wide.partition, narrow.partition) &&
    coversExactly(wide.region, narrow.region) &&
    coversExactly(wide.account, narrow.account) &&
    coversExactly(wide.relativeId, narrow.relativeId) &&
    coversExactly(foldEntityName(wide.relativeId), foldEntityName(narrow.relativeId)) // what RAM's names are compared as
  );
}

function coversExactly(outer: string, inner: string): boolean {
  return outer === inner || (!outer.includes("?") && compileGlob(outer)(inner));
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
