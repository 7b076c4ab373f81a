import { type Grant, type Holdings, listOf } from "./holdings.js";

/** What some grants come to together, as bits: at the level of the account, in the resource's group, and whether some look at who asks. */
export type Sum = number;

const IN_GROUP = 4;
const STATEMENTS = 15;
const LOOKS_AT_CALLER = 256;
const UNKNOWN = -1;

/** @param applies an OR of what applies ("outcome-set") */
export function sumOf(applies: number, { scope }: Grant): Sum {
  return scope.kind === "ACCOUNT" ? applies : applies << IN_GROUP;
}

/** The same grant also has statements whose conditions look at who asks. */
export function lookingAtCaller(sum: Sum): Sum {
  return sum | LOOKS_AT_CALLER;
}

/** An OR of what applies, by the level that it counts at. */
export function levelsOf(sum: Sum): { readonly account: number; readonly resourceGroup: number } {
  return { account: sum & STATEMENTS, resourceGroup: (sum >> IN_GROUP) & STATEMENTS };
}

/** What holders come to for one question: each grant and each group is looked at once. */
export class Tally {
  readonly holdings: Holdings;
  private readonly ofGrants: Int16Array;
  private readonly ofHolders: Int16Array;

  /** @param workOut what a grant comes to, whoever asks */
  constructor(holdings: Holdings, workOut: (grant: Grant) => Sum) {
    this.holdings = holdings;
    this.ofGrants = new Int16Array(holdings.grants.length);
    for (const [number, grant] of holdings.grants.entries()) this.ofGrants[number] = workOut(grant);
    this.ofHolders = new Int16Array(holdings.arns.length).fill(UNKNOWN);
  }

  /** @param ofCaller what a grant comes to that looks at who asks */
  sumOf(place: number, ofCaller: (grant: Grant) => Sum): Sum {
    const { starts, numbers } = this.holdings.groups;
    const end = starts[place + 1] ?? 0;
    let sum = this.ofHolder(place);
    for (let at = starts[place] ?? 0; at < end; at += 1) sum |= this.ofHolder(numbers[at] ?? 0);
    return (sum & LOOKS_AT_CALLER) === 0 ? sum : sum | this.ofCaller(place, ofCaller);
  }

  private ofHolder(place: number): Sum {
    const known = this.ofHolders[place] ?? UNKNOWN;
    if (known !== UNKNOWN) return known;
    const { ofGrants } = this;
    const { starts, numbers } = this.holdings.own;
    const end = starts[place + 1] ?? 0;
    let sum = 0;
    for (let at = starts[place] ?? 0; at < end; at += 1) sum |= ofGrants[numbers[at] ?? 0] ?? 0;
    this.ofHolders[place] = sum;
    return sum;
  }

  private ofCaller(place: number, ofCaller: (grant: Grant) => Sum): Sum {
    const { own, groups, grants } = this.holdings;
    const holders = [place, ...listOf(groups, place)].filter(
      (holder) => (this.ofHolder(holder) & LOOKS_AT_CALLER) !== 0,
    );
    const held = holders.flatMap((holder) => listOf(own, holder));
    const looking = held.filter((number) => ((this.ofGrants[number] ?? 0) & LOOKS_AT_CALLER) !== 0);
    return looking.flatMap((number) => grants[number] ?? []).reduce((sum, grant) => sum | ofCaller(grant), 0);
  }
}
