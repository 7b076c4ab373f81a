import { excerpt } from "../arn.js";
import type { Leaning, Truth } from "../condition/truth.js";
import type { Diagnostic } from "../evaluation/decision.js";
import { type ArnSegments, foldEntityName, type ResourceTarget } from "../evaluation/evaluation-request.js";
import { compileGlob, foldCase, type Glob, globMatchesBeyond } from "../wildcard.js";

/** A compiled entry of a resource block. */
export interface ResourcePattern {
  readonly matches: (target: ResourceTarget) => Truth;
  /** Whether some item of the container `target` would match (C24). */
  readonly matchesItemOf: (container: ResourceTarget) => boolean;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Compiles one resource pattern (D5, D6, D18, D29, C3, C4).
 * @param leaning `lenient` where the rules lean towards matching: Deny, and the complement inside an Allow
 */
export function compileResourcePattern(text: string, leaning: Leaning): ResourcePattern {
  if (text === "*") return constantPattern("true");
  if (text.includes("${")) return constantPattern("unknown", variableUnsupported(text));
  if (text.includes(",")) return constantPattern("false", suspicious(text, "holds a comma, so it names no resource"));
  const segments = splitPattern(text);
  if (segments !== null) return leaning === "strict" ? strictPattern(segments) : lenientPattern(segments);
  if (leaning === "lenient") return wholePattern(text);
  return constantPattern("false", suspicious(text, "has fewer than five parts, so it names no resource"));
}

export function variableUnsupported(text: string): Diagnostic {
  const message = `policy variables are not supported: \`${excerpt(text)}\``;
  return { code: "POLICY_VARIABLE_UNSUPPORTED", message };
}

function suspicious(text: string, why: string): Diagnostic {
  return { code: "SUSPICIOUS_RESOURCE", message: `resource \`${excerpt(text)}\` ${why}` };
}

function constantPattern(value: Truth, diagnostic?: Diagnostic): ResourcePattern {
  return {
    matches: () => value,
    matchesItemOf: () => value === "true",
    diagnostics: diagnostic === undefined ? [] : [diagnostic],
  };
}

/** The first four colons part the segments; later ones belong to the relative id. */
export function splitPattern(text: string): ArnSegments | null {
  const [partition, service, region, account, ...relative] = text.split(":");
  if (partition === undefined || service === undefined || region === undefined || account === undefined) return null;
  return relative.length === 0 ? null : { partition, service, region, account, relativeId: relative.join(":") };
}

interface SegmentGlobs {
  readonly partition: Glob;
  readonly service: Glob;
  readonly region: Glob;
  readonly account: Glob;
}

function segmentGlobs(segments: ArnSegments): SegmentGlobs {
  return {
    partition: compileGlob(segments.partition),
    service: compileGlob(foldCase(segments.service)),
    region: compileGlob(segments.region),
    account: compileGlob(segments.account),
  };
}

function matchesOwner(globs: SegmentGlobs, segments: ArnSegments): boolean {
  return (
    globs.service(segments.service) &&
    globs.account(segments.account) &&
    globs.region(segments.region) &&
    globs.partition(segments.partition)
  );
}

/** Exact, except service codes and the names of RAM users, groups and roles. Never matches the nameless `*` (C4). */
function strictPattern(segments: ArnSegments): ResourcePattern {
  const globs = segmentGlobs(segments);
  const relative = compileGlob(segments.relativeId);
  const entity = compileGlob(foldEntityName(segments.relativeId));
  const matches = (target: ResourceTarget): boolean =>
    !target.nameless &&
    (target.nameFolded === null ? relative(target.segments.relativeId) : entity(target.nameFolded)) &&
    matchesOwner(globs, target.segments);
  return {
    matches: (target) => (matches(target) ? "true" : "false"),
    matchesItemOf: (container) =>
      matchesOwner(globs, container.segments) &&
      globMatchesBeyond(segments.relativeId, `${container.segments.relativeId}/`),
    diagnostics: [],
  };
}

function lenientPattern(segments: ArnSegments): ResourcePattern {
  const globs = segmentGlobs({
    partition: foldCase(segments.partition),
    service: segments.service,
    region: foldCase(segments.region),
    account: foldCase(segments.account),
    relativeId: "",
  });
  const relative = compileGlob(foldCase(segments.relativeId));
  return {
    matches: ({ folded }) => (relative(folded.relativeId) && matchesOwner(globs, folded) ? "true" : "false"),
    matchesItemOf: () => false,
    diagnostics: [],
  };
}

/** D5: a pattern that is no ARN is tried on the whole text where the rules lean towards matching. */
function wholePattern(text: string): ResourcePattern {
  const glob = compileGlob(foldCase(text));
  return {
    matches: (target) => (glob(target.foldedText) || (target.nameless && glob("*")) ? "true" : "false"),
    matchesItemOf: () => false,
    diagnostics: [],
  };
}
