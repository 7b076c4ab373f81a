import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Administration } from "../administration/administration.js";
import { generateAccount, writeGenerated } from "../administration/generate/generate-account.js";
import { type AccountShape, accountsOf, type Size } from "../administration/generate/sizes.js";
import { type ImportedAccount, importAccount } from "../administration/import-account.js";
import type { Config } from "../config.js";
import { InvalidInputError } from "../domain/errors.js";
import { EXIT, type ExitCode } from "./exit-code.js";
import { type Progress, showProgress } from "./progress.js";
import { unreadable } from "./read-file.js";
import { withApp } from "./with-app.js";
import { writeOutput } from "./write-output.js";

export interface GenerateOptions {
  readonly size: Size;
  readonly seed: string;
  readonly accounts?: string;
  readonly out?: string;
  readonly load: boolean;
  readonly replace: boolean;
  readonly quiet: boolean;
}

const TIMEOUT_MS = 7_200_000;
const MOST_WARNINGS = 10;

/** Makes accounts up, and writes them to files or imports them into the database. */
export async function generate(readConfig: () => Config, options: GenerateOptions): Promise<ExitCode> {
  const { size, seed, accounts: count } = options;
  checkWhere(options);
  const shapes = accountsOf(size, numberOf("seed", seed), count === undefined ? count : numberOf("accounts", count));
  const progress = showProgress(options.quiet);
  try {
    if (options.out === undefined) await load(readConfig(), shapes, options.replace, progress);
    else await write(shapes, options.out, progress);
    return EXIT.ok;
  } finally {
    progress.stop();
  }
}

function checkWhere({ out, load, replace }: GenerateOptions): void {
  if (load && out !== undefined) throw new InvalidInputError("`--load` and `--out` exclude each other");
  if (!load && out === undefined) throw new InvalidInputError("it needs `--out <path>` or `--load`");
  if (replace && !load) throw new InvalidInputError("`--replace` goes with `--load` only");
}

function numberOf(name: string, text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new InvalidInputError(`--${name}: \`${text}\` is not a whole number`);
}

async function write(shapes: readonly AccountShape[], out: string, progress: Progress): Promise<void> {
  if (shapes.length > 1 && out === "-") throw new InvalidInputError("several accounts do not go to standard output");
  if (shapes.length > 1) await makeDirectory(out);
  for (const [at, shape] of shapes.entries()) {
    const file = shapes.length > 1 ? join(out, `${shape.id}.json`) : out;
    await writeOutput(file, (text) =>
      writeGenerated(shape, text, (done, total) => progress.at(step("writing", at, shapes), done, total)),
    );
    progress.stop();
    if (file !== "-") process.stdout.write(`${file}\n`);
  }
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw unreadable(path, error, "write into");
  }
}

/** Says which account it is where there are several. */
function step(name: string, at: number, shapes: readonly AccountShape[]): string {
  return shapes.length > 1 ? `account ${at + 1} of ${shapes.length}: ${name}` : name;
}

function load(config: Config, shapes: readonly AccountShape[], replace: boolean, progress: Progress): Promise<void> {
  return withApp(config, async ({ administration }) => {
    for (const [at, shape] of shapes.entries()) {
      const named = {
        ...progress,
        at: (name: string, done: number, total: number) => progress.at(step(name, at, shapes), done, total),
      };
      named.at("generating", 0, 1);
      const imported = await loadAccount(administration, shape, replace, named);
      progress.stop();
      report(imported);
    }
  });
}

async function loadAccount(administration: Administration, shape: AccountShape, replace: boolean, progress: Progress) {
  const { id: account, size, seed } = shape;
  const request = {
    caller: { kind: "OPERATOR" as const, credentialId: "command-line" },
    requestId: randomUUID(),
    reason: `generated: size ${size}, seed ${seed}`,
  };
  const mode = replace ? ("REPLACE" as const) : ("MERGE" as const);
  const input = { account, snapshot: generateAccount(shape), mode };
  const { value, userErrors } = await importAccount(administration, input, request, {
    onProgress: ({ step: name, done, total }) => progress.at(name, done, total),
    timeout: TIMEOUT_MS,
  });
  if (value === null) throw new Error(userErrors.map(({ message }) => message).join("; "));
  return value;
}

function report({ accountId, plan }: ImportedAccount): void {
  for (const { pointer, message } of plan.warnings.slice(0, MOST_WARNINGS)) {
    process.stderr.write(`warning: ${accountId}${pointer}: ${message}\n`);
  }
  const rows = plan.counts.reduce((sum, { created, updated, deleted }) => sum + created + updated + deleted, 0);
  const changed = plan.account !== "KEEP" || rows > 0;
  process.stdout.write(`account ${accountId}: ${changed ? `${rows} rows written` : "nothing to change"}\n`);
}
