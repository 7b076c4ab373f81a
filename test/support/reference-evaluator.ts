/**
 * A second, naive evaluator, written straight from the rules of docs/evaluation.md: regular expressions,
 * nothing compiled, possible outcomes found by trying every combination. It shares no code with `src/domain`.
 */

type Json = Readonly<Record<string, unknown>>;
type Truth = "T" | "F" | "U" | "R";
type Definite = "ALLOW" | "EXPLICIT_DENY" | "IMPLICIT_DENY";

export interface ReferenceAttachment {
  /** Null: the document is missing. */
  readonly document: { readonly Statement: readonly Json[] } | null;
  readonly group: string | null;
  readonly notBefore: number | null;
  readonly expiresAt: number | null;
}

export interface ReferenceCase {
  readonly principal: string;
  readonly action: string;
  readonly resource: string;
  readonly resourceGroup: string | null;
  readonly tags: Readonly<Record<string, string>>;
  /** Keys as the caller writes them. */
  readonly context: Readonly<Record<string, readonly string[]>>;
  readonly now: number;
  readonly attachments: readonly ReferenceAttachment[];
  readonly session: { readonly Statement: readonly Json[] } | null;
  readonly trust: { readonly Statement: readonly Json[] } | null;
  readonly precedence: "staged" | "deny-overrides";
}

export interface ReferenceAnswer {
  readonly outcome: Definite | "CONDITIONAL";
  readonly missingContextKeys: readonly string[];
}

const low = (text: string): string =>
  text.replace(/[A-Z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 32));
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);
const texts = (value: unknown): string[] => list(value).map(String);

function like(pattern: string, text: string): boolean {
  const source = Array.from(pattern, (c) =>
    c === "*" ? "[\\s\\S]*" : c === "?" ? "[\\s\\S]" : c.replace(/[\\^$.|+()[\]{}/]/, "\\$&"),
  );
  return new RegExp(`^${source.join("")}$`, "u").test(text);
}

export function referenceAnswer(request: ReferenceCase): ReferenceAnswer {
  const account = request.principal.split(":")[3] ?? "";
  const owner = request.principal.endsWith(":root");
  const resourceAccount = request.resource.split(":")[3] ?? "";
  const foreign = /^\d+$/.test(resourceAccount) && resourceAccount !== account;
  if (request.action === "kms:DescribeRegions") return { outcome: "ALLOW", missingContextKeys: [] };

  const active = request.attachments.filter(
    (a) => (a.notBefore === null || a.notBefore <= request.now) && (a.expiresAt === null || request.now < a.expiresAt),
  );
  const session = request.session === null ? null : statementsOf([request.session], request);
  const own = owner
    ? []
    : statementsOf(
        active.filter((a) => a.group === null).map((a) => a.document),
        request,
      );
  const inGroup = active.filter((a) => a.group !== null && a.group === request.resourceGroup && !foreign && !owner);
  const group = statementsOf(
    inGroup.map((a) => a.document),
    request,
  );
  const assume = low(request.action) === "sts:assumerole";
  const trust = request.trust === null ? [] : statementsOf([request.trust], request);
  const trusted = assume && !(foreign && (request.trust === null || owner));

  const final = (s: Definite | null, a: Definite, g: Definite, t: Definite): Definite => {
    if (s !== null && s !== "ALLOW") return s;
    let identity: Definite;
    if (owner) identity = foreign ? "IMPLICIT_DENY" : "ALLOW";
    else if (request.precedence === "staged") identity = a === "IMPLICIT_DENY" ? g : a;
    else if (a === "EXPLICIT_DENY" || g === "EXPLICIT_DENY") identity = "EXPLICIT_DENY";
    else identity = a === "ALLOW" || g === "ALLOW" ? "ALLOW" : "IMPLICIT_DENY";
    if (!trusted) return foreign && identity !== "EXPLICIT_DENY" ? "IMPLICIT_DENY" : identity;
    if (identity === "EXPLICIT_DENY" || t === "EXPLICIT_DENY") return "EXPLICIT_DENY";
    return identity === "ALLOW" && t === "ALLOW" ? "ALLOW" : "IMPLICIT_DENY";
  };

  const results = new Set<Definite>();
  for (const s of session === null ? [null] : possible(session)) {
    for (const a of possible(own)) {
      for (const g of possible(group)) {
        for (const t of possible(trust)) results.add(final(s, a, g, t));
      }
    }
  }
  const gateOpen = session === null || possible(session).has("ALLOW");
  const ownPossible = possible(own);
  const groupRead =
    request.precedence === "staged"
      ? ownPossible.has("IMPLICIT_DENY")
      : ownPossible.size > 1 || !ownPossible.has("EXPLICIT_DENY");
  const read = [
    ...(session ?? []),
    ...(gateOpen ? own : []),
    ...(gateOpen && groupRead ? group : []),
    ...(gateOpen && trusted ? trust : []),
  ];
  const missing = new Set(
    read.filter((statement) => statement.value === "R").flatMap((statement) => statement.missing),
  );
  return { outcome: answer(results), missingContextKeys: [...missing].sort() };
}

function answer(results: ReadonlySet<Definite>): ReferenceAnswer["outcome"] {
  if (results.size === 1) return [...results][0] ?? "IMPLICIT_DENY";
  return results.has("ALLOW") ? "CONDITIONAL" : "IMPLICIT_DENY";
}

interface Weighed {
  readonly effect: string;
  readonly value: Truth;
  readonly missing: readonly string[];
}

/** Every subset of the residual statements may apply (C28). */
function possible(statements: readonly Weighed[]): Set<Definite> {
  const residual = statements.filter((statement) => statement.value === "R");
  const certain = statements.filter((statement) => statement.value === "T");
  const outcomes = new Set<Definite>();
  for (let subset = 0; subset < 2 ** residual.length; subset++) {
    const applying = [...certain, ...residual.filter((_, index) => (subset & (1 << index)) !== 0)];
    if (applying.some((statement) => statement.effect === "Deny")) outcomes.add("EXPLICIT_DENY");
    else outcomes.add(applying.some((statement) => statement.effect === "Allow") ? "ALLOW" : "IMPLICIT_DENY");
  }
  return outcomes;
}

function statementsOf(documents: readonly ReferenceAttachment["document"][], request: ReferenceCase): Weighed[] {
  return documents.flatMap((document): Weighed[] => {
    if (document !== null) return document.Statement.map((statement) => weigh(statement, request));
    return ["Allow", "Deny"].map((effect) => ({ effect, value: "R", missing: [] }));
  });
}

function weigh(statement: Json, request: ReferenceCase): Weighed {
  const effect = String(statement["Effect"]);
  const deny = effect === "Deny";
  const missing: string[] = [];
  const parts: Truth[] = [
    actionPart(statement, request),
    resourcePart(statement, request, deny),
    principalPart(statement, request, deny),
  ];
  for (const [operator, block] of Object.entries((statement["Condition"] ?? {}) as Json)) {
    const keys = Object.entries(block as Json);
    if (keys.length === 0 && !OPERATORS.has(operator.replace(/^For(AllValues|AnyValue):/, ""))) parts.push("U");
    for (const [key, values] of keys) {
      const part = conditionPart(operator, key, texts(values), request, deny);
      if (part === "R") missing.push(key);
      parts.push(part);
    }
  }
  const resolved = parts.map((part) => (part === "U" ? (deny ? "T" : "F") : part));
  const value = resolved.includes("F") ? "F" : resolved.includes("R") ? "R" : "T";
  return { effect, value, missing };
}

function actionPart(statement: Json, request: ReferenceCase): Truth {
  const negated = statement["NotAction"] !== undefined;
  const matched = texts(statement["NotAction"] ?? statement["Action"]).some((p) => like(low(p), low(request.action)));
  return matched !== negated ? "T" : "F";
}

function resourcePart(statement: Json, request: ReferenceCase, deny: boolean): Truth {
  const negated = statement["NotResource"] !== undefined;
  if (statement["Resource"] === undefined && !negated) return "T";
  if (negated && !deny) return "F";
  const lenient = deny !== negated;
  const matched = or(
    texts(statement["NotResource"] ?? statement["Resource"]).map((p) => resourceMatch(p, request, lenient)),
  );
  return negated ? opposite(matched) : matched;
}

function resourceMatch(pattern: string, request: ReferenceCase, lenient: boolean): Truth {
  if (pattern === "*") return "T";
  if (pattern.includes("${")) return "U";
  if (pattern.includes(",")) return "F";
  const service = request.action.split(":")[0] ?? "";
  if (request.resource === "*" && !lenient) return "F";
  const text = request.resource === "*" ? `acs:${service}:*:*:*` : request.resource;
  return arnMatch(pattern, text, lenient) ||
    (lenient && request.resource === "*" && !/(.*:){4}/.test(pattern) && like(low(pattern), "*"))
    ? "T"
    : "F";
}

function arnMatch(pattern: string, text: string, lenient: boolean): boolean {
  const split = (arn: string): string[] | null =>
    /^([^:]*):([^:]*):([^:]*):([^:]*):([\s\S]*)$/.exec(arn)?.slice(1) ?? null;
  const wanted = split(pattern);
  const given = split(text);
  if (given === null) return false;
  if (wanted === null) return lenient && like(low(pattern), low(text));
  return wanted.every((part, index) => {
    const value = given[index] ?? "";
    if (lenient || index === 1) return like(low(part), low(value));
    const entity = index === 4 && low(given[1] ?? "") === "ram" && /^(user|group|role)\//.test(value);
    return entity ? like(foldName(part), foldName(value)) : like(part, value);
  });
}

const foldName = (relativeId: string): string => {
  const slash = relativeId.indexOf("/");
  return slash < 0 ? low(relativeId) : relativeId.slice(0, slash) + low(relativeId.slice(slash));
};

function principalPart(statement: Json, request: ReferenceCase, deny: boolean): Truth {
  const principal = statement["Principal"] as { readonly RAM?: unknown } | undefined;
  if (principal === undefined) return "T";
  const account = request.principal.split(":")[3] ?? "";
  return or(
    (principal.RAM === undefined ? [] : texts(principal.RAM)).map((name): Truth => {
      if (name === "*") return "T";
      if (name.includes("${")) return "U";
      if (new RegExp(`^acs:ram::${account}:(root|\\*)$`).test(name)) return "T";
      return names(request.principal).some((arn) => arnMatch(name, arn, deny)) ? "T" : "F";
    }),
  );
}

function names(principal: string): string[] {
  const session = /^acs:ram::(\d+):assumed-role\/([^/]+)\/(.+)$/.exec(principal);
  return session === null ? [principal] : [principal, `acs:ram::${session[1]}:role/${session[2]}`];
}

function or(values: readonly Truth[]): Truth {
  return values.includes("T") ? "T" : values.includes("R") ? "R" : values.includes("U") ? "U" : "F";
}

function and(values: readonly Truth[]): Truth {
  return values.includes("F") ? "F" : values.includes("R") ? "R" : values.includes("U") ? "U" : "T";
}

const opposite = (value: Truth): Truth => (value === "T" ? "F" : value === "F" ? "T" : value);

/** Positive comparison: policy value, request value; null when either cannot be read. */
type Compare = (policy: string, request: string, zoneless: boolean) => boolean | null;

const decimal = (text: string): bigint | null => {
  if (!/^-?\d+(\.\d+)?$/.test(text)) return null;
  const [whole = "", fraction = ""] = text.replace("-", "").split(".");
  const scaled = BigInt(whole + fraction.padEnd(40, "0").slice(0, 40));
  return text.startsWith("-") ? -scaled : scaled;
};

const date = (text: string, zoneless: boolean): number | null => {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d{1,3})?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  if (match === null || (match[8] === undefined && !zoneless)) return null;
  const iso = match[8] === undefined ? `${text}Z` : text;
  const instant = Date.parse(iso);
  const local = `${match[1]}-${match[2]}-${match[3]}T${match[4]}:${match[5]}:${match[6]}`;
  const calendar = Date.parse(`${local}Z`);
  if (Number.isNaN(instant) || Number.isNaN(calendar) || new Date(calendar).toISOString().slice(0, 19) !== local)
    return null;
  return instant;
};

function ip(text: string): { readonly bits: string } | null {
  const octet = "(0|[1-9]\\d?|1\\d\\d|2[0-4]\\d|25[0-5])";
  const match = new RegExp(`^(?:::ffff:)?${octet}\\.${octet}\\.${octet}\\.${octet}$`).exec(text);
  if (match === null) return null;
  return {
    bits: match
      .slice(1)
      .map((part) => Number(part).toString(2).padStart(8, "0"))
      .join(""),
  };
}

const inRange: Compare = (policy, request) => {
  const [address = "", length = "32"] = policy.split("/");
  const range = ip(address);
  const given = ip(request);
  if (range === null || given === null || !/^\d+$/.test(length) || Number(length) > 32) return null;
  return range.bits.slice(0, Number(length)) === given.bits.slice(0, Number(length));
};

const numbers =
  (holds: (l: bigint, r: bigint) => boolean): Compare =>
  (policy, request) => {
    const [right, left] = [decimal(policy), decimal(request)];
    return left === null || right === null ? null : holds(left, right);
  };
const dates =
  (holds: (l: number, r: number) => boolean): Compare =>
  (policy, request, zoneless) => {
    const [right, left] = [date(policy, zoneless), date(request, false)];
    return left === null || right === null ? null : holds(left, right);
  };
const bool: Compare = (policy, request) =>
  /^(true|false)$/.test(policy) && /^(true|false)$/.test(request) ? policy === request : null;

const OPERATORS: ReadonlyMap<string, readonly [boolean, Compare]> = new Map<string, readonly [boolean, Compare]>([
  ["StringEquals", [false, (p, r) => p === r]],
  ["StringNotEquals", [true, (p, r) => p === r]],
  ["StringEqualsIgnoreCase", [false, (p, r) => low(p) === low(r)]],
  ["StringNotEqualsIgnoreCase", [true, (p, r) => low(p) === low(r)]],
  ["StringLike", [false, like]],
  ["StringNotLike", [true, like]],
  ["NumericEquals", [false, numbers((l, r) => l === r)]],
  ["NumericNotEquals", [true, numbers((l, r) => l === r)]],
  ["NumericLessThan", [false, numbers((l, r) => l < r)]],
  ["NumericLessThanEquals", [false, numbers((l, r) => l <= r)]],
  ["NumericGreaterThan", [false, numbers((l, r) => l > r)]],
  ["NumericGreaterThanEquals", [false, numbers((l, r) => l >= r)]],
  ["DateEquals", [false, dates((l, r) => l === r)]],
  ["DateNotEquals", [true, dates((l, r) => l === r)]],
  ["DateLessThan", [false, dates((l, r) => l < r)]],
  ["DateLessThanEquals", [false, dates((l, r) => l <= r)]],
  ["DateGreaterThan", [false, dates((l, r) => l > r)]],
  ["DateGreaterThanEquals", [false, dates((l, r) => l >= r)]],
  ["Bool", [false, bool]],
  ["IpAddress", [false, inRange]],
  ["NotIpAddress", [true, inRange]],
]);

function conditionPart(
  written: string,
  key: string,
  values: readonly string[],
  request: ReferenceCase,
  deny: boolean,
): Truth {
  const [, prefix = "", operator = ""] = /^(ForAllValues:|ForAnyValue:)?([\s\S]*)$/.exec(written) ?? [];
  const known = OPERATORS.get(operator);
  if (known === undefined) return "U";
  const [negated, compare] = known;
  const readings = readingsOf(key, request, deny !== negated);
  const one = (given: readonly string[] | undefined): Truth =>
    valuePart(given, values, { key, prefix, negated, compare, deny });
  if (readings.others.length === 0) return one(readings.exact);
  if (negated) return and([one(readings.exact), ...readings.others.map(one)]);
  return or([...(readings.exact?.length === 0 ? [] : [one(readings.exact)]), ...readings.others.map(one)]);
}

interface Readings {
  readonly exact: readonly string[] | undefined;
  readonly others: readonly (readonly string[])[];
}

function readingsOf(key: string, request: ReferenceCase, lenient: boolean): Readings {
  const name = low(key);
  if (name === "acs:currenttime")
    return { exact: [new Date(request.now).toISOString().replace(".000Z", "Z")], others: [] };
  if (name === "action") return { exact: [request.action], others: [] };
  if (name === "acs:principalarn") return { exact: [names(request.principal).at(-1) ?? ""], others: [] };
  const slash = key.indexOf("/");
  const [prefix, tag] = slash < 0 ? [name, ""] : [name.slice(0, slash), key.slice(slash + 1)];
  const kms = (request.resource === "*" ? low(request.action) : request.resource.slice(4)).startsWith("kms:");
  if (prefix === "kms:tag" || (prefix === "acs:resourcetag" && kms)) {
    const taggable = /^acs:kms:[^:]*:[^:]*:(key|secret)\/./.test(request.resource);
    return tagReadings(taggable ? request.tags : {}, tag, lenient);
  }
  const supplied = Object.entries(request.context).map(([given, list_]) => {
    const at = given.indexOf("/");
    return { prefix: low(at < 0 ? given : given.slice(0, at)), tag: at < 0 ? "" : given.slice(at + 1), values: list_ };
  });
  const exact = supplied.find((entry) => entry.prefix === prefix && entry.tag === tag)?.values;
  const others = supplied.filter(
    (e) => e.prefix === prefix && e.tag !== tag && low(e.tag) === low(tag) && e.values.length > 0,
  );
  return { exact, others: lenient ? others.map((entry) => entry.values) : [] };
}

function tagReadings(tags: Readonly<Record<string, string>>, tag: string, lenient: boolean): Readings {
  const same = Object.entries(tags).filter(([name]) => low(name) === low(tag));
  const exact = same.filter(([name]) => name === tag).map(([, value]) => value);
  return { exact, others: lenient ? same.filter(([name]) => name !== tag).map(([, value]) => [value]) : [] };
}

interface Comparison {
  readonly key: string;
  readonly prefix: string;
  readonly negated: boolean;
  readonly compare: Compare;
  readonly deny: boolean;
}

function valuePart(given: readonly string[] | undefined, values: readonly string[], rule: Comparison): Truth {
  const { key, prefix, negated, compare, deny } = rule;
  const ignoreCase = ["action", "acs:principalarn"].includes(low(key));
  const zoneless = deny && !negated;
  const read = (policy: string, request: string): Truth => {
    if (policy.includes("${")) return "U";
    const held = ignoreCase ? compare(low(policy), low(request), zoneless) : compare(policy, request, zoneless);
    return held === null ? "U" : held ? "T" : "F";
  };
  const readable = values.filter((value) =>
    ["1", "1999-01-01T00:00:00Z", "true", "1.1.1.1"].some((probe) => read(value, probe) !== "U"),
  );
  if (given === undefined) {
    if (readable.length > 0) return "R";
    if (values.length > 0) return "U";
    return negated || (prefix !== "" && deny) ? "R" : "F";
  }
  if (given.length === 0) {
    if (negated || prefix !== "") return deny ? "T" : "F";
    if (deny && low(key) === "acs:mfapresent" && compare === bool && values.includes("false")) return "T";
    return readable.length < values.length ? "U" : "F";
  }
  const each = given.map((request) => {
    const any = or(values.map((value) => read(value, request)));
    return negated ? opposite(any) : any;
  });
  const every = prefix === "" ? !deny : prefix === "ForAllValues:";
  return every ? and(each) : or(each);
}
