import type { KeyState, ScopePrecedence } from "../../src/domain/evaluation/access-request.js";
import type { RequestContextInput } from "../../src/domain/evaluation/context-keys.js";
import { type PrincipalName, parsePrincipalArn } from "../../src/domain/principal.js";
import type { Case, OtherResource, PolicyOfCase, Statement, Targets } from "./case.js";

/** The instant of every decision, unless the case states another. */
export const INSTANT = "2026-06-01T12:00:00Z";
const REGION = "cn-hangzhou";
const PRINCIPAL = "user/tester";

/** The account of a case, and another one. */
export interface Accounts {
  readonly account: string;
  readonly other: string;
}

export interface Attached {
  readonly name: string;
  /** Null: the document is missing. */
  readonly statements: readonly Statement[] | null;
  /** Those of an older version, which is not the default one. */
  readonly formerly: readonly Statement[] | null;
  /** `user/<name>`, `group/<name>` or `role/<name>`. */
  readonly holder: string;
  readonly resourceGroup: string | null;
  readonly notBefore: string | null;
  readonly expiresAt: string | null;
}

export interface Registered {
  readonly tags: Readonly<Record<string, string>>;
  readonly resourceGroup: string | null;
  readonly encryptionKey: string | null;
  readonly aliasOf: string | null;
  readonly keyState: KeyState;
}

export type Asked =
  | { readonly kind: "action"; readonly action: string; readonly resource: string }
  | { readonly kind: "operation"; readonly operation: string; readonly targets: Targets };

/** A case with every default and placeholder filled in; resources are named by their ARNs. */
export interface Situation extends Accounts {
  readonly principal: PrincipalName;
  /** The principal as the case spells it. */
  readonly principalArn: string;
  readonly groups: readonly string[];
  readonly policies: readonly Attached[];
  /** Undefined: none. */
  readonly session: unknown;
  readonly trusts: ReadonlyMap<string, readonly Statement[]>;
  readonly resources: ReadonlyMap<string, Registered>;
  readonly asked: Asked;
  readonly context: RequestContextInput;
  readonly precedence: ScopePrecedence;
}

export function situationOf(source: Case, accounts: Accounts): Situation {
  const filled = fill(source, accounts) as Case;
  const arnOf = (name: string): string => fullArn(name, accounts.account);
  return {
    ...accounts,
    ...identityOf(filled, accounts.account),
    session: filled.sessionDocument ?? (filled.session && documentOf(filled.session)),
    trusts: new Map(filled.trust && filled.resource ? [[arnOf(filled.resource), filled.trust]] : []),
    resources: registeredResources(filled, arnOf),
    asked: askedOf(filled, arnOf),
    context: contextOf(filled),
    precedence: filled.precedence ?? "staged",
  };
}

type Identity = Pick<Situation, "principal" | "principalArn" | "groups" | "policies">;

function identityOf({ principal: name = PRINCIPAL, groups = [], policies = [] }: Case, account: string): Identity {
  const principalArn = principalOf(name, account);
  const principal = parsePrincipalArn(principalArn);
  const holder = holderOf(principal);
  return { principal, principalArn, groups, policies: policies.map((policy, at) => attached(policy, at, holder)) };
}

export function documentOf(statements: readonly Statement[]): unknown {
  return { Version: "1", Statement: statements };
}

/** The names of a case again, so that answers do not depend on the numbers of the accounts. */
export function shorten(text: string, { account, other }: Accounts): string {
  const prefix = `acs:kms:${REGION}:${account}:`;
  return text.replaceAll(prefix, "").replaceAll(account, "{account}").replaceAll(other, "{other}");
}

/** `${account}` is a policy variable, no placeholder. */
const PLACEHOLDER = /(?<!\$)\{(account|other)\}/g;

function fill(value: unknown, accounts: Accounts): unknown {
  const text = (source: string): string =>
    source.replaceAll(PLACEHOLDER, (_, name: "account" | "other") => accounts[name]);
  if (typeof value === "string") return text(value);
  if (Array.isArray(value)) return value.map((item) => fill(item, accounts));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [text(key), fill(member, accounts)]));
}

function fullArn(name: string, account: string): string {
  return name === "*" || name.startsWith("acs:") ? name : `acs:kms:${REGION}:${account}:${name}`;
}

function principalOf(name: string, account: string): string {
  return /^(acs|arn):/.test(name) ? name : `acs:ram::${account}:${name}`;
}

function holderOf({ kind, name }: PrincipalName): string {
  return kind === "USER" ? `user/${name}` : `role/${name}`;
}

function attached(policy: PolicyOfCase, index: number, principal: string): Attached {
  return {
    name: policy.name ?? `P${index + 1}`,
    statements: policy.statements ?? null,
    formerly: policy.formerly ?? null,
    holder: policy.attachedTo ?? principal,
    resourceGroup: policy.resourceGroup ?? null,
    notBefore: policy.notBefore ?? null,
    expiresAt: policy.expiresAt ?? null,
  };
}

type ArnOf = (name: string) => string;

/** Everything that the case mentions exists; `registered: false` is about its `resource`. */
function registeredResources(source: Case, arnOf: ArnOf): Map<string, Registered> {
  const { resource, registered = true, encryptionKey, aliasOf, targets = {}, others = {} } = source;
  const { region: _region, secrets = [], ...named } = targets;
  const mentioned = [...Object.values(named), ...secrets, encryptionKey, aliasOf, resource, ...Object.keys(others)];
  const resources = new Map<string, Registered>();
  for (const name of mentioned) {
    if (name === undefined || (name === resource && !registered)) continue;
    const own = name === resource || (resource !== undefined && name === (encryptionKey ?? aliasOf));
    const facts = {
      ...(name === resource ? source : { keyState: own ? source.keyState : undefined }),
      ...others[name],
    };
    resources.set(arnOf(name), registeredOf(facts, arnOf));
  }
  return resources;
}

function registeredOf(
  facts: { [Name in keyof OtherResource]: OtherResource[Name] | undefined },
  arnOf: ArnOf,
): Registered {
  return {
    tags: facts.tags ?? {},
    resourceGroup: facts.resourceGroup ?? null,
    encryptionKey: facts.encryptionKey === undefined ? null : arnOf(facts.encryptionKey),
    aliasOf: facts.aliasOf === undefined ? null : arnOf(facts.aliasOf),
    keyState: facts.keyState ?? "ENABLED",
  };
}

function askedOf({ action, operation, resource, targets = {} }: Case, arnOf: ArnOf): Asked {
  if (operation === undefined) return { kind: "action", action: action ?? "", resource: arnOf(resource ?? "*") };
  const entries = Object.entries(targets).map(([name, value]) => {
    if (name === "region") return [name, value];
    return [name, Array.isArray(value) ? value.map(arnOf) : arnOf(value)];
  });
  return { kind: "operation", operation, targets: Object.fromEntries(entries) };
}

function contextOf({ context = {}, at }: Case): RequestContextInput {
  const { entries, ...fields } = context;
  const stated = entries && Object.keys(entries).some((key) => key.toLowerCase() === "acs:currenttime");
  return {
    ...(at === "clock" || stated ? {} : { currentTime: INSTANT }),
    ...fields,
    ...(entries && { entries: Object.entries(entries).map(([key, values]) => ({ key, values })) }),
  };
}
