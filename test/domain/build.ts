import type {
  AccessRequest,
  AttachedPolicy,
  PrincipalFacts,
  ResourceFacts,
  ScopePrecedence,
} from "../../src/domain/evaluation/access-request.js";
import { buildContext, type RequestContextInput } from "../../src/domain/evaluation/context-keys.js";
import { decide } from "../../src/domain/evaluation/decide.js";
import type { AttachmentScope, Decision } from "../../src/domain/evaluation/decision.js";
import { type CompiledPolicy, compilePolicy } from "../../src/domain/policy/compile-policy.js";
import type { DocumentKind, DocumentProblem } from "../../src/domain/policy/document.js";
import { parseDocument } from "../../src/domain/policy/parse-document.js";
import { parsePrincipalArn } from "../../src/domain/principal.js";

export const ACCOUNT = "1234567890123456";
export const OTHER_ACCOUNT = "6543210987654321";
export const NOW = Date.parse("2026-06-01T12:00:00Z");
export const KEY = `acs:kms:cn-hangzhou:${ACCOUNT}:key/k1`;
export const SECRET = `acs:kms:cn-hangzhou:${ACCOUNT}:secret/s1`;
export const ALIAS = `acs:kms:cn-hangzhou:${ACCOUNT}:alias/a1`;
export const KEYS = `acs:kms:cn-hangzhou:${ACCOUNT}:key`;
export const SECRETS = `acs:kms:cn-hangzhou:${ACCOUNT}:secret`;
export const USER = `acs:ram::${ACCOUNT}:user/bob`;
export const ROLE = `acs:ram::${ACCOUNT}:role/Deploy`;
export const SESSION = `acs:ram::${ACCOUNT}:assumed-role/Deploy/ci`;
export const OWNER = `acs:ram::${ACCOUNT}:root`;

/** A statement as it stands in a document. */
export type StatementSource = Readonly<Record<string, unknown>>;

export const allow = (action: unknown = "*", resource: unknown = "*", condition?: unknown): StatementSource =>
  statement("Allow", action, resource, condition);
export const deny = (action: unknown = "*", resource: unknown = "*", condition?: unknown): StatementSource =>
  statement("Deny", action, resource, condition);

function statement(effect: string, action: unknown, resource: unknown, condition: unknown): StatementSource {
  const base = { Effect: effect, Action: action, Resource: resource };
  return condition === undefined ? base : { ...base, Condition: condition };
}

export function compile(statements: readonly StatementSource[], kind: DocumentKind = "identity"): CompiledPolicy {
  const parsed = parseDocument({ Version: "1", Statement: statements }, kind);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return compilePolicy(parsed.document);
}

export function problemsOf(input: unknown, kind: DocumentKind = "identity"): DocumentProblem[] {
  const parsed = parseDocument(input, kind);
  return parsed.ok ? [] : parsed.problems;
}

export interface AttachmentOptions {
  readonly name?: string;
  readonly group?: string;
  readonly notBefore?: number;
  readonly expiresAt?: number;
  readonly attachedTo?: string;
}

let policyCount = 0;

/** A policy attached to bob; `null` statements: its document is missing. */
export function attached(
  statements: readonly StatementSource[] | CompiledPolicy | null,
  options: AttachmentOptions = {},
): AttachedPolicy {
  const name = options.name ?? `P${++policyCount}`;
  const reference = { id: name, arn: `acs:ram::${ACCOUNT}:policy/${name}`, name, type: "CUSTOM" as const };
  const scope: AttachmentScope =
    options.group === undefined ? { kind: "ACCOUNT" } : { kind: "RESOURCE_GROUP", resourceGroup: options.group };
  const compiled = statements === null || "statements" in statements ? statements : compile(statements);
  return {
    policy: { reference, version: compiled === null ? null : "v1", compiled },
    attachedTo: options.attachedTo ?? USER,
    scope,
    notBefore: options.notBefore ?? null,
    expiresAt: options.expiresAt ?? null,
  };
}

export function principal(arn: string, attachments: readonly AttachedPolicy[] = []): PrincipalFacts {
  const name = parsePrincipalArn(arn);
  return { kind: name.kind, arn: name.arn, account: name.account, attachments, issued: [] };
}

export function resource(arn: string, facts: Partial<ResourceFacts> = {}): ResourceFacts {
  return {
    arn,
    registered: true,
    resourceGroup: null,
    tags: new Map(),
    keyState: null,
    encryptionKeyArn: null,
    aliasTargetArn: null,
    trustPolicy: null,
    ...facts,
  };
}

export interface Ask {
  readonly who?: string;
  readonly action?: string;
  readonly on?: string;
  readonly facts?: Partial<ResourceFacts>;
  readonly tags?: Readonly<Record<string, string>>;
  readonly context?: RequestContextInput;
  readonly now?: number;
  readonly session?: readonly StatementSource[];
  readonly precedence?: ScopePrecedence;
}

export function requestOf(attachments: readonly AttachedPolicy[], ask: Ask = {}): AccessRequest {
  const tags = new Map(Object.entries(ask.tags ?? {}));
  return {
    principal: principal(ask.who ?? USER, attachments),
    action: ask.action ?? "kms:Decrypt",
    resource: resource(ask.on ?? KEY, { tags, ...ask.facts }),
    context: buildContext(ask.context ?? {}),
    now: ask.now ?? NOW,
    sessionPolicy: ask.session === undefined ? null : compile(ask.session),
  };
}

/** Asks whether bob, with these attachments, may decrypt with a key, unless `question` says otherwise. */
export function ask(attachments: readonly AttachedPolicy[], question: Ask = {}): Decision {
  return decide(requestOf(attachments, question), { scopePrecedence: question.precedence ?? "staged" });
}

/** The same for one policy made of these statements. */
export function askStatements(statements: readonly StatementSource[], question: Ask = {}): Decision {
  return ask([attached(statements)], question);
}

/** What a condition makes of an Allow: ALLOW, IMPLICIT_DENY or CONDITIONAL. */
export const underAllow = (condition: unknown, question: Ask = {}): string =>
  askStatements([allow("*", "*", condition)], question).outcome;

/** What a condition makes of a Deny beside an Allow of everything: EXPLICIT_DENY, ALLOW or CONDITIONAL. */
export const underDeny = (condition: unknown, question: Ask = {}): string =>
  askStatements([allow(), deny("*", "*", condition)], question).outcome;

export const codes = (decision: Decision): string[] => decision.diagnostics.map(({ code }) => code);

/** A context of entries: `{ key: values }`. */
export function entries(values: Readonly<Record<string, readonly string[]>>): RequestContextInput {
  return { entries: Object.entries(values).map(([key, list]) => ({ key, values: list })) };
}
