import type { KeyState, ResourceFacts } from "../domain/evaluation/access-request.js";
import type { Verdict } from "../domain/evaluation/decision.js";
import { combineLegs, type OperationDecision } from "../domain/evaluation/operation-decision.js";
import type { OperationPlan } from "../domain/kms/operations.js";
import type { Answer, Ask, CacheStatus, Circumstances, ResourceSummary } from "./question.js";

export interface OperationAnswers {
  readonly operations: readonly OperationDecision[];
  /** Every answer that was needed, the known ones among them. */
  readonly answers: readonly Answer[];
}

/**
 * Decides all plans at once: each resource that occurs in them is asked about once, with all actions needed on it that
 * the `known` answers leave open.
 */
export async function decideOperations(
  ask: Ask,
  principal: string,
  circumstances: Circumstances,
  plans: readonly OperationPlan[],
  known: readonly Answer[] = [],
): Promise<OperationAnswers> {
  const open = [...actionsByResource(plans)].filter(([resource, actions]) => !known.some(covers(resource, actions)));
  const asked = await Promise.all(
    open.map(([resource, actions]) => ask({ principal, resource, actions: [...actions], ...circumstances })),
  );
  const answers = [...known, ...asked];
  const decisions = new Map(answers.flatMap((answer) => answer.decisions.map((each) => [legKey(each), each] as const)));
  const states = new Map(answers.map(({ resource }) => [resource.arn, resource.keyState]));
  const keyState = (arn: string): KeyState | null => states.get(arn) ?? null;
  return { operations: plans.map((plan) => combine(plan, decisions, keyState)), answers };
}

function covers(resource: string, actions: ReadonlySet<string>): (answer: Answer) => boolean {
  return (answer) => {
    const decided = new Set(answer.decisions.map(({ action }) => action));
    return answer.resource.arn === resource && [...actions].every((action) => decided.has(action));
  };
}

function actionsByResource(plans: readonly OperationPlan[]): Map<string, Set<string>> {
  const actionsOn = new Map<string, Set<string>>();
  const on = (resource: string): Set<string> => {
    const actions = actionsOn.get(resource) ?? new Set();
    actionsOn.set(resource, actions);
    return actions;
  };
  for (const plan of plans) {
    for (const leg of plan.legs) on(leg.resource).add(leg.action);
    for (const key of plan.keysUsed) on(key);
  }
  return actionsOn;
}

function combine(
  plan: OperationPlan,
  decisions: ReadonlyMap<string, Verdict>,
  keyState: (arn: string) => KeyState | null,
): OperationDecision {
  const legs = plan.legs.map((leg) => {
    const decision = decisions.get(legKey(leg));
    if (decision === undefined) throw new Error("an operation's leg was left without a decision");
    return decision;
  });
  return combineLegs(plan, legs, keyState);
}

function legKey({ action, resource }: { readonly action: string; readonly resource: string }): string {
  return `${action} ${resource}`;
}

/** What a plan may ask of a resource. */
export function factsOf(summary: ResourceSummary): ResourceFacts {
  return { ...summary, resourceGroup: null, tags: new Map(), trustPolicy: null };
}

/** `HIT` only when nothing was evaluated. */
export function combinedStatus(answers: readonly Answer[]): CacheStatus {
  const statuses = new Set(answers.map(({ cache }) => cache));
  if (statuses.has("BYPASS")) return "BYPASS";
  return statuses.has("MISS") ? "MISS" : "HIT";
}
