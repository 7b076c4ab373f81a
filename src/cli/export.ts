import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { writeAccount } from "../administration/export-account.js";
import type { Config } from "../config.js";
import { EXIT, type ExitCode } from "./exit-code.js";
import { unreadable } from "./read-file.js";
import { withApp } from "./with-app.js";

export interface ExportOptions {
  readonly output?: string;
}

/** Writes the snapshot of an account to standard output, or to a file that is there only when it is whole. */
export async function exportSnapshot(config: Config, account: string, { output }: ExportOptions): Promise<ExitCode> {
  await withApp(config, ({ db }) =>
    output === undefined || output === "-"
      ? writeAccount(db, account, (text) => writeTo(process.stdout, text))
      : toFile(output, (write) => writeAccount(db, account, write)),
  );
  return EXIT.ok;
}

async function toFile(file: string, work: (write: (text: string) => Promise<void>) => Promise<void>): Promise<void> {
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
