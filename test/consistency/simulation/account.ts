/** The account that is asked about: small, and rich enough that every scope and the time decide something. */

export interface Attachment {
  readonly holder: Holder;
  readonly policy: PolicyId;
  readonly notBefore: number | null;
  readonly expiresAt: number | null;
}

export interface Key {
  readonly state: "ENABLED" | "DISABLED";
  readonly project: string | null;
}

export type User = "ann" | "bob";
export type Holder = User | "ops";
/** `own` is the account's copy of a built-in policy. */
export type PolicyId = "one" | "two" | "own";
export type KeyId = "k1" | "k2";

export interface Revision {
  readonly rev: number;
  readonly tag: string;
}

export interface Account {
  readonly attachments: readonly Attachment[];
  readonly members: readonly User[];
  readonly documents: Readonly<Record<PolicyId, number>>;
  readonly keys: Readonly<Record<KeyId, Key>>;
  readonly revisions: ReadonlyMap<string, Revision>;
}

export const USERS: readonly User[] = ["ann", "bob"];
export const HOLDERS: readonly Holder[] = [...USERS, "ops"];
export const POLICIES: readonly PolicyId[] = ["one", "two", "own"];
export const KEYS: readonly KeyId[] = ["k1", "k2"];
export const ACTIONS = ["kms:Encrypt", "kms:Decrypt"] as const;
export type Action = (typeof ACTIONS)[number];

const ID = "1111111111111111";
export const userArn = (user: User): string => `acs:ram::${ID}:user/${user}`;
export const keyArn = (key: KeyId): string => `acs:kms:cn-hangzhou:${ID}:key/${key}`;

export const GLOB = "glob";
export const ACCOUNT = `acct:${ID}`;
export const principalScope = (user: User): string => `prin:${userArn(user)}`;
export const keyScope = (key: KeyId): string => `res:${keyArn(key)}`;
export const GROUP = `grp:acs:ram::${ID}:group/ops`;
export const policyScope = (policy: PolicyId): string =>
  policy === "own" ? ACCOUNT : `pol:acs:ram::${ID}:policy/${policy}`;

/** What the principal's answers depend on because of what it has in this state. */
export function followedScopes({ members, attachments }: Account, user: User): string[] {
  const holders: readonly Holder[] = members.includes(user) ? [user, "ops"] : [user];
  const policies = attachments
    .filter(({ holder }) => holders.includes(holder))
    .map(({ policy }) => policyScope(policy));
  const custom = new Set(policies.filter((scope) => scope !== ACCOUNT));
  return [...(members.includes(user) ? [GROUP] : []), ...custom];
}

/** All that the answer depends on in this state. */
export const scopesOfQuestion = (account: Account, user: User, key: KeyId): string[] => [
  ...[GLOB, ACCOUNT, principalScope(user), keyScope(key)],
  ...followedScopes(account, user),
];

/** When the simulated clocks begin; milliseconds since the epoch. */
export const START = Date.UTC(2027, 0, 1);

interface Document {
  readonly effect: "Allow" | "Deny";
  readonly actions: readonly Action[];
  readonly project?: string;
  /** Applies before this instant. */
  readonly before?: number;
  /** Applies after this instant. */
  readonly after?: number;
}

export const DOCUMENTS: readonly Document[] = [
  { effect: "Allow", actions: ["kms:Encrypt"] },
  { effect: "Allow", actions: ["kms:Decrypt"] },
  { effect: "Allow", actions: ACTIONS },
  { effect: "Deny", actions: ["kms:Encrypt"] },
  { effect: "Allow", actions: ACTIONS, project: "Apollo" },
  { effect: "Allow", actions: ["kms:Encrypt"], before: START + 1_000 },
  { effect: "Allow", actions: ["kms:Decrypt"], after: START + 500 },
];

function textOf({ effect, actions, project, before, after }: Document): string {
  const condition = {
    ...(project !== undefined && { StringEquals: { "kms:tag/Project": project } }),
    ...(before !== undefined && { DateLessThan: { "acs:CurrentTime": new Date(before).toISOString() } }),
    ...(after !== undefined && { DateGreaterThan: { "acs:CurrentTime": new Date(after).toISOString() } }),
  };
  const statement = { Effect: effect, Action: actions, Resource: "*", Condition: condition };
  return JSON.stringify({ Version: "1", Statement: [statement] });
}

const TEXTS = DOCUMENTS.map(textOf);

// What is right

/** What a question must be told in this state at this time; by the rules of this file, not by the evaluator. */
export function rightAnswer(account: Account, user: User, key: KeyId, now: number): string {
  const outcomes = ACTIONS.map((action) => outcomeOf(account, user, key, action, now));
  return `${outcomes.join(" ")} ${account.keys[key].state}`;
}

function outcomeOf(account: Account, user: User, key: KeyId, action: Action, now: number): string {
  const holders: readonly Holder[] = account.members.includes(user) ? [user, "ops"] : [user];
  const inForce = account.attachments.filter(
    ({ holder, notBefore, expiresAt }) =>
      holders.includes(holder) && (notBefore ?? now) <= now && now < (expiresAt ?? Number.POSITIVE_INFINITY),
  );
  const applying = inForce
    .flatMap(({ policy }) => DOCUMENTS[account.documents[policy]] ?? [])
    .filter((document) => applies(document, account.keys[key], action, now));
  if (applying.some(({ effect }) => effect === "Deny")) return "EXPLICIT_DENY";
  return applying.length > 0 ? "ALLOW" : "IMPLICIT_DENY";
}

function applies({ actions, project, before, after }: Document, key: Key, action: Action, now: number): boolean {
  if (!actions.includes(action)) return false;
  if (project !== undefined && key.project !== project) return false;
  return (before === undefined || now < before) && (after === undefined || now > after);
}

/** Scopes with their revisions, as one text. */
export function vectorText(revisions: ReadonlyMap<string, Revision | null>, scopes: Iterable<string>): string {
  return [...scopes]
    .map((scope) => `${scope} ${revisions.get(scope)?.tag ?? "-"}`)
    .sort()
    .join(", ");
}

// What the statements of the gateway yield

/** What a statement wants to know of scopes, of principals, and of those of whom it remembers what is over. */
export type Wanted = readonly (readonly string[])[];

/** The revisions of the scopes, what the principals follow, and the revisions of that. */
export function stateRow(account: Account, [scopes = [], principals = [], ...remembered]: Wanted) {
  const all = [...principals, ...outdated(account, remembered)];
  const asked = USERS.filter((user) => all.includes(userArn(user)));
  const followed = asked.map((user) => [userArn(user), followedScopes(account, user)] as const);
  const named = new Set([...scopes, ...followed.flatMap(([, list]) => list)]);
  const revisions = [...account.revisions].filter(([scope]) => named.has(scope));
  return { followed, revisions: revisions.map(([scope, { rev, tag }]) => [scope, rev, tag]) };
}

function outdated({ revisions }: Account, [principals = [], scopes = [], tags = []]: Wanted): string[] {
  return principals.filter((_, place) => revisions.get(scopes[place] ?? "")?.tag !== tags[place]);
}

/** The rows of `src/store/evaluation-input.ts`; those that were not asked for do no harm. */
export function inputRow(account: Account) {
  const groupsOf = (user: User) => (account.members.includes(user) ? ["ops"] : []);
  const holders = HOLDERS.map((holder) => [holder, `acs:ram::${ID}:${holder === "ops" ? "group" : "user"}/${holder}`]);
  const arnOf = new Map(holders.map(([id, arn]) => [id, arn]));
  return {
    principals: USERS.map((user) => [user, ID, "USER", userArn(user), userArn(user), groupsOf(user)]),
    attachments: account.attachments.map(({ holder, policy, notBefore, expiresAt }) => [
      ...[holder, arnOf.get(holder), ID, policy, null],
      ...[notBefore, expiresAt],
    ]),
    policies: POLICIES.map((policy) => [
      ...[policy, ID, `acs:ram::${ID}:policy/${policy}`, policy, policy === "own" ? "SYSTEM" : "CUSTOM"],
      ...[1, TEXTS[account.documents[policy]]],
    ]),
    resources: KEYS.map((key) => {
      const { state, project } = account.keys[key];
      return [keyArn(key), "KEY", null, state, null, project === null ? [] : [["Project", project]]];
    }),
    roles: [],
    sessions: [],
  };
}
