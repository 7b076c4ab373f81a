import { RequestValue } from "../condition/request-value.js";
import type { PrincipalFacts, ScopePrecedence } from "../evaluation/access-request.js";
import { ActionSet } from "../evaluation/action-set.js";
import type { Outcome } from "../evaluation/decision.js";
import { evaluateClass } from "../evaluation/evaluate-policies.js";
import { isForeign, type Question, requestOf } from "../evaluation/evaluation.js";
import type { Caller } from "../evaluation/evaluation-request.js";
import { sessionsInForce } from "../evaluation/issued-session.js";
import { combineGates, type OutcomeSet, outcomesOf } from "../evaluation/outcome-set.js";
import { isActive, type PolicyClass, sessionClass } from "../evaluation/policy-class.js";
import { type RequestedResource, requestedResourceOf } from "../evaluation/requested-resource.js";
import { describeCaller } from "../evaluation/subject.js";
import { weighStages } from "../evaluation/weigh-stages.js";
import type { CompiledPolicy, CompiledStatement } from "../policy/compile-policy.js";

/** A question without the principal. */
export type AskedOfAll = Pick<Question, "resource" | "context" | "now">;

/** A policy by itself, as a class that keeps what it selects. */
interface Parts {
  readonly fixed: PolicyClass;
  /** The statements that look at who asks; null: none does. */
  readonly ofCaller: PolicyClass | null;
}

const PARTS = new WeakMap<CompiledPolicy, Parts>();
/** Whose document is not known: it may hold anything (D4). */
const UNKNOWN: Parts = { fixed: sessionClass(null), ofCaller: null };

/** What a policy has to say to a question. */
export interface Contribution {
  /** An OR of what applies, whoever asks. */
  readonly applies: number;
  /** What may apply or not, depending on who asks; null: nothing. */
  readonly ofCaller: PolicyClass | null;
}

const NOBODY: Caller = { account: "", conditionArn: [], names: [] };

/**
 * One action on one resource, asked about everybody: each policy is evaluated once, not once for every principal that
 * has it. The outcome is that of `decide` for each of them. Only the budget of work is another one, a policy's own: what
 * is too much for a principal with many policies may have an answer here.
 */
export class QuestionToAll {
  private readonly question: AskedOfAll;
  private readonly actions: ActionSet;
  private readonly resource: RequestedResource;
  private readonly precedence: ScopePrecedence;
  private readonly known = new Map<CompiledPolicy | null, Contribution>();

  /** @throws InvalidInputError for a malformed action or ARN */
  constructor(question: AskedOfAll, action: string, precedence: ScopePrecedence) {
    this.question = question;
    this.actions = ActionSet.of([action]);
    this.resource = requestedResourceOf(question.resource);
    this.precedence = precedence;
  }

  /** How many have been evaluated so far. */
  get policies(): number {
    return this.known.size;
  }

  /** @throws InvalidInputError when the request is too large for one of the policies */
  outcomeFor(principal: PrincipalFacts): Outcome {
    const { ended, gates } = sessionsInForce(principal, this.question.now);
    if (ended) return "IMPLICIT_DENY";
    if (this.actions.names[0] === "kms:DescribeRegions") return "ALLOW"; // C23
    const owner = principal.kind === "ACCOUNT_OWNER";
    const foreign = isForeign(this.resource, { caller: principal });
    const session = gates.reduce((sum, gate) => combineGates(sum, this.outcomesOf(gate, principal)), 0);
    const { account, resourceGroup } = this.identityOf(principal, foreign);
    const trusted = this.actions.assumesRole && !(foreign && (this.resource.trust === null || owner));
    const trust = this.trustOf(principal);
    return weighStages({ session, account, resourceGroup, trust, owner, foreign, trusted }, this.precedence).outcome;
  }

  private identityOf(principal: PrincipalFacts, foreign: boolean): Record<"account" | "resourceGroup", OutcomeSet> {
    let [account, resourceGroup] = [0, 0];
    for (const attachment of principal.attachments) {
      const { scope, policy } = attachment;
      const counts = scope.kind === "ACCOUNT" || (!foreign && scope.resourceGroup === this.resource.resourceGroup);
      if (!counts || !isActive(attachment, this.question.now)) continue;
      const applies = this.appliesOf(policy.compiled, principal);
      if (scope.kind === "ACCOUNT") account |= applies;
      else resourceGroup |= applies;
    }
    return { account: outcomesOf(account), resourceGroup: outcomesOf(resourceGroup) };
  }

  /** What a policy says, whoever has it. @throws InvalidInputError as `outcomeFor` */
  contributionOf(policy: CompiledPolicy | null): Contribution {
    return this.known.get(policy) ?? this.workOut(policy);
  }

  /**
   * What the trust policy of the role that is asked about says to everybody in `account`: an OR of what applies, without
   * what depends on who it is. @throws InvalidInputError as `outcomeFor`
   */
  trustOfAll(account: string): number {
    const policy = this.question.resource.trustPolicy;
    return policy === null ? 0 : this.evaluate(partsOf(policy).fixed, { ...NOBODY, account });
  }

  private appliesOf(policy: CompiledPolicy | null, principal: PrincipalFacts): number {
    const { applies, ofCaller } = this.contributionOf(policy);
    return ofCaller === null ? applies : applies | this.evaluate(ofCaller, callerOf(principal));
  }

  private workOut(policy: CompiledPolicy | null): Contribution {
    const { fixed, ofCaller } = policy === null ? UNKNOWN : partsOf(policy);
    const contribution = { applies: this.evaluate(fixed, NOBODY), ofCaller };
    this.known.set(policy, contribution);
    return contribution;
  }

  private trustOf(principal: PrincipalFacts): OutcomeSet {
    const { trust } = this.resource;
    return this.actions.assumesRole && trust !== null ? this.outcomesOf(trust, principal) : 0;
  }

  private outcomesOf(policies: PolicyClass, principal: PrincipalFacts): OutcomeSet {
    return outcomesOf(this.evaluate(policies, callerOf(principal)));
  }

  /** The stage of a class makes no difference to what its statements come to. */
  private evaluate(policies: PolicyClass, caller: Caller): number {
    const request = requestOf(this.question, { caller }, this.resource, this.actions);
    return evaluateClass(policies, this.actions, request, false).applying[0] ?? 0;
  }
}

function partsOf(policy: CompiledPolicy): Parts {
  const known = PARTS.get(policy);
  if (known !== undefined) return known;
  const ofCaller = part(policy, readsCaller);
  const others = part(policy, (statement) => !readsCaller(statement));
  const parts = {
    fixed: sessionClass(others),
    ofCaller: ofCaller.statements.length === 0 ? null : sessionClass(ofCaller),
  };
  PARTS.set(policy, parts);
  return parts;
}

function part({ document, statements }: CompiledPolicy, has: (statement: CompiledStatement) => boolean) {
  return { document, statements: statements.filter(has) };
}

/** Whether a condition looks at who asks. */
export function readsCaller({ conditions }: CompiledStatement): boolean {
  return conditions.some(({ reads }) => reads === "caller");
}

/** An import may bring names that no question could ask about; what their policies give them counts all the same. */
function callerOf(principal: PrincipalFacts): Caller {
  try {
    return describeCaller(principal);
  } catch {
    return { account: principal.account, conditionArn: [new RequestValue(principal.arn)], names: [] };
  }
}
