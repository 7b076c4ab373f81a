import { readFile as readFromDisk } from "node:fs/promises";
import { text } from "node:stream/consumers";

/** The text of a file; `-` is standard input. */
export function readFile(file: string): Promise<string> {
  return file === "-" ? text(process.stdin) : readFromDisk(file, "utf8");
}
