import type { Pool } from "pg";
import { parseArn } from "../domain/arn.js";
import type {
  AttachedPolicy,
  IssuedSession,
  KeyState,
  PolicyInForce,
  PrincipalFacts,
  PrincipalKind,
  ResourceFacts,
} from "../domain/evaluation/access-request.js";
import type { PolicyType } from "../domain/policy/document.js";
import { type PrincipalName, parsePrincipalArn } from "../domain/principal.js";
import { isContainer, kmsResourceType } from "../domain/resource.js";
import type { CompileDocument } from "./compiled-policies.js";
import { LOAD_EVALUATION_INPUT, LOAD_WITH_ALL_RESOURCES } from "./evaluation-input-statement.js";
import { openPool } from "./pool.js";
import type { Transaction } from "./prisma-client.js";
import { listOf, oneOf, orNull, primaryRow, type RowShape, text, tuple, whole } from "./readable-row.js";
import {
  FOLLOWED_ROWS,
  type FollowedRow,
  type ModelState,
  principalScopes,
  REVISION_ROWS,
  type RevisionRow,
  storedKeyOf,
  toFollowed,
  toVector,
  withDeadline,
} from "./revisions.js";
import { asStoreError } from "./store-errors.js";

/** What a batch of questions is about. */
export interface InputRequest {
  readonly principals: readonly PrincipalName[];
  /** ARNs as `parseArn` gives them. */
  readonly resources: readonly string[];
  readonly scopes: readonly string[];
}

/** Everything that evaluates a batch of questions, of one moment of the database. */
export interface EvaluationInput extends ModelState {
  /** Null: no such principal. A session is known when its role is. */
  principal(name: PrincipalName): PrincipalFacts | null;
  resource(arn: string): ResourceFacts;
  /** Characters of the document that a policy was compiled from; 0: it is not among what was loaded. */
  charactersOf(policyId: string): number;
}

/** Loads all that a batch of questions needs with one statement, whatever the size of the batch. */
export type LoadEvaluationInput = (request: InputRequest) => Promise<EvaluationInput>;

type PrincipalRow = readonly [
  id: string,
  account: string,
  kind: Exclude<PrincipalKind, "ROLE_SESSION">,
  arn: string,
  arnKey: string,
  groups: readonly string[],
];
type AttachmentRow = readonly [
  holder: string,
  attachedTo: string,
  account: string,
  policy: string,
  resourceGroup: string | null,
  notBefore: number | null,
  expiresAt: number | null,
];
type PolicyRow = readonly [
  id: string,
  account: string | null,
  arn: string,
  name: string,
  type: PolicyType,
  version: number | null,
  document: string | null,
];
export type ResourceRow = readonly [
  arn: string,
  type: "KEY" | "SECRET" | "ALIAS",
  resourceGroup: string | null,
  keyState: KeyState | null,
  keyArn: string | null,
  tags: readonly (readonly [key: string, value: string])[],
];
export type RoleRow = readonly [arnKey: string, trustPolicy: string];
type SessionRow = readonly [
  arn: string,
  issuedAt: number,
  expiresAt: number,
  revokedAt: number | null,
  policy: string | null,
];

interface InputRow {
  readonly now: number;
  readonly standby: boolean;
  readonly revisions: readonly RevisionRow[];
  readonly followed: readonly FollowedRow[];
  readonly principals: readonly PrincipalRow[];
  readonly attachments: readonly AttachmentRow[];
  readonly policies: readonly PolicyRow[];
  readonly resources: readonly ResourceRow[];
  readonly roles: readonly RoleRow[];
  readonly sessions: readonly SessionRow[];
}

/** What principals and resources rest on. */
export const FACT_ROWS = {
  principals: listOf(tuple(text, text, oneOf("USER", "GROUP", "ROLE", "ACCOUNT_OWNER"), text, text, listOf(text))),
  attachments: listOf(tuple(text, text, text, text, orNull(text), orNull(whole), orNull(whole))),
  policies: listOf(tuple(text, orNull(text), text, text, oneOf("SYSTEM", "CUSTOM"), orNull(whole), orNull(text))),
  resources: listOf(
    tuple(
      ...[text, oneOf("KEY", "SECRET", "ALIAS"), orNull(text)],
      orNull(oneOf("ENABLED", "DISABLED", "PENDING_DELETION", "PENDING_IMPORT")),
      ...[orNull(text), listOf(tuple(text, text))],
    ),
  ),
  roles: listOf(tuple(text, text)),
} satisfies RowShape;

const ROW: RowShape = {
  ...FACT_ROWS,
  now: whole,
  revisions: REVISION_ROWS,
  followed: FOLLOWED_ROWS,
  sessions: listOf(tuple(text, whole, whole, orNull(whole), orNull(text))),
};

const STATEMENT_TIMEOUT_MS = 5_000;
const DEADLINE_MS = 8_000;
const CONNECT_TIMEOUT_MS = 2_000;

export type LoadPool = Pool;

/** Opens the pool that evaluation input is loaded through. */
export function openLoadPool(connectionString: string, size = 8): LoadPool {
  const limits = { max: size, connect: CONNECT_TIMEOUT_MS, statement: STATEMENT_TIMEOUT_MS, answer: DEADLINE_MS };
  return openPool(connectionString, limits);
}

/** Creates the loader. It throws {@link UnavailableError} when the primary does not answer. */
export function createInputLoader(pool: LoadPool, compile: CompileDocument): LoadEvaluationInput {
  return async (request) => {
    const row = await load(pool, "ramgate_evaluation_input", LOAD_EVALUATION_INPUT, parametersOf(request));
    return toInput(request, row, compile);
  };
}

/** What one principal may do with the resources of an account is evaluated from this, of one moment of the database. */
export interface Belongings {
  readonly input: EvaluationInput;
  /** By ARN. */
  readonly resources: readonly ResourceFacts[];
}

/** Types of resources that are registered. */
export type RegisteredType = ResourceRow[1];

/** Loads a principal and all resources of its account that are of some types with one statement. */
export type LoadBelongings = (principal: PrincipalName, types: readonly RegisteredType[]) => Promise<Belongings>;

export function createBelongingsLoader(pool: LoadPool, compile: CompileDocument): LoadBelongings {
  return async (principal, types) => {
    const request = { principals: [principal], resources: [], scopes: principalScopes(principal) };
    const [scopes, principals, , roles, sessions] = parametersOf(request);
    const values = [scopes, principals, [...types], roles, sessions, principal.account];
    const row = await load(pool, "ramgate_belongings", LOAD_WITH_ALL_RESOURCES, values);
    const input = toInput(request, row, compile);
    return { input, resources: row.resources.map(([arn]) => input.resource(arn)) };
  };
}

/** The same as a transaction sees it, its own changes included. */
export async function loadInTransaction(
  tx: Pick<Transaction, "$queryRawUnsafe">,
  request: InputRequest,
  compile: CompileDocument,
): Promise<EvaluationInput> {
  const rows = await tx.$queryRawUnsafe<InputRow[]>(LOAD_EVALUATION_INPUT, ...parametersOf(request));
  return toInput(request, primaryRow(rows[0], ROW), compile);
}

function parametersOf({ principals, resources, scopes }: InputRequest): string[][] {
  const roles = resources.map(roleKeyOf).filter((key) => key !== null);
  const sessions = principals.filter(({ kind }) => kind === "ROLE_SESSION").map(({ arnKey }) => arnKey);
  return [[...scopes], [...new Set(principals.map(storedKeyOf))], [...resources], roles, [...new Set(sessions)]];
}

function toInput(request: InputRequest, row: InputRow, compile: CompileDocument): EvaluationInput {
  const { principals, scopes } = request;
  const attachmentsOf = indexAttachments(row, policiesOf(row, compile));
  const sessionsOf = indexSessions(row, compile);
  const principalRows = new Map(row.principals.map((found) => [found[4], found]));
  const resourceRows = new Map(row.resources.map((found) => [found[0], found]));
  const trustPolicies = new Map(row.roles);
  const characters = new Map(row.policies.map(([id, , , , , , document]) => [id, document?.length ?? 0]));
  return {
    now: row.now,
    ofOneMoment: true,
    vector: toVector(scopes, row.revisions),
    followed: toFollowed(principals.map(storedKeyOf), row.followed),
    principal: memoize(
      (name) => principalFacts(name, principalRows.get(storedKeyOf(name)), attachmentsOf, sessionsOf),
      (name) => name.arnKey,
    ),
    resource: memoize(
      (arn) => resourceFacts(arn, resourceRows.get(arn), trustPolicies, compile),
      (arn) => arn,
    ),
    charactersOf: (policyId) => characters.get(policyId) ?? 0,
  };
}

async function load(pool: Pool, name: string, statement: string, values: readonly unknown[]): Promise<InputRow> {
  const query = pool.query<InputRow>({ name, text: statement, values: [...values] });
  const result = await withDeadline(query, DEADLINE_MS).catch((error: unknown) => {
    throw asStoreError(error);
  });
  return primaryRow(result.rows[0], ROW);
}

type AttachmentsOf = (holderId: string) => readonly AttachedPolicy[];

type PolicyOf = (id: string) => PolicyInForce;

function policiesOf({ policies }: Pick<InputRow, "policies">, compile: CompileDocument): PolicyOf {
  const rows = new Map(policies.map((policy) => [policy[0], policy]));
  return memoize(
    (id: string) => policyInForce(rows.get(id), compile),
    (id) => id,
  );
}

/** The attachments of each holder, in the order in which they were loaded. */
function indexAttachments(row: Pick<InputRow, "policies" | "attachments">, inForce: PolicyOf): AttachmentsOf {
  const owners = new Map(row.policies.map(([id, owner]) => [id, owner]));
  const index = new Map<string, AttachedPolicy[]>();
  for (const attachment of row.attachments) {
    const [holder, , account, policyId] = attachment;
    const owner = owners.get(policyId);
    const foreign = owner !== null && owner !== account; // what another account has written must not decide here
    const policy = foreign ? withoutDocument(inForce(policyId)) : inForce(policyId);
    const list = index.get(holder) ?? [];
    list.push(toAttachedPolicy(attachment, policy));
    index.set(holder, list);
  }
  return (holderId) => index.get(holderId) ?? [];
}

export function withoutDocument(policy: PolicyInForce): PolicyInForce {
  return { reference: policy.reference, version: null, compiled: null };
}

/** A policy without a default version, or with a malformed one, may hold anything (D4). */
export function policyInForce(row: PolicyRow | undefined, compile: CompileDocument): PolicyInForce {
  if (row === undefined) throw new Error("an attachment names a policy that was not loaded");
  const [id, , arn, name, type, version, document] = row;
  const reference = { id, arn, name, type };
  const compiled = document === null ? null : compile(document, "identity");
  return compiled === null ? { reference, version: null, compiled } : { reference, version: `v${version}`, compiled };
}

function toAttachedPolicy(row: AttachmentRow, policy: PolicyInForce): AttachedPolicy {
  const [, attachedTo, , , resourceGroup, notBefore, expiresAt] = row;
  const scope =
    resourceGroup === null ? ({ kind: "ACCOUNT" } as const) : ({ kind: "RESOURCE_GROUP", resourceGroup } as const);
  return { policy, attachedTo, scope, notBefore, expiresAt };
}

type SessionsOf = (arn: string) => readonly IssuedSession[];

function indexSessions(row: InputRow, compile: CompileDocument): SessionsOf {
  const index = new Map<string, IssuedSession[]>();
  for (const [arn, issuedAt, expiresAt, revokedAt, text] of row.sessions) {
    const policy = text === null ? null : { compiled: compile(text, "identity") };
    const list = index.get(arn) ?? [];
    list.push({ issuedAt, expiresAt, revokedAt, policy });
    index.set(arn, list);
  }
  return (arn) => index.get(arn) ?? [];
}

function principalFacts(
  name: PrincipalName,
  row: PrincipalRow | undefined,
  attachmentsOf: AttachmentsOf,
  sessionsOf: SessionsOf,
): PrincipalFacts | null {
  if (row === undefined) return null;
  const [id, account, kind, arn, , groups] = row;
  const attachments = [id, ...groups].flatMap(attachmentsOf);
  if (name.kind === "ROLE_SESSION") {
    if (kind !== "ROLE") return null;
    return { kind: "ROLE_SESSION", arn: name.arn, account, attachments, issued: sessionsOf(name.arnKey) };
  }
  return kind === name.kind ? { kind, arn, account, attachments, issued: [] } : null;
}

const UNKNOWN_RESOURCE = {
  registered: false,
  resourceGroup: null,
  tags: new Map<string, string>(),
  keyState: null,
  encryptionKeyArn: null,
  aliasTargetArn: null,
  trustPolicy: null,
} as const;

export function resourceFacts(
  arn: string,
  row: ResourceRow | undefined,
  trustPolicies: ReadonlyMap<string, string>,
  compile: CompileDocument,
): ResourceFacts {
  if (row === undefined) return unlistedFacts(arn, trustPolicies, compile);
  const [, type, resourceGroup, keyState, keyArn, tags] = row;
  return {
    arn,
    registered: true,
    resourceGroup: type === "ALIAS" ? null : resourceGroup,
    tags: new Map(tags),
    keyState,
    encryptionKeyArn: type === "SECRET" ? keyArn : null,
    aliasTargetArn: type === "ALIAS" ? keyArn : null,
    trustPolicy: null,
  };
}

/** `*` and containers are never registered, and always known. */
export function unregisteredResource(arn: string): ResourceFacts {
  const type = kmsResourceType(parseArn(arn));
  return { ...UNKNOWN_RESOURCE, arn, registered: type !== null && (type === "NONE" || isContainer(type)) };
}

function unlistedFacts(
  arn: string,
  trustPolicies: ReadonlyMap<string, string>,
  compile: CompileDocument,
): ResourceFacts {
  const roleKey = roleKeyOf(arn);
  const trust = roleKey === null ? undefined : trustPolicies.get(roleKey);
  if (trust !== undefined) {
    return { ...UNKNOWN_RESOURCE, arn, registered: true, trustPolicy: compile(trust, "trust") };
  }
  return unregisteredResource(arn);
}

/** The `arnKey` of the role that a resource ARN names; null when it names none. */
export function roleKeyOf(arn: string): string | null {
  if (!arn.startsWith("acs:ram:")) return null;
  try {
    const name = parsePrincipalArn(arn);
    return name.kind === "ROLE" ? name.arnKey : null;
  } catch {
    return null;
  }
}

/** The same object for the same key: what evaluation derives from facts is kept with them. */
function memoize<Key, T>(make: (key: Key) => T, textOf: (key: Key) => string): (key: Key) => T {
  const known = new Map<string, T>();
  return (key) => {
    const value = known.get(textOf(key)) ?? make(key);
    known.set(textOf(key), value);
    return value;
  };
}
