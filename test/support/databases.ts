import { randomBytes } from "node:crypto";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { inject } from "vitest";
import { migrate } from "../../src/store/migrate.js";

/** Where the migrations lie. */
export const MIGRATIONS = fileURLToPath(new URL("../../prisma/migrations", import.meta.url));

const PREFIX = "ramgate_test_";
const LEFTOVER_AGE = 6 * 3600;

export interface TestDatabase {
  readonly url: string;
  /** Also while connections are open. */
  drop(): Promise<void>;
}

/** A migrated, empty database of the test's own, in about 50 ms. `label` shows in its name. */
export async function createTestDatabase(label = "db"): Promise<TestDatabase> {
  const { serverUrl, prefix, template } = inject("databases");
  return createDatabase(serverUrl, `${prefix}_${label}_${randomBytes(4).toString("hex")}`, template);
}

/** A database without anything in it, for tests of the migrations themselves. */
export async function createEmptyDatabase(label = "empty"): Promise<TestDatabase> {
  const { serverUrl, prefix } = inject("databases");
  return createDatabase(serverUrl, `${prefix}_${label}_${randomBytes(4).toString("hex")}`, "template0");
}

/** Migrates as an earlier version did, which knew the migrations up to number `last`. */
export async function migrateUpTo(url: string, last: number): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "ramgate-migrations-"));
  const isKnown = (path: string) => !(Number.parseInt(basename(path), 10) > last);
  await cp(MIGRATIONS, directory, { recursive: true, filter: isKnown });
  await migrate(url, directory);
  await rm(directory, { recursive: true });
}

/** The databases of one run of one project: what {@link createTestDatabase} needs, and the end of all of them. */
export interface TestDatabases {
  readonly serverUrl: string;
  readonly prefix: string;
  readonly template: string;
}

/** Makes the template of this run. Also removes what crashed runs left behind, by the time in the name. */
export async function prepareTestDatabases(serverUrl: string): Promise<TestDatabases> {
  await dropDatabases(serverUrl, (name) => startOf(name) < now() - LEFTOVER_AGE);
  const prefix = `${PREFIX}${now()}_${randomBytes(3).toString("hex")}`;
  const template = `${prefix}_template`;
  const { url } = await createDatabase(serverUrl, template, "template0");
  await migrate(url, MIGRATIONS);
  return { serverUrl, prefix, template };
}

export async function dropTestDatabases({ serverUrl, prefix }: TestDatabases): Promise<void> {
  await dropDatabases(serverUrl, (name) => name.startsWith(prefix));
}

export async function withClient<Result>(url: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function createDatabase(serverUrl: string, name: string, template: string): Promise<TestDatabase> {
  await withClient(serverUrl, (client) => client.query(`create database ${name} template ${template}`));
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { url: url.toString(), drop: () => dropDatabases(serverUrl, (other) => other === name) };
}

async function dropDatabases(serverUrl: string, condemned: (name: string) => boolean): Promise<void> {
  await withClient(serverUrl, async (client) => {
    const { rows } = await client.query<{ datname: string }>(
      `select datname from pg_database where datname like '${PREFIX}%'`,
    );
    const names = rows.map(({ datname }) => datname).filter(condemned);
    for (const name of names) {
      await untilUnused(client, name);
      await client.query(`drop database if exists ${name} with (force)`);
    }
  });
}

/** A pool says that it has ended while its connections still say good-bye; one that is cut off then is an uncaught error. */
async function untilUnused(client: pg.Client, name: string): Promise<void> {
  for (let attempt = 0; attempt < 25; attempt += 1) {
    const { rowCount } = await client.query("select from pg_stat_activity where datname = $1", [name]);
    if (rowCount === 0) return;
    await sleep(20);
  }
}

const now = () => Math.floor(Date.now() / 1000);

/** Seconds since 1970; a name of another form counts as new. */
const startOf = (name: string) => Number(/^ramgate_test_(\d+)_/.exec(name)?.[1] ?? Number.POSITIVE_INFINITY);
