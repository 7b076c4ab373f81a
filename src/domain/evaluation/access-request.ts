import type { CompiledPolicy } from "../policy/compile-policy.js";
import type { PrincipalKind } from "../principal.js";
import type { AttachmentScope, PolicyReference } from "./decision.js";
import type { RequestContext } from "./request-context.js";

export type { PrincipalKind } from "../principal.js";
export type { RequestContext } from "./request-context.js";

export type KeyState = "ENABLED" | "DISABLED" | "PENDING_DELETION" | "PENDING_IMPORT";
/** `staged`: account level ends the identity step; `deny-overrides`: a resource-group Deny always counts. */
export type ScopePrecedence = "staged" | "deny-overrides";

/** A policy at the version that is evaluated. */
export interface PolicyInForce {
  readonly reference: PolicyReference;
  /** `v1`, `v2`, …; null, with `compiled` null, when no document of the policy is known. */
  readonly version: string | null;
  readonly compiled: CompiledPolicy | null;
}

/** policy × principal × scope, with its window `[notBefore, expiresAt)` in milliseconds since the epoch. */
export interface AttachedPolicy {
  readonly policy: PolicyInForce;
  readonly attachedTo: string;
  readonly scope: AttachmentScope;
  readonly notBefore: number | null;
  readonly expiresAt: number | null;
}

/** A session that `assumeRole` issued. Instants in milliseconds since the epoch. */
export interface IssuedSession {
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly revokedAt: number | null;
  /** What was given along with the role; null: nothing. `compiled` is null when the document cannot be read. */
  readonly policy: { readonly compiled: CompiledPolicy | null } | null;
}

/** All that a decision needs to know of the caller. */
export interface PrincipalFacts {
  readonly kind: PrincipalKind;
  /** The ARN decisions are reported under; canonical spelling. */
  readonly arn: string;
  readonly account: string;
  /** Own attachments, those of all groups of a user, those of the role of a session. Expired ones included. */
  readonly attachments: readonly AttachedPolicy[];
  /**
   * Role sessions: every issued session of this ARN, ended ones included. None: the ARN was never issued (D32). Others
   * have none; never left out, because without them an ended session would act.
   */
  readonly issued: readonly IssuedSession[];
}

/** All that a decision needs to know of the target. */
export interface ResourceFacts {
  readonly arn: string;
  /** False: well formed but unknown to the gateway, evaluated without tags and resource group. */
  readonly registered: boolean;
  /** `rg-…` id; always null for aliases, containers and unregistered resources. */
  readonly resourceGroup: string | null;
  readonly tags: ReadonlyMap<string, string>;
  /** Keys only. */
  readonly keyState: KeyState | null;
  /** Secrets only: ARN of the user-managed key the secret is encrypted with. */
  readonly encryptionKeyArn: string | null;
  /** Aliases only: ARN of the key the alias points to. */
  readonly aliasTargetArn: string | null;
  /** Roles only (`sts:AssumeRole`). */
  readonly trustPolicy: CompiledPolicy | null;
}

/** One question, with everything a pure evaluator needs to answer it. */
export interface AccessRequest {
  readonly principal: PrincipalFacts;
  readonly action: string;
  readonly resource: ResourceFacts;
  readonly context: RequestContext;
  /** The one instant of this decision, milliseconds since the epoch. */
  readonly now: number;
  /** Comes with the question, and gates it beside those that issued sessions carry. */
  readonly sessionPolicy: CompiledPolicy | null;
}
