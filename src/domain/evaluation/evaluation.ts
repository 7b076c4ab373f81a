import type { AccessRequest } from "./access-request.js";
import type { ActionSet } from "./action-set.js";
import type { DecisionStage } from "./decision.js";
import type { ClassResult } from "./evaluate-policies.js";
import type { EvaluationRequest } from "./evaluation-request.js";
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
  /** The resource belongs to another account; one whose account is not stated is the caller's own. */
  readonly foreign: boolean;
  /** Session policies: the one of the question and those of issued sessions. */
  readonly gates: readonly ClassResult[];
  readonly stages: Readonly<Record<Exclude<PolicyStage, "SESSION_POLICY">, ClassResult | null>>;
  /** What there is of them, in the order in which RAM reads them. */
  readonly results: readonly StageResult[];
  /** Instants at which a session of the caller begins or ends. */
  readonly sessionBounds: readonly number[];
  /** Time alone changes nothing: no window, no session, no condition on the current time. */
  readonly timeless: boolean;
}

/** The stages that read policies; null in an evaluation: there are none, or they do not count. */
export type PolicyStage = Extract<
  DecisionStage,
  "SESSION_POLICY" | "ACCOUNT_LEVEL_IDENTITY_BASED_POLICY" | "RESOURCE_GROUP_LEVEL_IDENTITY_BASED_POLICY" | "ROLE_TRUST"
>;

export interface StageResult {
  readonly stage: PolicyStage;
  readonly result: ClassResult;
}
