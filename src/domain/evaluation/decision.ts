import type { PolicyType } from "../policy/document.js";

/** What a decision says. `CONDITIONAL`: it depends on a context key that nobody supplied. */
export type Outcome = "ALLOW" | "EXPLICIT_DENY" | "IMPLICIT_DENY" | "CONDITIONAL";

/** `CONSERVATIVE`: a policy of the principal has no known document, so the answer leans towards less access. */
export type Certainty = "EXACT" | "CONSERVATIVE";

/** The step of RAM's evaluation process that settled the outcome, in the vocabulary of `DecodeDiagnosticMessage`. */
export type DecisionStage =
  | "CONTROL_POLICY"
  | "SESSION_POLICY"
  | "ACCOUNT_LEVEL_IDENTITY_BASED_POLICY"
  | "RESOURCE_GROUP_LEVEL_IDENTITY_BASED_POLICY"
  | "RESOURCE_BASED_POLICY"
  | "ROLE_TRUST"
  | "ACCOUNT_OWNER"
  | "CROSS_ACCOUNT"
  | "NO_AUTHORIZATION_REQUIRED";

export type DiagnosticCode =
  | "ACTION_NOT_APPLICABLE"
  | "CONTAINER_ARN_REQUIRED"
  | "INCOMPLETE_POLICY_SET"
  | "POLICY_VARIABLE_UNSUPPORTED"
  | "RESOURCE_GROUP_DENY_SHADOWED"
  | "RESOURCE_NOT_REGISTERED"
  | "SESSION_INACTIVE"
  | "SUSPICIOUS_RESOURCE"
  | "TAG_SCOPE_INFERRED"
  | "UNKNOWN_OPERATOR"
  | "UNPARSEABLE_VALUE"
  | "UNSUPPORTED_ELEMENT";

/** A coded note on a decision. */
export interface Diagnostic {
  readonly code: DiagnosticCode;
  readonly message: string;
}

export type StatementSource =
  | "IDENTITY_POLICY"
  | "SESSION_POLICY"
  | "TRUST_POLICY"
  | "RESOURCE_POLICY"
  | "CONTROL_POLICY";

/** Where an attachment applies: the whole account, or the resources that are in one resource group now. */
export type AttachmentScope =
  | { readonly kind: "ACCOUNT" }
  | { readonly kind: "RESOURCE_GROUP"; readonly resourceGroup: string };

/** Names one policy of one account. Plain data: it is cached, so it holds no document. */
export interface PolicyReference {
  /** Store id of the policy; what the API resolves the full policy by. */
  readonly id: string;
  readonly arn: string;
  readonly name: string;
  readonly type: PolicyType;
}

/** A statement that matched the request (fully, or up to conditions on missing keys), with the whole path to it. */
export interface MatchedStatement {
  readonly source: StatementSource;
  readonly effect: "Allow" | "Deny";
  /** Zero-based position in the document's `Statement`. */
  readonly index: number;
  readonly sid: string | null;
  /** False when the statement applies for certain, true when it depends on a missing context key. */
  readonly residual: boolean;
  /** Null unless `source` is `IDENTITY_POLICY`, like the next three. */
  readonly policy: PolicyReference | null;
  /** `v1`, `v2`, …; null for a policy whose document is missing. */
  readonly version: string | null;
  /** ARN of the user, group or role that the policy is attached to. */
  readonly attachedTo: string | null;
  readonly scope: AttachmentScope | null;
}

/** A condition that nobody can decide until the caller supplies `key`. */
export interface ResidualCondition {
  readonly operator: string;
  /** Spelled as in the policy. */
  readonly key: string;
  readonly values: readonly string[];
  /** Effect of the statement that holds the condition. */
  readonly effect: "Allow" | "Deny";
  readonly policy: PolicyReference | null;
  readonly version: string | null;
  readonly statementIndex: number;
}

/** How much of a decision is wanted: each holds what the ones before it hold. */
export type Detail = "OUTCOME" | "REASONS" | "NEAR_MISSES";

/** The answer to "may this principal perform this action on this resource". Plain JSON data. */
export interface Verdict {
  readonly principal: string;
  readonly action: string;
  readonly resource: string;
  readonly outcome: Outcome;
  readonly certainty: Certainty;
  readonly decidedBy: DecisionStage;
  /** Milliseconds since the epoch: the latest instant at or before now at which a consulted date could have flipped; null for ever. */
  readonly validFrom: number | null;
  /** Milliseconds since the epoch: the next instant at which a consulted date or window can flip; null: holds until something changes. */
  readonly validUntil: number | null;
}

/** A verdict with its reasons. Plain JSON data. */
export interface Decision extends Verdict {
  /** One plain sentence that a portal can show. */
  readonly reason: string;
  readonly matchedStatements: readonly MatchedStatement[];
  readonly missingContextKeys: readonly string[];
  readonly residualConditions: readonly ResidualCondition[];
  readonly diagnostics: readonly Diagnostic[];
  /** Null unless they were asked for. */
  readonly nearMisses: readonly NearMiss[] | null;
}

/** The part of a statement that kept it from applying. */
export type StatementPart = "ACTION" | "RESOURCE" | "PRINCIPAL" | "CONDITION" | "SCOPE" | "WINDOW";

/** An Allow statement that nearly applied to a request that was denied. */
export interface NearMiss {
  readonly statement: MatchedStatement;
  /** What would all have to be different; never empty. */
  readonly failures: readonly StatementFailure[];
}

/** Why one part of a statement does not match. */
export interface StatementFailure {
  readonly part: StatementPart;
  /** One plain sentence. */
  readonly message: string;
  /** `CONDITION` only: the condition, spelled as in the policy. */
  readonly operator: string | null;
  readonly key: string | null;
  /** What the policy asks for: patterns, or the values of the condition. */
  readonly expected: readonly string[];
  /** What the request has; null: nothing, or nobody knows. */
  readonly actual: readonly string[] | null;
}

/** The same verdict with the reasons it was asked for. @throws Error when it was asked for without */
export function withReasons(verdict: Verdict): Decision {
  if (hasReasons(verdict)) return verdict;
  throw new Error("the reasons of a decision were asked for, but not worked out");
}

function hasReasons(verdict: Verdict): verdict is Decision {
  return "reason" in verdict;
}
