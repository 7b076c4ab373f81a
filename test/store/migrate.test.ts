import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MigrationError, migrate } from "../../src/store/migrate.js";
import { createEmptyDatabase, type TestDatabase, withClient } from "../support/databases.js";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const OURS = join(ROOT, "prisma/migrations");

let database: TestDatabase;
let directory: string;

beforeEach(async () => {
  database = await createEmptyDatabase("migrate");
  directory = await mkdtemp(join(tmpdir(), "ramgate-migrations-"));
});

afterEach(async () => {
  await database.drop();
  await rm(directory, { recursive: true, force: true });
});

async function add(name: string, sql: string): Promise<void> {
  await mkdir(join(directory, name), { recursive: true });
  await writeFile(join(directory, name, "migration.sql"), sql);
}

const query = (sql: string) => withClient(database.url, async (client) => (await client.query(sql)).rows);
const tables = async () =>
  (await query("select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1"))
    .map(({ relname }) => relname)
    .filter((name) => name !== "_prisma_migrations");

describe("migrate", () => {
  test("applies what is missing, in name order, and nothing twice", async () => {
    await add("0002_b", "create table b (a int references a)");
    await add("0001_a", "create table a (id int primary key)");
    expect(await migrate(database.url, directory)).toEqual(["0001_a", "0002_b"]);
    expect(await migrate(database.url, directory)).toEqual([]);
    await add("0003_c", "create table c (id int)");
    expect(await migrate(database.url, directory)).toEqual(["0003_c"]);
    expect(await tables()).toEqual(["a", "b", "c"]);
  });

  test("understands functions, triggers and strings with semicolons", async () => {
    await add(
      "0001_f",
      "create function f() returns text language plpgsql as $$ begin return 'a;b'; end $$; select f();",
    );
    await migrate(database.url, directory);
    expect(await query("select f()")).toEqual([{ f: "a;b" }]);
  });

  test("one of many at once applies, the others wait and find nothing to do", async () => {
    await add("0001_slow", "create table a (id int); select pg_sleep(0.3)");
    const results = await Promise.all(Array.from({ length: 5 }, () => migrate(database.url, directory)));
    expect(results.flat()).toEqual(["0001_slow"]);
  });

  test("a failing migration changes nothing, is named with its line, and can be mended", async () => {
    await add("0001_a", "create table a (id int)");
    await add("0002_bad", "create table b (id int);\ncreate table a (id int);");
    await expect(migrate(database.url, directory)).rejects.toThrow(
      new MigrationError('migration `0002_bad` failed, nothing was changed: relation "a" already exists'),
    );
    expect(await tables()).toEqual(["a"]);
    expect(await query("select migration_name from _prisma_migrations")).toEqual([{ migration_name: "0001_a" }]);
    await add("0002_bad", "create table b (id int);\nselect wrong from b;");
    await expect(migrate(database.url, directory)).rejects.toThrow(/`0002_bad` .* "wrong" does not exist \(line 2\)/);
    await add("0002_bad", "create table b (id int)");
    expect(await migrate(database.url, directory)).toEqual(["0002_bad"]);
  });

  test("refuses a database that is newer than the program", async () => {
    await add("0001_a", "create table a (id int)");
    await add("0002_future", "create table b (id int)");
    await migrate(database.url, directory);
    await rm(join(directory, "0002_future"), { recursive: true });
    await expect(migrate(database.url, directory)).rejects.toThrow(
      "the database is newer than this program: it has the unknown migration `0002_future`",
    );
  });

  test("refuses a migration that was changed after it was applied", async () => {
    await add("0001_a", "create table a (id int)");
    await migrate(database.url, directory);
    await add("0001_a", "create table a (id bigint)");
    await expect(migrate(database.url, directory)).rejects.toThrow(/`0001_a` was changed after it was applied/);
  });

  test("outside a transaction where the migration asks for it; a failure is then remembered", async () => {
    await add("0001_a", "create table a (id int)");
    await add("0002_index", "-- ramgate:no-transaction\ncreate unique index concurrently a_id on a (id)");
    expect(await migrate(database.url, directory)).toEqual(["0001_a", "0002_index"]);
    await add("0003_index", "-- ramgate:no-transaction\ncreate index concurrently a_id on a (id)");
    await expect(migrate(database.url, directory)).rejects.toThrow(
      /`0003_index` failed, the database may be half changed/,
    );
    await expect(migrate(database.url, directory)).rejects.toThrow(/`0003_index` failed earlier .* migrate resolve/);
  });

  test("does not wait for ever, and says who holds the lock", async () => {
    const holder = new pg.Client({ connectionString: database.url, application_name: "a dead gateway" });
    await holder.connect();
    await holder.query("select pg_advisory_lock(72707369)");
    await expect(migrate(database.url, directory, { lockTimeout: 300 })).rejects.toThrow(
      /still being migrated by process \d+ \(a dead gateway\) from 127\.0\.0\.1 after 0\.3 s/,
    );
    await holder.end();
    expect(await migrate(database.url, directory)).toEqual([]);
  });

  test("a peer that was cut off in the middle leaves nothing and no lock", async () => {
    await add("0001_slow", "create table a (id int); select pg_sleep(10)");
    const cut = migrate(database.url, directory);
    const failed = expect(cut).rejects.toThrow(/0001_slow/);
    const killer =
      "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(10)' and pid <> pg_backend_pid() and datname = current_database()";
    await expect.poll(() => query(killer).then((rows) => rows.length)).toBeGreaterThan(0);
    await failed;
    expect(await tables()).toEqual([]);
    await add("0001_slow", "create table a (id int)");
    expect(await migrate(database.url, directory)).toEqual(["0001_slow"]);
  });

  test("a role that may not create tables can start on a database that is up to date", async () => {
    await add("0001_a", "create table a (id int)");
    await migrate(database.url, directory);
    await query("revoke create on schema public from public");
    const role = `reader_${Date.now()}`;
    await query(`create role ${role} login password 'secret'; grant select on _prisma_migrations to ${role}`);
    const url = new URL(database.url);
    url.username = role;
    url.password = "secret";
    try {
      expect(await migrate(url.toString(), directory)).toEqual([]);
    } finally {
      await query(`drop owned by ${role}; drop role ${role}`);
    }
  });
});

describe("Prisma agrees", { timeout: 120_000 }, () => {
  const prisma = (...args: string[]) =>
    run(process.execPath, [join(ROOT, "node_modules/prisma/build/index.js"), ...args], {
      cwd: ROOT,
      env: { ...process.env, DATABASE_URL: database.url, NO_COLOR: "1" },
    });

  test("migrate status is clean after our run, and the migrations make the model", async () => {
    expect((await migrate(database.url, OURS)).length).toBeGreaterThan(0);
    expect((await prisma("migrate", "status")).stdout).toContain("Database schema is up to date!");
    const diff = ["--from-config-datasource", "--to-schema", "prisma/schema.prisma", "--exit-code"];
    await prisma("migrate", "diff", ...diff);
  });

  test("we find nothing to do after migrate deploy", async () => {
    await prisma("migrate", "deploy");
    expect(await migrate(database.url, OURS)).toEqual([]);
  });

  test("the books are the same, column by column", async () => {
    const books =
      "select migration_name, checksum, logs, rolled_back_at, applied_steps_count, finished_at >= started_at as done from _prisma_migrations order by 1";
    const shape =
      "select column_name, data_type, is_nullable, column_default, character_maximum_length from information_schema.columns where table_name = '_prisma_migrations' order by 1";
    await prisma("migrate", "deploy");
    const theirs = [await query(books), await query(shape)];
    await query("drop schema public cascade; create schema public");
    await migrate(database.url, OURS);
    expect([await query(books), await query(shape)]).toEqual(theirs);
  });

  test("a migration is authored without a download", async () => {
    const project = join(directory, "project");
    await mkdir(project);
    for (const path of ["scripts", "prisma", "prisma.config.ts", "package.json"]) {
      await cp(join(ROOT, path), join(project, path), { recursive: true });
    }
    await run("ln", ["-s", join(ROOT, "node_modules"), join(project, "node_modules")]);
    await run("sh", ["-c", "printf 'model Extra {\\n id Int @id\\n}\\n' >> prisma/schema.prisma"], { cwd: project });
    await run(process.execPath, ["node_modules/prisma/build/index.js", "migrate", "dev", "--name", "extra"], {
      cwd: project,
      env: { ...process.env, DATABASE_URL: database.url },
    });
    expect(await query(`select * from "Extra"`)).toEqual([]);
    expect(await migrate(database.url, join(project, "prisma/migrations"))).toEqual([]);
  });
});
