import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type {
  IssuedSession,
  PolicyInForce,
  PrincipalFacts,
  ResourceFacts,
} from "../domain/evaluation/access-request.js";
import { LOAD_ACCOUNT, READ_ACCOUNT_STATE } from "./account-statement.js";
import type { CompileDocument } from "./compiled-policies.js";
import {
  type AttachmentRow,
  FACT_ROWS,
  indexAttachments,
  type LoadPool,
  type PolicyRow,
  type PrincipalRow,
  policyInForce,
  type ResourceRow,
  type RoleRow,
  resourceFacts,
} from "./evaluation-input.js";
import { listOf, orNull, primaryRow, type Readable, type RowShape, text, tuple, whole } from "./readable-row.js";
import { REVISION_ROWS, type RevisionRow, type RevisionVector, toVector, withDeadline } from "./revisions.js";
import { asStoreError } from "./store-errors.js";
import { createTimeSlicer } from "./time-slicer.js";

/** What a question about an account is about. */
export interface AccountRequest {
  readonly account: string;
  /** ARNs that are asked about, as `parseArn` gives them. */
  readonly resources: readonly string[];
  /** When sessions have to be open, milliseconds since the epoch; null: now. */
  readonly at: number | null;
  /** Whose revisions are wanted. */
  readonly scopes: readonly string[];
}

/** A principal with the id of its record; a session with that of its role. */
export interface StoredPrincipal {
  readonly id: string;
  readonly facts: PrincipalFacts;
}

/** An account at one moment of the database. */
export interface AccountState {
  /** Database clock, milliseconds since the epoch. */
  readonly now: number;
  readonly known: boolean;
  /** Users, roles and the owner by ARN, without regard to case, then the sessions that are open, by ARN. */
  readonly principals: readonly StoredPrincipal[];
  /** One that was asked about, what such a one points to or is encrypted with, or a role of the account. */
  resource(arn: string): ResourceFacts;
  /** The same for states in which the answers are the same. */
  readonly tag: string;
  readonly vector: RevisionVector;
}

export type LoadAccount = (request: AccountRequest) => Promise<AccountState>;

type SessionRow = readonly [
  roleId: string,
  arn: string,
  issuedAt: number,
  expiresAt: number,
  revokedAt: number | null,
  policy: string | null,
];

interface StateRow {
  readonly now: number;
  readonly standby: boolean;
  readonly known: boolean;
  readonly revision: string;
  readonly revisions: readonly RevisionRow[];
  readonly sessions: readonly SessionRow[];
  readonly resources: readonly ResourceRow[];
}

interface AccountRow extends StateRow {
  readonly principals: readonly PrincipalRow[];
  readonly roles: readonly RoleRow[];
  readonly attachments: readonly AttachmentRow[];
  readonly policies: readonly PolicyRow[];
  readonly foreign_policies: readonly RevisionRow[];
}

const flag: Readable = (value) => typeof value === "boolean";
const { resources, ...HELD } = FACT_ROWS;
const STATE_ROW: RowShape = {
  ...{ now: whole, known: flag, revision: text, revisions: REVISION_ROWS, resources },
  sessions: listOf(tuple(text, text, whole, whole, orNull(whole), orNull(text))),
};
const ACCOUNT_ROW: RowShape = { ...STATE_ROW, ...HELD, foreign_policies: REVISION_ROWS };

/** Everybody in an account but its sessions, with what each holds, under the revisions that it was loaded under. */
interface Population {
  /** Of the account. */
  readonly revision: string;
  /** Of policies of other accounts. */
  readonly foreign: readonly RevisionRow[];
  readonly principals: readonly StoredPrincipal[];
  readonly byId: ReadonlyMap<string, PrincipalFacts>;
  /** By `arnKey` of the role. */
  readonly trustPolicies: ReadonlyMap<string, string>;
}

const DEADLINE_MS = 8_000;
/** Principals that are kept, of all accounts together: some hundred bytes each, and the policies they have in common. */
const MOST_PRINCIPALS = 100_000;

/**
 * Creates the loader of whole accounts. Each question reads the revisions afresh; whoever lives in the account is loaded
 * again only when these have moved, by one more statement. It throws {@link UnavailableError} when the primary does not
 * answer.
 */
export function createAccountLoader(pool: LoadPool, compile: CompileDocument): LoadAccount {
  const kept = new LRUCache<string, Population>({
    maxSize: MOST_PRINCIPALS,
    sizeCalculation: ({ principals }) => principals.length + 1,
  });
  const loading = new Map<string, Promise<AccountState>>();

  async function load(request: AccountRequest): Promise<AccountState> {
    const row = await query<AccountRow>(pool, "ramgate_account", LOAD_ACCOUNT, request, ACCOUNT_ROW);
    const population = await populate(row, compile);
    kept.set(request.account, population);
    return toState(request, row, population, compile);
  }

  /** Null: what is kept is not what is there. */
  async function recall(request: AccountRequest): Promise<AccountState | null> {
    const population = kept.get(request.account);
    if (population === undefined) return null;
    const scopes = [...request.scopes, ...population.foreign.map(([scope]) => scope)];
    const asked = { ...request, scopes };
    const row = await query<StateRow>(pool, "ramgate_account_state", READ_ACCOUNT_STATE, asked, STATE_ROW);
    return holds(population, row) ? toState(request, row, population, compile) : null;
  }

  return async (request) => {
    const { account } = request;
    const known = await recall(request);
    if (known !== null) return known;
    const other = loading.get(account);
    if (other !== undefined) {
      await other.catch(() => {});
      const loaded = await recall(request); // perhaps that is what is wanted here
      if (loaded !== null) return loaded;
    }
    const work = load(request).finally(() => loading.delete(account));
    loading.set(account, work);
    return work;
  };
}

function holds({ revision, foreign }: Population, row: StateRow): boolean {
  const tags = new Map(row.revisions.map(([scope, , tag]) => [scope, tag]));
  return revision === row.revision && foreign.every(([scope, , tag]) => tags.get(scope) === tag);
}

async function query<Row extends StateRow>(
  pool: LoadPool,
  name: string,
  statement: string,
  { account, resources, at, scopes }: AccountRequest,
  shape: RowShape,
): Promise<Row> {
  const values = [account, resources, at, withGlobal(scopes)];
  const result = await withDeadline(pool.query<Row>({ name, text: statement, values }), DEADLINE_MS).catch((error) => {
    throw asStoreError(error);
  });
  return primaryRow(result.rows[0], shape);
}

/** Every database has it: where it does not show, other revisions do not either. */
function withGlobal(scopes: readonly string[]): string[] {
  return ["glob", ...scopes];
}

/** In slices, because an account may have thousands of documents. */
async function populate(row: AccountRow, compile: CompileDocument): Promise<Population> {
  const slice = createTimeSlicer();
  const policies = new Map<string, PolicyInForce>();
  for (const policy of row.policies) {
    await slice();
    policies.set(policy[0], policyInForce(policy, compile));
  }
  const inForce = (id: string) => policies.get(id) ?? policyInForce(undefined, compile);
  const attachmentsOf = indexAttachments(row, inForce);
  const principals = row.principals.flatMap(([id, account, kind, arn, , groups]): StoredPrincipal[] => {
    const attachments = [id, ...groups].flatMap(attachmentsOf);
    return kind === "GROUP" ? [] : [{ id, facts: { kind, arn, account, attachments, issued: [] } }];
  });
  const { revision, foreign_policies: foreign } = row;
  const byId = new Map(principals.map(({ id, facts }) => [id, facts]));
  return { revision, foreign, principals, byId, trustPolicies: new Map(row.roles) };
}

function toState(
  { scopes }: AccountRequest,
  row: StateRow,
  population: Population,
  compile: CompileDocument,
): AccountState {
  const rows = new Map(row.resources.map((found) => [found[0], found]));
  const { trustPolicies } = population;
  return {
    now: row.now,
    known: row.known,
    principals: [...population.principals, ...openSessions(row.sessions, population, compile)],
    resource: (arn) => resourceFacts(arn, rows.get(arn), trustPolicies, compile),
    tag: tagOf(row, population),
    vector: toVector(withGlobal(scopes), row.revisions),
  };
}

/** One for each name: sessions that share it are one principal. */
function openSessions(
  rows: readonly SessionRow[],
  { byId }: Population,
  compile: CompileDocument,
): readonly StoredPrincipal[] {
  const sessions = new Map<
    string,
    { readonly id: string; readonly facts: PrincipalFacts & { issued: IssuedSession[] } }
  >();
  for (const [id, arn, issuedAt, expiresAt, revokedAt, document] of rows) {
    const role = byId.get(id);
    if (role === undefined) continue;
    const policy = document === null ? null : { compiled: compile(document, "identity") };
    const session = sessions.get(arn) ?? { id, facts: { ...role, kind: "ROLE_SESSION", arn, issued: [] } };
    session.facts.issued.push({ issuedAt, expiresAt, revokedAt, policy });
    sessions.set(arn, session);
  }
  return [...sessions.values()];
}

function tagOf({ revision, sessions, resources }: StateRow, { foreign }: Population): string {
  const text = JSON.stringify([revision, foreign, sessions, resources]);
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}
