import type { AttachedPolicy, PrincipalFacts, PrincipalKind } from "../evaluation/access-request.js";

/** A policy with the scope and window in which somebody has it. */
export type Grant = Omit<AttachedPolicy, "attachedTo">;

/** Lists of whole numbers, one behind the other: list `n` is from `starts[n]` to before `starts[n + 1]`. */
export interface Lists {
  readonly starts: Int32Array;
  readonly numbers: Int32Array;
}

/**
 * What the users, groups and roles of an account hold. A policy is there once for all who have it, and what a group gives
 * once for all its members: an account at RAM's quotas has two million policies by way of groups.
 */
export interface Holdings {
  readonly account: string;
  readonly grants: readonly Grant[];
  /** By place: a number that each user, group and role has. */
  readonly arns: readonly string[];
  /** Which grants each has itself, by place, in the order of decisions. */
  readonly own: Lists;
  /** The places of the groups that each is in, by place. */
  readonly groups: Lists;
}

/** Somebody who has something of it; for a session, what its role has. */
export class Holder implements Pick<PrincipalFacts, "kind" | "arn" | "account" | "issued"> {
  readonly holdings: Holdings;
  readonly place: number;
  readonly kind: PrincipalKind;
  readonly arn: string;
  readonly issued: PrincipalFacts["issued"];

  constructor({ holdings, place, kind, arn, issued }: Pick<Holder, "holdings" | "place" | "kind" | "arn" | "issued">) {
    this.holdings = holdings;
    this.place = place;
    this.kind = kind;
    this.arn = arn;
    this.issued = issued;
  }

  /** Of somebody whose attachments are listed. */
  static of({ kind, arn, account, issued, attachments }: PrincipalFacts): Holder {
    const own = { starts: Int32Array.of(0, attachments.length), numbers: Int32Array.from(attachments.keys()) };
    const groups = { starts: Int32Array.of(0, 0), numbers: new Int32Array() };
    return new Holder({
      holdings: { account, grants: attachments, arns: [arn], own, groups },
      place: 0,
      kind,
      arn,
      issued,
    });
  }

  get account(): string {
    return this.holdings.account;
  }

  /** All that a decision needs to know, with lists of its own. */
  facts(): PrincipalFacts {
    const { kind, arn, account, issued, place, holdings } = this;
    const holders = [place, ...listOf(holdings.groups, place)];
    return { kind, arn, account, attachments: holders.flatMap((holder) => attachmentsOf(holdings, holder)), issued };
  }
}

function attachmentsOf({ grants, arns, own }: Holdings, place: number): AttachedPolicy[] {
  const attachedTo = arns[place] ?? "";
  return listOf(own, place).flatMap((number) => {
    const grant = grants[number];
    return grant === undefined ? [] : [attach(grant, attachedTo)];
  });
}

function attach({ policy, scope, notBefore, expiresAt }: Grant, attachedTo: string): AttachedPolicy {
  return { policy, attachedTo, scope, notBefore, expiresAt };
}

/** One of the lists. */
export function listOf({ starts, numbers }: Lists, place: number): number[] {
  return [...numbers.subarray(starts[place], starts[place + 1])];
}
