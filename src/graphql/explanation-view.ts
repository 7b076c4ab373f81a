import {
  type Decision,
  type Diagnostic,
  type DiagnosticCode,
  type MatchedStatement,
  type NearMiss,
  type ResidualCondition,
  type StatementFailure,
  type Verdict,
  withReasons,
} from "../domain/evaluation/decision.js";
import { parsePrincipalArn } from "../domain/principal.js";
import { mayRead, principalWith } from "./access-rules.js";
import type { GraphQLContext } from "./context.js";
import type { Permissions } from "./permissions.js";

/** Something of which a part may be left out, because the caller may not read it. */
export type Redactable<Shape> = Shape & { readonly redacted?: boolean };

/** Shows verdicts as far as the caller may read what they rest on; nothing is dropped without a sign. */
export type ExplanationView = (verdicts: readonly Verdict[]) => Promise<readonly Verdict[]>;

/** Null: the caller may see all of the verdicts about this principal. */
export function viewOf(principal: string, context: GraphQLContext): ExplanationView | null {
  const { permissions } = context;
  if (permissions === null || permissions.isSelf(parsePrincipalArn(principal).arnKey)) return null;
  const sight = new Sight(permissions, context.records);
  return (verdicts) =>
    Promise.all(verdicts.map((verdict) => ("reason" in verdict ? redact(withReasons(verdict), sight) : verdict)));
}

/** What the caller may read of what decisions name. */
class Sight {
  private readonly permissions: Permissions;
  private readonly records: GraphQLContext["records"];

  constructor(permissions: Permissions, records: GraphQLContext["records"]) {
    this.permissions = permissions;
    this.records = records;
  }

  async policy(id: string): Promise<boolean> {
    const row = await this.records.policies.load(id);
    return row !== null && mayRead("POLICY", row, this.permissions);
  }

  principal(arn: string): Promise<boolean> {
    return mayRead("PRINCIPAL", principalWith(arn), this.permissions);
  }

  resource(arn: string): Promise<boolean> {
    if (arn.startsWith("acs:ram:")) return this.principal(arn);
    return mayRead("RESOURCE", { accountId: accountIn(arn), arn }, this.permissions);
  }

  allPolicies(): Promise<boolean> {
    return this.permissions.allows("ramgate:ReadPolicy", [`acs:ram::${this.permissions.account}:*`]);
  }

  /** A session policy is part of the session, a trust policy of its role. */
  async source({ source, policy }: MatchedStatement, { principal, resource }: Verdict): Promise<boolean> {
    if (source === "IDENTITY_POLICY") return policy !== null && this.policy(policy.id);
    if (source === "SESSION_POLICY") return this.principal(principal);
    return source === "TRUST_POLICY" && this.resource(resource);
  }

  /** Null: a condition of a session policy or of a trust policy. */
  async condition({ policy }: ResidualCondition, { principal, resource }: Verdict): Promise<boolean> {
    if (policy !== null) return this.policy(policy.id);
    return (await this.principal(principal)) && this.resource(resource);
  }
}

function accountIn(arn: string): string {
  return arn.split(":", 4)[3] ?? "";
}

async function redact(decision: Decision, sight: Sight): Promise<Decision> {
  const statements = await all(
    decision.matchedStatements,
    async (each) => (await showStatement(each, decision, sight)).shown,
  );
  return {
    ...decision,
    reason: statements.some(({ redacted }) => redacted) ? plainReason(decision) : decision.reason,
    matchedStatements: statements,
    residualConditions: await all(decision.residualConditions, (each) => showCondition(each, decision, sight)),
    diagnostics: await showDiagnostics(decision.diagnostics, sight),
    nearMisses: decision.nearMisses && (await all(decision.nearMisses, (each) => showNearMiss(each, decision, sight))),
  };
}

function all<T, R>(items: readonly T[], show: (item: T) => Promise<R>): Promise<R[]> {
  return Promise.all(items.map(show));
}

interface SeenStatement {
  readonly shown: Redactable<MatchedStatement>;
  /** Whether what the statement says may be read. */
  readonly source: boolean;
  /** Whether it may be read whom the policy is attached to, and how. */
  readonly holder: boolean;
}

async function showStatement(statement: MatchedStatement, verdict: Verdict, sight: Sight): Promise<SeenStatement> {
  const source = await sight.source(statement, verdict);
  const holder = source && (statement.attachedTo === null || (await sight.principal(statement.attachedTo)));
  const shown = {
    ...statement,
    ...(!source && { policy: null, version: null, sid: null }),
    ...(!holder && { attachedTo: null, scope: null, redacted: true }),
  };
  return { shown, source, holder };
}

async function showCondition(
  condition: ResidualCondition,
  verdict: Verdict,
  sight: Sight,
): Promise<Redactable<ResidualCondition>> {
  if (await sight.condition(condition, verdict)) return condition;
  return { ...condition, values: [], policy: null, version: null, redacted: true };
}

async function showNearMiss({ statement, failures }: NearMiss, verdict: Verdict, sight: Sight): Promise<NearMiss> {
  const seen = await showStatement(statement, verdict, sight);
  const resource = await sight.resource(verdict.resource);
  return { statement: seen.shown, failures: failures.map((failure) => showFailure(failure, seen, resource)) };
}

const UNREADABLE = "something that you may not read does not match";

/** What a request has in a condition may be a tag of the resource, and in a scope its resource group. */
function showFailure(
  failure: StatementFailure,
  { source, holder }: SeenStatement,
  resource: boolean,
): StatementFailure {
  const { part } = failure;
  const ofAttachment = part === "SCOPE" || part === "WINDOW";
  if (!source || (ofAttachment && !holder)) {
    return { part, message: UNREADABLE, operator: null, key: null, expected: [], actual: null };
  }
  if (resource || (part !== "CONDITION" && part !== "SCOPE")) return failure;
  return { ...failure, message: UNREADABLE, actual: null };
}

const OUTCOMES = { ALLOW: "Allowed", EXPLICIT_DENY: "Denied" } as const;

/** The stage stands in `decidedBy` in RAM's words. */
function plainReason({ outcome, reason, missingContextKeys: keys, decidedBy }: Decision): string {
  if (outcome === "IMPLICIT_DENY") return reason; // names no policy
  const stage =
    decidedBy === "RESOURCE_GROUP_LEVEL_IDENTITY_BASED_POLICY" ? ", at the level of the resource group" : "";
  if (outcome !== "CONDITIONAL") return `${OUTCOMES[outcome]} by a policy that you may not read${stage}.`;
  const needed = keys.length === 0 ? "" : `${keys.map((key) => `\`${key}\``).join(", ")} and `;
  return `Depends on ${needed}a policy that you may not read${stage}.`;
}

/** What is said instead where a message could tell what a policy holds; null: it is about the request alone. */
const DIAGNOSTICS: Readonly<Record<DiagnosticCode, string | null>> = {
  ACTION_NOT_APPLICABLE: null,
  CONTAINER_ARN_REQUIRED: null,
  INCOMPLETE_POLICY_SET: "the document of an attached policy is not known",
  POLICY_VARIABLE_UNSUPPORTED: "a policy has a variable, which is not resolved",
  RESOURCE_GROUP_DENY_SHADOWED: null,
  RESOURCE_NOT_REGISTERED: null,
  SESSION_INACTIVE: null,
  SUSPICIOUS_RESOURCE: "a resource pattern of a policy looks like a mistake",
  TAG_SCOPE_INFERRED: "a tag condition of a policy was read as about the tags of the secret",
  UNKNOWN_OPERATOR: "a policy has a condition operator that is not known",
  UNPARSEABLE_VALUE: "a value of a condition of a policy cannot be read",
  UNSUPPORTED_ELEMENT: "a policy has an element that is not supported where it stands",
};

async function showDiagnostics(diagnostics: readonly Diagnostic[], sight: Sight): Promise<readonly Diagnostic[]> {
  if (diagnostics.every(({ code }) => DIAGNOSTICS[code] === null) || (await sight.allPolicies())) return diagnostics;
  return diagnostics.map(({ code, message }) => ({ code, message: DIAGNOSTICS[code] ?? message }));
}
