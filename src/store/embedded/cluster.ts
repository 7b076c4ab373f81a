import { execFile } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { access, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import type { PostgresBinaries } from "./binaries.js";
import { EmbeddedPostgresError } from "./embedded-postgres-error.js";
import { CLEAN_ENVIRONMENT, commandLine, giveTo, type Launcher } from "./launcher.js";

const run = promisify(execFile);

/** The one PostgreSQL role; it owns everything. */
export const ROLE = "ramgate";

/** What lies in the directory of one embedded PostgreSQL. */
export interface Cluster {
  /** PostgreSQL's own data directory. */
  readonly data: string;
  readonly passwordFile: string;
  readonly log: string;
}

export const clusterIn = (directory: string): Cluster => ({
  data: join(directory, "data"),
  passwordFile: join(directory, "password"),
  log: join(directory, "server.log"),
});

/**
 * Creates the cluster if it is not there. It is made under another name and then renamed, so that whoever sees it
 * sees it whole; of two starters at once, one throws its own away.
 */
export async function ensureCluster(directory: string, binaries: PostgresBinaries, launcher: Launcher): Promise<void> {
  if (await isCluster(directory)) return;
  await removeLeftovers(directory);
  const draft = `${directory}.new-${process.pid}-${randomUUID().slice(0, 8)}`;
  try {
    await createCluster(draft, binaries, launcher);
    await rename(draft, directory);
  } catch (error) {
    if (!(await isCluster(directory))) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

const isCluster = (directory: string) =>
  access(join(directory, "data", "PG_VERSION")).then(
    () => true,
    () => false,
  );

async function createCluster(directory: string, binaries: PostgresBinaries, launcher: Launcher): Promise<void> {
  const { data, passwordFile } = clusterIn(directory);
  await mkdir(data, { recursive: true, mode: 0o700 });
  await writeFile(passwordFile, randomBytes(32).toString("base64url"), { mode: 0o600 });
  await giveTo(launcher, directory);
  await initdb(binaries.initdb, launcher, [
    `--pgdata=${data}`,
    `--username=${ROLE}`,
    `--pwfile=${passwordFile}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-sync", // everything is synchronised once, below
  ]);
  await initdb(binaries.initdb, launcher, ["--sync-only", `--pgdata=${data}`]);
}

async function initdb(program: string, launcher: Launcher, args: string[]): Promise<void> {
  try {
    await run(...commandLine(launcher, program, args), { env: CLEAN_ENVIRONMENT });
  } catch (cause) {
    const { stderr, message } = cause as { stderr?: string; message: string };
    throw new EmbeddedPostgresError(`initdb failed: ${stderr?.trim() || message}`, { cause });
  }
}

const LEFTOVER_AGE = 10 * 60_000;

/** A starter that was killed during initdb leaves its draft behind. */
async function removeLeftovers(directory: string): Promise<void> {
  const parent = dirname(directory);
  const drafts = (await readdir(parent)).filter((name) => name.startsWith(`${basename(directory)}.new-`));
  for (const path of drafts.map((name) => join(parent, name))) {
    const age = Date.now() - (await stat(path).catch(() => ({ mtimeMs: Date.now() }))).mtimeMs;
    if (age > LEFTOVER_AGE) await rm(path, { recursive: true, force: true });
  }
}

/** @throws EmbeddedPostgresError when the cluster belongs to somebody else */
export async function readPassword(cluster: Cluster): Promise<string> {
  try {
    return (await readFile(cluster.passwordFile, "utf8")).trim();
  } catch (cause) {
    throw new EmbeddedPostgresError(`\`${cluster.passwordFile}\` cannot be read; was it made by another user?`, {
      cause,
    });
  }
}
