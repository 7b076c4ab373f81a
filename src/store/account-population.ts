import type {
  IssuedSession,
  PolicyInForce,
  PrincipalFacts,
  PrincipalKind,
} from "../domain/evaluation/access-request.js";
import type { AttachmentScope } from "../domain/evaluation/decision.js";
import type { PolicyType } from "../domain/policy/document.js";
import { type Grant, Holder, type Holdings, type Lists } from "../domain/reverse/holdings.js";
import type { CompileDocument } from "./compiled-policies.js";
import { FACT_ROWS, policyInForce, type RoleRow, withoutDocument } from "./evaluation-input.js";
import { listsOf, sortedBy } from "./number-lists.js";
import { flag, listOf, oneOf, orNull, type RowShape, text, tuple, whole } from "./readable-row.js";
import type { RevisionRow } from "./revisions.js";
import { UnavailableError } from "./store-errors.js";
import { createTimeSlicer } from "./time-slicer.js";
import { UuidIndex, uuidText } from "./uuid-index.js";

/** A principal with the id of its record; a session with that of its role. */
export class StoredPrincipal {
  readonly holder: Holder;
  private readonly people: UuidIndex;

  constructor(holder: Holder, people: UuidIndex) {
    this.holder = holder;
    this.people = people;
  }

  get id(): string {
    return this.people.textOf(this.holder.place);
  }

  /** With lists of its own: what evaluation derives from them goes when they do. */
  get facts(): PrincipalFacts {
    return this.holder.facts();
  }

  /** For a role. */
  session(arn: string, issued: readonly IssuedSession[]): StoredPrincipal {
    return new StoredPrincipal(new Holder({ ...this.holder, kind: "ROLE_SESSION", arn, issued }), this.people);
  }
}

type KnownPolicyRow = readonly [
  id: string,
  account: string | null,
  arn: string,
  name: string,
  type: PolicyType,
  nameKey: string,
  version: number | null,
  rev: number | null,
  tag: string | null,
  known: boolean,
  document: string | null,
];

/** How everybody of an account is loaded: in columns, those of identifiers as bytes, in base64. */
export interface PopulationRow {
  readonly principals: string;
  readonly arns: readonly string[];
  /** The first letter of the kind of each. */
  readonly kinds: string;
  readonly roles: readonly RoleRow[];
  readonly members: string;
  readonly member_of: string;
  /** Of attachments for the whole account, without a window. */
  readonly holders: string;
  readonly held: string;
  /** Of the others. */
  readonly other_holders: string;
  readonly others_held: string;
  readonly resource_groups: readonly (string | null)[];
  readonly begins: readonly (number | null)[];
  readonly ends: readonly (number | null)[];
  readonly policies: readonly KnownPolicyRow[];
}

export const POPULATION_ROW = {
  ...{ principals: text, arns: listOf(text), kinds: text, roles: FACT_ROWS.roles },
  ...{ members: text, member_of: text },
  ...{ holders: text, held: text, other_holders: text, others_held: text },
  ...{ resource_groups: listOf(orNull(text)), begins: listOf(orNull(whole)), ends: listOf(orNull(whole)) },
  policies: listOf(
    tuple(
      ...[text, orNull(text), text, text, oneOf("SYSTEM", "CUSTOM"), text],
      ...[orNull(whole), orNull(whole), orNull(text), flag, orNull(text)],
    ),
  ),
} satisfies RowShape;

/** A policy as it is under a revision of its own. */
interface KnownPolicy {
  readonly tag: string;
  readonly policy: PolicyInForce;
}

/** Everybody in an account but its sessions, with what each holds. */
export interface Population {
  /** Users, roles and the owner, by ARN without regard to case. */
  readonly principals: readonly StoredPrincipal[];
  /** By the id of its record; undefined: it is not there, or a group. */
  find(id: string): StoredPrincipal | undefined;
  /** By `arnKey` of the role. */
  readonly trustPolicies: ReadonlyMap<string, string>;
  /** By id. */
  readonly policies: ReadonlyMap<string, KnownPolicy>;
  /** Policies of other accounts that somebody holds, and their revisions. */
  readonly foreign: { readonly ids: readonly string[]; readonly revisions: readonly RevisionRow[] };
}

const KINDS: Readonly<Record<string, PrincipalKind>> = { U: "USER", R: "ROLE", G: "GROUP", A: "ACCOUNT_OWNER" };

/** A statement that knew nothing of some policies that are attached. */
export interface Incomplete {
  /** Ids of these policies. */
  readonly missing: readonly string[];
}

/**
 * Puts together what was loaded of an account, in slices, because it may have thousands of documents.
 *
 * @param known policies whose documents were left out
 */
export async function populate(
  account: string,
  row: PopulationRow,
  known: Population["policies"],
  compile: CompileDocument,
): Promise<Population | Incomplete> {
  const slice = createTimeSlicer();
  const ids = UuidIndex.ofTexts(row.policies.map(([id]) => id));
  const held = { plain: ids.placesOf(row.held), others: ids.placesOf(row.others_held) };
  const missing = missingIn(row, held);
  if (missing.length > 0) return { missing };
  const policies: PolicyInForce[] = [];
  for (const policy of row.policies) {
    await slice();
    policies.push(inForce(account, policy, known, compile));
  }
  const people = UuidIndex.of(row.principals);
  const groups = membershipsOf(row, people);
  await slice();
  const holdings = { account, arns: row.arns, groups, ...attachmentsOf(row, account, held, people, policies) };
  return {
    ...peopleOf(row, holdings, people),
    trustPolicies: new Map(row.roles),
    policies: knownIn(row, policies),
    foreign: foreignIn(row, account, held),
  };
}

/** The place of the policy of each attachment. */
interface Held {
  readonly plain: Int32Array;
  readonly others: Int32Array;
}

function missingIn(row: PopulationRow, { plain, others }: Held): string[] {
  return [...new Set([...unknownIn(plain, row.held), ...unknownIn(others, row.others_held)])];
}

function unknownIn(places: Int32Array, ids: string): string[] {
  if (!places.includes(-1)) return [];
  const bytes = Buffer.from(ids, "base64");
  return [...places].flatMap((place, number) => (place < 0 ? uuidText(bytes, number) : []));
}

/** What another account has written must not decide here. */
function inForce(account: string, row: KnownPolicyRow, known: Population["policies"], compile: CompileDocument) {
  const [id, owner, arn, name, type, , version, , tag, left, document] = row;
  const kept = left ? known.get(id) : undefined;
  if (left && kept?.tag !== tag) throw new UnavailableError("the database left out a document that was never loaded");
  const policy = kept?.policy ?? policyInForce([id, owner, arn, name, type, version, document], compile);
  return owner === null || owner === account ? policy : withoutDocument(policy);
}

/** Those of the account itself: built-in ones have no revision of their own. */
function knownIn({ policies: rows }: PopulationRow, policies: readonly PolicyInForce[]): Population["policies"] {
  const known = new Map<string, KnownPolicy>();
  for (const [place, policy] of policies.entries()) {
    const [id, , , , , , , , tag] = rows[place] ?? [];
    if (id !== undefined && typeof tag === "string") known.set(id, { tag, policy });
  }
  return known;
}

function foreignIn({ policies }: PopulationRow, account: string, { plain, others }: Held): Population["foreign"] {
  const foreign = policies.filter(([, owner], place) => {
    return owner !== null && owner !== account && (plain.includes(place) || others.includes(place));
  });
  const revisions = foreign.flatMap(([, owner, , , , nameKey, , rev, tag]): RevisionRow[] =>
    rev === null || tag === null ? [] : [[`pol:acs:ram::${owner}:policy/${nameKey}`, rev, tag]],
  );
  return { ids: foreign.map(([id]) => id), revisions };
}

/** By the order of groups, in which decisions read their policies. */
function membershipsOf({ members, member_of: memberOf }: PopulationRow, people: UuidIndex): Lists {
  const [users, groups] = [people.placesOf(members), people.placesOf(memberOf)];
  const order = sortedBy(groups, people.size, numbersBelow(groups.length));
  return listsOf(users, people.size, order, groups);
}

/** Those of a holder by the name of the policy, and those of a policy by resource group, the whole account last. */
function attachmentsOf(
  row: PopulationRow,
  account: string,
  { plain, others }: Held,
  people: UuidIndex,
  policies: readonly PolicyInForce[],
): Pick<Holdings, "grants" | "own"> {
  const instead = replacements(row, account);
  const held = joined(plain, others);
  for (let number = 0; number < held.length; number += 1) held[number] = instead[held[number] ?? 0] ?? 0;
  const { grants, numbers } = grantsOf(row, policies, held, plain.length);
  const { ranks, range } = ranksOf(row.resource_groups, plain.length);
  const order = sortedBy(held, policies.length, sortedBy(ranks, range, numbersBelow(held.length)));
  const holders = joined(people.placesOf(row.holders), people.placesOf(row.other_holders));
  return { grants, own: listsOf(holders, people.size, order, numbers) };
}

/** The place of each policy, or of the account's own of that name where it is a built-in one. */
function replacements({ policies }: PopulationRow, account: string): Int32Array {
  const own = new Map<string, number>();
  for (const [place, [, owner, , , type, nameKey]] of policies.entries()) {
    if (owner === account && type === "SYSTEM") own.set(nameKey, place);
  }
  return Int32Array.from(policies, ([, owner, , , , nameKey], place) =>
    owner === null ? (own.get(nameKey) ?? place) : place,
  );
}

/** One for each policy on the whole account, and one for each policy, resource group and window that are together somewhere. */
function grantsOf(row: PopulationRow, policies: readonly PolicyInForce[], held: Int32Array, plain: number) {
  const grants = policies.map((policy): Grant => ({ policy, scope: WHOLE_ACCOUNT, notBefore: null, expiresAt: null }));
  const numbers = Int32Array.from(held);
  const { terms, places } = termsOf(row);
  const known = new Map<number, number>();
  for (const [place, term] of places.entries()) {
    const [policy, key] = [held[plain + place] ?? 0, (held[plain + place] ?? 0) * terms.length + term];
    const number = known.get(key) ?? grants.length;
    numbers[plain + place] = number;
    if (number < grants.length) continue;
    known.set(key, number);
    grants.push({ policy: policies[policy] as PolicyInForce, ...(terms[term] as Term) });
  }
  return { grants, numbers };
}

type Term = Omit<Grant, "policy">;

/** The resource groups and windows of attachments, each combination once, and which of them each attachment has. */
function termsOf({ resource_groups: resourceGroups, begins, ends }: PopulationRow) {
  const terms: Term[] = [];
  const [always, windowed] = [new Map<string | null, number>(), new Map<string, number>()];
  const scopes = new Map(resourceGroups.map((name) => [name, scopeOf(name)]));
  const places = new Int32Array(resourceGroups.length);
  for (const [place, name] of resourceGroups.entries()) {
    const [notBefore = null, expiresAt = null] = [begins[place], ends[place]];
    const window = notBefore === null && expiresAt === null ? null : JSON.stringify([notBefore, expiresAt, name]);
    const term = (window === null ? always.get(name) : windowed.get(window)) ?? terms.length;
    places[place] = term;
    if (term < terms.length) continue;
    if (window === null) always.set(name, term);
    else windowed.set(window, term);
    terms.push({ scope: scopes.get(name) ?? WHOLE_ACCOUNT, notBefore, expiresAt });
  }
  return { terms, places };
}

const WHOLE_ACCOUNT: AttachmentScope = { kind: "ACCOUNT" };

function scopeOf(resourceGroup: string | null): AttachmentScope {
  return resourceGroup === null ? WHOLE_ACCOUNT : { kind: "RESOURCE_GROUP", resourceGroup };
}

/** Of the resource groups, by name; the whole account comes last. */
function ranksOf(resourceGroups: readonly (string | null)[], plain: number) {
  const names = [...new Set(resourceGroups)].filter((name) => name !== null).sort();
  const rankOf = new Map<string | null, number>(names.map((name, rank) => [name, rank]));
  const ranks = new Int32Array(plain + resourceGroups.length).fill(names.length);
  for (const [number, name] of resourceGroups.entries()) ranks[plain + number] = rankOf.get(name) ?? names.length;
  return { ranks, range: names.length + 1 };
}

function peopleOf({ arns, kinds }: PopulationRow, holdings: Holdings, people: UuidIndex) {
  const members = arns.map((arn, place) => {
    const kind = KINDS[kinds.charAt(place)] ?? "GROUP";
    return kind === "GROUP"
      ? null
      : new StoredPrincipal(new Holder({ holdings, place, kind, arn, issued: [] }), people);
  });
  return {
    principals: members.filter((member) => member !== null),
    find: (id: string) => members[people.placeOf(id)] ?? undefined,
  };
}

function joined(one: Int32Array, other: Int32Array): Int32Array {
  const both = new Int32Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

function numbersBelow(length: number): Int32Array {
  return new Int32Array(length).map((_, number) => number);
}
