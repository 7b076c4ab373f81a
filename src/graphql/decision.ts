import type { GraphQLResolveInfo } from "graphql";
import {
  type Certainty as CertaintyValue,
  type DecisionStage as DecisionStageValue,
  type DiagnosticCode as DiagnosticCodeValue,
  type Diagnostic as DiagnosticShape,
  type MatchedStatement as MatchedStatementShape,
  type NearMiss as NearMissShape,
  type Outcome as OutcomeValue,
  type PolicyReference,
  type ResidualCondition as ResidualConditionShape,
  type AttachmentScope as Scope,
  type StatementFailure as StatementFailureShape,
  type StatementPart as StatementPartValue,
  type StatementSource as StatementSourceValue,
  type Verdict,
  withReasons,
} from "../domain/evaluation/decision.js";
import type { Effect as EffectValue } from "../domain/policy/document.js";
import { parsePrincipalArn } from "../domain/principal.js";
import { AttachmentScope } from "./attachment.js";
import { builder } from "./builder.js";
import type { GraphQLContext } from "./context.js";
import type { Redactable } from "./explanation-view.js";
import { Policy } from "./policy.js";
import { Principal } from "./principal.js";
import type { PolicyRow } from "./records.js";
import { selectsOnly } from "./selection.js";

/** An enum of the domain: a description for every one of its values, or it does not compile. */
function enumOf<Value extends string>(name: string, description: string, values: Record<Value, string>) {
  const described = Object.entries<string>(values).map(([value, text]) => [value, { description: text }]);
  return builder.enumType(name, {
    description,
    values: Object.fromEntries(described) as { readonly [Each in Value]: { readonly description: string } },
  });
}

export const Outcome = enumOf<OutcomeValue>("Outcome", "What a decision says.", {
  ALLOW: "A statement allows it and none denies it, whatever is unknown.",
  EXPLICIT_DENY: "A statement denies it.",
  IMPLICIT_DENY: "No statement allows it.",
  CONDITIONAL: "It depends on context that the caller left out: see `missingContextKeys`. Treat it as a deny.",
});

const Certainty = enumOf<CertaintyValue>("Certainty", "How much a decision knows.", {
  EXACT: "Every policy that counts was read.",
  CONSERVATIVE: "The document of a policy is not known, so the decision leans towards less access.",
});

export const DecisionStage = enumOf<DecisionStageValue>(
  "DecisionStage",
  "The step of RAM's evaluation that settled the outcome, in the words of RAM's `DecodeDiagnosticMessage`.",
  {
    CONTROL_POLICY: "A control policy of the resource directory.",
    SESSION_POLICY: "A policy of the session did not allow it, or the session has ended.",
    ACCOUNT_LEVEL_IDENTITY_BASED_POLICY: "Policies attached for the whole account, or no identity policy at all.",
    RESOURCE_GROUP_LEVEL_IDENTITY_BASED_POLICY: "Policies attached for the resource's resource group.",
    RESOURCE_BASED_POLICY: "A policy of the resource.",
    ROLE_TRUST: "The trust policy of the role (RAM: AssumeRolePolicy).",
    ACCOUNT_OWNER: "The account owner may do everything in its account.",
    CROSS_ACCOUNT: "Principal and resource belong to different accounts.",
    NO_AUTHORIZATION_REQUIRED: "The action needs no permission.",
  },
);

const DiagnosticCode = enumOf<DiagnosticCodeValue>("DiagnosticCode", "What a diagnostic is about.", {
  ACTION_NOT_APPLICABLE: "The action does not apply to this type of resource; it was evaluated literally.",
  CONTAINER_ARN_REQUIRED: "The action is on the container, but the policies allow it on items only.",
  INCOMPLETE_POLICY_SET: "The document of an attached policy is not known.",
  POLICY_VARIABLE_UNSUPPORTED:
    "A policy variable (dollar sign and braces) is not resolved: it allows nothing, and denies.",
  RESOURCE_GROUP_DENY_SHADOWED:
    "A deny for the resource group meets an allow for the account; readings of RAM differ here.",
  RESOURCE_NOT_REGISTERED: "The resource is unknown: it was evaluated without tags and resource group.",
  SESSION_INACTIVE: "Every session issued under this name has expired or was revoked, so nothing is allowed.",
  SUSPICIOUS_RESOURCE: "A resource pattern of a policy looks like a mistake.",
  TAG_SCOPE_INFERRED: "A tag condition on a secret's action was read as about the secret's tags.",
  UNKNOWN_OPERATOR: "A policy has a condition operator that RAM does not document: it allows nothing, and denies.",
  UNPARSEABLE_VALUE: "A value of a condition cannot be read.",
  UNSUPPORTED_ELEMENT: "A policy has an element that is not supported where it stands.",
});

const StatementSource = enumOf<StatementSourceValue>("StatementSource", "Where a statement comes from.", {
  IDENTITY_POLICY: "A policy attached to the principal, its groups or its role.",
  SESSION_POLICY: "A session policy: the one that came with the question, or one that a session was issued with.",
  TRUST_POLICY: "The trust policy of the role that is to be assumed.",
  RESOURCE_POLICY: "A policy of the resource.",
  CONTROL_POLICY: "A control policy of the resource directory.",
});

const Effect = builder.enumType("Effect", {
  description: "What a statement says of the requests it matches.",
  values: {
    ALLOW: { value: "Allow", description: "It allows them, unless another statement denies." },
    DENY: { value: "Deny", description: "It denies them, whatever else allows." },
  } satisfies Record<Uppercase<EffectValue>, { value: EffectValue; description: string }>,
});

const Diagnostic = builder.objectRef<DiagnosticShape>("Diagnostic").implement({
  description: "A note on how a decision came about.",
  fields: (t) => ({
    code: t.field({
      type: DiagnosticCode,
      description: "What it is about, for programs.",
      resolve: ({ code }) => code,
    }),
    message: t.exposeString("message", { description: "What it is about, for people." }),
  }),
});

const MatchedStatement = builder.objectRef<Redactable<MatchedStatementShape>>("MatchedStatement").implement({
  description: "A statement that matched the request, and the path on which it came to the principal.",
  fields: (t) => ({
    source: t.field({
      type: StatementSource,
      description: "Where the statement comes from.",
      resolve: ({ source }) => source,
    }),
    policy: t.field({
      type: Policy,
      nullable: true,
      description: "The policy; null unless `source` is IDENTITY_POLICY, or when `redacted`.",
      resolve: ({ policy }, _args, context, info) => policy && policyOf(policy, context, info),
    }),
    version: t.exposeString("version", {
      nullable: true,
      description:
        "The version that was read, `v1`, …; null unless `source` is IDENTITY_POLICY, when `redacted`, or when its document is not known.",
    }),
    redacted: t.boolean({
      description:
        "True when you may not read the policy, or whom it is attached to: what you may not read is null then. You always may where the question is about yourself.",
      resolve: ({ redacted }) => redacted ?? false,
    }),
    index: t.exposeInt("index", { description: "Place of the statement in the document, from 0." }),
    sid: t.exposeString("sid", {
      nullable: true,
      description: "`Sid` of the statement; null when it has none, or `redacted`.",
    }),
    effect: t.field({ type: Effect, description: "What the statement says.", resolve: ({ effect }) => effect }),
    residual: t.exposeBoolean("residual", {
      description: "True when the statement applies only under conditions on context that the caller left out.",
    }),
    attachedTo: t.field({
      type: Principal,
      nullable: true,
      description:
        "The user, group or role the policy is attached to; null unless `source` is IDENTITY_POLICY, or when `redacted`.",
      resolve: ({ attachedTo }, _args, { records }) => (attachedTo ? records.principalsByArn.load(attachedTo) : null),
    }),
    scope: t.field({
      type: AttachmentScope,
      nullable: true,
      description: "Scope of the attachment; null unless `source` is IDENTITY_POLICY, or when `redacted`.",
      resolve: ({ scope, attachedTo }) => scope && { account: accountOf(attachedTo), resourceGroup: groupOf(scope) },
    }),
  }),
});

const NAMES: ReadonlySet<string> = new Set(["__typename", "id", "arn", "name", "type"]);

/**
 * What names a policy is in the decision already: who wants no more of it need not wait for the database. Whether a
 * principal may read it, only the whole row tells.
 */
function policyOf(reference: PolicyReference, { records, permissions }: GraphQLContext, info: GraphQLResolveInfo) {
  const named = permissions === null && selectsOnly(info, NAMES);
  return named ? (reference as PolicyRow) : records.policies.load(reference.id);
}

/** A policy is attached within the account of its holder. */
function accountOf(attachedTo: string | null): string {
  return attachedTo === null ? "" : parsePrincipalArn(attachedTo).account;
}

function groupOf(scope: Scope): string | null {
  return scope.kind === "RESOURCE_GROUP" ? scope.resourceGroup : null;
}

const ResidualCondition = builder.objectRef<Redactable<ResidualConditionShape>>("ResidualCondition").implement({
  description: "A condition that nobody can decide until the caller supplies its key.",
  fields: (t) => ({
    operator: t.exposeString("operator", { description: "Condition operator, as in the policy." }),
    key: t.exposeString("key", { description: "Condition key, as in the policy." }),
    values: t.stringList({
      description: "Values the key is compared with; none when `redacted`.",
      resolve: ({ values }) => [...values],
    }),
    redacted: t.boolean({
      description: "True when you may not read the policy that holds it.",
      resolve: ({ redacted }) => redacted ?? false,
    }),
    effect: t.field({
      type: Effect,
      description: "Effect of the statement that holds it.",
      resolve: ({ effect }) => effect,
    }),
    policy: t.field({
      type: Policy,
      nullable: true,
      description: "The policy that holds it; null when it is no identity policy, or `redacted`.",
      resolve: ({ policy }, _args, context, info) => policy && policyOf(policy, context, info),
    }),
    version: t.exposeString("version", {
      nullable: true,
      description: "Version of that policy; null when there is none, or `redacted`.",
    }),
    statementIndex: t.exposeInt("statementIndex", { description: "Place of the statement in the document, from 0." }),
  }),
});

const StatementPart = enumOf<StatementPartValue>("StatementPart", "What can keep a statement from applying.", {
  ACTION: "The statement is about other actions.",
  RESOURCE: "The statement is about other resources.",
  PRINCIPAL: "The statement of the trust policy names others.",
  CONDITION: "A condition does not hold.",
  SCOPE: "The policy is attached for another resource group.",
  WINDOW: "The attachment is not in force now.",
});

const StatementFailure = builder.objectRef<StatementFailureShape>("StatementFailure").implement({
  description: "Why one part of a statement does not match.",
  fields: (t) => ({
    part: t.field({ type: StatementPart, description: "The part, for programs.", resolve: ({ part }) => part }),
    message: t.exposeString("message", {
      description: "Why it does not match, for people; it says so where you may not read that.",
    }),
    operator: t.exposeString("operator", {
      nullable: true,
      description: "Condition operator, as in the policy; null unless `part` is CONDITION.",
    }),
    key: t.exposeString("key", {
      nullable: true,
      description: "Condition key, as in the policy; null unless `part` is CONDITION.",
    }),
    expected: t.stringList({
      description: "What the policy asks for: its patterns, or the values of the condition.",
      resolve: ({ expected }) => [...expected],
    }),
    actual: t.stringList({
      nullable: true,
      description: "What the request has; null when it has nothing, or does not say.",
      resolve: ({ actual }) => actual && [...actual],
    }),
  }),
});

const NearMiss = builder.objectRef<NearMissShape>("NearMiss").implement({
  description: "An Allow statement that comes close to a request that was denied.",
  fields: (t) => ({
    statement: t.field({
      type: MatchedStatement,
      description: "The statement, and the path on which it comes to the principal.",
      resolve: ({ statement }) => statement,
    }),
    failures: t.field({
      type: [StatementFailure],
      description: "Everything that keeps it from applying; at least one.",
      resolve: ({ failures }) => [...failures],
    }),
  }),
});

export const Decision = builder.objectRef<Redactable<Verdict>>("Decision").implement({
  description: "Whether a principal may perform an action on a resource, and why. A deny is an answer, never an error.",
  fields: (t) => ({
    action: t.exposeString("action", {
      description: "The action, e.g. `kms:Decrypt`, in the catalogue's spelling if it is there.",
    }),
    resource: t.expose("resource", {
      type: "Arn",
      description: "The resource that was asked about; `*` when `redacted`.",
    }),
    redacted: t.boolean({
      description:
        "True for a leg on something that you did not name and may not read, such as the key of a secret: what would name it is left out, also of the reasons.",
      resolve: ({ redacted }) => redacted ?? false,
    }),
    principal: t.expose("principal", {
      type: "Arn",
      description: "The principal, in canonical spelling.",
    }),
    outcome: t.expose("outcome", { type: Outcome, description: "What the decision says." }),
    allowed: t.boolean({
      description: "True for ALLOW only: the one field an enforcement point needs.",
      resolve: ({ outcome }) => outcome === "ALLOW",
    }),
    certainty: t.expose("certainty", {
      type: Certainty,
      description: "How much the decision knows.",
    }),
    decidedBy: t.expose("decidedBy", {
      type: DecisionStage,
      description: "The step that settled it.",
    }),
  }),
});

builder.objectFields(Decision, (t) => ({
  reason: t.string({
    description: "One plain sentence that a portal can show.",
    resolve: (verdict) => withReasons(verdict).reason,
  }),
  matchedStatements: t.field({
    type: [MatchedStatement],
    description: "Every statement that matched, also those that did not settle it.",
    resolve: (verdict) => [...withReasons(verdict).matchedStatements],
  }),
  missingContextKeys: t.stringList({
    description: "Condition keys that would settle a CONDITIONAL outcome.",
    resolve: (verdict) => [...withReasons(verdict).missingContextKeys],
  }),
  residualConditions: t.field({
    type: [ResidualCondition],
    description: "The conditions on those keys.",
    resolve: (verdict) => [...withReasons(verdict).residualConditions],
  }),
  diagnostics: t.field({
    type: [Diagnostic],
    description: "Notes on how the decision came about.",
    resolve: (verdict) => [...withReasons(verdict).diagnostics],
  }),
  nearMisses: t.field({
    type: [NearMiss],
    description:
      "For a deny the Allow statements that come closest, nearest first, at most five, and what keeps each from applying. Empty for what is not denied.",
    resolve: (verdict) => [...(withReasons(verdict).nearMisses ?? [])],
  }),
  validUntil: t.expose("validUntil", {
    type: "DateTime",
    nullable: true,
    description:
      "Keep the decision no longer than this: the next instant at which a date in it can flip. Null: it holds until something changes.",
  }),
}));
