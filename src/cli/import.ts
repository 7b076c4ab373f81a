import { randomUUID } from "node:crypto";
import type { ChangeResult } from "../administration/administration.js";
import type { PlannedChange } from "../administration/import/planned-changes.js";
import { type ImportedAccount, type ImportPlan, importAccount } from "../administration/import-account.js";
import type { UserError } from "../administration/user-error.js";
import type { Config } from "../config.js";
import { InvalidInputError } from "../domain/errors.js";
import { EXIT, type ExitCode } from "./exit-code.js";
import { placesOf, repeatedMembers } from "./json-text.js";
import { type Progress, showProgress } from "./progress.js";
import { parseSnapshot, readSnapshotFile } from "./read-snapshot-file.js";
import { withApp } from "./with-app.js";

export interface ImportOptions {
  readonly account?: string;
  readonly replace: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** Something to say about a place in the file. */
interface Remark {
  readonly code: string;
  readonly message: string;
  readonly pointer?: string;
  readonly line?: number;
  readonly column?: number;
}

interface Outcome {
  readonly result: ChangeResult<ImportedAccount>;
  readonly text: string;
}

const MOST_SHOWN = 100;
const TIMEOUT_MS = 1_800_000;

/** Imports a snapshot file; prints the plan, and every problem and warning with its place. */
export async function importSnapshot(config: Config, file: string, options: ImportOptions): Promise<ExitCode> {
  const progress = showProgress(options.quiet);
  try {
    const outcome = await run(config, file, options, progress);
    progress.stop();
    return report(outcome, file, options);
  } finally {
    progress.stop();
  }
}

async function run(config: Config, file: string, options: ImportOptions, progress: Progress): Promise<Outcome> {
  const text = await readSnapshotFile(file, progress);
  const snapshot = parseSnapshot(text, file);
  const repeated = repeatedMembers(text, MOST_SHOWN).map(repetition);
  const mode = options.replace ? ("REPLACE" as const) : ("MERGE" as const);
  const request = {
    caller: { kind: "OPERATOR" as const, credentialId: "command-line" },
    requestId: randomUUID(),
    dryRun: options.dryRun || repeated.length > 0,
  };
  const input = { account: options.account ?? accountOf(snapshot), snapshot, mode };
  const result = await withApp(config, ({ administration }) =>
    importAccount(administration, input, request, {
      onProgress: ({ step, done, total }) => progress.at(step, done, total),
      mostProblems: MOST_SHOWN - repeated.length,
      timeout: TIMEOUT_MS,
    }),
  );
  return { text, result: { ...result, userErrors: [...repeated, ...result.userErrors] } };
}

function repetition(pointer: string): UserError {
  return { code: "INVALID_SNAPSHOT", message: "the member is there twice", field: ["snapshot"], pointer };
}

function accountOf(snapshot: unknown): string {
  const id = (snapshot as { account?: { id?: unknown } } | null)?.account?.id;
  if (typeof id === "string") return id;
  throw new InvalidInputError("the snapshot names no account: it needs a string at `/account/id`");
}

function report(outcome: Outcome, file: string, options: ImportOptions): ExitCode {
  if (options.json) process.stdout.write(`${JSON.stringify(jsonOf(outcome, options), null, 2)}\n`);
  else if (isRefused(outcome)) for (const problem of placed(outcome, "problems")) tell(describe(problem, file));
  else tellPlan(outcome, file, options);
  return isRefused(outcome) ? EXIT.error : EXIT.ok;
}

function isRefused({ result }: Outcome): boolean {
  return result.userErrors.length > 0;
}

function jsonOf(outcome: Outcome, { dryRun }: ImportOptions): object {
  const { value, changed } = outcome.result;
  if (isRefused(outcome) || value === null) {
    return { account: null, dryRun, changed: false, plan: null, problems: placed(outcome, "problems") };
  }
  const { listed, ...plan } = value.plan;
  const shown = { ...plan, ...listed, warnings: placed(outcome, "warnings") };
  return { account: value.accountId, dryRun, changed, plan: shown, problems: [] };
}

function tellPlan(outcome: Outcome, file: string, { dryRun }: ImportOptions): void {
  const { value, changed } = outcome.result;
  const warnings = placed(outcome, "warnings");
  for (const warning of warnings.slice(0, MOST_SHOWN)) tell(`warning: ${describe(warning, file)}`);
  if (warnings.length > MOST_SHOWN) tell(`${warnings.length - MOST_SHOWN} more warnings are not shown`);
  const plan = value === null ? "" : describePlan(value, dryRun);
  process.stdout.write(`${plan}${summary(changed, dryRun)}\n`);
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Adds line and column; a document that is text within the text has places of its own, which its message keeps. */
function placed({ result, text }: Outcome, what: "problems" | "warnings"): Remark[] {
  const remarks: readonly Remark[] = what === "problems" ? result.userErrors : (result.value?.plan.warnings ?? []);
  const places = placesOf(text, new Set(remarks.map(({ pointer }) => pointer ?? "")));
  return remarks.map(({ line, column, ...remark }) => ({
    ...remark,
    message: line === undefined ? remark.message : `${remark.message} (line ${line}, column ${column} of its text)`,
    ...places.get(remark.pointer ?? ""),
  }));
}

function describe({ code, message, pointer = "", line = 1, column = 1 }: Remark, file: string): string {
  return `${file}:${line}:${column} ${pointer === "" ? "" : `${pointer} `}${code}: ${message}`;
}

const SIGNS: Readonly<Record<PlannedChange["action"], string>> = { CREATE: "+", UPDATE: "~", DELETE: "-" };
const STEPS: Readonly<Record<ImportPlan["account"], string>> = { CREATE: "new", UPDATE: "changes", KEEP: "stays" };

/** Counts always, changes one by one on a dry run. */
function describePlan({ accountId, plan }: ImportedAccount, dryRun: boolean): string {
  const { changes, unlistedChanges } = plan.listed;
  const lines = [
    `account ${accountId}: ${STEPS[plan.account]}`,
    ...plan.counts.map(
      ({ kind, created, updated, deleted }) => `${kind}: ${created} created, ${updated} updated, ${deleted} deleted`,
    ),
    ...(dryRun ? changes.map(describeChange) : []),
    ...(dryRun && unlistedChanges > 0 ? [`${unlistedChanges} more changes are not listed`] : []),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function describeChange({ action, kind, name, detail }: PlannedChange): string {
  return `${SIGNS[action]} ${kind} ${name}${detail === null ? "" : ` ${detail}`}`;
}

function summary(changed: boolean, dryRun: boolean): string {
  if (!changed) return "nothing to change";
  return dryRun ? "dry run: nothing was changed" : "imported";
}
