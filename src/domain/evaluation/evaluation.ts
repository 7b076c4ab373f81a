import type { AccessRequest } from "./access-request.js";
import type { ActionSet } from "./action-set.js";
import { type ClassResult, evaluateClass } from "./evaluate-policies.js";
import { type Caller, EvaluationRequest } from "./evaluation-request.js";
import type { PolicyClass } from "./policy-class.js";
import type { RequestedResource } from "./requested-resource.js";
import type { PoliciesInForce } from "./subject.js";

/** A question about one principal and one resource, without the action. */
export type Question = Omit<AccessRequest, "action">;

/** All that the verdicts on the actions of one question are taken from. */
export interface Evaluation {
  readonly question: Question;
  readonly actions: ActionSet;
  readonly request: EvaluationRequest;
  readonly resource: RequestedResource;
  readonly policies: PoliciesInForce;
  readonly foreign: boolean;
  /** What the classes in force come to, in the order in which RAM reads them. */
  readonly results: readonly ClassResult[];
}

/** Weighs every class in force for a question. */
export function evaluate(
  question: Question,
  policies: PoliciesInForce,
  resource: RequestedResource,
  actions: ActionSet,
  explained: boolean,
): Evaluation {
  const request = requestOf(question, policies, resource, actions);
  const foreign = isForeign(resource, policies);
  const classes = classesOf(policies, resource, actions, foreign);
  const results = classes.map((each) => evaluateClass(each, actions, request, explained));
  return { question, actions, request, resource, policies, foreign, results };
}

/** What statements are matched with, with the first action as long as none looks at the action. */
export function requestOf(
  { context, now }: Pick<Question, "context" | "now">,
  { caller }: Pick<PoliciesInForce, "caller">,
  resource: RequestedResource,
  actions: ActionSet,
): EvaluationRequest {
  const target = resource.targetFor(actions.service ?? "");
  const parts = { target, resource, caller, tags: resource.tagsFor(target), context, now };
  return new EvaluationRequest(parts, actions.names[0] ?? "");
}

/** The resource belongs to another account; one whose account is not stated is the caller's own. */
export function isForeign(
  { owner }: RequestedResource,
  { caller }: { readonly caller: Pick<Caller, "account"> },
): boolean {
  return owner !== null && owner !== caller.account;
}

/** The classes that count for a resource, in the order in which RAM reads them. */
export function classesOf(
  policies: PoliciesInForce,
  { resourceGroup, trust }: RequestedResource,
  { assumesRole }: ActionSet,
  foreign: boolean,
): readonly PolicyClass[] {
  const { everywhere, byResourceGroup } = policies;
  const group = foreign || resourceGroup === null ? undefined : byResourceGroup.get(resourceGroup);
  const trusted = assumesRole && trust !== null;
  if (group === undefined && !trusted) return everywhere;
  return [...everywhere, ...(group === undefined ? [] : [group]), ...(trusted ? [trust] : [])];
}
