import { AsyncResource } from "node:async_hooks";
import type { Pool, PoolClient } from "pg";

/** What statements are told apart by: the three of the hot path by name, the others by what they begin with. */
export const STATEMENT_KINDS = [
  "revisions",
  "evaluation_input",
  "sign_in",
  "select",
  "insert",
  "update",
  "delete",
  "transaction",
  "other",
] as const;
export type StatementKind = (typeof STATEMENT_KINDS)[number];

/**
 * Hears how long a statement took, in seconds, whether it succeeded or not, in the asynchronous context of whoever sent
 * it.
 */
export type OnStatement = (kind: StatementKind, seconds: number) => void;

/** Times each statement on connections that `pool` opens from now on. */
export function timeStatements(pool: Pool, onStatement: OnStatement): void {
  keepContext(pool);
  pool.on("connect", (client) => timeClient(client, onStatement));
}

/** A pool calls whoever waits for a connection in the context of the one who has given it back. */
function keepContext(pool: Pool): void {
  const connect = pool.connect.bind(pool) as (callback?: Callback) => unknown;
  (pool as { connect: unknown }).connect = (callback?: Callback) => connect(callback && AsyncResource.bind(callback));
}

type Callback = (...results: unknown[]) => void;
type Query = (...args: unknown[]) => unknown;

/** `pg` takes a callback, as its pools give one, or answers with a promise. */
function timeClient(client: PoolClient, onStatement: OnStatement): void {
  const query = client.query.bind(client) as Query;
  const timed: Query = (...args) => {
    const kind = kindOf(args[0]);
    const sent = performance.now();
    const tell = () => onStatement(kind, (performance.now() - sent) / 1_000);
    const last = args.at(-1);
    if (typeof last === "function")
      return query(...args.slice(0, -1), told(last as Callback, AsyncResource.bind(tell)));
    const answer = query(...args);
    if (answer instanceof Promise) answer.then(tell, tell);
    return answer;
  };
  (client as { query: unknown }).query = timed;
}

function told(callback: Callback, tell: () => void): Callback {
  return (...results) => {
    tell();
    callback(...results);
  };
}

const NAMED: Readonly<Record<string, StatementKind>> = {
  ramgate_revisions: "revisions",
  ramgate_evaluation_input: "evaluation_input",
  "ramgate-find-credential": "sign_in",
  "ramgate-find-session": "sign_in",
  "ramgate-find-principal": "sign_in",
};

const BY_FIRST_WORD: Readonly<Record<string, StatementKind>> = {
  ...{ SELECT: "select", WITH: "select", INSERT: "insert", UPDATE: "update", DELETE: "delete" },
  ...{ BEGIN: "transaction", COMMIT: "transaction", ROLLBACK: "transaction" },
  ...{ SET: "transaction", SAVEPOINT: "transaction", RELEASE: "transaction" },
};

/** The kind of a statement as `pg` takes it: a text, or an object with `text` and perhaps `name`. */
export function kindOf(statement: unknown): StatementKind {
  const { name, text } = typeof statement === "string" ? { name: undefined, text: statement } : partsOf(statement);
  const named = name === undefined ? undefined : NAMED[name];
  if (named !== undefined) return named;
  const [word = ""] = /[A-Za-z]+/.exec(text.slice(0, 64)) ?? [];
  return BY_FIRST_WORD[word.toUpperCase()] ?? "other";
}

function partsOf(statement: unknown): { readonly name?: string; readonly text: string } {
  const { name, text } = (statement ?? {}) as { name?: unknown; text?: unknown };
  return { ...(typeof name === "string" ? { name } : {}), text: typeof text === "string" ? text : "" };
}
