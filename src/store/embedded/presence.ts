import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

/**
 * One idle connection per process with a shared advisory lock: PostgreSQL itself counts who is there, and a process
 * that is killed is no longer counted. Only who gets the lock alone may stop the server, and who arrives meanwhile
 * waits for the lock, is thrown out with the server, and starts again.
 */
export interface Presence {
  /** The database to work in. */
  readonly url: string;
  /** Gives the place up. True: this was the last process, nobody can enter any more, and it must stop the server. */
  leave(): Promise<boolean>;
  close(): Promise<void>;
}

const DATABASE = "ramgate";
const LOCK_KEY = 7267_4761; // any number that nobody else uses in the database `postgres`
const REJOIN_DELAY = 500;

/** @returns undefined when the server went away meanwhile */
export async function joinServer(server: string): Promise<Presence | undefined> {
  const seat = new Seat(`${server}/postgres`);
  try {
    await seat.take();
    await createDatabase(seat);
  } catch (error) {
    await seat.close();
    if (isServerGone(error)) return undefined;
    throw error;
  }
  return { url: `${server}/${DATABASE}`, leave: () => seat.leave(), close: () => seat.close() };
}

/** The connection of one process, renewed if it is lost while the server lives. */
class Seat {
  readonly #url: string;
  #client: pg.Client | undefined;
  #left = false;

  constructor(url: string) {
    this.#url = url;
  }

  async take(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: "ramgate presence",
      keepAlive: true,
    });
    client.on("error", () => this.#retake(client));
    await client.connect();
    await client.query("select pg_advisory_lock_shared($1)", [LOCK_KEY]);
    this.#client = client;
    keepsProcess(client).unref();
  }

  async query(sql: string, values: unknown[] = []): Promise<pg.QueryResult> {
    if (this.#client === undefined) throw new Error("not connected to the embedded PostgreSQL");
    const client = keepsProcess(this.#client);
    client.ref();
    try {
      return await client.query(sql, values);
    } finally {
      client.unref();
    }
  }

  async leave(): Promise<boolean> {
    this.#left = true;
    try {
      await this.query("select pg_advisory_unlock_shared($1)", [LOCK_KEY]);
      const { rows } = await this.query("select pg_try_advisory_lock($1) as alone", [LOCK_KEY]);
      return rows[0]?.alone === true;
    } catch {
      return false; // the server is gone already
    }
  }

  async close(): Promise<void> {
    this.#left = true;
    if (this.#client === undefined) return;
    keepsProcess(this.#client).ref();
    await this.#client.end().catch(() => {});
  }

  async #retake(lost: pg.Client): Promise<void> {
    if (this.#left || this.#client !== lost) return;
    this.#client = undefined;
    while (!this.#left && this.#client === undefined) {
      await sleep(REJOIN_DELAY, undefined, { ref: false });
      await this.take().catch(() => {});
    }
  }
}

/** An idle seat must not keep a process that has nothing else to do; a question under way must. (Not in pg's types.) */
const keepsProcess = (client: pg.Client) => client as pg.Client & { ref(): void; unref(): void };

async function createDatabase(seat: Seat): Promise<void> {
  const { rowCount } = await seat.query("select from pg_database where datname = $1", [DATABASE]);
  if (rowCount === 0) await seat.query(`create database ${DATABASE}`).catch(ignoreExisting);
}

/** Two processes that enter a new server at once both try; PostgreSQL reports the loser in either of two ways. */
function ignoreExisting(error: unknown): void {
  const { code } = error as pg.DatabaseError;
  if (code !== "42P04" && code !== "23505") throw error;
}

/** Refused, cut, starting up, shutting down: all mean "look again". A server that answers anything else has a fault. */
function isServerGone(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || /^(57P|08|55006)/.test(error.code ?? "");
}
