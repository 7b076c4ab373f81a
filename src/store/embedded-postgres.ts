import { access, constants, mkdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findPostgresBinaries } from "./embedded/binaries.js";
import { type Cluster, clusterIn, ensureCluster, ROLE, readPassword } from "./embedded/cluster.js";
import { EmbeddedPostgresError } from "./embedded/embedded-postgres-error.js";
import { chooseLauncher, giveTo, type Launcher, listLaunchers } from "./embedded/launcher.js";
import { joinServer, type Presence } from "./embedded/presence.js";
import { findServer, type RunningServer, startServer, stopServer } from "./embedded/server.js";

export { EmbeddedPostgresError } from "./embedded/embedded-postgres-error.js";

export interface EmbeddedPostgresOptions {
  /** The cluster lies in `<dataDir>/postgres`. Made if it is not there. */
  readonly dataDir: string;
  readonly log?: (message: string) => void;
  /** How many connections the server takes if this process starts it. */
  readonly connections?: number;
  /** Ways to run PostgreSQL, best first; absent: those that suit this process. */
  readonly launchers?: readonly Launcher[];
}

/** This process's part in an embedded PostgreSQL. */
export interface EmbeddedPostgres {
  /** Contains the password: never log it. */
  readonly url: string;
  /** Whether this process started the server, rather than joining one that ran. */
  readonly owner: boolean;
  /** Leaves; the last process to leave stops the server. Close your own connections first. May be called twice. */
  stop(): Promise<void>;
}

interface JoinedServer {
  readonly server: RunningServer;
  readonly presence: Presence;
  readonly owner: boolean;
}

type Options = EmbeddedPostgresOptions & { readonly log: (message: string) => void };

const JOIN_TIMEOUT = 90_000;
const RETRY = 25;

/**
 * A real PostgreSQL without anything to install: started on `<dataDir>/postgres`, or joined if one runs there
 * already, also one that a killed process left behind. It listens on 127.0.0.1 only, at a random port, and wants the
 * random password that lies beside the data. Needs no privilege and works as root.
 *
 * @throws EmbeddedPostgresError when it cannot run here; the message names DATABASE_URL as the way out
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const directory = await prepareDirectory(options.dataDir);
  const log = options.log ?? (() => {});
  const joined = await startOrJoin(directory, { ...options, log });
  const cluster = clusterIn(directory);
  let stopped: Promise<void> | undefined;
  return {
    url: joined.presence.url,
    owner: joined.owner,
    stop: () => {
      stopped ??= leave(cluster, joined, log);
      return stopped;
    },
  };
}

async function prepareDirectory(dataDir: string): Promise<string> {
  try {
    await mkdir(dataDir, { recursive: true });
    await access(dataDir, constants.W_OK | constants.X_OK);
    return join(await realpath(dataDir), "postgres");
  } catch (cause) {
    throw new EmbeddedPostgresError(`cannot use the directory \`${dataDir}\`: ${(cause as Error).message}`, { cause });
  }
}

/** Servers come and go while we look: whatever fails because of that is tried again from the start. */
async function startOrJoin(directory: string, options: Options): Promise<JoinedServer> {
  const deadline = Date.now() + JOIN_TIMEOUT;
  while (Date.now() < deadline) {
    const joined = (await joinRunning(directory, options)) ?? (await start(directory, options));
    if (joined !== undefined) return joined;
    await sleep(RETRY);
  }
  throw new EmbeddedPostgresError(`the server in \`${directory}\` did not answer for ${JOIN_TIMEOUT / 1000} s`);
}

async function joinRunning(directory: string, { log }: Options): Promise<JoinedServer | undefined> {
  const cluster = clusterIn(directory);
  const server = await findServer(cluster);
  if (server === undefined) return undefined;
  const presence = await enter(cluster, server);
  if (presence === undefined) return undefined;
  log(`joined the embedded PostgreSQL that runs in ${directory} (port ${server.port})`);
  return { server, presence, owner: false };
}

async function start(directory: string, options: Options): Promise<JoinedServer | undefined> {
  const cluster = clusterIn(directory);
  if ((await findServer(cluster)) !== undefined) return undefined;
  const binaries = await findPostgresBinaries();
  const parent = join(directory, "..");
  const candidates = options.launchers ?? (await listLaunchers(parent));
  const launcher = await chooseLauncher(candidates, binaries.postgres, parent);
  await ensureCluster(directory, binaries, launcher);
  if ((await findServer(cluster)) !== undefined) return undefined;
  await giveTo(launcher, directory);
  const server = await startServer(cluster, binaries.postgres, launcher, options.connections);
  const presence = server && (await enter(cluster, server));
  if (server === undefined || presence === undefined) return undefined;
  options.log(`started an embedded PostgreSQL in ${directory} (port ${server.port}, ${launcher.name})`);
  return { server, presence, owner: true };
}

async function enter(cluster: Cluster, server: RunningServer): Promise<Presence | undefined> {
  if (!server.ready) return undefined;
  const password = await readPassword(cluster);
  return joinServer(`postgresql://${ROLE}:${password}@127.0.0.1:${server.port}`);
}

async function leave(cluster: Cluster, joined: JoinedServer, log: (message: string) => void): Promise<void> {
  const last = await joined.presence.leave();
  try {
    if (last) await stopServer(cluster, joined.server);
  } finally {
    await joined.presence.close();
  }
  log(last ? "stopped the embedded PostgreSQL" : "left the embedded PostgreSQL to the processes that still use it");
}
