import { type ArnOwner, type ArnSegments, excerpt } from "../arn.js";
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

/** More are compiled anew when they come back. */
const MOST_SHARED = 10_000;
const LONGEST_SHARED = 256;
const SHARED: Readonly<Record<Leaning, Map<string, ResourcePattern>>> = { strict: new Map(), lenient: new Map() };

/**
 * Compiles one resource pattern (D5, D6, D18, D29, C3, C4). Many statements name the same few, so they are shared, which
 * keeps them near the processor.
 * @param leaning `lenient` where the rules lean towards matching: Deny, and the complement inside an Allow
 */
export function compileResourcePattern(text: string, leaning: Leaning): ResourcePattern {
  if (text.length > LONGEST_SHARED) return compilePattern(text, leaning);
  const shared = SHARED[leaning];
  const known = shared.get(text);
  if (known !== undefined) return known;
  const pattern = compilePattern(text, leaning);
  if (shared.size >= MOST_SHARED) shared.clear();
  shared.set(text, pattern);
  return pattern;
}

function compilePattern(text: string, leaning: Leaning): ResourcePattern {
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

type OwnerTest = (owner: ArnOwner) => boolean;

/** Tests everything but the relative id. Most questions that follow one another are about the same owner. */
function compileOwner(pattern: ArnOwner, leaning: Leaning): OwnerTest {
  const test = once(() => compileOwnerGlobs(pattern, leaning));
  let [last, matched]: [ArnOwner | null, boolean] = [null, false];
  return (owner) => {
    if (owner !== last) [last, matched] = [owner, test()(owner)];
    return matched;
  };
}

function compileOwnerGlobs({ partition, service, region, account }: ArnOwner, leaning: Leaning): OwnerTest {
  const fold = leaning === "lenient" ? foldCase : (text: string) => text;
  const [partitionGlob, serviceGlob] = [compileGlob(fold(partition)), compileGlob(foldCase(service))];
  const [regionGlob, accountGlob] = [compileGlob(fold(region)), compileGlob(fold(account))];
  return (owner) =>
    serviceGlob(owner.service) &&
    accountGlob(owner.account) &&
    regionGlob(fold(owner.region)) &&
    partitionGlob(owner.partition);
}

/** Exact, except service codes and the names of RAM users, groups and roles. Never matches the nameless `*` (C4). */
function strictPattern(segments: ArnSegments): ResourcePattern {
  const owner = compileOwner(segments, "strict");
  const relative = compileGlob(segments.relativeId);
  const entity = once(() => compileGlob(foldEntityName(segments.relativeId)));
  return {
    matches: ({ nameless, owner: asked, nameFolded, relativeId }) => {
      if (nameless || !owner(asked)) return "false";
      return (nameFolded === null ? relative(relativeId) : entity()(nameFolded)) ? "true" : "false";
    },
    matchesItemOf: (container) =>
      owner(container.owner) && globMatchesBeyond(segments.relativeId, `${container.relativeId}/`),
    prefix: literalPrefix(segments.relativeId),
    cost: searchCostOf(segments),
    diagnostic: null,
  };
}

function lenientPattern(segments: ArnSegments): ResourcePattern {
  const owner = compileOwner(segments, "lenient");
  const relative = compileGlob(foldCase(segments.relativeId));
  return {
    matches: (target) => (owner(target.owner) && relative(target.foldedId) ? "true" : "false"),
    matchesItemOf: () => false,
    prefix: literalPrefix(segments.relativeId),
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
