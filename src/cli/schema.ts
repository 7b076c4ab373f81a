import { snapshotJsonSchema } from "../administration/import/snapshot-schema.js";
import { EXIT, type ExitCode } from "./exit-code.js";

/** Prints the format of account snapshots as JSON Schema. */
export async function printSnapshotSchema(): Promise<ExitCode> {
  process.stdout.write(`${JSON.stringify(snapshotJsonSchema(), null, 2)}\n`);
  return EXIT.ok;
}
