import { readFile as readFromDisk } from "node:fs/promises";
import { text } from "node:stream/consumers";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a directory",
  EACCES: "permission denied",
};

/** The text of a file; `-` is standard input. @throws Error that says which file, and why, for people */
export async function readFile(file: string): Promise<string> {
  try {
    return file === "-" ? await text(process.stdin) : await readFromDisk(file, "utf8");
  } catch (error) {
    throw unreadable(file, error);
  }
}

/** Why a file cannot be read or written, for people. */
export function unreadable(file: string, error: unknown, what = "read"): Error {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return new Error(`cannot ${what} \`${file}\`: ${REASONS[code] ?? message}`, { cause: error });
}
