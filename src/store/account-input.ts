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
  roleKeyOf,
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
  /** One that was asked about, or what such a one points to or is encrypted with. */
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
  readonly roles: readonly RoleRow[];
}

interface AccountRow extends StateRow {
  readonly principals: readonly PrincipalRow[];
  readonly attachments: readonly AttachmentRow[];
  readonly policies: readonly PolicyRow[];
}

const flag: Readable = (value) => typeof value === "boolean";
const { resources, roles, ...HELD } = FACT_ROWS;
const STATE_ROW: RowShape = {
  ...{ now: whole, known: flag, revision: text, revisions: REVISION_ROWS, resources, roles },
  sessions: listOf(tuple(text, text, whole, whole, orNull(whole), orNull(text))),
};
const ACCOUNT_ROW: RowShape = { ...STATE_ROW, ...HELD };

/** Everybody in an account but its sessions, with what each holds, under a revision of the account. */
interface Population {
  readonly revision: string;
  readonly principals: readonly StoredPrincipal[];
  readonly byId: ReadonlyMap<string, PrincipalFacts>;
}

const DEADLINE_MS = 8_000;
/** Principals that are kept, of all accounts together: some hundred bytes each, and the policies they have in common. */
const MOST_PRINCIPALS = 100_000;

/**
 * Creates the loader of whole accounts. Each question reads the revision of the account, from the primary; whoever lives
 * in it is loaded again only when that has moved, by a second statement. It throws {@link UnavailableError} when the
 * primary does not answer.
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

  return async (request) => {
    const { account } = request;
    for (;;) {
      const row = await query<StateRow>(pool, "ramgate_account_state", READ_ACCOUNT_STATE, request, STATE_ROW);
      const population = kept.get(account);
      if (population?.revision === row.revision) return toState(request, row, population, compile);
      const other = loading.get(account);
      if (other === undefined) break;
      await other.catch(() => {}); // perhaps what it loads is what is wanted here
    }
    const work = load(request).finally(() => loading.delete(account));
    loading.set(account, work);
    return work;
  };
}

async function query<Row extends StateRow>(
  pool: LoadPool,
  name: string,
  statement: string,
  { account, resources, at, scopes }: AccountRequest,
  shape: RowShape,
): Promise<Row> {
  const roles = resources.map(roleKeyOf).filter((key) => key !== null);
  const values = [account, resources, roles, at, withGlobal(scopes)];
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
  return { revision: row.revision, principals, byId: new Map(principals.map(({ id, facts }) => [id, facts])) };
}

function toState(
  { scopes }: AccountRequest,
  row: StateRow,
  population: Population,
  compile: CompileDocument,
): AccountState {
  const rows = new Map(row.resources.map((found) => [found[0], found]));
  const trustPolicies = new Map(row.roles);
  return {
    now: row.now,
    known: row.known,
    principals: [...population.principals, ...openSessions(row.sessions, population, compile)],
    resource: (arn) => resourceFacts(arn, rows.get(arn), trustPolicies, compile),
    tag: tagOf(row),
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

function tagOf({ revision, sessions, resources, roles }: StateRow): string {
  const text = JSON.stringify([revision, sessions, resources, roles]);
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}
