import { RequestValue } from "../condition/request-value.js";
import type { PrincipalFacts, ScopePrecedence } from "../evaluation/access-request.js";
import { ActionSet } from "../evaluation/action-set.js";
import type { Outcome } from "../evaluation/decision.js";
import { evaluateClass } from "../evaluation/evaluate-policies.js";
import { isForeign, type Question, requestOf } from "../evaluation/evaluation.js";
import type { Caller, EvaluationRequest } from "../evaluation/evaluation-request.js";
import { sessionsInForce } from "../evaluation/issued-session.js";
import { combineGates, type OutcomeSet, outcomesOf } from "../evaluation/outcome-set.js";
import { isActive, type PolicyClass } from "../evaluation/policy-class.js";
import { type RequestedResource, requestedResourceOf } from "../evaluation/requested-resource.js";
import { describeCaller } from "../evaluation/subject.js";
import { weighStages } from "../evaluation/weigh-stages.js";
import type { CompiledPolicy } from "../policy/compile-policy.js";
import { type Grant, Holder, type Holdings } from "./holdings.js";
import { type Parts, partsOf } from "./parts.js";
import { policyIndexOf } from "./policy-index.js";
import { levelsOf, lookingAtCaller, type Sum, sumOf, Tally } from "./tally.js";

/** A question without the principal. */
export type AskedOfAll = Pick<Question, "resource" | "context" | "now">;

type Named = Pick<PrincipalFacts, "arn" | "account">;

/** What a policy has to say to a question. */
export interface Contribution extends Pick<Parts, "ofCaller"> {
  /** An OR of what applies, whoever asks. */
  readonly applies: number;
}

/** What finding a policy in the index of an account takes, against evaluating it by itself. */
const INDEXED = 0.1;
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
  private tally: Tally | null = null;
  private evaluated = 0;
  private asking: { readonly principal: Named; readonly caller: Caller } | null = null;

  /** @throws InvalidInputError for a malformed action or ARN */
  constructor(question: AskedOfAll, action: string, precedence: ScopePrecedence) {
    this.question = question;
    this.actions = ActionSet.of([action]);
    this.resource = requestedResourceOf(question.resource);
    this.precedence = precedence;
  }

  /** How many policies' worth of evaluation there has been so far. */
  get policies(): number {
    return this.evaluated;
  }

  /** @throws InvalidInputError when the request is too large for one of the policies */
  outcomeFor(principal: Holder | PrincipalFacts): Outcome {
    const { ended, gates } = sessionsInForce(principal, this.question.now);
    if (ended) return "IMPLICIT_DENY";
    if (this.actions.names[0] === "kms:DescribeRegions") return "ALLOW"; // C23
    const owner = principal.kind === "ACCOUNT_OWNER";
    const foreign = isForeign(this.resource, { caller: principal });
    const session = gates.reduce((sum, gate) => combineGates(sum, this.outcomesOf(gate, principal)), 0);
    const { account, resourceGroup } = this.identityOf(principal);
    const trusted = this.actions.assumesRole && !(foreign && (this.resource.trust === null || owner));
    const trust = this.trustOf(principal);
    return weighStages({ session, account, resourceGroup, trust, owner, foreign, trusted }, this.precedence).outcome;
  }

  private identityOf(principal: Holder | PrincipalFacts): Record<"account" | "resourceGroup", OutcomeSet> {
    const { holdings, place } = principal instanceof Holder ? this.prepare(principal) : Holder.of(principal);
    const sum = this.tallyOf(holdings).sumOf(place, (grant) => sumOf(this.evaluateFor(grant, principal), grant));
    const { account, resourceGroup } = levelsOf(sum);
    return { account: outcomesOf(account), resourceGroup: outcomesOf(resourceGroup) };
  }

  /** Those who have something in common are many: all that somebody has there is evaluated at once. */
  private prepare(holder: Holder): Holder {
    const { holdings } = holder;
    if (this.tally?.holdings === holdings) return holder;
    const index = policyIndexOf(holdings, this.actions);
    const applying = index.weigh(this.requestOf(NOBODY));
    for (const [number, policy] of index.policies.entries()) {
      this.known.set(policy, { applies: applying[number] ?? 0, ofCaller: partsOf(policy).ofCaller });
    }
    this.evaluated += index.policies.length * INDEXED;
    return holder;
  }

  private tallyOf(holdings: Holdings): Tally {
    if (this.tally?.holdings === holdings) return this.tally;
    const foreign = isForeign(this.resource, { caller: holdings });
    this.tally = new Tally(holdings, (grant) => this.weigh(grant, foreign));
    return this.tally;
  }

  private weigh(grant: Grant, foreign: boolean): Sum {
    const { scope, policy } = grant;
    const counts = scope.kind === "ACCOUNT" || (!foreign && scope.resourceGroup === this.resource.resourceGroup);
    if (!counts || !isActive(grant, this.question.now)) return 0;
    const { applies, ofCaller } = this.contributionOf(policy.compiled);
    return ofCaller === null ? sumOf(applies, grant) : lookingAtCaller(sumOf(applies, grant));
  }

  /** The statements of a grant that look at who asks. */
  private evaluateFor({ policy }: Grant, principal: Named): number {
    const { ofCaller } = this.contributionOf(policy.compiled);
    return ofCaller === null ? 0 : this.evaluate(ofCaller, this.callerOf(principal));
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

  private workOut(policy: CompiledPolicy | null): Contribution {
    const { fixed, ofCaller } = partsOf(policy);
    const contribution = { applies: this.evaluate(fixed, NOBODY), ofCaller };
    this.known.set(policy, contribution);
    this.evaluated += 1;
    return contribution;
  }

  private trustOf(principal: Named): OutcomeSet {
    const { trust } = this.resource;
    return this.actions.assumesRole && trust !== null ? this.outcomesOf(trust, principal) : 0;
  }

  private outcomesOf(policies: PolicyClass, principal: Named): OutcomeSet {
    return outcomesOf(this.evaluate(policies, this.callerOf(principal)));
  }

  /** The same for all that one principal is asked. */
  private callerOf(principal: Named): Caller {
    if (this.asking?.principal !== principal) this.asking = { principal, caller: callerOf(principal) };
    return this.asking.caller;
  }

  /** The stage of a class makes no difference to what its statements come to. */
  private evaluate(policies: PolicyClass, caller: Caller): number {
    return evaluateClass(policies, this.actions, this.requestOf(caller), false).applying[0] ?? 0;
  }

  private requestOf(caller: Caller): EvaluationRequest {
    return requestOf(this.question, { caller }, this.resource, this.actions);
  }
}

/** An import may bring names that no question could ask about; what their policies give them counts all the same. */
function callerOf(principal: Named): Caller {
  try {
    return describeCaller(principal);
  } catch {
    return { account: principal.account, conditionArn: [new RequestValue(principal.arn)], names: [] };
  }
}
