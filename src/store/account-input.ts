import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { QueryResult, QueryResultRow } from "pg";
import type { IssuedSession, ResourceFacts } from "../domain/evaluation/access-request.js";
import {
  type Incomplete,
  POPULATION_ROW,
  type Population,
  type PopulationRow,
  populate,
  type StoredPrincipal,
} from "./account-population.js";
import { LOAD_ACCOUNT, READ_ACCOUNT_STATE } from "./account-statement.js";
import type { CompileDocument } from "./compiled-policies.js";
import { FACT_ROWS, type LoadPool, type ResourceRow, resourceFacts } from "./evaluation-input.js";
import { flag, listOf, orNull, primaryRow, type RowShape, readableRow, text, tuple, whole } from "./readable-row.js";
import { REVISION_ROWS, type RevisionRow, type RevisionVector, toVector, withDeadline } from "./revisions.js";
import { asStoreError, UnavailableError } from "./store-errors.js";

export type { StoredPrincipal } from "./account-population.js";

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
}

interface AccountRow extends PopulationRow {
  readonly state: StateRow;
}

const { resources } = FACT_ROWS;
const STATE_ROW: RowShape = {
  ...{ now: whole, known: flag, revision: text, revisions: REVISION_ROWS, resources },
  sessions: listOf(tuple(text, text, whole, whole, orNull(whole), orNull(text))),
};

/** What is kept of an account. */
interface Kept {
  /** Of the account, when it was loaded. */
  readonly revision: string;
  readonly population: Population;
}

const DEADLINE_MS = 8_000;
/** Principals that are kept, of all accounts together: some hundred bytes each, and the policies they have in common. */
const MOST_PRINCIPALS = 250_000;
/** How often policies of other accounts may turn up that the statement knew nothing of. */
const MOST_ATTEMPTS = 3;

/**
 * Creates the loader of whole accounts. Each question reads the revisions afresh; whoever lives in the account is loaded
 * again only when these have moved, by one more statement. It throws {@link UnavailableError} when the primary does not
 * answer.
 */
export function createAccountLoader(pool: LoadPool, compile: CompileDocument): LoadAccount {
  const kept = new LRUCache<string, Kept>({
    maxSize: MOST_PRINCIPALS,
    sizeCalculation: ({ population }) => population.principals.length + 1,
  });
  const loading = new Map<string, Promise<AccountState>>();

  /** @param foreign ids of policies of other accounts */
  async function load(request: AccountRequest, foreign: readonly string[], attempts = 1): Promise<AccountState> {
    const { account } = request;
    const known = kept.get(account)?.population.policies ?? new Map();
    const row = await queryAccount(pool, request, known, foreign);
    const population = await populate(account, row, known, compile);
    if (!isComplete(population)) {
      if (attempts === MOST_ATTEMPTS) throw new UnavailableError("policies of other accounts keep being attached");
      return load(request, [...foreign, ...population.missing], attempts + 1);
    }
    kept.set(account, { revision: row.state.revision, population });
    return toState(request, row.state, population, compile);
  }

  /** Null: what is kept is not what is there. */
  async function recall(request: AccountRequest): Promise<AccountState | null> {
    const known = kept.get(request.account);
    if (known === undefined) return null;
    const { population } = known;
    const scopes = [...request.scopes, ...population.foreign.revisions.map(([scope]) => scope)];
    const row = await queryState(pool, { ...request, scopes });
    return holds(known, row) ? toState(request, row, population, compile) : null;
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
    const foreign = kept.get(account)?.population.foreign.ids ?? [];
    const work = load(request, foreign).finally(() => loading.delete(account));
    loading.set(account, work);
    return work;
  };
}

function isComplete(population: Population | Incomplete): population is Population {
  return !("missing" in population);
}

function holds({ revision, population }: Kept, row: StateRow): boolean {
  const tags = new Map(row.revisions.map(([scope, , tag]) => [scope, tag]));
  const foreign = population.foreign.revisions;
  return revision === row.revision && foreign.every(([scope, , tag]) => tags.get(scope) === tag);
}

async function queryState(pool: LoadPool, request: AccountRequest): Promise<StateRow> {
  const statement = { name: "ramgate_account_state", text: READ_ACCOUNT_STATE, values: parametersOf(request) };
  return primaryRow(await firstOf(pool.query<StateRow>(statement)), STATE_ROW);
}

async function queryAccount(
  pool: LoadPool,
  request: AccountRequest,
  policies: Population["policies"],
  foreign: readonly string[],
): Promise<AccountRow> {
  const tags = [...policies.values()].map(({ tag }) => tag);
  const values = [...parametersOf(request), [...policies.keys()], tags, [...foreign]];
  const row = await firstOf(pool.query<AccountRow>({ name: "ramgate_account", text: LOAD_ACCOUNT, values }));
  const state = primaryRow(row?.state, STATE_ROW);
  return { ...readableRow(row, POPULATION_ROW), state };
}

async function firstOf<Row extends QueryResultRow>(query: Promise<QueryResult<Row>>): Promise<Row | undefined> {
  const result = await withDeadline(query, DEADLINE_MS).catch((error: unknown) => {
    throw asStoreError(error);
  });
  return result.rows[0];
}

function parametersOf({ account, resources, at, scopes }: AccountRequest): unknown[] {
  return [account, resources, at, withGlobal(scopes)];
}

/** Every database has it: where it does not show, other revisions do not either. */
function withGlobal(scopes: readonly string[]): string[] {
  return ["glob", ...scopes];
}

function toState(
  { scopes }: AccountRequest,
  row: StateRow,
  population: Population,
  compile: CompileDocument,
): AccountState {
  const rows = new Map(row.resources.map((found) => [found[0], found]));
  return {
    now: row.now,
    known: row.known,
    principals: [...population.principals, ...openSessions(row.sessions, population, compile)],
    resource: (arn) => resourceFacts(arn, rows.get(arn), population.trustPolicies, compile),
    tag: tagOf(row, population),
    vector: toVector(withGlobal(scopes), row.revisions),
  };
}

/** One for each name: sessions that share it are one principal. */
function openSessions(rows: readonly SessionRow[], { find }: Population, compile: CompileDocument): StoredPrincipal[] {
  const issued = new Map<string, { readonly role: StoredPrincipal; readonly sessions: IssuedSession[] }>();
  for (const [id, arn, issuedAt, expiresAt, revokedAt, document] of rows) {
    const role = find(id);
    if (role === undefined) continue;
    const policy = document === null ? null : { compiled: compile(document, "identity") };
    const known = issued.get(arn) ?? { role, sessions: [] };
    known.sessions.push({ issuedAt, expiresAt, revokedAt, policy });
    issued.set(arn, known);
  }
  return [...issued].map(([arn, { role, sessions }]) => role.session(arn, sessions));
}

function tagOf({ revision, sessions, resources }: StateRow, { foreign }: Population): string {
  const text = JSON.stringify([revision, foreign.revisions, sessions, resources]);
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}
