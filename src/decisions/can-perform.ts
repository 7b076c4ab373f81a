import type { ResourceFacts } from "../domain/evaluation/access-request.js";
import type { OperationDecision } from "../domain/evaluation/operation-decision.js";
import { type OperationPlan, type OperationTargets, planOperation } from "../domain/kms/operations.js";
import { parsePrincipalArn } from "../domain/principal.js";
import { decideOperations, factsOf } from "./decide-operations.js";
import { type Ask, type Circumstances, circumstancesOf } from "./question.js";

export interface CanPerformInput extends Circumstances {
  readonly principal: string;
  readonly operation: string;
  /** `account` defaults to the principal's. */
  readonly targets: OperationTargets;
}

/** Thrown while planning when the plan depends on a resource that nobody looked up yet. */
class FactsNeeded extends Error {
  readonly arn: string;

  constructor(arn: string) {
    super("facts needed");
    this.arn = arn;
  }
}

/** May `principal` perform `operation` on `targets`? Rejects with the errors of `decideMany`. */
export async function canPerform(ask: Ask, input: CanPerformInput): Promise<OperationDecision> {
  const plan = await planWithFacts(ask, input);
  if (plan.legs.length === 0) return await decideForEverybody(ask, input, plan);
  const { operations } = await decideOperations(ask, input.principal, circumstancesOf(input), [plan]);
  const [operation] = operations;
  if (operation === undefined) throw new Error("a plan without a decision");
  return operation;
}

/** Also what is allowed to everybody needs a principal, and of a session an active one: asked like `kms:DescribeRegions` (C23). */
async function decideForEverybody(ask: Ask, input: CanPerformInput, plan: OperationPlan): Promise<OperationDecision> {
  const { principal } = input;
  const question = { principal, resource: "*", actions: ["kms:DescribeRegions"], ...circumstancesOf(input) };
  const legs = (await ask(question)).decisions.filter(({ outcome }) => outcome !== "ALLOW");
  const outcome = legs[0]?.outcome ?? "ALLOW";
  const allowed = outcome === "ALLOW";
  return { operation: plan.operation, outcome, allowed, legs, usableNow: null, blockedByKeyState: null };
}

/** Only the plan knows which resources it depends on, so it is made again with each one it stumbles over. */
async function planWithFacts(ask: Ask, input: CanPerformInput): Promise<OperationPlan> {
  const account = input.targets.account ?? parsePrincipalArn(input.principal).account;
  const known = new Map<string, ResourceFacts>();
  for (;;) {
    const plan = tryPlan(input.operation, { ...input.targets, account }, known);
    if (!(plan instanceof FactsNeeded)) return plan;
    const wanted = new Set([plan.arn, ...(input.targets.secrets ?? [])]); // secrets together, not one after the other
    await Promise.all([...wanted].map(async (arn) => known.set(arn, await lookUp(ask, input, arn))));
  }
}

function tryPlan(
  operation: string,
  targets: OperationTargets,
  known: ReadonlyMap<string, ResourceFacts>,
): OperationPlan | FactsNeeded {
  try {
    return planOperation(operation, targets, (arn) => {
      const facts = known.get(arn);
      if (facts === undefined) throw new FactsNeeded(arn);
      return facts;
    });
  } catch (error) {
    if (error instanceof FactsNeeded) return error;
    throw error;
  }
}

async function lookUp(ask: Ask, input: CanPerformInput, resource: string): Promise<ResourceFacts> {
  const { principal } = input;
  return factsOf((await ask({ principal, resource, actions: [], ...circumstancesOf(input) })).resource);
}
