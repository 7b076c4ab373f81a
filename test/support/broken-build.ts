import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** One text of the built program that is replaced by another. */
export interface Slip {
  /** Below `dist/`. */
  readonly file: string;
  /** Is there exactly once. */
  readonly find: string;
  readonly replace: string;
}

export interface BrokenBuild {
  /** For `startGateway`. */
  readonly program: string;
  remove(): Promise<void>;
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** What the program reads beside `dist/`. */
const COMPANIONS = ["package.json", "prisma", "examples"];

/**
 * A copy of the built program with mistakes in it, or with a place to fail at.
 *
 * @throws Error unless each text to replace is there exactly once
 */
export async function breakBuild(name: string, slips: readonly Slip[]): Promise<BrokenBuild> {
  const parent = join(ROOT, ".build/broken"); // below the root, where node_modules are found
  await mkdir(parent, { recursive: true });
  const directory = await mkdtemp(join(parent, `${name}-`));
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    await cp(join(ROOT, "dist"), join(directory, "dist"), { recursive: true });
    for (const companion of COMPANIONS) await symlink(join(ROOT, companion), join(directory, companion));
    for (const slip of slips) await apply(join(directory, "dist"), slip);
    return { program: join(directory, "dist/cli/ramgate.js"), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function apply(dist: string, { file, find, replace }: Slip): Promise<void> {
  const text = await readFile(join(dist, file), "utf8");
  const found = text.split(find).length - 1;
  if (found !== 1) throw new Error(`\`${find}\` is there ${found} times in \`dist/${file}\`, not once`);
  await writeFile(
    join(dist, file),
    text.replace(find, () => replace),
  );
}

/** Says, and makes sure, that a test sees what it is there to see. */
export function killed(mutant: string, seen: number, atLeast = 1): void {
  if (seen < atLeast) throw new Error(`the mutant lives: ${mutant} (${seen} violations seen, not ${atLeast})`);
  console.log(`mutant killed: ${mutant} (${seen} violations)`);
}
