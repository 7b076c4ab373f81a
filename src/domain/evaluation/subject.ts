import { parseArn } from "../arn.js";
import { RequestValue } from "../condition/request-value.js";
import { parsePrincipalArn } from "../principal.js";
import type { AttachedPolicy, PrincipalFacts } from "./access-request.js";
import type { Diagnostic } from "./decision.js";
import { type Caller, ResourceTarget } from "./evaluation-request.js";
import { boundsOfSession, sessionsInForce } from "./issued-session.js";
import { boundsOf, identityClass, isActive, type PolicyClass } from "./policy-class.js";

/** The policies of a principal that are in force at an instant. */
export interface PoliciesInForce {
  readonly account: PolicyClass;
  readonly byResourceGroup: ReadonlyMap<string, PolicyClass>;
  /** D4: one for each policy in force without a known document. */
  readonly incomplete: readonly Diagnostic[];
  /** Of issued sessions, in force beside the one that comes with a question. */
  readonly gates: readonly PolicyClass[];
  /** The caller is a session that is not active, and so nothing else counts. */
  readonly ended: boolean;
}

/** A principal, prepared for any number of questions. */
export class Subject {
  readonly caller: Caller;
  /** Instants at which an attachment or an issued session comes into force or ends. */
  readonly bounds: readonly number[];
  /** Those of issued sessions alone. */
  readonly sessionBounds: readonly number[];
  private readonly facts: PrincipalFacts;
  private current: { readonly from: number; readonly until: number; readonly policies: PoliciesInForce } | null = null;

  constructor(facts: PrincipalFacts) {
    this.caller = describeCaller(facts);
    this.facts = facts;
    this.sessionBounds = facts.issued.flatMap(boundsOfSession);
    this.bounds = [...facts.attachments.flatMap(boundsOf), ...this.sessionBounds];
  }

  /** The same object as long as no attachment or session comes into force or ends. */
  inForceAt(now: number): PoliciesInForce {
    const { current } = this;
    if (current !== null && current.from <= now && now < current.until) return current.policies;
    const from = this.bounds.filter((at) => at <= now).reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const until = this.bounds.filter((at) => at > now).reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    const policies = policiesInForce(this.facts, now);
    this.current = { from, until, policies };
    return policies;
  }
}

const SUBJECTS = new WeakMap<PrincipalFacts, Subject>();

/** Facts never change, so what is derived from them is kept as long as they are. @throws InvalidInputError for a malformed ARN */
export function subjectOf(facts: PrincipalFacts): Subject {
  const known = SUBJECTS.get(facts);
  if (known !== undefined) return known;
  const subject = new Subject(facts);
  SUBJECTS.set(facts, subject);
  return subject;
}

function policiesInForce(facts: PrincipalFacts, now: number): PoliciesInForce {
  const { ended, gates, incomplete } = sessionsInForce(facts, now);
  const identity = divide(ended ? [] : facts.attachments, now);
  return { ...identity, incomplete: [...incomplete, ...identity.incomplete], gates, ended };
}

function divide(attachments: readonly AttachedPolicy[], now: number): Omit<PoliciesInForce, "gates" | "ended"> {
  const account: AttachedPolicy[] = [];
  const groups = new Map<string, AttachedPolicy[]>();
  for (const attachment of attachments) {
    const { scope } = attachment;
    if (scope.kind === "ACCOUNT") account.push(attachment);
    else groups.set(scope.resourceGroup, [...(groups.get(scope.resourceGroup) ?? []), attachment]);
  }
  return {
    account: identityClass(account, now),
    byResourceGroup: new Map([...groups].map(([group, list]) => [group, identityClass(list, now)])),
    incomplete: incompletePolicies(attachments.filter((attachment) => isActive(attachment, now))),
  };
}

function describeCaller(principal: PrincipalFacts): Caller {
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
