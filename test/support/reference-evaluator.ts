/**
 * A second, naive evaluator, written straight from the rules of docs/evaluation.md: regular expressions,
 * nothing compiled, possible outcomes found by trying every combination. It shares no code with `src/domain`.
 */

export type Json = Readonly<Record<string, unknown>>;
type Truth = "T" | "F" | "U" | "R";
type Definite = "ALLOW" | "EXPLICIT_DENY" | "IMPLICIT_DENY";

export interface ReferenceDocument {
  readonly Version: string;
  readonly Statement: readonly Json[];
}

export interface ReferenceAttachment {
  readonly policy: string;
  /** The user itself, one of its groups, or the role. */
  readonly attachedTo: string;
  /** Null: the document is missing. */
  readonly document: ReferenceDocument | null;
  readonly group: string | null;
  readonly notBefore: number | null;
  readonly expiresAt: number | null;
}

export interface ReferenceResource {
  readonly arn: string;
  readonly registered: boolean;
  readonly resourceGroup: string | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly trust: ReferenceDocument | null;
}

export interface ReferenceQuestion {
  readonly resource: ReferenceResource;
  readonly actions: readonly string[];
  /** Keys as the caller writes them. */
  readonly context: Readonly<Record<string, readonly string[]>>;
  readonly now: number;
  readonly session: ReferenceDocument | null;
  readonly precedence: "staged" | "deny-overrides";
}

/** A principal with all that is asked about it. */
export interface ReferenceWorld {
  /** Canonical spelling. */
  readonly principal: string;
  readonly attachments: readonly ReferenceAttachment[];
  readonly questions: readonly ReferenceQuestion[];
}

/** Lists are sorted, since their order has no meaning. */
export interface ReferenceAnswer {
  readonly outcome: Definite | "CONDITIONAL";
  readonly decidedBy: string;
  readonly certainty: string;
  readonly validFrom: number | null;
  readonly validUntil: number | null;
  readonly matchedStatements: readonly string[];
  readonly residualConditions: readonly string[];
  readonly missingContextKeys: readonly string[];
  readonly diagnostics: readonly string[];
}

/** One question about one action. */
interface Request {
  readonly principal: string;
  readonly account: string;
  readonly action: string;
  readonly resource: string;
  readonly kind: string | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly context: ReferenceQuestion["context"];
  readonly now: number;
}

const SESSION = "SESSION_POLICY";
const ACCOUNT = "ACCOUNT_LEVEL_IDENTITY_BASED_POLICY";
const GROUP = "RESOURCE_GROUP_LEVEL_IDENTITY_BASED_POLICY";
const TRUST = "ROLE_TRUST";

const low = (text: string): string =>
  text.replace(/[A-Z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 32));
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);
const texts = (value: unknown): string[] => list(value).map(String);
const unique = (values: readonly string[]): string[] => [...new Set(values)].sort();

const EXPRESSIONS = new Map<string, RegExp>();

function like(pattern: string, text: string): boolean {
  const known = EXPRESSIONS.get(pattern);
  if (known !== undefined) return known.test(text);
  const source = Array.from(pattern, (c) =>
    c === "*" ? "[\\s\\S]*" : c === "?" ? "[\\s\\S]" : c.replace(/[\\^$.|+()[\]{}/]/, "\\$&"),
  );
  const expression = new RegExp(`^${source.join("")}$`, "u");
  EXPRESSIONS.set(pattern, expression);
  return expression.test(text);
}

/** What one action of one question comes to. */
export function referenceAnswer(world: ReferenceWorld, question: ReferenceQuestion, action: string): ReferenceAnswer {
  const request = requestOf(world, question, action);
  const active = world.attachments.filter((attachment) => isActive(attachment, question.now));
  const incomplete = active.some(({ document }) => document === null);
  const notes = [...(incomplete ? ["INCOMPLETE_POLICY_SET"] : []), ...notesOnRequest(request, question.resource)];
  const certainty = incomplete ? "CONSERVATIVE" : "EXACT";
  if (low(action) === "kms:describeregions") {
    const [matchedStatements, residualConditions, missingContextKeys]: string[][] = [[], [], []];
    const lists = { matchedStatements, residualConditions, missingContextKeys, diagnostics: unique(notes) };
    return {
      outcome: "ALLOW",
      decidedBy: "NO_AUTHORIZATION_REQUIRED",
      certainty,
      ...NEVER_CHANGES,
      ...(lists as Lists),
    };
  }
  const classes = classesOf(world, question, request);
  const { outcome, decidedBy, read } = combine(classes, question.precedence);
  const other = combine(classes, question.precedence === "staged" ? "deny-overrides" : "staged");
  if (outcome !== other.outcome) notes.push("RESOURCE_GROUP_DENY_SHADOWED");
  const statements = read.flatMap((policies) => policies.statements);
  if (outcome === "IMPLICIT_DENY" && needsContainer(request, read)) notes.push("CONTAINER_ARN_REQUIRED");
  notes.push(...statements.flatMap((statement) => statement.notes));
  return { outcome, decidedBy, certainty, ...validity(read, question.now), ...listed(statements, notes) };
}

/** Every outcome that the question can come to, whatever is said about missing keys. */
export function referenceOutcomes(world: ReferenceWorld, question: ReferenceQuestion, action: string): Set<Definite> {
  if (low(action) === "kms:describeregions") return new Set(["ALLOW"]);
  return combine(classesOf(world, question, requestOf(world, question, action)), question.precedence).results;
}

type Lists = Pick<ReferenceAnswer, "matchedStatements" | "residualConditions" | "missingContextKeys" | "diagnostics">;

const NEVER_CHANGES = { validFrom: null, validUntil: null };

function listed(statements: readonly Weighed[], notes: readonly string[]): Lists {
  const applying = statements.filter(({ value }) => value === "T" || value === "R");
  const residual = applying.filter(({ value }) => value === "R");
  return {
    matchedStatements: applying.map(({ label, value }) => `${label} ${value === "R"}`).sort(),
    residualConditions: residual.flatMap((statement) => statement.residual.map(({ label }) => label)).sort(),
    missingContextKeys: unique(residual.flatMap((statement) => statement.residual.map(({ key }) => key))),
    diagnostics: unique(notes),
  };
}

function requestOf(world: ReferenceWorld, { resource, context, now }: ReferenceQuestion, action: string): Request {
  const [partition, service = "", ...rest] = resource.arn.split(":");
  return {
    principal: world.principal,
    account: world.principal.split(":")[3] ?? "",
    action,
    resource: resource.arn === "*" ? "*" : [partition, low(service), ...rest].join(":"),
    kind: kindOf(resource.arn),
    tags: resource.registered ? resource.tags : {},
    context,
    now,
  };
}

/** `key`, `key container`, …; null for resources of other services. */
function kindOf(arn: string): string | null {
  if (arn === "*") return "none";
  if (!low(arn).startsWith("acs:kms:")) return null;
  const [, type, name] = /^[^:]*:[^:]*:[^:]*:[^:]*:(key|secret|alias|certificate)(\/[\s\S]+)?$/.exec(arn) ?? [];
  if (type === undefined) return "other";
  return name === undefined ? `${type} container` : type;
}

const KINDS_OF_ACTIONS: Readonly<Record<string, readonly string[]>> = {
  "kms:decrypt": ["key"],
  "kms:encrypt": ["key"],
  "kms:describekey": ["key"],
  "kms:createkey": ["key container"],
  "kms:listkeys": ["key container"],
  "kms:createalias": ["alias", "key"],
  "kms:listaliases": ["alias container"],
  "kms:getsecretvalue": ["secret"],
  "kms:createsecret": ["secret container"],
  "kms:tagresource": ["key", "secret"],
  "kms:getcertificate": ["certificate"],
  "kms:createcertificate": ["certificate container"],
  "kms:getrandompassword": ["none"],
  "kms:describeregions": ["none"],
};

const appliesTo = ({ action, kind }: Request): boolean => KINDS_OF_ACTIONS[low(action)]?.includes(kind ?? "") ?? false;

function notesOnRequest(request: Request, { registered }: ReferenceResource): string[] {
  const { kind } = request;
  const needsNone = kind !== null && (kind === "none" || kind.endsWith(" container"));
  return [
    ...(registered || needsNone ? [] : ["RESOURCE_NOT_REGISTERED"]),
    ...(low(request.action).startsWith("kms:") && !appliesTo(request) ? ["ACTION_NOT_APPLICABLE"] : []),
  ];
}

/** C24. */
function needsContainer(request: Request, read: readonly Policies[]): boolean {
  if (!request.kind?.endsWith(" container") || !appliesTo(request)) return false;
  return read.some(({ stage, sources }) =>
    sources.some(({ Effect: effect, ...statement }) => {
      if (stage === TRUST || effect !== "Allow" || actionPart(statement, request) !== "T") return false;
      if (statement["NotResource"] !== undefined || resourcePart(statement, request, false) === "T") return false;
      return texts(statement["Resource"]).some((pattern) => matchesItemOf(pattern, request));
    }),
  );
}

/** Tries what the rest of the pattern may stand for as the name of the item. */
function matchesItemOf(pattern: string, request: Request): boolean {
  if (pattern.includes("${") || pattern.includes(",")) return false;
  return Array.from(pattern, (_, index) => pattern.slice(index).replace(/[*?]/g, "x")).some((rest) =>
    arnMatch(pattern, `${request.resource}/${rest}`, false),
  );
}

function isActive({ notBefore, expiresAt }: ReferenceAttachment, now: number): boolean {
  return (notBefore === null || notBefore <= now) && (expiresAt === null || now < expiresAt);
}

/** An instant at which something changes; `after`: and again directly after it. */
interface Moment {
  readonly at: number;
  readonly after: boolean;
}

/** The policies of one stage. */
interface Policies {
  readonly stage: string;
  readonly statements: readonly Weighed[];
  readonly sources: readonly Json[];
  readonly bounds: readonly Moment[];
}

interface Classes {
  readonly owner: boolean;
  readonly foreign: boolean;
  /** The trust policy answers, too. */
  readonly trusted: boolean;
  readonly session: Policies | null;
  readonly account: Policies | null;
  readonly group: Policies | null;
  readonly trust: Policies | null;
}

function classesOf(world: ReferenceWorld, question: ReferenceQuestion, request: Request): Classes {
  const { registered, resourceGroup, trust } = question.resource;
  const owner = world.principal.endsWith(":root");
  const resourceAccount = request.resource.split(":")[3] ?? "";
  const foreign = /^\d+$/.test(resourceAccount) && resourceAccount !== request.account;
  const trustDocument = registered ? trust : null;
  const own = world.attachments.filter(({ group }) => group === null);
  const inGroup = world.attachments.filter(({ group }) => group !== null && group === resourceGroup);
  const reads = !owner && !foreign && registered && inGroup.length > 0;
  return {
    owner,
    foreign,
    trusted: low(request.action) === "sts:assumerole" && !(foreign && (trustDocument === null || owner)),
    session: single(SESSION, question.session, request),
    account: owner ? null : attachedPolicies(ACCOUNT, own, request),
    group: reads ? attachedPolicies(GROUP, inGroup, request) : null,
    trust: single(TRUST, trustDocument, request),
  };
}

function single(stage: string, document: ReferenceDocument | null, request: Request): Policies | null {
  if (document === null) return null;
  const source = stage === TRUST ? "TRUST_POLICY" : stage;
  const path = { source, policy: "null null", attachment: "null null" };
  const statements = document.Statement.flatMap((statement, index) => weigh(statement, index, path, request) ?? []);
  return { stage, statements, sources: document.Statement, bounds: [] };
}

function attachedPolicies(stage: string, attachments: readonly ReferenceAttachment[], request: Request): Policies {
  const active = attachments.filter((attachment) => isActive(attachment, request.now));
  const statements = active.flatMap(({ policy, attachedTo, group, document }): Weighed[] => {
    const version = document === null ? null : "v1";
    const path = { source: "IDENTITY_POLICY", policy: `${policy} ${version}`, attachment: `${attachedTo} ${group}` };
    if (document !== null) {
      return document.Statement.flatMap((statement, index) => weigh(statement, index, path, request) ?? []);
    }
    return ["Allow", "Deny"].map((effect) => ({
      ...NOTHING_KNOWN,
      effect,
      label: statementLabel(path, effect, 0, null),
    }));
  });
  const ends = attachments.flatMap(({ notBefore, expiresAt }) => [notBefore, expiresAt]).filter((at) => at !== null);
  const sources = active.flatMap(({ document }) => document?.Statement ?? []);
  return { stage, statements, sources, bounds: ends.map((at) => ({ at, after: false })) };
}

/** Every combination of what the stages can come to. */
function combine(
  { owner, foreign, trusted, session, account, group, trust }: Classes,
  precedence: ReferenceQuestion["precedence"],
) {
  const gate = session === null ? null : possible(session);
  const open = gate === null || gate.has("ALLOW");
  const own = possible(account);
  const groupRead = precedence === "staged" ? own.has("IMPLICIT_DENY") : own.size > 1 || !own.has("EXPLICIT_DENY");
  const read = [session, ...(open ? [account, groupRead ? group : null, trusted ? trust : null] : [])].filter(
    (policies) => policies !== null,
  );

  const end = (s: Definite | null, a: Definite, g: Definite, t: Definite): readonly [Definite, string] => {
    if (s !== null && s !== "ALLOW") return [s, SESSION];
    const identity = identityStep(a, g);
    if (trusted) {
      if (identity[0] === "EXPLICIT_DENY") return identity;
      return t !== "ALLOW" || identity[0] === "ALLOW" ? [t, TRUST] : identity;
    }
    return foreign && identity[0] !== "EXPLICIT_DENY" ? ["IMPLICIT_DENY", "CROSS_ACCOUNT"] : identity;
  };
  const identityStep = (a: Definite, g: Definite): readonly [Definite, string] => {
    if (owner) return foreign ? ["IMPLICIT_DENY", "CROSS_ACCOUNT"] : ["ALLOW", "ACCOUNT_OWNER"];
    if (a === "EXPLICIT_DENY") return [a, ACCOUNT];
    if (g === "EXPLICIT_DENY" && precedence === "deny-overrides") return [g, GROUP];
    return a === "IMPLICIT_DENY" && g !== "IMPLICIT_DENY" ? [g, GROUP] : [a, ACCOUNT];
  };

  const endings: (readonly [Definite, string])[] = [];
  for (const s of gate ?? [null]) {
    for (const a of own)
      for (const g of possible(group)) for (const t of possible(trust)) endings.push(end(s, a, g, t));
  }
  const results = new Set(endings.map(([result]) => result));
  const outcome = answer(results);
  return { outcome, results, read, decidedBy: decidingStage(outcome, endings, read) };
}

function answer(results: ReadonlySet<Definite>): ReferenceAnswer["outcome"] {
  if (results.size === 1) return [...results][0] ?? "IMPLICIT_DENY";
  return results.has("ALLOW") ? "CONDITIONAL" : "IMPLICIT_DENY";
}

/** C14. A combination that comes to something else than the answer has no say. */
function decidingStage(
  outcome: ReferenceAnswer["outcome"],
  endings: readonly (readonly [Definite, string])[],
  read: readonly Policies[],
): string {
  const stages = unique(endings.filter(([end]) => outcome === "CONDITIONAL" || end === outcome).map(([, at]) => at));
  const open = read.find((policies) => possible(policies).size > 1);
  return (stages.length === 1 ? stages[0] : open?.stage) ?? "";
}

/** Each residual statement may apply or not (C28); only what applied so far counts. */
function possible(policies: Policies | null): Set<Definite> {
  let applied = new Set([""]);
  for (const { effect, value } of policies?.statements ?? []) {
    if (value === "F") continue;
    const joined = [...applied].map((before) => (before.includes(effect) ? before : before + effect));
    applied = new Set(value === "R" ? [...applied, ...joined] : joined);
  }
  const outcomes = [...applied].map((effects): Definite => {
    if (effects.includes("Deny")) return "EXPLICIT_DENY";
    return effects.includes("Allow") ? "ALLOW" : "IMPLICIT_DENY";
  });
  return new Set(outcomes);
}

/** C12, C15; the past mirrors the future. */
function validity(read: readonly Policies[], now: number): Pick<ReferenceAnswer, "validFrom" | "validUntil"> {
  const moments = read.flatMap(({ bounds, statements }) => [...bounds, ...statements.flatMap((s) => s.moments)]);
  const past = moments.flatMap(({ at, after }) => (after && at < now ? [at + 1] : at <= now ? [at] : []));
  const future = moments.filter(({ at, after }) => at > now || (after && at === now)).map(({ at }) => at);
  return {
    validFrom: past.length === 0 ? null : Math.max(...past),
    validUntil: future.length === 0 ? null : Math.min(...future),
  };
}

/** A statement that names the action. */
interface Weighed {
  readonly label: string;
  readonly effect: string;
  readonly value: Truth;
  readonly residual: readonly { readonly key: string; readonly label: string }[];
  readonly notes: readonly string[];
  readonly moments: readonly Moment[];
}

/** Stands for a statement of a document that is missing (D4). */
const NOTHING_KNOWN = { value: "R", residual: [], notes: [], moments: [] } as const;

/** How a statement came to count. */
interface Path {
  readonly source: string;
  /** Its name and version. */
  readonly policy: string;
  /** Whom it is attached to, and for which resource group. */
  readonly attachment: string;
}

const statementLabel = ({ source, policy, attachment }: Path, effect: string, index: number, sid: unknown): string =>
  `${source} ${policy} ${effect} ${index} ${sid} ${attachment}`;

const conditionLabel = ({ policy }: Path, effect: string, index: number, condition: ConditionSource): string =>
  `${policy} ${effect} ${index} ${condition.operator} ${condition.key} ${JSON.stringify(condition.values)}`;

function weigh(statement: Json, index: number, path: Path, request: Request): Weighed | null {
  if (actionPart(statement, request) === "F") return null;
  const effect = String(statement["Effect"]);
  const deny = effect === "Deny";
  const label = statementLabel(path, effect, index, statement["Sid"] ?? null);
  const notes = notesOnResources(statement, deny);
  const parts = [resourcePart(statement, request, deny), principalPart(statement, request, deny)];
  const residual: Weighed["residual"][number][] = [];
  const moments: Moment[] = [];
  if (parts.includes("F")) return { label, effect, value: "F", residual, notes, moments };
  for (const [operator, block] of Object.entries((statement["Condition"] ?? {}) as Json)) {
    const keys = Object.entries(block as Json);
    if (keys.length === 0 && !OPERATORS.has(operator.replace(/^For(AllValues|AnyValue):/, ""))) {
      parts.push("U");
      notes.push("UNKNOWN_OPERATOR");
    }
    for (const [key, values] of keys) {
      const condition = { operator, key, values: texts(values), deny };
      const part = conditionPart(condition, request, notes);
      if (part === "R") residual.push({ key, label: conditionLabel(path, effect, index, condition) });
      parts.push(part);
      moments.push(...momentsOf(condition, request));
    }
  }
  const resolved = parts.map((part) => (part === "U" ? (deny ? "T" : "F") : part));
  const value = resolved.includes("F") ? "F" : resolved.includes("R") ? "R" : "T";
  return { label, effect, value, residual, notes, moments };
}

function actionPart(statement: Json, request: Request): Truth {
  const negated = statement["NotAction"] !== undefined;
  const matched = texts(statement["NotAction"] ?? statement["Action"]).some((p) => like(low(p), low(request.action)));
  return matched !== negated ? "T" : "F";
}

function notesOnResources(statement: Json, deny: boolean): string[] {
  const negated = statement["NotResource"] !== undefined;
  if (negated && !deny) return ["UNSUPPORTED_ELEMENT"];
  if (statement["Resource"] === undefined && !negated) return [];
  return texts(statement["NotResource"] ?? statement["Resource"]).flatMap((pattern) => {
    if (pattern === "*") return [];
    if (pattern.includes("${")) return ["POLICY_VARIABLE_UNSUPPORTED"];
    const short = deny === negated && !/(.*:){4}/.test(pattern);
    return short || pattern.includes(",") ? ["SUSPICIOUS_RESOURCE"] : [];
  });
}

function resourcePart(statement: Json, request: Request, deny: boolean): Truth {
  const negated = statement["NotResource"] !== undefined;
  if (statement["Resource"] === undefined && !negated) return "T";
  if (negated && !deny) return "F";
  const lenient = deny !== negated;
  const matched = or(
    texts(statement["NotResource"] ?? statement["Resource"]).map((p) => resourceMatch(p, request, lenient)),
  );
  return negated ? opposite(matched) : matched;
}

function resourceMatch(pattern: string, request: Request, lenient: boolean): Truth {
  if (pattern === "*") return "T";
  if (pattern.includes("${")) return "U";
  if (pattern.includes(",")) return "F";
  const service = low(request.action.split(":")[0] ?? "");
  if (request.resource === "*" && !lenient) return "F";
  const text = request.resource === "*" ? `acs:${service}:*:*:*` : request.resource;
  return arnMatch(pattern, text, lenient) ||
    (lenient && request.resource === "*" && !/(.*:){4}/.test(pattern) && like(low(pattern), "*"))
    ? "T"
    : "F";
}

const split = (arn: string): string[] | null =>
  /^([^:]*):([^:]*):([^:]*):([^:]*):([\s\S]*)$/.exec(arn)?.slice(1) ?? null;

function arnMatch(pattern: string, text: string, lenient: boolean): boolean {
  const wanted = split(pattern);
  const given = split(text);
  if (given === null) return false;
  if (wanted === null) return lenient && like(low(pattern), low(text));
  return wanted.every((part, index) => {
    const value = given[index] ?? "";
    if (lenient || index === 1) return like(low(part), low(value));
    const entity =
      index === 4 && ["ram", "sts"].includes(given[1] ?? "") && /^(user|group|role|assumed-role)\//.test(value);
    return entity ? like(foldName(part), foldName(value)) : like(part, value);
  });
}

/** The name only: neither what stands before it nor the name of a session. */
const foldName = (relativeId: string): string => {
  const [, type = "", name = "", session = ""] = /^([^/]*\/)?([^/]*)([\s\S]*)$/.exec(relativeId) ?? [];
  return type + low(name) + session;
};

function principalPart(statement: Json, request: Request, deny: boolean): Truth {
  const principal = statement["Principal"] as { readonly RAM?: unknown } | undefined;
  if (principal === undefined) return "T";
  const trusted = principal.RAM === undefined ? [] : texts(principal.RAM);
  return or(trusted.map((name) => trustedName(name, request, deny)));
}

function trustedName(name: string, { principal, account }: Request, deny: boolean): Truth {
  if (name === "*") return "T";
  if (name.includes("${")) return "U";
  if (name.includes(",")) return "F";
  const [partition = "", service = "", region = "", owner = "", relative = ""] = split(deny ? low(name) : name) ?? [];
  const whole =
    ["root", "*"].includes(relative) && like(partition, "acs") && like(low(service), "ram") && like(region, "");
  if (whole) return like(owner, account) ? "T" : "F";
  const written = deny ? low(name) : name;
  const session =
    /^(?:acs:ram|acs:sts|arn:sts):\*?:([^:]*):assumed-role\/([\s\S]+)$/.exec(written) ??
    /^acs:ram:\*?:([^:]*):role\/([^/]*\/[\s\S]+)$/.exec(written);
  const pattern = session === null ? written : `acs:ram::${session[1]}:assumed-role/${session[2]}`;
  return names(principal).some((arn) => arnMatch(pattern, arn, deny)) ? "T" : "F";
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

const ADDRESSES = new Map<string, string | null>();

/** The bits of an address: 32 or 128. */
function ip(text: string): string | null {
  const known = ADDRESSES.get(text);
  if (known !== undefined) return known;
  const bits = text.includes(":") ? ipv6(text) : ipv4(text);
  ADDRESSES.set(text, bits);
  return bits;
}

function ipv4(text: string): string | null {
  const octet = "(0|[1-9]\\d?|1\\d\\d|2[0-4]\\d|25[0-5])";
  const match = new RegExp(`^${octet}\\.${octet}\\.${octet}\\.${octet}$`).exec(text);
  return match === null ? null : binary(match.slice(1).map(Number), 8);
}

/** Lets the URL parser bring the address into its one form. */
function ipv6(text: string): string | null {
  const url = `http://[${text}]/`;
  if (!/^[0-9A-Fa-f:.]+$/.test(text) || !URL.canParse(url)) return null;
  const [front = "", back] = new URL(url).hostname.slice(1, -1).split("::");
  const [left, right] = [front, back ?? ""].map((part) => (part === "" ? [] : part.split(":")));
  const zeros = new Array(8 - (left?.length ?? 0) - (right?.length ?? 0)).fill("0");
  return binary(
    [...(left ?? []), ...zeros, ...(right ?? [])].map((group) => Number.parseInt(group, 16)),
    16,
  );
}

const binary = (numbers: readonly number[], width: number): string =>
  numbers.map((part) => part.toString(2).padStart(width, "0")).join("");

const MAPPED = `${"0".repeat(80)}${"1".repeat(16)}`;
const unmapped = (bits: string): string => (bits.startsWith(MAPPED) ? bits.slice(MAPPED.length) : bits);

const inRange: Compare = (policy, request) => {
  const [, address = "", length] = /^([^/]*)(?:\/(0|[1-9]\d{0,2}))?$/.exec(policy) ?? [];
  const [range, given] = [ip(address), ip(request)];
  if (range === null || given === null || Number(length ?? 0) > range.length) return null;
  const prefix = range.slice(0, length === undefined ? undefined : Number(length));
  if (range.startsWith(MAPPED) && prefix.length < MAPPED.length) return null;
  return unmapped(given).length === unmapped(range).length && unmapped(given).startsWith(unmapped(prefix));
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

interface ConditionSource {
  /** With its set prefix. */
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
  readonly deny: boolean;
}

function conditionPart(
  { operator: written, key, values, deny }: ConditionSource,
  request: Request,
  notes: string[],
): Truth {
  const [, prefix = "", operator = ""] = /^(ForAllValues:|ForAnyValue:)?([\s\S]*)$/.exec(written) ?? [];
  const known = OPERATORS.get(operator);
  if (known === undefined) {
    notes.push("UNKNOWN_OPERATOR");
    return "U";
  }
  const [negated, compare] = known;
  const readings = readingsOf(key, request, deny !== negated);
  if (request.kind === "secret" && /^(kms:tag|acs:resourcetag)\//i.test(key)) notes.push("TAG_SCOPE_INFERRED");
  const rule = { key, prefix, negated, compare, deny, notes };
  notes.push(...notesOnValues(values, rule));
  const one = (given: readonly string[] | undefined): Truth => valuePart(given, values, rule);
  if (readings.others.length === 0) return one(readings.exact);
  if (negated) return and([one(readings.exact), ...readings.others.map(one)]);
  return or([...(readings.exact?.length === 0 ? [] : [one(readings.exact)]), ...readings.others.map(one)]);
}

function notesOnValues(values: readonly string[], { compare, deny, negated }: Comparison): string[] {
  return values.flatMap((value) => {
    if (value.includes("${")) return ["POLICY_VARIABLE_UNSUPPORTED"];
    return isReadable(value, compare, deny && !negated) ? [] : ["UNPARSEABLE_VALUE"];
  });
}

/** Something of every kind that can be compared. */
const PROBES = ["1", "1999-01-01T00:00:00Z", "true", "1.1.1.1"];

const isReadable = (value: string, compare: Compare, zoneless: boolean): boolean =>
  !value.includes("${") && PROBES.some((probe) => compare(value, probe, zoneless) !== null);

/** When a comparison with the current time changes; texts of it, every millisecond. */
function momentsOf({ operator: written, key, values, deny }: ConditionSource, { now }: Request): Moment[] {
  const operator = written.replace(/^For(AllValues|AnyValue):/, "");
  if (low(key) !== "acs:currenttime" || !OPERATORS.has(operator)) return [];
  if (operator.startsWith("String")) return [{ at: now, after: true }];
  if (!operator.startsWith("Date")) return [];
  const after = /^Date(Equals|NotEquals|LessThanEquals|GreaterThan)$/.test(operator);
  const instants = values.map((value) =>
    value.includes("${") ? null : date(value, deny && operator !== "DateNotEquals"),
  );
  return instants.filter((at) => at !== null).map((at) => ({ at, after }));
}

interface Readings {
  readonly exact: readonly string[] | undefined;
  readonly others: readonly (readonly string[])[];
}

function readingsOf(key: string, request: Request, lenient: boolean): Readings {
  const name = low(key);
  if (name === "acs:currenttime")
    return { exact: [new Date(request.now).toISOString().replace(".000Z", "Z")], others: [] };
  if (name === "action") return { exact: [request.action], others: [] };
  if (name === "acs:principalarn") return { exact: [names(request.principal).at(-1) ?? ""], others: [] };
  const [prefix, tag] = splitKey(key);
  const kms = (request.resource === "*" ? low(request.action) : request.resource.slice(4)).startsWith("kms:");
  if (prefix === "kms:tag/" || (prefix === "acs:resourcetag/" && kms)) {
    return tagReadings(["key", "secret"].includes(request.kind ?? "") ? request.tags : {}, tag, lenient);
  }
  const supplied = Object.entries(request.context).map(([given, values]) => [...splitKey(given), values] as const);
  const exact = supplied.find(([start, end]) => start === prefix && end === tag)?.[2];
  const others = supplied
    .filter(([start, end, values]) => start === prefix && end !== tag && low(end) === low(tag) && values.length > 0)
    .map(([, , values]) => values);
  return { exact, others: lenient ? others : [] };
}

/** What ignores case, and the name of a tag or of an entry of the encryption context. */
function splitKey(key: string): readonly [string, string] {
  const [, start, end] = /^(kms:encryptioncontext:|[^/]*\/)([\s\S]*)$/i.exec(key) ?? [];
  return start === undefined || end === undefined ? [low(key), ""] : [low(start), end];
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
  readonly notes: string[];
}

function valuePart(given: readonly string[] | undefined, values: readonly string[], rule: Comparison): Truth {
  const { key, prefix, negated, compare, deny, notes } = rule;
  const ignoreCase = ["action", "acs:principalarn"].includes(low(key));
  const zoneless = deny && !negated;
  const read = (policy: string, request: string): Truth => {
    if (policy.includes("${")) return "U";
    const held = ignoreCase ? compare(low(policy), low(request), zoneless) : compare(policy, request, zoneless);
    return held === null ? "U" : held ? "T" : "F";
  };
  const readable = values.filter((value) => isReadable(value, compare, zoneless));
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
    if (readable[0] !== undefined && read(readable[0], request) === "U") notes.push("UNPARSEABLE_VALUE");
    const any = or(values.map((value) => read(value, request)));
    return negated ? opposite(any) : any;
  });
  const every = prefix === "" ? !deny : prefix === "ForAllValues:";
  return every ? and(each) : or(each);
}
