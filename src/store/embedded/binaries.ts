import { access, chmod, constants, readFile, symlink } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { EmbeddedPostgresError } from "./embedded-postgres-error.js";

/** Absolute paths of the programs of one PostgreSQL, ready to run. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * Finds the PostgreSQL that npm installed for this platform and completes what `npm ci --ignore-scripts` leaves out.
 *
 * @throws EmbeddedPostgresError when there is none for this platform
 */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const { initdb, postgres } = await importPlatformPackage();
  const root = resolve(dirname(postgres), "..", "..");
  await completeLibraryLinks(root);
  await Promise.all([initdb, postgres].map(makeExecutable));
  return { initdb, postgres };
}

async function importPlatformPackage(): Promise<PostgresBinaries> {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return (await import(name)) as PostgresBinaries;
  } catch (cause) {
    throw new EmbeddedPostgresError(`the package \`${name}\` is not installed or does not exist`, { cause });
  }
}

/** The package ships each shared library once; its install script, which may not have run, links the other names. */
async function completeLibraryLinks(root: string): Promise<void> {
  const list = await readFile(join(root, "native", "pg-symlinks.json"), "utf8").catch(() => "[]");
  const links = JSON.parse(list) as { source: string; target: string }[];
  await Promise.all(links.map(({ source, target }) => link(basename(source), join(root, target))));
}

async function link(source: string, path: string): Promise<void> {
  try {
    await symlink(source, path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST" || (await exists(path))) return;
    throw new EmbeddedPostgresError(`cannot complete its libraries at \`${path}\``, { cause });
  }
}

async function makeExecutable(path: string): Promise<void> {
  if (await exists(path, constants.X_OK)) return;
  await chmod(path, 0o755).catch((cause) => {
    throw new EmbeddedPostgresError(`\`${path}\` is not executable`, { cause });
  });
}

const exists = (path: string, mode: number = constants.F_OK) =>
  access(path, mode).then(
    () => true,
    () => false,
  );
