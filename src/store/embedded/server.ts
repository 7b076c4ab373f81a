import { type ChildProcess, spawn } from "node:child_process";
import { link, open, readFile, rename, rm, stat, truncate } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "./cluster.js";
import { EmbeddedPostgresError } from "./embedded-postgres-error.js";
import { findFreePort } from "./free-port.js";
import { CLEAN_ENVIRONMENT, commandLine, type Launcher } from "./launcher.js";

/** A PostgreSQL server that runs on a cluster, whoever started it. */
export interface RunningServer {
  readonly pid: number;
  readonly port: number;
  readonly ready: boolean;
}

/** In PostgreSQL's words: a standby takes connections, too. */
const READY: ReadonlySet<string> = new Set(["ready", "standby"]);

/** What PostgreSQL says about itself in `postmaster.pid`; undefined: no server runs there. */
export async function findServer(cluster: Cluster): Promise<RunningServer | undefined> {
  const lines = (await readPidFile(cluster)).split("\n");
  const server = { pid: Number(lines[0]), port: Number(lines[3]), ready: READY.has(lines[7]?.trim() ?? "") };
  if (!Number.isInteger(server.pid) || server.pid <= 0) return undefined;
  return (await isServerOf(cluster, server.pid)) ? server : undefined;
}

const pidFile = (cluster: Cluster) => `${cluster.data}/postmaster.pid`;

/**
 * After a reboot the number in a left-over `postmaster.pid` may belong to any other program. PostgreSQL works inside
 * its data directory; where that cannot be seen, the process counts as the server, for two servers on one cluster
 * would destroy it.
 */
async function isServerOf(cluster: Cluster, pid: number): Promise<boolean> {
  if (!(await isAlive(pid))) return false;
  try {
    const [itsDirectory, ours] = await Promise.all([stat(`/proc/${pid}/cwd`), stat(cluster.data)]);
    return itsDirectory.ino === ours.ino && itsDirectory.dev === ours.dev;
  } catch {
    return isAlive(pid);
  }
}

async function isAlive(pid: number): Promise<boolean> {
  if (!hasProcess(pid)) return false;
  const status = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return !status.includes(") Z "); // a zombie: ended, but nobody has asked for its exit code yet
}

function hasProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

const START_TIMEOUT = 60_000;
const POLL = 15;

/** PostgreSQL's words when another server is starting, runs, or has not quite ended on the same data. */
const OTHER_STARTER = /lock file "postmaster.pid" (already exists|is empty)|pre-existing shared memory block/;
const PORT_TAKEN = /could not create any TCP\/IP sockets/;

/**
 * Starts a server on a cluster and waits until it accepts connections or is gone. It outlives this process and does
 * not see the terminal's Ctrl-C: other gateways may be using it.
 *
 * @returns undefined when another starter was faster
 * @throws EmbeddedPostgresError with the end of the server's log
 */
export async function startServer(
  cluster: Cluster,
  postgres: string,
  launcher: Launcher,
  connections = 100,
): Promise<RunningServer | undefined> {
  await removeStalePidFile(cluster);
  for (let attempt = 0; attempt < 5; attempt++) {
    const logStart = await prepareLog(cluster);
    const child = await spawnServer(cluster, postgres, launcher, serverSettings(await findFreePort(), connections));
    const server = await waitUntilReady(cluster, child);
    if (server !== undefined) return server;
    const log = (await readFile(cluster.log, "utf8")).slice(logStart);
    if (OTHER_STARTER.test(log)) return undefined;
    if (!PORT_TAKEN.test(log)) {
      throw new EmbeddedPostgresError(`the server did not start: ${log.trim()}`);
    }
  }
  throw new EmbeddedPostgresError("no free port on 127.0.0.1");
}

const STALE_AFTER = 250;

/**
 * PostgreSQL itself replaces a left-over file, unless some process has its number (after a reboot, say). Such a file
 * does not change; one that does belongs to a server that comes or goes at this moment.
 */
async function removeStalePidFile(cluster: Cluster): Promise<void> {
  const found = await readPidFile(cluster);
  if (!(await isStale(cluster, found))) return;
  await sleep(STALE_AFTER);
  if ((await readPidFile(cluster)) === found && (await isStale(cluster, found))) await moveAway(cluster, found);
}

const readPidFile = (cluster: Cluster) => readFile(pidFile(cluster), "utf8").catch(() => "");

async function isStale(cluster: Cluster, text: string): Promise<boolean> {
  const pid = Number.parseInt(text, 10);
  return pid > 0 && hasProcess(pid) && !(await isServerOf(cluster, pid));
}

/** If another starter has just done the same and more, what is moved away is its new file, and goes back. */
async function moveAway(cluster: Cluster, stale: string): Promise<void> {
  const aside = `${pidFile(cluster)}.${process.pid}`;
  await rename(pidFile(cluster), aside).catch(() => {});
  const moved = await readFile(aside, "utf8").catch(() => stale);
  if (moved !== stale) await link(aside, pidFile(cluster));
  await rm(aside, { force: true });
}

const LOG_LIMIT = 1_000_000;

/** @returns where this server's part of the log begins, in characters (the log is ASCII) */
async function prepareLog(cluster: Cluster): Promise<number> {
  const { size } = await stat(cluster.log).catch(() => ({ size: 0 }));
  if (size <= LOG_LIMIT) return size;
  await truncate(cluster.log);
  return 0;
}

async function spawnServer(
  cluster: Cluster,
  postgres: string,
  launcher: Launcher,
  settings: readonly string[],
): Promise<ChildProcess> {
  const log = await open(cluster.log, "a", 0o600);
  try {
    const [command, args] = commandLine(launcher, postgres, ["-D", cluster.data, ...settings]);
    return spawn(command, args, { detached: true, stdio: ["ignore", log.fd, log.fd], env: CLEAN_ENVIRONMENT });
  } finally {
    await log.close();
  }
}

/** Everything else stays at PostgreSQL's defaults, above all `fsync` and `synchronous_commit`. */
function serverSettings(port: number, connections: number): string[] {
  const settings = {
    port,
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: connections,
    shared_buffers: "64MB",
    timezone: "UTC",
    log_timezone: "UTC",
  };
  return Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

async function waitUntilReady(cluster: Cluster, child: ChildProcess): Promise<RunningServer | undefined> {
  let ended = false;
  child.once("exit", () => {
    ended = true;
  });
  child.once("error", () => {
    ended = true;
  });
  const deadline = Date.now() + START_TIMEOUT;
  while (!ended) {
    const server = await findServer(cluster);
    if (server?.ready && server.pid === child.pid) {
      child.unref();
      return server;
    }
    if (Date.now() > deadline)
      throw new EmbeddedPostgresError(`the server is not ready after ${START_TIMEOUT / 1000} s`);
    await sleep(POLL);
  }
  return undefined;
}

const STOP_TIMEOUT = 30_000;

/** Ends a server (PostgreSQL's "fast" shutdown: nothing that was committed is lost) and waits until it is gone. */
export async function stopServer(cluster: Cluster, server: RunningServer): Promise<void> {
  process.kill(server.pid, "SIGINT");
  const deadline = Date.now() + STOP_TIMEOUT;
  while ((await findServer(cluster))?.pid === server.pid) {
    if (Date.now() > deadline) throw new Error(`the embedded PostgreSQL (process ${server.pid}) does not stop`);
    await sleep(POLL);
  }
}
