import { writeAccount } from "../administration/export-account.js";
import type { Config } from "../config.js";
import { EXIT, type ExitCode } from "./exit-code.js";
import { withApp } from "./with-app.js";
import { writeOutput } from "./write-output.js";

export interface ExportOptions {
  readonly output?: string;
}

/** Writes the snapshot of an account to standard output, or to a file that is there only when it is whole. */
export async function exportSnapshot(config: Config, account: string, { output }: ExportOptions): Promise<ExitCode> {
  await withApp(config, ({ db }) => writeOutput(output ?? "-", (write) => writeAccount(db, account, write)));
  return EXIT.ok;
}
