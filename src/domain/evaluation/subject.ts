import { parseArn } from "../arn.js";
import { RequestValue } from "../condition/request-value.js";
import { parsePrincipalArn } from "../principal.js";
import type { AttachedPolicy, PrincipalFacts } from "./access-request.js";
import type { Diagnostic } from "./decision.js";
import { type Caller, ResourceTarget } from "./evaluation-request.js";
import { boundsOf, identityClass, isActive, type PolicyClass } from "./policy-class.js";

/** The policies of a principal that are in force at an instant. */
export interface PoliciesInForce {
  readonly account: PolicyClass;
  readonly byResourceGroup: ReadonlyMap<string, PolicyClass>;
  /** D4: one for each policy in force without a known document. */
  readonly incomplete: readonly Diagnostic[];
}

/** A principal, prepared for any number of questions. */
export class Subject {
  readonly caller: Caller;
  private readonly attachments: readonly AttachedPolicy[];
  private readonly bounds: readonly number[];
  private current: { readonly from: number; readonly until: number; readonly policies: PoliciesInForce } | null = null;

  constructor(facts: PrincipalFacts) {
    this.caller = describeCaller(facts);
    this.attachments = facts.attachments;
    this.bounds = facts.attachments.flatMap(boundsOf);
  }

  /** The same object as long as no attachment comes into force or expires. */
  inForceAt(now: number): PoliciesInForce {
    const { current } = this;
    if (current !== null && current.from <= now && now < current.until) return current.policies;
    const from = this.bounds.filter((at) => at <= now).reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const until = this.bounds.filter((at) => at > now).reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    const policies = divide(this.attachments, now);
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

function divide(attachments: readonly AttachedPolicy[], now: number): PoliciesInForce {
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
