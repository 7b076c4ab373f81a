import type { CompiledPolicy } from "../policy/compile-policy.js";
import type { AttachedPolicy } from "./access-request.js";
import type {
  AttachmentScope,
  MatchedStatement,
  PolicyReference,
  ResidualCondition,
  StatementSource,
} from "./decision.js";
import { Diagnostics, type EvaluationRequest } from "./evaluation-request.js";
import { matchStatement, type StatementMatch } from "./match-statement.js";
import { Validity } from "./validity.js";

/** What one policy class, or one combination of them, can come to. */
export type DefiniteOutcome = "ALLOW" | "EXPLICIT_DENY" | "IMPLICIT_DENY";

/** A policy inside a class, with the path it came by. */
export interface ClassMember {
  /** Null when the document is not known: the policy may hold anything (D4). */
  readonly compiled: CompiledPolicy | null;
  readonly policy: PolicyReference | null;
  readonly version: string | null;
  readonly attachedTo: string | null;
  readonly scope: AttachmentScope | null;
}

/** Policies whose statements are weighed as one set. */
export interface PolicyClass {
  readonly source: StatementSource;
  readonly members: readonly ClassMember[];
  /** Bounds of all attachment windows of the class, those of inactive attachments included. */
  readonly bounds: readonly number[];
}

export interface ClassResult {
  /** Every outcome the class can have, depending on context that was not supplied. */
  readonly possible: readonly DefiniteOutcome[];
  readonly matched: readonly MatchedStatement[];
  readonly residual: readonly ResidualCondition[];
  readonly diagnostics: Diagnostics;
  readonly validity: Validity;
}

/** A class that says nothing. */
export const SILENT: readonly DefiniteOutcome[] = ["IMPLICIT_DENY"];

/** The attachments of `attachments` that are active at `now` as one class. */
export function identityClass(attachments: readonly AttachedPolicy[], now: number): PolicyClass {
  const members: ClassMember[] = [];
  const bounds: number[] = [];
  for (const attachment of attachments) {
    const { policy, attachedTo, scope, notBefore, expiresAt } = attachment;
    if (notBefore !== null) bounds.push(notBefore);
    if (expiresAt !== null) bounds.push(expiresAt);
    if (!isActive(attachment, now)) continue;
    const { compiled, reference } = policy;
    const version = compiled === null ? null : policy.version;
    members.push({ compiled, policy: reference, version, attachedTo, scope });
  }
  return { source: "IDENTITY_POLICY", members, bounds };
}

/** A class of one policy that is not attached to anybody: session or trust policy. */
export function singlePolicyClass(source: StatementSource, compiled: CompiledPolicy): PolicyClass {
  return { source, members: [{ compiled, policy: null, version: null, attachedTo: null, scope: null }], bounds: [] };
}

/** True when `notBefore ≤ now < expiresAt` (C12). */
export function isActive({ notBefore, expiresAt }: AttachedPolicy, now: number): boolean {
  return (notBefore === null || notBefore <= now) && (expiresAt === null || now < expiresAt);
}

/** Weighs all statements of a class ("Outcomes" in docs/evaluation.md). */
export function evaluateClass(policies: PolicyClass, request: EvaluationRequest): ClassResult {
  const diagnostics = new Diagnostics();
  const validity = new Validity(request.now);
  const matched: MatchedStatement[] = [];
  const residual: ResidualCondition[] = [];
  for (const bound of policies.bounds) validity.addBound(bound);
  for (const member of policies.members) {
    if (member.compiled === null) matched.push(...unknownStatements(policies.source, member));
    for (const statement of member.compiled?.statements ?? []) {
      const match = matchStatement(statement, request, diagnostics, validity);
      if (match.value === "false") continue;
      matched.push(describeMatch(policies.source, member, statement, match.value === "residual"));
      residual.push(...describeResidual(member, statement, match));
    }
  }
  return { possible: possibleOutcomes(matched), matched, residual, diagnostics, validity };
}

/** D4: one residual Allow and one residual Deny that match everything. */
function unknownStatements(source: StatementSource, member: ClassMember): MatchedStatement[] {
  const effects = ["Allow", "Deny"] as const;
  return effects.map((effect) => describeMatch(source, member, { effect, index: 0, sid: null }, true));
}

function describeMatch(
  source: StatementSource,
  member: ClassMember,
  statement: Pick<MatchedStatement, "effect" | "index" | "sid">,
  residual: boolean,
): MatchedStatement {
  const { policy, version, attachedTo, scope } = member;
  const { effect, index, sid } = statement;
  return { source, effect, index, sid, residual, policy, version, attachedTo, scope };
}

function describeResidual(
  { policy, version }: ClassMember,
  { effect, index }: Pick<MatchedStatement, "effect" | "index">,
  match: StatementMatch,
): ResidualCondition[] {
  return match.residual.map(({ source: { operator, setPrefix, key, values } }) => ({
    operator: setPrefix === null ? operator : `${setPrefix}:${operator}`,
    key,
    values,
    effect,
    policy,
    version,
    statementIndex: index,
  }));
}

/** Each residual statement may or may not apply, independently of the others (C28). */
function possibleOutcomes(matched: readonly MatchedStatement[]): DefiniteOutcome[] {
  const has = (effect: "Allow" | "Deny", residual: boolean): boolean =>
    matched.some((statement) => statement.effect === effect && statement.residual === residual);
  if (has("Deny", false)) return ["EXPLICIT_DENY"];
  const outcomes: DefiniteOutcome[] = has("Deny", true) ? ["EXPLICIT_DENY"] : [];
  if (has("Allow", false)) return [...outcomes, "ALLOW"];
  return has("Allow", true) ? [...outcomes, "ALLOW", "IMPLICIT_DENY"] : [...outcomes, "IMPLICIT_DENY"];
}
