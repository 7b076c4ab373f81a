import type { UseCaseName } from "./use-cases.js";

// RAM as a plain object and naive rules, written from its documentation: names and limits, deletions and what stands in
// their way, versions, tags, and how a change is asked for. It is what the gateway's changes are compared with.

/** Stand for the numbers of the account and of one that does not exist. */
export const OWN = "{A}";
export const OTHER = "{B}";

/** One change that somebody asks for. */
export interface Command {
  readonly name: UseCaseName;
  readonly input: Input;
  readonly options: {
    readonly dryRun?: boolean;
    /** Under which name it may be repeated. */
    readonly key?: string;
    /** How many tokens ago the expected revision was given. */
    readonly expected?: number;
    readonly reason?: string;
    /** Asked for by a user instead of an operator. */
    readonly byUser?: boolean;
  };
}

// biome-ignore lint/suspicious/noExplicitAny: an input is what its use case takes, and is read as such
export type Input = Record<string, any>;

/** What a change must come to. */
export interface Expected {
  /** Why it is refused, sorted, each once; of lists with the place of the item. */
  readonly codes: readonly string[];
  readonly changed: boolean;
  readonly value: boolean;
  /** Scopes whose revision moves. */
  readonly moved: readonly string[];
  /** Scopes that its token is about. */
  readonly scopes: readonly string[];
  /** The change that it repeats, by number: the answer is the same. */
  readonly replays: number | null;
  /** What lists say about how much they changed. */
  readonly changedCount?: number;
}

export interface Limits {
  readonly customPolicyCharacters: number;
  readonly versionsPerPolicy: number;
  readonly customPoliciesPerAccount: number;
  readonly usersPerAccount: number;
  readonly groupsPerAccount: number;
  readonly rolesPerAccount: number;
  readonly groupsPerUser: number;
  readonly systemPoliciesPerIdentity: number;
  readonly customPoliciesPerIdentity: number;
  readonly tagsPerResource: number;
}

export interface RamAccount {
  alias: string | null;
  resourceGroups: Record<string, { name: string }>;
  /** By `user/ann`, in lower case. */
  principals: Record<string, Principal>;
  /** By `user/ann group/team`. */
  memberships: Record<string, true>;
  /** By name in lower case. */
  policies: Record<string, Policy>;
  /** By principal, policy (`custom/read`, `system/…`) and resource group. */
  attachments: Record<string, Attachment>;
  /** By ARN. */
  resources: Record<string, Resource>;
}

export interface Principal {
  name: string;
  displayName: string | null;
  comments: string | null;
  role: { kind: string; service: string | null; trust: string; duration: number } | null;
  tags: Record<string, string>;
}

interface Policy {
  name: string;
  description: string | null;
  last: number;
  default: number;
  versions: Record<number, string>;
}

interface Attachment {
  principal: string;
  policy: string;
  resourceGroup: string | null;
  notBefore: string | null;
  expiresAt: string | null;
}

export interface Resource {
  type: string;
  region: string;
  name: string;
  resourceGroup: string | null;
  key: string | null;
  state: string | null;
  spec: string | null;
  usage: string | null;
  origin: string | null;
  secretType: string | null;
  tags: Record<string, string>;
}

export const SYSTEM_POLICIES = [
  ...["AdministratorAccess", "AliyunKMSFullAccess", "AliyunKMSReadOnlyAccess", "AliyunKMSCryptoUserAccess"],
  ...["AliyunKMSCryptoAdminAccess", "AliyunKMSSecretUserAccess", "AliyunKMSSecretAdminAccess"],
];

/** Belongs to a service: nobody else may change it. */
export const LINKED_ROLE = { name: "AliyunServiceRoleForKMSKeyStore", service: "keystore.kms.aliyuncs.com" };

class Refused extends Error {
  readonly codes: readonly string[];

  constructor(codes: readonly string[]) {
    super(codes.join(", "));
    this.codes = codes;
  }
}

/** Refuses for these reasons, if there are any; what is not one is left out. */
function no(...codes: (string | false | undefined)[]): void {
  const reasons = codes.filter((code) => typeof code === "string");
  if (reasons.length > 0) throw new Refused(reasons);
}

/** The same text for the same content. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === "object" && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([one], [other]) => (one < other ? -1 : 1)))
      : member,
  );
}

/** An account as it should be, and what has been done to it. */
export class RamModel {
  account: RamAccount;
  /** Names of the changes that were made. */
  readonly events: string[] = [];
  /** What was asked for under a key, and as which change. */
  readonly keys = new Map<string, { readonly asked: string; readonly number: number; readonly expected: Expected }>();
  /** For each token that was given out, how often its scopes had moved. */
  readonly tokens: ReadonlyMap<string, number>[] = [];
  readonly #moves = new Map<string, number>();
  readonly #limits: Limits;

  constructor(beginning: RamAccount, limits: Limits) {
    this.account = structuredClone(beginning);
    this.#limits = limits;
  }

  /** Makes the change with this number, and says what it comes to. */
  apply(command: Command, number: number): Expected {
    try {
      return this.#make(command, number);
    } catch (refused) {
      if (!(refused instanceof Refused)) throw refused;
      const codes = [...new Set(refused.codes)].sort();
      return { codes, changed: false, value: false, moved: [], scopes: [], replays: null };
    }
  }

  #make({ name, input, options }: Command, number: number): Expected {
    const rule = RULES[name];
    no(isTooLong(options.reason, 1_024) && "INVALID_PARAMETER_TEXT");
    rule.check?.(input, this.#limits);
    const owner = rule.owner(input);
    no(owner !== OWN && owner !== OTHER && "INVALID_PARAMETER_ACCOUNT");
    no(options.byUser && "FORBIDDEN");
    const asked = canonical([name, input, options.reason, this.#tokenIndex(options)]);
    const known = options.key === undefined || options.dryRun ? undefined : this.keys.get(options.key);
    no(known !== undefined && known.asked !== asked && "IDEMPOTENCY_KEY_REUSED");
    if (known !== undefined) return { ...known.expected, moved: [], replays: known.number };
    no(owner === OTHER && "ENTITY_NOT_EXIST_ACCOUNT");
    const scopes = [...new Set(rule.scopes(input))];
    no(this.#hasMoved(scopes, this.tokens[this.#tokenIndex(options)]) && "CONFLICT");
    const next = structuredClone(this.account);
    rule.run(next, input, this.#limits);
    const expected = this.#finish(rule, input, next, scopes, options.dryRun === true);
    if (options.key !== undefined && !options.dryRun) this.keys.set(options.key, { asked, number, expected });
    if (expected.changed && !options.dryRun) this.events.push(name);
    return expected;
  }

  #finish(rule: Rule, input: Input, next: RamAccount, scopes: readonly string[], dryRun: boolean): Expected {
    const changed = canonical(next) !== canonical(this.account);
    const moved = changed && !dryRun ? [...new Set(rule.moved?.(this.account, next, input) ?? scopes)].sort() : [];
    const value = !(dryRun && isMade(rule, this.account, next));
    const differing = differingAttachments(this.account, next).length;
    if (!dryRun) this.account = next;
    for (const scope of moved) this.#moves.set(scope, (this.#moves.get(scope) ?? 0) + 1);
    this.tokens.push(new Map(scopes.map((scope) => [scope, this.#moves.get(scope) ?? 0])));
    const count = rule.isList ? { changedCount: differing } : {};
    return { codes: [], changed, value, moved, scopes, replays: null, ...count };
  }

  /** -1 when no revision is expected. */
  #tokenIndex({ expected }: Command["options"]): number {
    return expected === undefined ? -1 : Math.max(this.tokens.length - 1 - expected, -1);
  }

  /** The token that a command expects to be current, by the order in which tokens were given out. */
  tokenOf(command: Command): number | null {
    const index = this.#tokenIndex(command.options);
    return index < 0 ? null : index;
  }

  #hasMoved(scopes: readonly string[], token: ReadonlyMap<string, number> | undefined): boolean {
    return scopes.some((scope) => token?.has(scope) && token.get(scope) !== (this.#moves.get(scope) ?? 0));
  }
}

interface Rule {
  /** What is wrong with the input itself. */
  readonly check?: (input: Input, limits: Limits) => void;
  /** The account that it is about. */
  readonly owner: (input: Input) => string;
  /** The scopes whose decisions it is about. */
  readonly scopes: (input: Input) => string[];
  readonly run: (account: RamAccount, input: Input, limits: Limits) => void;
  /** Scopes that move when it changes something, where they are not those above. */
  readonly moved?: (before: RamAccount, after: RamAccount, input: Input) => string[];
  /** Whether it makes the thing that its value names. */
  readonly makes?: true | ((before: RamAccount, after: RamAccount) => boolean);
  readonly isList?: true;
}

function isMade({ makes }: Rule, before: RamAccount, after: RamAccount): boolean {
  return typeof makes === "function" ? makes(before, after) : makes === true;
}

// Names

const fold = (name: string): string => name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

interface Name {
  readonly service: string;
  readonly region: string;
  readonly account: string;
  /** `user`, `policy`, `key`; `root`. */
  readonly type: string;
  readonly name: string;
  /** As principals and policies are found. */
  readonly key: string;
}

function nameOf(arn: string): Name {
  const [, service = "", region = "", account = "", ...rest] = arn.split(":");
  const [type = "", ...names] = rest.join(":").split("/");
  const name = names.join("/");
  return { service, region, account, type, name, key: `${type}/${fold(name)}` };
}

const isTooLong = (text: string | null | undefined, most: number): boolean => [...(text ?? "")].length > most;

function textProblem(text: string | null | undefined, most: number): string | false {
  return isTooLong(text, most) && "INVALID_PARAMETER_TEXT";
}

const LETTERS: Readonly<Record<string, RegExp>> = {
  USER: /^[A-Za-z0-9._-]+$/,
  GROUP: /^[A-Za-z0-9-]+$/,
  ROLE: /^[A-Za-z0-9.-]+$/,
  POLICY: /^[A-Za-z0-9-]+$/,
};

function nameProblem(kind: string, name: string): string | false {
  const length = [...name].length;
  if (length < 1 || length > (kind === "POLICY" ? 128 : 64)) return `INVALID_PARAMETER_${kind}_NAME_LENGTH`;
  return !LETTERS[kind]?.test(name) && `INVALID_PARAMETER_${kind}_NAME_INVALID_CHARS`;
}

const TAG = /^[\p{L}\p{N}/\\_.+=:@-]{0,128}$/u;

function tagProblems(tags: readonly { key: string; value: string }[] | null | undefined, most: number) {
  const keys = (tags ?? []).map(({ key }) => key);
  const wrongKey = (key: string, at: number) =>
    key === "" || !TAG.test(key) || /^(aliyun|acs:)/i.test(key) || keys.indexOf(key) < at;
  return [
    keys.some(wrongKey) && "INVALID_PARAMETER_TAG_KEY",
    (tags ?? []).some(({ key, value }, at) => keys.indexOf(key) === at && !TAG.test(value)) &&
      "INVALID_PARAMETER_TAG_VALUE",
    keys.length > most && "LIMIT_EXCEEDED_TAG",
  ];
}

const tagsOf = (tags: readonly { key: string; value: string }[] | null | undefined): Record<string, string> =>
  Object.fromEntries((tags ?? []).map(({ key, value }) => [key, value]));

/** Documents of this test are well-formed, or lack something obvious. */
function documentProblems(document: unknown, kind: "identity" | "trust", most: number): (string | false)[] {
  const text = documentText(document);
  return [
    [...text].length > most && "INVALID_PARAMETER_POLICY_DOCUMENT_LENGTH",
    !isWellFormed(text, kind) && "MALFORMED_POLICY_DOCUMENT",
  ];
}

function isWellFormed(text: string, kind: "identity" | "trust"): boolean {
  try {
    const { Version, Statement } = JSON.parse(text) as { Version?: unknown; Statement?: Input[] };
    if (Version !== "1" || !Array.isArray(Statement)) return false;
    const about = kind === "trust" ? "Principal" : "Resource";
    return Statement.every((each) => /^(Allow|Deny)$/.test(each["Effect"]) && "Action" in each && about in each);
  } catch {
    return false;
  }
}

const documentText = (document: unknown): string =>
  typeof document === "string" ? document : JSON.stringify(document);

// What changes are about

const accountScope = (): string[] => ["acct"];

/** A group's members have what it has, so they depend on it and not only on themselves. */
function principalScope(key: string): string {
  return `${key.startsWith("group/") ? "grp" : "prin"}:${key}`;
}

/** A role is looked up by whoever may assume it too. */
function entityScopes(key: string): string[] {
  return key.startsWith("role/") ? ["acct", principalScope(key)] : [principalScope(key)];
}

/** A new name moves what the old one stood for and what the new one stands for. */
function renameScopes(key: string, newName: string | null | undefined): string[] {
  const names = newName ? [key, `${key.split("/")[0]}/${fold(newName)}`] : [key];
  return names.map(principalScope);
}

const resourceScope = (arn: string): string => `res:${arn}`;

/** Whoever refers to a key depends on it. */
function withReferrers(account: RamAccount, arn: string): string[] {
  const referring = Object.entries(account.resources).filter(([, { key }]) => key === arn);
  return [arn, ...referring.map(([other]) => other)].map(resourceScope);
}

function mustExist(things: Record<string, unknown>, key: string, kind: string): void {
  no(!Object.hasOwn(things, key) && `ENTITY_NOT_EXIST_${kind}`);
}

function isLinked(account: RamAccount, key: string): boolean {
  return account.principals[key]?.role?.kind === "SERVICE_LINKED";
}

/** A user, group or role that may be changed. */
function changeable(account: RamAccount, key: string): Principal {
  mustExist(account.principals, key, kindOf(key));
  no(isLinked(account, key) && "SERVICE_LINKED_ROLE_IMMUTABLE");
  return account.principals[key] as Principal;
}

const kindOf = (key: string): string => (key.split("/")[0] ?? "").toUpperCase();

/** Key of a policy, if there is one in this account: its own, or one of the system. */
function policyKey(account: RamAccount, arn: string): string | null {
  const { account: owner, name } = nameOf(arn);
  const key = fold(name);
  if (owner === "system") return SYSTEM_POLICIES.some((each) => fold(each) === key) ? `system/${key}` : null;
  return owner === OWN && Object.hasOwn(account.policies, key) ? `custom/${key}` : null;
}

function customPolicy(account: RamAccount, arn: string): Policy {
  no(policyKey(account, arn) === null && "ENTITY_NOT_EXIST_POLICY");
  return account.policies[fold(nameOf(arn).name)] as Policy;
}

function attachedTo(account: RamAccount, principal: string): Attachment[] {
  return Object.values(account.attachments).filter((each) => each.principal === principal);
}

function differingAttachments(before: RamAccount, after: RamAccount): Attachment[] {
  const keys = new Set([...Object.keys(before.attachments), ...Object.keys(after.attachments)]);
  return [...keys]
    .filter((key) => canonical(before.attachments[key]) !== canonical(after.attachments[key]))
    .map((key) => (after.attachments[key] ?? before.attachments[key]) as Attachment);
}

/** Policies of one type, whatever their scope; those of this name do not count. */
function otherPolicies(account: RamAccount, principal: string, policy: string): number {
  const type = policy.split("/")[0];
  const held = attachedTo(account, principal).map((each) => each.policy);
  return new Set(held.filter((each) => each.split("/")[0] === type && each !== policy)).size;
}

function quotaProblem(account: RamAccount, principal: string, policy: string, limits: Limits): string | false {
  const most = policy.startsWith("system/") ? limits.systemPoliciesPerIdentity : limits.customPoliciesPerIdentity;
  return otherPolicies(account, principal, policy) >= most && `LIMIT_EXCEEDED_${kindOf(principal)}_POLICY`;
}

const instant = (date: Date | null | undefined): string | null => date?.toISOString() ?? null;

function windowOf({ notBefore, expiresAt }: Input) {
  return { notBefore: instant(notBefore), expiresAt: instant(expiresAt) };
}

function windowProblem({ notBefore, expiresAt }: Input): string | false {
  const years = [notBefore, expiresAt].flatMap((date?: Date | null) => (date ? [date.getUTCFullYear()] : []));
  const isEmpty = notBefore && expiresAt && notBefore.getTime() >= expiresAt.getTime();
  return (years.some((year) => year > 9_999) || isEmpty) && "INVALID_PARAMETER_WINDOW";
}

const HOLDERS = ["user", "group", "role"];
const typeProblem = (arn: string, types: readonly string[]): string | false =>
  !types.includes(nameOf(arn).type) && "INVALID_PARAMETER_PRINCIPAL_TYPE";

const resourceProblem = (arn: string, types: readonly string[]): string | false =>
  !types.includes(nameOf(arn).type) && "INVALID_PARAMETER_RESOURCE_TYPE";

const systemProblem = ({ policy }: Input): string | false =>
  nameOf(policy).account === "system" && "SYSTEM_POLICY_IMMUTABLE";

const attachmentKey = (principal: string, policy: string, group: string | null): string =>
  `${principal} ${policy} ${group ?? "-"}`;

const resourceGroupOf = (input: Input): string | null => input["resourceGroup"] ?? null;

function mustHaveGroup(account: RamAccount, group: string | null): void {
  if (group !== null) mustExist(account.resourceGroups, group, "RESOURCE_GROUP");
}

/** What an attachment names, all of which must exist. */
function targetOf(account: RamAccount, input: Input) {
  const principal = nameOf(input["principal"]).key;
  changeable(account, principal);
  const policy = policyKey(account, input["policy"]);
  no(policy === null && "ENTITY_NOT_EXIST_POLICY");
  const resourceGroup = resourceGroupOf(input);
  mustHaveGroup(account, resourceGroup);
  return { principal, policy: policy as string, resourceGroup };
}

// Lists of attachments

interface Item {
  readonly input: Input;
  readonly at: number;
}

const itemsOf = ({ attachments }: Input): Item[] => attachments.map((input: Input, at: number) => ({ input, at }));
const readable = ({ input }: Item): boolean => !typeProblem(input["principal"], HOLDERS);

function listOwner(input: Input): string {
  const first = itemsOf(input).find(readable) as Item;
  return nameOf(first.input["principal"]).account;
}

function isOutside({ input }: Item): boolean {
  const policy = nameOf(input["policy"]).account;
  return nameOf(input["principal"]).account !== OWN || (policy !== OWN && policy !== "system");
}

function checkList(input: Input): void {
  const items = itemsOf(input);
  no(items.length === 0 && "INVALID_PARAMETER");
  if (!items.some(readable)) no(...items.map(({ at }) => `INVALID_PARAMETER_PRINCIPAL_TYPE[${at}]`));
}

const listScopes = (input: Input): string[] =>
  itemsOf(input)
    .filter((item) => readable(item) && !isOutside(item))
    .map((item) => principalScope(nameOf(item.input["principal"]).key));

const listMoves = (before: RamAccount, after: RamAccount): string[] =>
  differingAttachments(before, after).map(({ principal }) => principalScope(principal));

/** All problems that an item has by itself, whatever else is in the list. */
function itemProblems(account: RamAccount, item: Item): string[] {
  if (!readable(item)) return ["INVALID_PARAMETER_PRINCIPAL_TYPE"];
  if (isOutside(item)) return ["INVALID_PARAMETER_ACCOUNT"];
  const { key } = nameOf(item.input["principal"]);
  const group = resourceGroupOf(item.input);
  return [
    !Object.hasOwn(account.principals, key) && `ENTITY_NOT_EXIST_${kindOf(key)}`,
    isLinked(account, key) && "SERVICE_LINKED_ROLE_IMMUTABLE",
    policyKey(account, item.input["policy"]) === null && "ENTITY_NOT_EXIST_POLICY",
    group !== null && !Object.hasOwn(account.resourceGroups, group) && "ENTITY_NOT_EXIST_RESOURCE_GROUP",
  ].filter((problem) => problem !== false);
}

/** All or nothing: every problem of every item. */
function runList(account: RamAccount, input: Input, apply: (item: Item) => string[]): void {
  const problems = itemsOf(input).flatMap((item) => {
    const own = itemProblems(account, item);
    return (own.length > 0 ? own : apply(item)).map((code) => `${code}[${item.at}]`);
  });
  no(...problems);
}

function attachAll(account: RamAccount, input: Input, limits: Limits): void {
  const given = new Map<string, string>();
  const windows = itemsOf(input).filter((item) => windowProblem(item.input));
  const apply = ({ input: each }: Item): string[] => {
    const target = targetOf(account, each);
    const key = attachmentKey(target.principal, target.policy, target.resourceGroup);
    const window = windowOf(each);
    const before = given.get(key);
    given.set(key, before ?? canonical(window));
    if (before !== undefined) return before === canonical(window) ? [] : ["INVALID_PARAMETER_WINDOW"];
    const full = !account.attachments[key] && quotaProblem(account, target.principal, target.policy, limits);
    if (full) return [full];
    account.attachments[key] = { ...target, ...window };
    return [];
  };
  try {
    runList(account, input, apply);
  } catch (refused) {
    no(...(refused as Refused).codes, ...windows.map(({ at }) => `INVALID_PARAMETER_WINDOW[${at}]`));
  }
  no(...windows.map(({ at }) => `INVALID_PARAMETER_WINDOW[${at}]`));
}

function detachAll(account: RamAccount, input: Input): void {
  runList(account, input, ({ input: each }) => {
    const { principal, policy, resourceGroup } = targetOf(account, each);
    delete account.attachments[attachmentKey(principal, policy, resourceGroup)];
    return [];
  });
}

// Deletions and new names

function deletion(type: string): Rule {
  return {
    check: (input) => no(typeProblem(input[type], [type])),
    owner: (input) => nameOf(input[type]).account,
    scopes: (input) => entityScopes(nameOf(input[type]).key),
    run(account, input) {
      const { key } = nameOf(input[type]);
      changeable(account, key);
      const memberships = Object.keys(account.memberships).map((membership) => membership.split(" "));
      no(
        attachedTo(account, key).length > 0 && `DELETE_CONFLICT_${kindOf(key)}_POLICY`,
        memberships.some(([user]) => user === key) && "DELETE_CONFLICT_USER_GROUP",
        memberships.some(([, group]) => group === key) && "DELETE_CONFLICT_GROUP_USER",
      );
      delete account.principals[key];
    },
  };
}

/** What hangs on somebody stays under a new name. */
function rename(account: RamAccount, key: string, newName: string): void {
  const newKey = `${key.split("/")[0]}/${fold(newName)}`;
  no(newKey !== key && Object.hasOwn(account.principals, newKey) && `ENTITY_ALREADY_EXISTS_${kindOf(key)}`);
  const principal = account.principals[key] as Principal;
  delete account.principals[key];
  account.principals[newKey] = { ...principal, name: newName };
  const memberships = Object.keys(account.memberships).map((each) => each.split(" "));
  account.memberships = Object.fromEntries(
    memberships.map((each) => [each.map((one) => (one === key ? newKey : one)).join(" "), true]),
  );
  for (const [old, attachment] of Object.entries(account.attachments)) {
    if (attachment.principal !== key) continue;
    delete account.attachments[old];
    const { policy, resourceGroup } = attachment;
    account.attachments[attachmentKey(newKey, policy, resourceGroup)] = { ...attachment, principal: newKey };
  }
}

function creation(kind: "USER" | "GROUP" | "ROLE", rest: Pick<Rule, "check"> & { details: (input: Input) => object }) {
  const most = { USER: "usersPerAccount", GROUP: "groupsPerAccount", ROLE: "rolesPerAccount" } as const;
  const keyOf = ({ name }: Input): string => `${kind.toLowerCase()}/${fold(name)}`;
  const rule: Rule = {
    makes: true,
    ...(rest.check ? { check: rest.check } : {}),
    owner: ({ account }) => account,
    scopes: (input) => entityScopes(keyOf(input)),
    run(account, input, limits) {
      const key = keyOf(input);
      no(Object.hasOwn(account.principals, key) && `ENTITY_ALREADY_EXISTS_${kind}`);
      const count = Object.keys(account.principals).filter((each) => kindOf(each) === kind).length;
      no(count >= limits[most[kind]] && `LIMIT_EXCEEDED_${kind}`);
      const nothing = { displayName: null, comments: null, role: null, tags: {} };
      account.principals[key] = { name: input["name"], ...nothing, ...rest.details(input) };
    },
  };
  return rule;
}

/** The members of `wanted` that are given, null included. */
function given(wanted: Input): Input {
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined));
}

const durationProblem = (seconds: number): string | false =>
  !(Number.isInteger(seconds) && seconds >= 3_600 && seconds <= 43_200) && "INVALID_PARAMETER_MAX_SESSION_DURATION";

const LONGEST_TRUST = 131_072;

// Keys, secrets and aliases

const RESOURCE_NAMES: Readonly<Record<string, [RegExp, string]>> = {
  key: [/^[A-Za-z0-9._-]{1,128}$/, "INVALID_PARAMETER_KEY_ID"],
  secret: [/^[A-Za-z0-9_/+=.@!-]{1,192}$/, "INVALID_PARAMETER_SECRET_NAME"],
  alias: [/^(?!acs)[A-Za-z0-9_/-]{1,249}$/, "INVALID_PARAMETER_ALIAS_NAME"],
};

function newResourceProblems(arn: string): (string | false)[] {
  const { type, region, name } = nameOf(arn);
  const [rule, code] = RESOURCE_NAMES[type] as [RegExp, string];
  return [!/^[a-z0-9-]+$/.test(region) && "INVALID_PARAMETER", !rule.test(name) && code];
}

function keyFor(account: RamAccount, owner: string, key: string): string {
  const [one, other] = [nameOf(owner), nameOf(key)];
  no((one.account !== other.account || one.region !== other.region) && "INVALID_PARAMETER_KEY");
  mustExist(account.resources, key, "KEY");
  return key;
}

function register(account: RamAccount, arn: string, details: Partial<Resource>): void {
  const { type, region, name } = nameOf(arn);
  no(Object.hasOwn(account.resources, arn) && `ENTITY_ALREADY_EXISTS_${type.toUpperCase()}`);
  account.resources[arn] = {
    ...{ type: type.toUpperCase(), region, name: type === "alias" ? `alias/${name}` : name },
    ...{ resourceGroup: null, key: null, state: null, spec: null, usage: null, origin: null, secretType: null },
    ...{ tags: {}, ...details },
  };
}

function registered(account: RamAccount, arn: string): Resource {
  mustExist(account.resources, arn, nameOf(arn).type.toUpperCase());
  return account.resources[arn] as Resource;
}

function deregistration(type: string): Rule {
  return {
    check: (input) => no(resourceProblem(input[type], [type])),
    owner: (input) => nameOf(input[type]).account,
    scopes: (input) => [resourceScope(input[type])],
    run(account, input) {
      const arn = input[type];
      registered(account, arn);
      const users = Object.values(account.resources).filter(({ key }) => key === arn);
      no(
        users.some((user) => user.type === "SECRET") && "DELETE_CONFLICT_KEY_SECRET",
        users.some((user) => user.type === "ALIAS") && "DELETE_CONFLICT_KEY_ALIAS",
      );
      delete account.resources[arn];
    },
  };
}

const ofResource = (field: string): Pick<Rule, "owner" | "scopes"> => ({
  owner: (input) => nameOf(input[field]).account,
  scopes: (input) => [resourceScope(input[field])],
});

// Tags

const TAGGED_RESOURCES = ["key", "secret"];
const TAGGED_PRINCIPALS = ["user", "role"];

function checkTagged({ resource }: Input): void {
  const { service } = nameOf(resource);
  if (service === "kms") no(resourceProblem(resource, TAGGED_RESOURCES));
  else no(service === "ram" ? typeProblem(resource, TAGGED_PRINCIPALS) : "INVALID_PARAMETER_RESOURCE_TYPE");
}

function tagged(account: RamAccount, { resource }: Input): { tags: Record<string, string> } {
  const { service, key } = nameOf(resource);
  return service === "kms" ? registered(account, resource) : changeable(account, key);
}

const ofTagged: Pick<Rule, "owner" | "scopes"> = {
  owner: ({ resource }) => nameOf(resource).account,
  scopes({ resource }) {
    const name = nameOf(resource);
    return [name.service === "kms" ? resourceScope(resource) : `prin:${name.key}`];
  },
};

// Policies

/** Whoever has a policy depends on it, and nobody else. */
const policyScopes = (name: string): string[] => [`pol:policy/${fold(name)}`];

const ofPolicy: Pick<Rule, "owner" | "scopes"> = {
  owner: ({ policy }) => nameOf(policy).account,
  scopes: ({ policy }) => policyScopes(nameOf(policy).name),
};

function versionOf(policy: Policy, version: string): number {
  const number = Object.keys(policy.versions).find((each) => `v${each}` === version);
  no(number === undefined && "ENTITY_NOT_EXIST_POLICY_VERSION");
  return Number(number);
}

const ROTATE = "DELETE_OLDEST_NON_DEFAULT_VERSION_WHEN_LIMIT_EXCEEDED";

function makeRoom(policy: Policy, most: number, strategy: string | undefined): void {
  const numbers = Object.keys(policy.versions).map(Number);
  if (numbers.length < most) return;
  const others = numbers.filter((number) => number !== policy.default);
  no((strategy !== ROTATE || others.length === 0) && "LIMIT_EXCEEDED_POLICY_VERSION");
  delete policy.versions[Math.min(...others)];
}

const membership: Pick<Rule, "check" | "owner" | "scopes"> = {
  check({ user, group }) {
    no(typeProblem(user, ["user"]));
    no(typeProblem(group, ["group"]));
  },
  owner: ({ user }) => nameOf(user).account,
  scopes: ({ user }) => [`prin:${nameOf(user).key}`],
};

function membershipKey(account: RamAccount, { user, group }: Input): string {
  const [one, other] = [nameOf(user), nameOf(group)];
  no(one.account !== other.account && "ENTITY_NOT_EXIST_GROUP");
  mustExist(account.principals, one.key, "USER");
  mustExist(account.principals, other.key, "GROUP");
  return `${one.key} ${other.key}`;
}

const ofAccount: Pick<Rule, "owner" | "scopes"> = { owner: ({ account }) => account, scopes: accountScope };

const RULES: Readonly<Record<UseCaseName, Rule>> = {
  createAccount: {
    check: ({ alias }) => no(textProblem(alias, 64)),
    owner: ({ account }) => account,
    scopes: () => ["acct", "prin:root/"],
    run: () => no("ENTITY_ALREADY_EXISTS_ACCOUNT"),
  },
  updateAccount: {
    ...ofAccount,
    check: ({ alias }) => no(textProblem(alias, 64)),
    run(account, { alias }) {
      if (alias !== undefined) account.alias = alias;
    },
  },
  createUser: creation("USER", {
    check: ({ name, displayName, comments, tags }, { tagsPerResource }) =>
      no(
        nameProblem("USER", name),
        textProblem(displayName, 128),
        textProblem(comments, 1_024),
        ...tagProblems(tags, tagsPerResource),
      ),
    details: ({ displayName = null, comments = null, tags }) => ({ displayName, comments, tags: tagsOf(tags) }),
  }),
  createGroup: creation("GROUP", {
    check: ({ name, comments }) => no(nameProblem("GROUP", name), textProblem(comments, 1_024)),
    details: ({ comments = null }) => ({ comments }),
  }),
  createRole: creation("ROLE", {
    check({ name, description, maxSessionDuration, trustPolicy }) {
      no(nameProblem("ROLE", name), textProblem(description, 1_024), durationProblem(maxSessionDuration ?? 3_600));
      no(...documentProblems(trustPolicy, "trust", LONGEST_TRUST));
    },
    details: ({ description = null, maxSessionDuration, trustPolicy, kind, service = null }) => ({
      comments: description,
      role: {
        kind: kind ?? (service === null ? "REGULAR" : "SERVICE"),
        service,
        trust: documentText(trustPolicy),
        duration: maxSessionDuration ?? 3_600,
      },
    }),
  }),
  updateUser: {
    check({ user, newName, displayName, comments }) {
      const wrongName = typeof newName === "string" && nameProblem("USER", newName);
      no(wrongName, textProblem(displayName, 128), textProblem(comments, 1_024));
      no(typeProblem(user, ["user"]));
    },
    owner: ({ user }) => nameOf(user).account,
    scopes: ({ user, newName }) => renameScopes(nameOf(user).key, newName),
    run(account, { user, newName, displayName, comments }) {
      const { key } = nameOf(user);
      Object.assign(changeable(account, key), given({ displayName, comments }));
      if (typeof newName === "string") rename(account, key, newName);
    },
  },
  updateGroup: {
    check({ group, newName, comments }) {
      no(typeof newName === "string" && nameProblem("GROUP", newName), textProblem(comments, 1_024));
      no(typeProblem(group, ["group"]));
    },
    owner: ({ group }) => nameOf(group).account,
    scopes: ({ group, newName }) => renameScopes(nameOf(group).key, newName),
    run(account, { group, newName, comments }) {
      const { key } = nameOf(group);
      Object.assign(changeable(account, key), given({ comments }));
      if (typeof newName === "string") rename(account, key, newName);
    },
  },
  updateRole: {
    check({ role, description, trustPolicy, maxSessionDuration }) {
      no(textProblem(description, 1_024), durationProblem(maxSessionDuration ?? 3_600));
      if (trustPolicy) no(...documentProblems(trustPolicy, "trust", LONGEST_TRUST));
      no(typeProblem(role, ["role"]));
    },
    owner: ({ role }) => nameOf(role).account,
    scopes: ({ role }) => entityScopes(nameOf(role).key),
    run(account, { role, description, trustPolicy, maxSessionDuration }) {
      const found = changeable(account, nameOf(role).key);
      Object.assign(found, given({ comments: description }));
      const duration = maxSessionDuration === null ? 3_600 : maxSessionDuration;
      const trust = trustPolicy ? documentText(trustPolicy) : undefined;
      Object.assign(found.role as object, given({ duration, trust }));
    },
  },
  deleteUser: deletion("user"),
  deleteGroup: deletion("group"),
  deleteRole: deletion("role"),
  addUserToGroup: {
    ...membership,
    run(account, input, { groupsPerUser }) {
      const key = membershipKey(account, input);
      if (account.memberships[key]) return;
      const groups = Object.keys(account.memberships).filter((each) => each.split(" ")[0] === key.split(" ")[0]);
      no(groups.length >= groupsPerUser && "LIMIT_EXCEEDED_USER_GROUP");
      account.memberships[key] = true;
    },
  },
  removeUserFromGroup: {
    ...membership,
    run(account, input) {
      delete account.memberships[membershipKey(account, input)];
    },
  },
  createPolicy: {
    ...ofAccount,
    scopes: ({ name }) => policyScopes(name),
    makes: true,
    check({ name, description, document }, { customPolicyCharacters }) {
      no(nameProblem("POLICY", name), textProblem(description, 1_024));
      no(...documentProblems(document, "identity", customPolicyCharacters));
    },
    run(account, { name, description = null, document }, { customPoliciesPerAccount }) {
      no(Object.hasOwn(account.policies, fold(name)) && "ENTITY_ALREADY_EXISTS_POLICY");
      no(Object.keys(account.policies).length >= customPoliciesPerAccount && "LIMIT_EXCEEDED_POLICY");
      const versions = { 1: documentText(document) };
      account.policies[fold(name)] = { name, description, last: 1, default: 1, versions };
    },
  },
  updatePolicy: {
    ...ofPolicy,
    check(input) {
      no(textProblem(input["description"], 1_024));
      no(systemProblem(input));
    },
    run: (account, { policy, description }) => {
      Object.assign(customPolicy(account, policy), given({ description }));
    },
  },
  deletePolicy: {
    ...ofPolicy,
    check: (input) => no(systemProblem(input)),
    run(account, { policy }) {
      const { name, versions } = customPolicy(account, policy);
      const key = `custom/${fold(name)}`;
      const holders = Object.values(account.attachments).filter((each) => each.policy === key);
      const kinds = new Set(holders.map(({ principal }) => kindOf(principal)));
      no(
        ...[...kinds].map((kind) => `DELETE_CONFLICT_POLICY_${kind}`),
        Object.keys(versions).length > 1 && "DELETE_CONFLICT_POLICY_VERSION",
      );
      delete account.policies[fold(name)];
    },
  },
  createPolicyVersion: {
    ...ofPolicy,
    makes: true,
    check(input, { customPolicyCharacters }) {
      no(systemProblem(input));
      no(...documentProblems(input["document"], "identity", customPolicyCharacters));
    },
    run(account, { policy: arn, document, setAsDefault, rotateStrategy }, { versionsPerPolicy }) {
      const policy = customPolicy(account, arn);
      makeRoom(policy, versionsPerPolicy, rotateStrategy);
      policy.last += 1;
      policy.versions[policy.last] = documentText(document);
      if (setAsDefault) policy.default = policy.last;
    },
  },
  deletePolicyVersion: {
    ...ofPolicy,
    check: (input) => no(systemProblem(input)),
    run(account, { policy: arn, version }) {
      const policy = customPolicy(account, arn);
      const number = versionOf(policy, version);
      no(number === policy.default && "DELETE_CONFLICT_POLICY_VERSION_DEFAULT");
      delete policy.versions[number];
    },
  },
  setDefaultPolicyVersion: {
    ...ofPolicy,
    check: (input) => no(systemProblem(input)),
    run(account, { policy: arn, version }) {
      const policy = customPolicy(account, arn);
      policy.default = versionOf(policy, version);
    },
  },
  attachPolicy: {
    makes: (before, after) => Object.keys(after.attachments).length > Object.keys(before.attachments).length,
    check(input) {
      no(windowProblem(input));
      no(typeProblem(input["principal"], HOLDERS));
    },
    owner: ({ principal }) => nameOf(principal).account,
    scopes: ({ principal }) => [principalScope(nameOf(principal).key)],
    run(account, input, limits) {
      const target = targetOf(account, input);
      const key = attachmentKey(target.principal, target.policy, target.resourceGroup);
      if (!account.attachments[key]) no(quotaProblem(account, target.principal, target.policy, limits));
      account.attachments[key] = { ...target, ...windowOf(input) };
    },
  },
  detachPolicy: {
    check: ({ principal }) => no(typeProblem(principal, HOLDERS)),
    owner: ({ principal }) => nameOf(principal).account,
    scopes: ({ principal }) => [principalScope(nameOf(principal).key)],
    run(account, input) {
      const { principal, policy, resourceGroup } = targetOf(account, input);
      delete account.attachments[attachmentKey(principal, policy, resourceGroup)];
    },
  },
  attachPolicies: {
    isList: true,
    check: checkList,
    owner: listOwner,
    scopes: listScopes,
    moved: listMoves,
    run: attachAll,
  },
  detachPolicies: {
    isList: true,
    check: checkList,
    owner: listOwner,
    scopes: listScopes,
    moved: listMoves,
    run: detachAll,
  },
  createResourceGroup: {
    ...ofAccount,
    makes: true,
    check: ({ id, name }) =>
      no(!/^rg-[A-Za-z0-9-]{1,61}$/.test(id) && "INVALID_PARAMETER_RESOURCE_GROUP", textProblem(name, 128)),
    run(account, { id, name }) {
      no(Object.hasOwn(account.resourceGroups, id) && "ENTITY_ALREADY_EXISTS_RESOURCE_GROUP");
      account.resourceGroups[id] = { name };
    },
  },
  updateResourceGroup: {
    ...ofAccount,
    check: ({ name }) => no(textProblem(name, 128)),
    run(account, { resourceGroup, name }) {
      mustHaveGroup(account, resourceGroup);
      account.resourceGroups[resourceGroup] = { name: name ?? account.resourceGroups[resourceGroup]?.name };
    },
  },
  deleteResourceGroup: {
    ...ofAccount,
    run(account, { resourceGroup }) {
      mustHaveGroup(account, resourceGroup);
      const isIn = (each: { resourceGroup: string | null }) => each.resourceGroup === resourceGroup;
      no(
        Object.values(account.resources).some(isIn) && "DELETE_CONFLICT_RESOURCE_GROUP_RESOURCE",
        Object.values(account.attachments).some(isIn) && "DELETE_CONFLICT_RESOURCE_GROUP_POLICY",
      );
      delete account.resourceGroups[resourceGroup];
    },
  },
  moveToResourceGroup: {
    ...ofResource("resource"),
    check: ({ resource }) => no(resourceProblem(resource, ["key", "secret"])),
    moved: (_, after, { resource }) => withReferrers(after, resource),
    run(account, input) {
      const resource = registered(account, input["resource"]);
      mustHaveGroup(account, resourceGroupOf(input));
      resource.resourceGroup = resourceGroupOf(input);
    },
  },
  registerKey: {
    ...ofResource("arn"),
    makes: true,
    check({ arn, tags, spec, usage, origin }, { tagsPerResource }) {
      no(...tagProblems(tags, tagsPerResource), ...[spec, usage, origin].map((text) => textProblem(text, 64)));
      no(resourceProblem(arn, ["key"]));
      no(...newResourceProblems(arn));
    },
    run(account, input) {
      const resourceGroup = resourceGroupOf(input);
      mustHaveGroup(account, resourceGroup);
      const { state = "ENABLED", spec = null, usage = null, origin = null, tags } = input;
      register(account, input["arn"], { resourceGroup, state, spec, usage, origin, tags: tagsOf(tags) });
    },
  },
  registerSecret: {
    ...ofResource("arn"),
    makes: true,
    check({ arn, tags, type, encryptionKey }, { tagsPerResource }) {
      no(...tagProblems(tags, tagsPerResource), textProblem(type, 64));
      no(resourceProblem(arn, ["secret"]));
      no(...newResourceProblems(arn));
      if (encryptionKey) no(resourceProblem(encryptionKey, ["key"]));
    },
    run(account, input) {
      const resourceGroup = resourceGroupOf(input);
      mustHaveGroup(account, resourceGroup);
      const key = input["encryptionKey"] ? keyFor(account, input["arn"], input["encryptionKey"]) : null;
      const { type: secretType = null, tags } = input;
      register(account, input["arn"], { resourceGroup, key, secretType, tags: tagsOf(tags) });
    },
  },
  registerAlias: {
    ...ofResource("arn"),
    makes: true,
    check({ arn, key }) {
      no(resourceProblem(arn, ["alias"]));
      no(...newResourceProblems(arn));
      no(resourceProblem(key, ["key"]));
    },
    run: (account, { arn, key }) => register(account, arn, { key: keyFor(account, arn, key) }),
  },
  updateKey: {
    ...ofResource("key"),
    check({ key, spec, usage, origin }) {
      no(...[spec, usage, origin].map((text) => textProblem(text, 64)));
      no(resourceProblem(key, ["key"]));
    },
    moved: (_, after, { key }) => withReferrers(after, key),
    run(account, { key, state, spec, usage, origin }) {
      Object.assign(registered(account, key), given({ state: state ?? undefined, spec, usage, origin }));
    },
  },
  updateSecret: {
    ...ofResource("secret"),
    check({ secret, type, encryptionKey }) {
      no(textProblem(type, 64));
      no(resourceProblem(secret, ["secret"]));
      if (encryptionKey) no(resourceProblem(encryptionKey, ["key"]));
    },
    run(account, { secret, type: secretType, encryptionKey }) {
      const resource = registered(account, secret);
      const key = encryptionKey ? keyFor(account, secret, encryptionKey) : encryptionKey;
      Object.assign(resource, given({ secretType, key }));
    },
  },
  updateAlias: {
    ...ofResource("alias"),
    check({ alias, key }) {
      no(resourceProblem(alias, ["alias"]));
      no(resourceProblem(key, ["key"]));
    },
    run(account, { alias, key }) {
      registered(account, alias).key = keyFor(account, alias, key);
    },
  },
  deregisterKey: deregistration("key"),
  deregisterSecret: deregistration("secret"),
  deregisterAlias: deregistration("alias"),
  tagResource: {
    ...ofTagged,
    check(input, { tagsPerResource }) {
      no(...tagProblems(input["tags"], tagsPerResource));
      checkTagged(input);
    },
    run(account, input, { tagsPerResource }) {
      const { tags } = tagged(account, input);
      const before = Object.keys(tags).length;
      Object.assign(tags, tagsOf(input["tags"]));
      const count = Object.keys(tags).length;
      no(count > before && count > tagsPerResource && "LIMIT_EXCEEDED_TAG");
    },
  },
  untagResource: {
    ...ofTagged,
    check: checkTagged,
    run(account, input) {
      const { tags } = tagged(account, input);
      for (const key of input["tagKeys"]) delete tags[key];
    },
  },
};
