import type { AttachedPolicy, PrincipalFacts, ResourceFacts } from "../evaluation/access-request.js";
import type { AttachmentScope } from "../evaluation/decision.js";
import type { CompiledPolicy } from "../policy/compile-policy.js";
import { disjointArn, disjointText } from "../policy/cover.js";
import { ASSUME_ROLE } from "../ram-actions.js";
import { Budget, OutOfBudget } from "./budget.js";
import type { Escalation, Grant, Receiver } from "./grant.js";
import {
  denies,
  includes,
  parted,
  partsOfDenied,
  type Right,
  type Rights,
  readsPrincipal,
  rightsIn,
  touches,
} from "./right.js";
import { decideAssumption, trustsIdentities } from "./trust.js";

/** A fraction of a second. */
const MOST_COMPARISONS = 300_000;
/** Of what does not end: the last instant that there is. */
export const END_OF_TIME = 8_640_000_000_000_000;
const ANYTHING = { action: "*", resource: "*" } as const;

/**
 * Finds something that a change gives and that its maker may not have. All that is given, pattern by pattern, has to lie
 * within one Allow that the maker has as well: for as long, in the same resource group or in all, under no conditions but the
 * same ones on the resource or the time, and out of the reach of every Deny that binds the maker and not the receiver. So it holds for resources and tags that do
 * not exist yet, too. What the receiver had before is not given; a Deny that goes gives what it denied.
 *
 * Sound, not complete: what is found may be no escalation, because the maker has it by several statements together.
 */
export function findEscalation(grant: Grant): Escalation | null {
  if (grant.grantor.kind === "ACCOUNT_OWNER") return null; // D26
  try {
    return new Search(grant).run();
  } catch (error) {
    if (error instanceof OutOfBudget) return { kind: "TOO_LARGE", ...ANYTHING };
    throw error;
  }
}

/** What the maker of a grant has. */
class Search {
  private readonly grant: Grant;
  private readonly budget = new Budget(MOST_COMPARISONS);
  private readonly grantor: Rights;
  /** Session policies; null: one that cannot be read, and so lets nothing through. */
  private readonly gates: readonly (Rights | null)[];
  private readonly known = new WeakMap<Rights, Map<string, boolean>>();
  private readonly texts = new WeakMap<object, string>();
  private readonly numbers = new Map<string, number>();
  private readonly byDenials = new Map<string, Map<string, boolean>>();

  constructor(grant: Grant) {
    const { grantor, now } = grant;
    this.grant = grant;
    this.grantor = rightsIn(grantor.attachments, now);
    this.gates = gatesOf(grantor, now);
  }

  run(): Escalation | null {
    for (const receiver of this.grant.receivers) {
      const found = this.findFor(receiver);
      if (found !== null) return found;
    }
    return null;
  }

  private findFor(receiver: Receiver): Escalation | null {
    const { added, taken } = changesOf(receiver);
    if (added.some(({ policy }) => policy.compiled === null)) return { kind: "UNKNOWN_POLICY", ...ANYTHING };
    const { now } = this.grant;
    const [before, after] = [receiver.before, receiver.after].map(({ attachments }) => rightsIn(attachments, now)) as [
      Rights,
      Rights,
    ];
    const sameName = receiver.before.arn === receiver.after.arn;
    const had = (right: Right) => before.allowed.some((each) => includes(each, right, this.budget, sameName));
    const given = rightsIn(added, now).allowed.flatMap((right) => this.parts(right));
    const beyond = given.find((right) => !this.mayGive(right, after) && !had(right));
    return asEscalation(beyond ?? this.findReleased(taken, after, receiver));
  }

  /** A Deny that is gone, where the maker has not all that it denied; of a receiver that is known, what it is allowed. */
  private findReleased(taken: readonly AttachedPolicy[], after: Rights, receiver: Receiver): Right | undefined {
    const sameName = receiver.before.arn === receiver.after.arn;
    const gone = rightsIn(taken, this.grant.now).denied.filter(
      (denied) => !after.denied.some((each) => denies(each, denied, this.budget, sameName)),
    );
    if (gone.length === 0) return undefined;
    const allowed = receiver.shared ? null : after.allowed.flatMap((right) => this.parts(right));
    return gone.find((denied) => this.releases(denied, after, allowed));
  }

  /** @param allowed all that the receiver is allowed; null: anybody may have it, who may be allowed anything */
  private releases(denied: Right, after: Rights, allowed: readonly Right[] | null): boolean {
    const all = partsOfDenied(startingNow(denied, this.grant.now), this.budget);
    if (all.every((right) => this.mayGive(right, after))) return false;
    return allowed?.some((right) => touches(denied, right, this.budget) && !this.mayGive(right, after)) ?? true;
  }

  private parts(right: Right): Right[] {
    return parted(startingNow(right, this.grant.now), this.budget);
  }

  /** Whether the maker has it, without anything that it does not share with the receiver. */
  private mayGive(right: Right, after: Rights): boolean {
    const known = this.knownFor(after);
    const key = this.keyOf(right);
    const has = known.get(key) ?? this.has(right, after);
    known.set(key, has);
    return has;
  }

  /** Parts of one right share their conditions, which may be long. */
  private keyOf({ actions, resources, conditions, group, from, until }: Right): string {
    const text = this.texts.get(conditions) ?? JSON.stringify(conditions);
    this.texts.set(conditions, text);
    const number = this.numbers.get(text) ?? this.numbers.size;
    this.numbers.set(text, number);
    return JSON.stringify([actions, resources, number, group, from, until]);
  }

  /** Receivers that are denied the same share what was found out. */
  private knownFor(after: Rights): Map<string, boolean> {
    const known = this.known.get(after);
    if (known !== undefined) return known;
    const key = JSON.stringify(after.denied);
    const shared = this.byDenials.get(key) ?? new Map<string, boolean>();
    this.byDenials.set(key, shared);
    this.known.set(after, shared);
    return shared;
  }

  private has(right: Right, after: Rights): boolean {
    const { budget, grantor } = this;
    if (!grantor.allowed.some((each) => includes(each, right, budget))) return false;
    const binding = [grantor, ...this.gates].flatMap((rights) => rights?.denied ?? []);
    const free = binding.every(
      (denied) => !touches(denied, right, budget) || after.denied.some((each) => denies(each, denied, budget)),
    );
    const open = this.gates.every((gate) => gate?.allowed.some((each) => includes(each, right, budget)) ?? false);
    return free && open && this.mayAssumeAll(right);
  }

  /** For a role the trust policy counts as well: who may ask for it, and is not trusted, has nothing to give. */
  private mayAssumeAll({ actions, resources, until }: Right): boolean {
    const isMeant = actions.negated || actions.patterns.some((pattern) => !disjointText(pattern, ASSUME_ROLE));
    if (!isMeant) return true;
    const roles = this.grant.roles.filter(
      ({ arn, trustPolicy }) =>
        trustPolicy !== null &&
        trustsIdentities(trustPolicy) &&
        resources.patterns.some((pattern) => this.budget.spend() && !disjointArn(pattern, arn)),
    );
    return roles.every((role) => this.budget.spend() && this.mayAssume(role, until));
  }

  private mayAssume(role: ResourceFacts, until: number): boolean {
    const { outcome, validUntil } = decideAssumption(this.grant.grantor, role, this.grant);
    return outcome === "ALLOW" && (validUntil ?? END_OF_TIME) >= Math.min(until, END_OF_TIME);
  }
}

/** What gates a session that is active: its maker's, which do not end with it. */
function gatesOf({ issued }: PrincipalFacts, now: number): (Rights | null)[] {
  return issued
    .filter(({ issuedAt, expiresAt, policy }) => policy !== null && issuedAt <= now && now < expiresAt)
    .map(({ policy }) => (policy?.compiled ? gateOf(policy.compiled, now) : null));
}

function gateOf(compiled: CompiledPolicy, now: number): Rights {
  const reference = { id: "", arn: "", name: "", type: "CUSTOM" as const };
  const scope: AttachmentScope = { kind: "ACCOUNT" };
  return rightsIn(
    [{ policy: { reference, version: null, compiled }, attachedTo: "", scope, notBefore: null, expiresAt: null }],
    now,
  );
}

/** The attachments that are new, and those that are gone; under another name all that are about names are both. */
function changesOf({ before, after }: Receiver): { added: AttachedPolicy[]; taken: AttachedPolicy[] } {
  const [old, current] = [before.attachments, after.attachments].map((list) => new Set(list.map(keyOf)));
  const isOther = (attachment: AttachedPolicy, known: Set<string> | undefined) =>
    !known?.has(keyOf(attachment)) || (before.arn !== after.arn && isAboutNames(attachment));
  return {
    added: after.attachments.filter((attachment) => isOther(attachment, old)),
    taken: before.attachments.filter((attachment) => isOther(attachment, current)),
  };
}

function keyOf({ policy, scope, notBefore, expiresAt }: AttachedPolicy): string {
  return JSON.stringify([policy.reference.id, policy.version, scope, notBefore, expiresAt]);
}

function isAboutNames({ policy }: AttachedPolicy): boolean {
  return policy.compiled?.document.statements.some(({ conditions }) => conditions.some(readsPrincipal)) ?? true;
}

function startingNow(right: Right, now: number): Right {
  return { ...right, from: Math.max(right.from, now) };
}

function asEscalation(right: Right | undefined): Escalation | null {
  if (right === undefined) return null;
  const { actions, resources } = right;
  const [action = "*"] = actions.negated ? [] : actions.patterns;
  const [resource = "*"] = resources.negated ? [] : resources.patterns;
  return { kind: "BEYOND", action, resource };
}
