import type { CompiledPolicy } from "../policy/compile-policy.js";
import type { AttachedPolicy } from "./access-request.js";
import type { ActionSet } from "./action-set.js";
import { type ClassMember, ClassStatement } from "./class-statement.js";
import type { DecisionStage, StatementSource } from "./decision.js";
import type { EvaluationRequest } from "./evaluation-request.js";
import { Selection } from "./selection.js";

/** The stages that read policies. */
export type PolicyStage = Extract<
  DecisionStage,
  "SESSION_POLICY" | "ACCOUNT_LEVEL_IDENTITY_BASED_POLICY" | "RESOURCE_GROUP_LEVEL_IDENTITY_BASED_POLICY" | "ROLE_TRUST"
>;

/** Policies whose statements are weighed as one set. Keeps what it selected for the actions that are asked for often. */
export class PolicyClass {
  /** The stage that reads it. */
  readonly stage: PolicyStage;
  readonly statements: readonly ClassStatement[];
  /** Bounds of all attachment windows of the class, those of inactive attachments included. */
  readonly bounds: readonly number[];
  /** For one character of an action. */
  private readonly work: number;
  /** By the places of recurring action sets. */
  private readonly selections: Selection[] = [];

  constructor(stage: PolicyStage, members: readonly ClassMember[], bounds: readonly number[]) {
    this.stage = stage;
    this.statements = listStatements(members);
    this.bounds = bounds;
    this.work = this.statements.reduce((sum, { statement }) => sum + (statement?.actions.cost ?? 0), 0);
  }

  /** The statements that speak about some of the actions; finding them counts as work of every request. */
  select(actions: ActionSet, request: EvaluationRequest): Selection {
    request.spend(this.work * actions.length);
    return this.selectionFor(actions);
  }

  /** The same where nobody has asked yet. */
  selectionFor(actions: ActionSet): Selection {
    const { place } = actions;
    if (place === null) return new Selection(this.statements, actions);
    const selection = this.selections[place] ?? new Selection(this.statements, actions);
    this.selections[place] = selection;
    return selection;
  }
}

function listStatements(members: readonly ClassMember[]): ClassStatement[] {
  return members.flatMap((member) => {
    const { compiled } = member;
    if (compiled === null) return EFFECTS.map((effect) => new ClassStatement(member, null, effect));
    return compiled.statements.map((statement) => new ClassStatement(member, statement, statement.effect));
  });
}

const EFFECTS = ["Allow", "Deny"] as const;

/** The attachments of `attachments` that are active at `now` as one class. */
export function identityClass(stage: PolicyStage, attachments: readonly AttachedPolicy[], now: number): PolicyClass {
  const members: ClassMember[] = [];
  for (const attachment of attachments) if (isActive(attachment, now)) members.push(memberOf(attachment));
  return new PolicyClass(stage, members, attachments.flatMap(boundsOf));
}

/** The policy of an attachment with the path it came by. */
export function memberOf({ policy, attachedTo, scope }: AttachedPolicy): ClassMember {
  const { compiled, reference } = policy;
  const version = compiled === null ? null : policy.version;
  return { source: "IDENTITY_POLICY", compiled, policy: reference, version, attachedTo, scope };
}

/** A policy that came with a question or a session. */
export function sessionClass(compiled: CompiledPolicy | null): PolicyClass {
  return singlePolicyClass("SESSION_POLICY", "SESSION_POLICY", compiled);
}

/** The trust policy of a role. */
export function trustClass(compiled: CompiledPolicy): PolicyClass {
  return singlePolicyClass("ROLE_TRUST", "TRUST_POLICY", compiled);
}

/** A class of one policy that is not attached to anybody. */
function singlePolicyClass(stage: PolicyStage, source: StatementSource, compiled: CompiledPolicy | null): PolicyClass {
  return new PolicyClass(stage, [{ source, compiled, policy: null, version: null, attachedTo: null, scope: null }], []);
}

/** True when `notBefore ≤ now < expiresAt` (C12). */
export function isActive(
  { notBefore, expiresAt }: Pick<AttachedPolicy, "notBefore" | "expiresAt">,
  now: number,
): boolean {
  return (notBefore === null || notBefore <= now) && (expiresAt === null || now < expiresAt);
}

/** The ends of an attachment's window, milliseconds since the epoch. */
export function boundsOf({ notBefore, expiresAt }: AttachedPolicy): number[] {
  return [notBefore, expiresAt].filter((at) => at !== null);
}
