import { parseArn } from "../../src/domain/arn.js";
import { InvalidInputError } from "../../src/domain/errors.js";
import type { AttachedPolicy, PrincipalFacts, ResourceFacts } from "../../src/domain/evaluation/access-request.js";
import { buildContext, requestInstant } from "../../src/domain/evaluation/context-keys.js";
import { decide } from "../../src/domain/evaluation/decide.js";
import type { Decision } from "../../src/domain/evaluation/decision.js";
import { combineLegs } from "../../src/domain/evaluation/operation-decision.js";
import { parseAction } from "../../src/domain/kms/actions.js";
import { type OperationPlan, planOperation } from "../../src/domain/kms/operations.js";
import { type CompiledPolicy, compilePolicy } from "../../src/domain/policy/compile-policy.js";
import type { DocumentKind, DocumentProblem } from "../../src/domain/policy/document.js";
import { parseDocument } from "../../src/domain/policy/parse-document.js";
import { type PrincipalName, parsePrincipalArn } from "../../src/domain/principal.js";
import { isContainer, kmsResourceType } from "../../src/domain/resource.js";
import { type Answer, answerOf, answerOfLegs, type Told } from "./answer.js";
import { type Attached, documentOf, type Situation } from "./situation.js";

/** Asks the pure evaluator, without store, cache or API. */
export function askEvaluator(situation: Situation): Answer {
  try {
    const session = compiledSession(situation);
    return situation.asked.kind === "action"
      ? answerOf(told(decideOn(situation, session, situation.asked)), situation)
      : operationAnswer(situation, session);
  } catch (error) {
    if (error instanceof InvalidInputError) return { refused: "BAD_USER_INPUT", message: error.message };
    throw error;
  }
}

/** What an operation needs in this situation. */
export function planOf(situation: Situation): OperationPlan {
  const { asked, principal } = situation;
  if (asked.kind === "action") throw new Error("an action needs no plan");
  const targets = { account: principal.account, ...asked.targets };
  return planOperation(asked.operation, targets, (arn) => resourceFacts(situation, arn));
}

/**
 * Whether the gateway keeps all that it needs for its answer: nothing that it knows too little of, and nothing that holds
 * for this very instant only.
 */
export function isKeptInCache(situation: Situation, { validUntil }: Answer): boolean {
  const { asked, context } = situation;
  const legs = asked.kind === "action" ? [asked] : planOf(situation).legs;
  const known = legs.every(({ resource }) => resourceFacts(situation, parseArn(resource).text).registered);
  return known && (validUntil == null || Date.parse(validUntil) > requestInstant(buildContext(context), Date.now()));
}

function operationAnswer(situation: Situation, session: CompiledPolicy | null): Answer {
  const plan = planOf(situation);
  const decisions = plan.legs.map((leg) => decideOn(situation, session, leg));
  const combined = combineLegs(plan, decisions, (arn) => resourceFacts(situation, arn).keyState);
  const { outcome, usableNow, blockedByKeyState } = combined;
  return { ...answerOfLegs(decisions.map(told), situation), outcome, usableNow, blockedByKeyState };
}

interface Leg {
  readonly action: string;
  readonly resource: string;
}

function decideOn(situation: Situation, sessionPolicy: CompiledPolicy | null, { action, resource }: Leg): Decision {
  const context = buildContext(situation.context);
  const request = {
    principal: principalFacts(situation),
    action: parseAction(action),
    resource: resourceFacts(situation, parseArn(resource).text),
    context,
    now: requestInstant(context, Date.now()),
    sessionPolicy,
  };
  return decide(request, { scopePrecedence: situation.precedence });
}

function told(decision: Decision): Told {
  return {
    ...decision,
    codes: decision.diagnostics.map(({ code }) => code),
    statements: decision.matchedStatements.map((statement) => ({
      ...statement,
      policy: statement.policy?.name ?? null,
      resourceGroup: statement.scope?.kind === "RESOURCE_GROUP" ? statement.scope.resourceGroup : null,
    })),
  };
}

function principalFacts({ principal, groups, policies, account }: Situation): PrincipalFacts {
  const holders = [ownHolder(principal.kind, principal.name), ...groups.map((name) => `group/${name}`)];
  const attachments = policies.filter(({ holder }) => holders.includes(holder));
  return {
    kind: principal.kind,
    arn: storedArn(principal),
    account: principal.account,
    attachments: attachments.map((policy) => attachedPolicy(policy, account)),
    issued: [],
  };
}

/** Roles are kept in lower case, as RAM gives them. */
function storedArn({ kind, arn, arnKey }: PrincipalName): string {
  return kind === "ROLE" ? arnKey : arn;
}

function ownHolder(kind: string, name: string): string {
  return kind === "USER" ? `user/${name}` : `role/${name}`;
}

function attachedPolicy(policy: Attached, account: string): AttachedPolicy {
  const { name, statements, formerly, holder, resourceGroup, notBefore, expiresAt } = policy;
  const compiled = statements === null ? null : compiledDocument(documentOf(statements), "identity");
  const reference = { id: name, arn: `acs:ram::${account}:policy/${name}`, name, type: "CUSTOM" as const };
  return {
    policy: { reference, version: compiled === null ? null : formerly === null ? "v1" : "v2", compiled },
    attachedTo: storedArn(parsePrincipalArn(`acs:ram::${account}:${holder}`)),
    scope: resourceGroup === null ? { kind: "ACCOUNT" } : { kind: "RESOURCE_GROUP", resourceGroup },
    notBefore: notBefore === null ? null : Date.parse(notBefore),
    expiresAt: expiresAt === null ? null : Date.parse(expiresAt),
  };
}

function resourceFacts({ resources, trusts }: Situation, arn: string): ResourceFacts {
  const known = resources.get(arn);
  const type = kmsResourceType(parseArn(arn));
  const trust = trusts.get(arn);
  const storable = type === "KEY" || type === "SECRET" || (type === "ALIAS" && known?.aliasOf !== null);
  const stored = storable ? known : undefined;
  const selfEvident = type !== null && (type === "NONE" || isContainer(type));
  return {
    arn,
    registered: stored !== undefined || trust !== undefined || selfEvident,
    resourceGroup: type === "ALIAS" ? null : (stored?.resourceGroup ?? null),
    tags: new Map(Object.entries(stored?.tags ?? {})),
    keyState: type === "KEY" ? (stored?.keyState ?? null) : null,
    encryptionKeyArn: stored?.encryptionKey ?? null,
    aliasTargetArn: stored?.aliasOf ?? null,
    trustPolicy: trust === undefined ? null : compiledDocument(documentOf(trust), "trust"),
  };
}

function compiledSession({ session }: Situation): CompiledPolicy | null {
  return session === undefined ? null : compiledDocument(session, "identity");
}

function compiledDocument(document: unknown, kind: DocumentKind): CompiledPolicy {
  const parsed = parseDocument(document, kind);
  if (parsed.ok) return compilePolicy(parsed.document);
  throw new InvalidInputError(parsed.problems.map(described).join("; "));
}

function described({ pointer, message }: DocumentProblem): string {
  return `\`${pointer}\`: ${message}`;
}
