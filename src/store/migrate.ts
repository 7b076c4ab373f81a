import { createHash, randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

/** A migration could not be applied, or must not be. The message names it. */
export class MigrationError extends Error {
  override readonly name = "MigrationError";
}

/** Milliseconds to wait for another process that migrates the same database. */
export interface MigrateOptions {
  readonly lockTimeout?: number;
}

interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

interface AppliedMigration {
  readonly migration_name: string;
  readonly checksum: string;
  readonly finished_at: Date | null;
}

/** The key of Prisma's own advisory lock, so that `prisma migrate deploy` and a starting gateway exclude each other. */
const LOCK_KEY = 72707369;
const LOCK_TIMEOUT = 60_000;
const LOCK_POLL = 100;

/** A migration whose first line is this comment runs outside a transaction (`create index concurrently`). */
const NO_TRANSACTION = "-- ramgate:no-transaction";

/** Copied from Prisma's schema engine, which refuses a table of another shape. */
const CREATE_BOOKKEEPING = `create table _prisma_migrations (
  id                  varchar(36) primary key not null,
  checksum            varchar(64) not null,
  finished_at         timestamptz,
  migration_name      varchar(255) not null,
  logs                text,
  rolled_back_at      timestamptz,
  started_at          timestamptz not null default now(),
  applied_steps_count integer not null default 0
)`;

/** The server drops a session, and its lock, about 30 s after the machine at the other end is gone. */
const SESSION_SETTINGS = [
  "TimeZone=UTC",
  "tcp_keepalives_idle=15",
  "tcp_keepalives_interval=5",
  "tcp_keepalives_count=3",
  "idle_in_transaction_session_timeout=60s",
];

/**
 * Applies the migrations of a directory in Prisma's layout (`<name>/migration.sql`) that the database does not have
 * yet, in name order, and keeps Prisma's books, so that `prisma migrate status` agrees. Safe to call from many
 * processes at once: one applies, the others wait.
 *
 * @returns the names of the migrations that this call applied
 * @throws MigrationError when a migration fails, failed earlier, was changed after it was applied, or is unknown to
 * this program; the database is then as it was
 */
export async function migrate(url: string, directory: string, options: MigrateOptions = {}): Promise<string[]> {
  const migrations = await readMigrations(directory);
  return withSession(url, async (client) => {
    await lock(client, options.lockTimeout ?? LOCK_TIMEOUT);
    const pending = findPending(migrations, await readBooks(client));
    for (const migration of pending) await apply(client, migration);
    return pending.map(({ name }) => name);
  });
}

async function readMigrations(directory: string): Promise<Migration[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(names.sort().map((name) => readMigration(directory, name)));
}

async function readMigration(directory: string, name: string): Promise<Migration> {
  const bytes = await readFile(join(directory, name, "migration.sql"));
  return { name, sql: bytes.toString("utf8"), checksum: createHash("sha256").update(bytes).digest("hex") };
}

/** One connection for everything; closing it also gives the advisory lock back. */
async function withSession<Result>(url: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({
    connectionString: url,
    application_name: "ramgate migrate",
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
  client.on("error", () => {}); // a lost connection also fails the query under way, which reports it
  await client.connect();
  try {
    for (const setting of SESSION_SETTINGS) await client.query(`set ${setting.replace("=", " to '")}'`);
    return await work(client);
  } finally {
    await client.end();
  }
}

async function lock(client: pg.Client, timeout: number): Promise<void> {
  const deadline = Date.now() + timeout;
  while (!(await tryLock(client))) {
    if (Date.now() > deadline) throw new MigrationError(await describeLockHolder(client, timeout));
    await sleep(LOCK_POLL);
  }
}

async function tryLock(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>("select pg_try_advisory_lock($1) as locked", [LOCK_KEY]);
  return rows[0]?.locked === true;
}

async function describeLockHolder(client: pg.Client, timeout: number): Promise<string> {
  const { rows } = await client.query<{ holder: string }>(
    `select format('process %s (%s) from %s', a.pid, a.application_name, coalesce(host(a.client_addr), 'a local socket'))
       as holder
     from pg_locks l join pg_stat_activity a using (pid)
     where l.locktype = 'advisory' and l.granted and l.objid = $1 and l.classid = 0
       and l.database = (select oid from pg_database where datname = current_database())`,
    [LOCK_KEY],
  );
  const holder = rows[0]?.holder ?? "another process";
  return `the database is still being migrated by ${holder} after ${timeout / 1000} s; if it is dead, end it with pg_terminate_backend`;
}

async function readBooks(client: pg.Client): Promise<AppliedMigration[]> {
  const { rows } = await client.query<{ present: boolean }>(
    "select to_regclass('_prisma_migrations') is not null as present",
  );
  if (!rows[0]?.present) await client.query(CREATE_BOOKKEEPING);
  const books = await client.query<AppliedMigration>(
    "select migration_name, checksum, finished_at from _prisma_migrations where rolled_back_at is null",
  );
  return books.rows;
}

function findPending(migrations: readonly Migration[], books: readonly AppliedMigration[]): Migration[] {
  const known = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const applied of books) checkApplied(applied, known.get(applied.migration_name));
  const done = new Set(books.map((applied) => applied.migration_name));
  return migrations.filter(({ name }) => !done.has(name));
}

function checkApplied(applied: AppliedMigration, migration: Migration | undefined): void {
  const name = `\`${applied.migration_name}\``;
  if (migration === undefined) {
    throw new MigrationError(`the database is newer than this program: it has the unknown migration ${name}`);
  }
  if (applied.finished_at === null) {
    throw new MigrationError(
      `migration ${name} failed earlier and may be half applied; mend the database, then mark it with \`npx prisma migrate resolve\``,
    );
  }
  if (applied.checksum !== migration.checksum) {
    throw new MigrationError(`migration ${name} was changed after it was applied; restore it and add a new migration`);
  }
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  const outside = migration.sql.startsWith(NO_TRANSACTION);
  try {
    await (outside ? applyOutsideTransaction(client, migration) : applyInTransaction(client, migration));
  } catch (error) {
    const state = outside ? "the database may be half changed" : "nothing was changed";
    throw new MigrationError(`migration \`${migration.name}\` failed, ${state}: ${reason(error, migration.sql)}`, {
      cause: error,
    });
  }
}

async function applyInTransaction(client: pg.Client, migration: Migration): Promise<void> {
  await client.query("begin");
  try {
    await book(client, migration, () => client.query(migration.sql));
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => {}); // a lost connection rolls back by itself
    throw error;
  }
}

async function applyOutsideTransaction(client: pg.Client, migration: Migration): Promise<void> {
  await book(client, migration, async (id) => {
    try {
      await client.query(migration.sql);
    } catch (error) {
      await client.query("update _prisma_migrations set logs = $2 where id = $1", [id, String(error)]);
      throw error;
    }
  });
}

async function book(client: pg.Client, migration: Migration, run: (id: string) => Promise<unknown>): Promise<void> {
  const id = randomUUID();
  await client.query(
    "insert into _prisma_migrations (id, checksum, migration_name, started_at) values ($1, $2, $3, clock_timestamp())",
    [id, migration.checksum, migration.name],
  );
  await run(id);
  await client.query(
    "update _prisma_migrations set finished_at = clock_timestamp(), applied_steps_count = 1 where id = $1",
    [id],
  );
}

/** PostgreSQL gives the place as a character offset; people look for a line. */
function reason(error: unknown, sql: string): string {
  if (!(error instanceof pg.DatabaseError)) return String(error instanceof Error ? error.message : error);
  const place = error.position ? ` (line ${sql.slice(0, Number(error.position)).split("\n").length})` : "";
  return `${error.message}${place}`;
}
