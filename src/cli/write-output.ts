import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { unreadable } from "./read-file.js";

type Work = (write: (text: string) => Promise<void>) => Promise<void>;

/** Writes text to a file that is there only when it is whole; `-` is standard output. */
export function writeOutput(file: string, work: Work): Promise<void> {
  return file === "-" ? work((text) => writeTo(process.stdout, text)) : toFile(file, work);
}

async function toFile(file: string, work: Work): Promise<void> {
  const part = `${file}.part`;
  const stream = createWriteStream(part);
  const failure = once(stream, "error").then(([error]) => Promise.reject(unreadable(file, error, "write")));
  failure.catch(() => {});
  try {
    await Promise.race([work((text) => Promise.race([writeTo(stream, text), failure])), failure]);
    stream.end();
    await Promise.race([finished(stream), failure]);
    await rename(part, file);
  } catch (error) {
    stream.destroy();
    await rm(part, { force: true });
    throw error;
  }
}

async function writeTo(stream: Writable, text: string): Promise<void> {
  if (!stream.write(text)) await once(stream, "drain");
}
