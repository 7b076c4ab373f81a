import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { InvalidInputError } from "../domain/errors.js";
import { placeAt } from "./json-text.js";
import type { Progress } from "./progress.js";
import { unreadable } from "./read-file.js";

/** Bytes: "up to 100 MB", read generously. */
const MOST_BYTES = 100 * 1_024 * 1_024;

/**
 * The text of a snapshot file; `-` is standard input.
 *
 * @throws Error that says which file, and why: it cannot be read, is larger than 100 MiB, or is not UTF-8
 */
export async function readSnapshotFile(file: string, progress: Progress): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    const total = file === "-" ? 0 : (await stat(file)).size;
    if (total > MOST_BYTES) throw tooLarge(file);
    progress.at("reading", 0, total);
    for await (const chunk of file === "-" ? process.stdin : createReadStream(file, { highWaterMark: 1 << 20 })) {
      length += (chunk as Buffer).length;
      if (length > MOST_BYTES) throw tooLarge(file);
      chunks.push(chunk as Buffer);
      progress.at("reading", length, total);
    }
  } catch (error) {
    throw error instanceof InvalidInputError ? error : unreadable(file, error);
  }
  return decode(Buffer.concat(chunks), file);
}

/** @throws InvalidInputError with line and column, as far as the parser tells them */
export function parseSnapshot(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    const offset = offsetIn(message, text);
    const at = offset === null ? "" : `:${Object.values(placeAt(text, offset)).join(":")}`;
    throw new InvalidInputError(`\`${file}\` is not JSON: ${file}${at}: ${message}`);
  }
}

/** V8 says `at position 7`, or that the input ended. */
function offsetIn(message: string, text: string): number | null {
  const found = /at position (\d+)/.exec(message);
  if (found) return Number(found[1]);
  return /end of JSON/i.test(message) ? text.length : null;
}

function tooLarge(file: string): InvalidInputError {
  return new InvalidInputError(`\`${file}\` is larger than 100 MiB`);
}

function decode(bytes: Buffer, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new InvalidInputError(`\`${file}\` is not UTF-8 text`);
  }
}
