import { execFile } from "node:child_process";
import { chown, lstat, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { EmbeddedPostgresError } from "./embedded-postgres-error.js";

const run = promisify(execFile);

/**
 * One way to run a program of PostgreSQL, which refuses to work for root. `unprivileged` is the user to whom the
 * data directory must belong; absent: the user of this process.
 */
export interface Launcher {
  readonly name: string;
  readonly prefix: readonly string[];
  readonly unprivileged?: number;
}

/** Neither the variables of the user's own PostgreSQL (PGDATA, …) nor our secrets concern the embedded one. */
export const CLEAN_ENVIRONMENT = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin",
  LC_ALL: "C",
  TZ: "UTC",
};

/** The command line that runs a program the launcher's way. */
export function commandLine(launcher: Launcher, program: string, args: readonly string[]): [string, string[]] {
  const [command = program, ...rest] = [...launcher.prefix, program, ...args];
  return [command, rest];
}

const DIRECT: Launcher = { name: "direct", prefix: [] };

/**
 * In a user namespace of its own a process is `nobody`, yet still owns its user's files: for root, and for the nameless
 * user ids of some containers, with which initdb refuses to work.
 */
const USER_NAMESPACE: Launcher = { name: "unshare", prefix: ["unshare", "--user"] };

/** Where user namespaces are forbidden: another user, with the one capability that opens root's directories to it. */
const otherUser = (uid: number): Launcher => ({
  name: "setpriv",
  prefix: [
    "setpriv",
    ...[`--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"],
    ...["--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override", "--bounding-set=-all,+dac_override"],
  ],
  unprivileged: uid,
});

const NOBODY = 65534;

/** The launchers to try on this machine for data below a directory, best first. */
export async function listLaunchers(directory: string): Promise<Launcher[]> {
  if (process.getuid?.() !== 0) return [DIRECT, USER_NAMESPACE];
  const owner = await ownerAbove(directory);
  return [USER_NAMESPACE, ...(owner === 0 ? [] : [otherUser(owner)]), otherUser(NOBODY)];
}

/** `sudo npm start` in a user's checkout leaves that user's files to that user. */
async function ownerAbove(directory: string): Promise<number> {
  const owner = await stat(directory).catch(() => undefined);
  return owner === undefined ? ownerAbove(dirname(directory)) : owner.uid;
}

/**
 * The first launcher that can run a program here and enter a directory.
 *
 * @throws EmbeddedPostgresError with what was wrong with each of them
 */
export async function chooseLauncher(
  candidates: readonly Launcher[],
  postgres: string,
  directory: string,
): Promise<Launcher> {
  const faults: string[] = [];
  for (const launcher of candidates) {
    const fault = await tryLauncher(launcher, postgres, directory);
    if (fault === undefined) return launcher;
    faults.push(`${launcher.name}: ${fault}`);
  }
  throw new EmbeddedPostgresError(`no way to run it as user ${process.getuid?.()} (${faults.join("; ")})`);
}

async function tryLauncher(launcher: Launcher, postgres: string, directory: string): Promise<string | undefined> {
  try {
    for (const [program, ...args] of [
      [postgres, "--version"],
      ["id", "-un"], // initdb wants a name
      ["ls", "-d", `${directory}/.`], // what PostgreSQL needs of the directories above its own: to pass through
    ] as const) {
      await run(...commandLine(launcher, program, args), { env: CLEAN_ENVIRONMENT });
    }
    return undefined;
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    return (stderr?.trim() || message).split("\n")[0] ?? message;
  }
}

/** Makes a tree belong to the user for whom the launcher runs programs. */
export async function giveTo(launcher: Launcher, path: string): Promise<void> {
  const owner = launcher.unprivileged ?? process.getuid?.();
  if (process.getuid?.() !== 0 || owner === undefined) return;
  if ((await lstat(path)).uid !== owner) await chownTree(path, owner);
}

/** The root last: while it is still another's, the next start does the work again. */
async function chownTree(path: string, uid: number): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true });
  for (const entry of entries) {
    const child = join(path, entry.name);
    await (entry.isDirectory() ? chownTree(child, uid) : chown(child, uid, uid));
  }
  await chown(path, uid, uid);
}
