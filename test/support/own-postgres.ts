import { appendFile, cp, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findPostgresBinaries } from "../../src/store/embedded/binaries.js";
import { type Cluster, clusterIn, ensureCluster, readPassword } from "../../src/store/embedded/cluster.js";
import { chooseLauncher, giveTo, listLaunchers } from "../../src/store/embedded/launcher.js";
import { findServer, startServer, stopServer } from "../../src/store/embedded/server.js";
import { migrate } from "../../src/store/migrate.js";
import { MIGRATIONS } from "./databases.js";

/** A PostgreSQL that a test may crash and copy; it keeps what it has confirmed, as one in production does. */
export interface OwnPostgres {
  /** Of a migrated database; another one after each start. */
  url(): string;
  start(): Promise<void>;
  /** Nothing is written that is not written yet, as when the power fails. */
  crash(): Promise<void>;
  stop(): Promise<void>;
  /** Of a stopped copy of another: to be its streaming replica from the next start on. @param primary as `url` says */
  follow(primary: string): Promise<void>;
  /** Of a stopped one: another with the same data, not started. */
  fork(): Promise<OwnPostgres>;
  /** Stops it and deletes its data. */
  remove(): Promise<void>;
}

/** Makes one and starts it. */
export async function startOwnPostgres(): Promise<OwnPostgres> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), "ramgate-own-postgres-")));
  const own = await control(directory);
  try {
    await own.start();
    await migrate(own.url(), MIGRATIONS);
    return own;
  } catch (error) {
    await own.remove();
    throw error;
  }
}

async function control(parent: string): Promise<OwnPostgres> {
  const directory = join(parent, "postgres");
  const binaries = await findPostgresBinaries();
  const launcher = await chooseLauncher(await listLaunchers(parent), binaries.postgres, parent);
  await ensureCluster(directory, binaries, launcher);
  const cluster = clusterIn(directory);
  const password = await readPassword(cluster);
  let url = "";
  const stop = async () => {
    const server = await findServer(cluster);
    if (server !== undefined) await stopServer(cluster, server);
  };
  return {
    url: () => url,
    start: async () => {
      await giveTo(launcher, directory);
      const server = await startServer(cluster, binaries.postgres, launcher);
      if (server === undefined) throw new Error(`somebody else runs the PostgreSQL in ${directory}`);
      url = `postgresql://ramgate:${password}@127.0.0.1:${server.port}/postgres`;
    },
    crash: () => crash(cluster),
    stop,
    follow: async (primary) => {
      const { hostname, port, username, password } = new URL(primary);
      const source = `host=${hostname} port=${port} user=${username} password=${password}`;
      await appendFile(join(cluster.data, "postgresql.auto.conf"), `primary_conninfo = '${source}'\n`);
      await writeFile(join(cluster.data, "standby.signal"), "");
    },
    fork: async () => {
      const copy = await realpath(await mkdtemp(join(tmpdir(), "ramgate-own-postgres-")));
      await cp(directory, join(copy, "postgres"), { recursive: true, preserveTimestamps: true });
      return control(copy);
    },
    remove: async () => {
      await stop();
      await rm(parent, { recursive: true, force: true });
    },
  };
}

async function crash(cluster: Cluster): Promise<void> {
  const server = await findServer(cluster);
  if (server === undefined) return;
  process.kill(server.pid, "SIGQUIT"); // PostgreSQL's "immediate" shutdown
  while ((await findServer(cluster)) !== undefined) await sleep(10);
}
