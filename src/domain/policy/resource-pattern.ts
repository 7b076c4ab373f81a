import { type ArnSegments, excerpt } from "../arn.js";
import type { Leaning, Truth } from "../condition/truth.js";
import type { Diagnostic } from "../evaluation/decision.js";
import { foldEntityName, type ResourceTarget } from "../evaluation/evaluation-request.js";
import { once } from "../once.js";
import { compileGlob, foldCase, globMatchesBeyond, searchCost } from "../wildcard.js";

/** A compiled entry of a resource block. */
export interface ResourcePattern {
  readonly matches: (target: ResourceTarget) => Truth;
  /** Whether some item of the container `target` would match (C24). */
  readonly matchesItemOf: (container: ResourceTarget) => boolean;
  /** What the folded relative id of every resource that it can match starts with; empty where nothing is known. */
  readonly prefix: string;
  /** Work for one character of an ARN. */
  readonly cost: number;
  readonly diagnostic: (() => Diagnostic) | null;
}

/**
 * Compiles one resource pattern (D5, D6, D18, D29, C3, C4).
 * @param leaning `lenient` where the rules lean towards matching: Deny, and the complement inside an Allow
 */
export function compileResourcePattern(text: string, leaning: Leaning): ResourcePattern {
  if (text === "*") return constantPattern("true");
  if (text.includes("${")) return constantPattern("unknown", () => variableUnsupported(text));
  if (text.includes(",")) {
    return constantPattern("false", () => suspicious(text, "holds a comma, so it names no resource"));
  }
  const segments = splitPattern(text);
  if (segments !== null) return leaning === "strict" ? strictPattern(segments) : lenientPattern(segments);
  if (leaning === "lenient") return wholePattern(text);
  return constantPattern("false", () => suspicious(text, "has fewer than five parts, so it names no resource"));
}

export function variableUnsupported(text: string): Diagnostic {
  const message = `policy variables are not supported: \`${excerpt(text)}\``;
  return { code: "POLICY_VARIABLE_UNSUPPORTED", message };
}

function suspicious(text: string, why: string): Diagnostic {
  return { code: "SUSPICIOUS_RESOURCE", message: `resource \`${excerpt(text)}\` ${why}` };
}

function constantPattern(value: Truth, diagnostic: (() => Diagnostic) | null = null): ResourcePattern {
  return { matches: () => value, matchesItemOf: () => value === "true", prefix: "", cost: 0, diagnostic };
}

/** The first four colons part the segments; later ones belong to the relative id. */
export function splitPattern(text: string): ArnSegments | null {
  const [partition, service, region, account, ...relative] = text.split(":");
  if (partition === undefined || service === undefined || region === undefined || account === undefined) return null;
  return relative.length === 0 ? null : { partition, service, region, account, relativeId: relative.join(":") };
}

type SegmentsTest = (segments: ArnSegments) => boolean;

/** Tests everything but the relative id; what is `*` anyway is not looked at. */
function compileOwner({ partition, service, region, account }: ArnSegments): SegmentsTest {
  const [partitionGlob, serviceGlob] = [compileGlob(partition), compileGlob(foldCase(service))];
  const [regionGlob, accountGlob] = [compileGlob(region), compileGlob(account)];
  if (region === "*" && account === "*") {
    return (segments) => serviceGlob(segments.service) && partitionGlob(segments.partition);
  }
  return (segments) =>
    serviceGlob(segments.service) &&
    accountGlob(segments.account) &&
    regionGlob(segments.region) &&
    partitionGlob(segments.partition);
}

/** Exact, except service codes and the names of RAM users, groups and roles. Never matches the nameless `*` (C4). */
function strictPattern(segments: ArnSegments): ResourcePattern {
  const owner = compileOwner(segments);
  const relative = compileGlob(segments.relativeId);
  const entity = once(() => compileGlob(foldEntityName(segments.relativeId)));
  const matches = (target: ResourceTarget): boolean =>
    !target.nameless &&
    (target.nameFolded === null ? relative(target.segments.relativeId) : entity()(target.nameFolded)) &&
    owner(target.segments);
  return {
    matches: (target) => (matches(target) ? "true" : "false"),
    matchesItemOf: (container) =>
      owner(container.segments) && globMatchesBeyond(segments.relativeId, `${container.segments.relativeId}/`),
    prefix: literalPrefix(segments.relativeId),
    cost: searchCostOf(segments),
    diagnostic: null,
  };
}

function lenientPattern(segments: ArnSegments): ResourcePattern {
  const { partition, service, region, account, relativeId } = segments;
  const owner = compileOwner({
    partition: foldCase(partition),
    service,
    region: foldCase(region),
    account: foldCase(account),
    relativeId: "",
  });
  const relative = compileGlob(foldCase(relativeId));
  return {
    matches: ({ folded }) => (relative(folded.relativeId) && owner(folded) ? "true" : "false"),
    matchesItemOf: () => false,
    prefix: literalPrefix(relativeId),
    cost: searchCostOf(segments),
    diagnostic: null,
  };
}

/** D5: a pattern that is no ARN is tried on the whole text where the rules lean towards matching. */
function wholePattern(text: string): ResourcePattern {
  const glob = compileGlob(foldCase(text));
  return {
    matches: (target) => (glob(target.foldedText) || (target.nameless && glob("*")) ? "true" : "false"),
    matchesItemOf: () => false,
    prefix: "",
    cost: searchCost(text),
    diagnostic: null,
  };
}

const WILDCARD = /[*?]/;

function literalPrefix(relativeId: string): string {
  const wildcard = relativeId.search(WILDCARD);
  return foldCase(wildcard < 0 ? relativeId : relativeId.slice(0, wildcard));
}

function searchCostOf({ partition, service, region, account, relativeId }: ArnSegments): number {
  return (
    searchCost(partition) + searchCost(service) + searchCost(region) + searchCost(account) + searchCost(relativeId)
  );
}
