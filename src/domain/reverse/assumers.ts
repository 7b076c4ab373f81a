import { isActive } from "../evaluation/policy-class.js";
import { type Prefixed, PrefixIndex } from "../evaluation/prefix-index.js";
import type { CompiledPolicy } from "../policy/compile-policy.js";
import { ASSUME_ROLE } from "../ram-actions.js";
import { foldCase } from "../wildcard.js";
import type { Grant, Holder } from "./holdings.js";
import { nameOf } from "./trusted-names.js";

/** A policy that has something to say about assuming roles. */
export interface AssumePolicy extends Prefixed {
  readonly number: number;
  /** Null: its document is not known. */
  readonly compiled: CompiledPolicy | null;
  /** Who has it. */
  readonly holders: Holders[];
}

/** Principals who have the same of these policies. */
export interface Holders {
  readonly policies: readonly AssumePolicy[];
  /** Their places among all principals. */
  readonly places: readonly number[];
}

const ACTION = foldCase(ASSUME_ROLE);
/** Of a grant that says nothing about it, or does not count now. */
const NOTHING = "nothing";

/** Everybody of an account, by name, and by what their policies say about assuming roles. */
export class Assumers {
  /** Owners of the account, who need no policy (D26). */
  readonly owners: number[] = [];
  private readonly now: number;
  private readonly byName = new Map<string, number[]>();
  private readonly byHolding = new Map<string, Holders & { readonly places: number[] }>();
  /** Null: it says nothing about it. */
  private readonly policies = new Map<CompiledPolicy | null, AssumePolicy | null>();
  private readonly ofGrants = new Map<Grant, AssumePolicy | typeof NOTHING>();
  private index: PrefixIndex<AssumePolicy> | null = null;

  /** @param now milliseconds since the epoch */
  constructor(now: number) {
    this.now = now;
  }

  /** The principal that `nameOf` calls this, and the sessions of such a role. */
  named(name: string): readonly number[] {
    return this.byName.get(name) ?? [];
  }

  /** The policies that say something about this role, and maybe some that do not. @param relativeId folded */
  about(relativeId: string): ReadonlySet<AssumePolicy> {
    this.index ??= new PrefixIndex([...this.policies.values()].filter((policy) => policy !== null));
    return new Set(this.index.find(relativeId).flat());
  }

  /** Comes before all look-ups. */
  add(holder: Holder, place: number): void {
    append(this.byName, nameOf(holder.arn), place);
    if (holder.kind === "ACCOUNT_OWNER") this.owners.push(place);
    else this.holdersOf(this.policiesOf(holder)).push(place);
  }

  private holdersOf(policies: readonly AssumePolicy[]): number[] {
    const key = policies.map(({ number }) => number).join();
    const known = this.byHolding.get(key);
    if (known !== undefined) return known.places;
    const holders = { policies, places: [] };
    for (const policy of policies) policy.holders.push(holders);
    this.byHolding.set(key, holders);
    return holders.places;
  }

  /** In an order that does not depend on that of the attachments. A role is in no resource group. */
  private policiesOf(holder: Holder): AssumePolicy[] {
    const found = new Set<AssumePolicy>();
    holder.eachGrant((grant) => {
      const policy = this.ofGrants.get(grant) ?? this.ofGrant(grant);
      if (policy !== NOTHING) found.add(policy);
    });
    return [...found].sort((one, other) => one.number - other.number);
  }

  /** Many hold the same. */
  private ofGrant(grant: Grant): AssumePolicy | typeof NOTHING {
    const counts = grant.scope.kind === "ACCOUNT" && isActive(grant, this.now);
    const policy = (counts ? this.policyOf(grant.policy.compiled) : null) ?? NOTHING;
    this.ofGrants.set(grant, policy);
    return policy;
  }

  private policyOf(compiled: CompiledPolicy | null): AssumePolicy | null {
    const known = this.policies.get(compiled);
    if (known !== undefined) return known;
    const prefixes = compiled === null ? null : prefixesOf(compiled);
    const speaks = prefixes === null || prefixes.length > 0;
    const policy = speaks ? { number: this.policies.size, compiled, prefixes, holders: [] } : null;
    this.policies.set(compiled, policy);
    return policy;
  }
}

/** Of the roles that its statements are about; null: any; none where there are no such statements. */
function prefixesOf({ statements }: CompiledPolicy): readonly string[] | null {
  const lists = statements.filter(({ actions }) => actions.matches(ACTION)).map(({ resources }) => resources.prefixes);
  return lists.includes(null) ? null : [...new Set(lists.flatMap((prefixes) => prefixes ?? []))];
}

function append(lists: Map<string, number[]>, key: string, place: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [place]);
  else list.push(place);
}
