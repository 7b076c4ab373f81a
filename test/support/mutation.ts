/** A slip that somebody could make. */
export interface Mutation {
  /** What the broken program does. */
  readonly name: string;
  /** Below the directory that is mutated; the decision point's are given below `src`. */
  readonly file: string;
  /** Occurs exactly once in it. */
  readonly find: string;
  readonly replace: string;
}

/** @throws Error unless the text to replace is there exactly once */
export function applyMutation(source: string, { name, file, find, replace }: Mutation): string {
  const found = source.split(find).length - 1;
  if (found !== 1) throw new Error(`${name}: \`${find}\` is there ${found} times in \`${file}\`, not once`);
  return source.replace(find, () => replace);
}

/** Says that a broken variant was found out, for whoever reads the log. */
export function reportKilled(name: string): void {
  console.log(`mutant killed: ${name}`);
}
