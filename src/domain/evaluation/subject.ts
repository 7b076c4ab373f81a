import { parseArn } from "../arn.js";
import { RequestValue } from "../condition/request-value.js";
import type { CompiledPolicy } from "../policy/compile-policy.js";
import { parsePrincipalArn } from "../principal.js";
import type { AttachedPolicy, PrincipalFacts } from "./access-request.js";
import type { Diagnostic } from "./decision.js";
import { type Caller, ResourceTarget } from "./evaluation-request.js";
import { boundsOfSession, sessionsInForce } from "./issued-session.js";
import { boundsOf, identityClass, isActive, type PolicyClass, sessionClass } from "./policy-class.js";
import { Standings, tooManyStandings } from "./standing.js";

/** The policies that are in force at an instant: those of a principal, and what gates them. */
export class PoliciesInForce {
  readonly caller: Caller;
  /** Classes that count for every resource: gates, then the account level, unless the caller owns the account. */
  readonly everywhere: readonly PolicyClass[];
  readonly byResourceGroup: ReadonlyMap<string, PolicyClass>;
  /** D4: one for each policy in force without a known document. */
  readonly incomplete: readonly Diagnostic[];
  /** The caller is a session that is not active, and so nothing else counts. */
  readonly ended: boolean;
  /** Instants at which a session of the caller begins or ends. */
  readonly sessionBounds: readonly number[];
  readonly standings = new Standings();
  private readonly gated = new WeakMap<CompiledPolicy, PoliciesInForce>();

  constructor(parts: Omit<PoliciesInForce, "standings" | "behindGate">) {
    this.caller = parts.caller;
    this.everywhere = parts.everywhere;
    this.byResourceGroup = parts.byResourceGroup;
    this.incomplete = parts.incomplete;
    this.ended = parts.ended;
    this.sessionBounds = parts.sessionBounds;
  }

  /** The same policies behind a session policy that comes with a question; null: there is none. */
  behindGate(policy: CompiledPolicy | null): PoliciesInForce {
    if (policy === null) return this;
    const known = this.gated.get(policy);
    if (known !== undefined) return known;
    const gated = new PoliciesInForce({ ...this, everywhere: [sessionClass(policy), ...this.everywhere] });
    this.gated.set(policy, gated);
    return gated;
  }
}

/** A principal, prepared for any number of questions. */
export class Subject {
  /** Instants at which an attachment or an issued session comes into force or ends. */
  readonly bounds: readonly number[];
  private readonly facts: PrincipalFacts;
  private readonly caller: Caller;
  private readonly sessionBounds: readonly number[];
  private current: { readonly from: number; readonly until: number; readonly policies: PoliciesInForce } | null = null;

  constructor(facts: PrincipalFacts) {
    this.facts = facts;
    this.caller = describeCaller(facts);
    this.sessionBounds = facts.issued.flatMap(boundsOfSession);
    this.bounds = [...facts.attachments.flatMap(boundsOf), ...this.sessionBounds];
  }

  /** The same object as long as no attachment or session comes into force or ends. */
  inForceAt(now: number): PoliciesInForce {
    const { current } = this;
    if (current !== null && current.from <= now && now < current.until) return current.policies;
    const from = this.bounds.filter((at) => at <= now).reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const until = this.bounds.filter((at) => at > now).reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    const policies = this.policiesAt(now);
    this.current = { from, until, policies };
    return policies;
  }

  private policiesAt(now: number): PoliciesInForce {
    const { facts, caller, sessionBounds } = this;
    const { ended, gates, incomplete } = sessionsInForce(facts, now);
    const attachments = ended ? [] : facts.attachments;
    const isOwner = facts.kind === "ACCOUNT_OWNER"; // D26
    const { account, byResourceGroup } = divide(isOwner ? [] : attachments, now);
    const active = attachments.filter((attachment) => isActive(attachment, now));
    return new PoliciesInForce({
      ...{ caller, byResourceGroup, ended, sessionBounds },
      everywhere: isOwner ? gates : [...gates, account],
      incomplete: [...incomplete, ...incompletePolicies(active)],
    });
  }
}

let subjects = new WeakMap<PrincipalFacts, Subject>();

/** Facts never change, so what is derived from them is kept as long as they are. @throws InvalidInputError for a malformed ARN */
export function subjectOf(facts: PrincipalFacts): Subject {
  if (tooManyStandings()) subjects = new WeakMap();
  const known = subjects.get(facts);
  if (known !== undefined) return known;
  const subject = new Subject(facts);
  subjects.set(facts, subject);
  return subject;
}

function divide(
  attachments: readonly AttachedPolicy[],
  now: number,
): { readonly account: PolicyClass; readonly byResourceGroup: ReadonlyMap<string, PolicyClass> } {
  const account: AttachedPolicy[] = [];
  const groups = new Map<string, AttachedPolicy[]>();
  for (const attachment of attachments) {
    const { scope } = attachment;
    if (scope.kind === "ACCOUNT") account.push(attachment);
    else groups.set(scope.resourceGroup, [...(groups.get(scope.resourceGroup) ?? []), attachment]);
  }
  const [own, group] = ["ACCOUNT_LEVEL_IDENTITY_BASED_POLICY", "RESOURCE_GROUP_LEVEL_IDENTITY_BASED_POLICY"] as const;
  return {
    account: identityClass(own, account, now),
    byResourceGroup: new Map([...groups].map(([name, list]) => [name, identityClass(group, list, now)])),
  };
}

/** @throws InvalidInputError for a malformed ARN */
export function describeCaller(principal: Pick<PrincipalFacts, "arn">): Caller {
  const name = parsePrincipalArn(principal.arn);
  const roleArn = name.kind === "ROLE_SESSION" ? `acs:ram::${name.account}:role/${name.name}` : null;
  const arns = roleArn === null ? [name.arn] : [name.arn, roleArn];
  return {
    account: name.account,
    conditionArn: [new RequestValue(roleArn ?? name.arn)],
    names: arns.map((arn) => ResourceTarget.named(parseArn(arn))),
  };
}

/** D4: policies in force whose document is not known. */
function incompletePolicies(active: readonly AttachedPolicy[]): Diagnostic[] {
  return active
    .filter(({ policy }) => policy.compiled === null)
    .map(({ policy }) => ({
      code: "INCOMPLETE_POLICY_SET",
      message: `the document of policy \`${policy.reference.name}\` is not known: it may allow or deny anything`,
    }));
}
