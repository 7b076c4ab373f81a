import { randomUUID } from "node:crypto";
import { importAccount } from "../administration/import-account.js";
import type { Config } from "../config.js";
import { InvalidInputError } from "../domain/errors.js";
import { EXIT, type ExitCode } from "./exit-code.js";
import { readFile } from "./read-file.js";
import { withApp } from "./with-app.js";

export interface ImportOptions {
  readonly account?: string;
  readonly replace: boolean;
  readonly dryRun: boolean;
}

/** Imports a snapshot file; prints the plan, the warnings and every problem. */
export async function importSnapshot(config: Config, file: string, options: ImportOptions): Promise<ExitCode> {
  const snapshot = parse(await readFile(file), file);
  const account = options.account ?? accountOf(snapshot);
  const input = { account, snapshot, mode: options.replace ? ("REPLACE" as const) : ("MERGE" as const) };
  const request = {
    caller: { kind: "OPERATOR" as const, credentialId: "command-line" },
    requestId: randomUUID(),
    dryRun: options.dryRun,
  };
  const result = await withApp(config, ({ administration }) => importAccount(administration, input, request));
  for (const problem of result.userErrors) {
    process.stderr.write(`${problem.pointer ?? ""} ${problem.code}: ${problem.message}\n`.trimStart());
  }
  if (result.userErrors.length > 0) return EXIT.error;
  process.stdout.write(`${JSON.stringify(result.value, null, 2)}\n${summary(result.changed, options.dryRun)}\n`);
  return EXIT.ok;
}

function parse(json: string, file: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new InvalidInputError(`\`${file}\` is not JSON: ${(error as Error).message}`);
  }
}

function accountOf(snapshot: unknown): string {
  const id = (snapshot as { account?: { id?: unknown } } | null)?.account?.id;
  if (typeof id === "string") return id;
  throw new InvalidInputError("the snapshot names no account: it needs a string at `/account/id`");
}

function summary(changed: boolean, dryRun: boolean): string {
  if (!changed) return "nothing to change";
  return dryRun ? "dry run: nothing was changed" : "imported";
}
