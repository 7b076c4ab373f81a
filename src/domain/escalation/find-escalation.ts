import type { PrincipalFacts } from "../evaluation/access-request.js";
import { decideActions } from "../evaluation/decide.js";
import type { Outcome, Verdict } from "../evaluation/decision.js";
import { type Comparison, type Comparisons, comparisonsOf } from "./comparisons.js";
import type { Grant, Receiver } from "./grant.js";
import { type Probe, probesOf } from "./probes.js";

/** Something that a receiver comes to have and the grantor has not. */
export interface Escalation {
  readonly action: string;
  readonly resource: string;
  /** Instant of which it is so, in milliseconds since the epoch. */
  readonly at: number;
  /**
   * `BEYOND`: it is. `UNKNOWN_POLICY`: a policy without a known document may give anything, so `action` and `resource` are
   * `*`. `UNSETTLED`: it changes with time so often that it cannot be compared.
   */
  readonly kind: "BEYOND" | "UNKNOWN_POLICY" | "UNSETTLED";
}

/** Of what does not end: the last instant that there is. */
export const END_OF_TIME = 8_640_000_000_000_000;

/** Most instants at which rights are compared. */
const MOST_INSTANTS = 32;

/**
 * Finds something that a change gives and that its maker has not, now or later: an action that a receiver may perform
 * afterwards (or may under conditions) and could not before, and for which the maker has no unconditional Allow. Every
 * action that applies is tried on every registered resource, and on stand-ins for what the policies name besides.
 */
export function findEscalation(grant: Grant): Escalation | null {
  if (mayDoAnything(grant.grantor)) return null;
  const harmless = new Set<string>();
  for (const receiver of grant.receivers) {
    const compared = comparisonsOf(receiver);
    if (compared.key !== null && harmless.has(compared.key)) continue;
    const found = findIn(compared, receiver, grant);
    if (found === "nothing" && compared.key !== null) harmless.add(compared.key);
    if (typeof found === "object") return found;
  }
  return null;
}

/** Saves the search for those who administer the account: its owner, and who is allowed everything and denied nothing. */
function mayDoAnything({ kind, attachments, issued }: PrincipalFacts): boolean {
  if (kind === "ACCOUNT_OWNER") return true;
  if (issued.some(({ policy }) => policy !== null)) return false;
  if (attachments.some(({ policy }) => policy.compiled === null)) return false;
  const statements = attachments.flatMap((attachment) =>
    (attachment.policy.compiled?.document.statements ?? []).map((statement) => ({ statement, attachment })),
  );
  if (statements.some(({ statement }) => statement.effect === "Deny")) return false;
  return statements.some(({ statement: { actions, resources, conditions }, attachment }) => {
    const always =
      attachment.scope.kind === "ACCOUNT" && attachment.notBefore === null && attachment.expiresAt === null;
    return always && conditions.length === 0 && isAll(actions) && isAll(resources);
  });
}

function isAll(block: { readonly negated: boolean; readonly patterns: readonly string[] } | null): boolean {
  return block !== null && !block.negated && block.patterns.includes("*");
}

/** `nothing`: what is given is no escalation, whoever gets it; `had`: this receiver had it before. */
function findIn({ changed, exact }: Comparisons, receiver: Receiver, grant: Grant): Escalation | "nothing" | "had" {
  if (changed.some(({ after }) => after.attachments.some(({ policy }) => policy.compiled === null))) {
    return { action: "*", resource: "*", at: grant.now, kind: "UNKNOWN_POLICY" };
  }
  const probes = probesOf(grant, receiver);
  const found = compare(changed, probes, grant);
  if (found === null) return "nothing";
  return exact === null ? found : (compare([exact], probes, grant) ?? "had");
}

/** Looks again whenever time changes something. */
function compare(comparisons: readonly Comparison[], probes: readonly Probe[], grant: Grant): Escalation | null {
  let at = grant.now;
  for (let instants = 0; instants < MOST_INSTANTS; instants += 1) {
    const look = new Look(grant, at);
    for (const probe of probes) {
      for (const comparison of comparisons) {
        const found = look.at(comparison, probe);
        if (found !== null) return found;
      }
    }
    if (look.until === null) return null;
    at = look.until;
  }
  return { action: "*", resource: "*", at, kind: "UNSETTLED" };
}

/** One comparison of all rights at one instant. */
class Look {
  /** Next instant at which something that was looked at may be otherwise; null: never. */
  until: number | null = null;
  private readonly grant: Grant;
  private readonly instant: number;

  constructor(grant: Grant, instant: number) {
    this.grant = grant;
    this.instant = instant;
  }

  at({ before, after }: Comparison, probe: Probe): Escalation | null {
    const then = this.decide(after, probe);
    if (!then.some((verdict) => isRight(verdict.outcome) || !this.isSteady(verdict))) return null;
    const had = this.decide(before, probe);
    const given = then.flatMap((verdict, place) => (this.isGiven(verdict, had[place]) ? [place] : []));
    if (given.length === 0) return null;
    const own = this.decide(this.grant.grantor, probe);
    const place = given.find((each) => !this.isOwn(own[each]));
    const beyond = place === undefined ? undefined : then[place];
    if (place === undefined || beyond === undefined) return null;
    const steady = [beyond, had[place], own[place]].every((verdict) => verdict === undefined || this.isSteady(verdict));
    const { action, resource } = beyond;
    return { action, resource, at: this.instant, kind: steady ? "BEYOND" : "UNSETTLED" };
  }

  private decide(principal: PrincipalFacts, { resource, actions }: Probe): readonly Verdict[] {
    const question = { principal, resource, context: NOTHING_KNOWN, now: this.instant, sessionPolicy: null };
    const { scopePrecedence } = this.grant;
    const verdicts = decideActions(question, actions, { scopePrecedence, detail: "OUTCOME" });
    for (const { validUntil } of verdicts) {
      if (validUntil === null || validUntil <= this.instant || validUntil === END_OF_TIME) continue;
      if (this.until === null || validUntil < this.until) this.until = validUntil;
    }
    return verdicts;
  }

  /** Whether it holds for some time: a condition on the text of the time may turn at any moment. */
  private isSteady({ validUntil }: Verdict): boolean {
    return validUntil === null || validUntil > this.instant;
  }

  private isGiven(verdict: Verdict, had: Verdict | undefined): boolean {
    if (!this.isSteady(verdict)) return true;
    if (!isRight(verdict.outcome)) return false;
    return had === undefined || !this.isSteady(had) || RANK[verdict.outcome] > RANK[had.outcome];
  }

  private isOwn(verdict: Verdict | undefined): boolean {
    return verdict !== undefined && verdict.outcome === "ALLOW" && this.isSteady(verdict);
  }
}

/** The gateway knows the time of what will be done with a right, and nothing else. */
const NOTHING_KNOWN = new Map<string, readonly string[]>();

const RANK: Readonly<Record<Outcome, number>> = { EXPLICIT_DENY: 0, IMPLICIT_DENY: 1, CONDITIONAL: 2, ALLOW: 3 };

function isRight(outcome: Outcome): boolean {
  return RANK[outcome] >= RANK.CONDITIONAL;
}
