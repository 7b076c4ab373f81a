import type { PolicyFinding } from "../domain/policy/lint/finding.js";
import { lintPolicy } from "../domain/policy/lint/lint-policy.js";
import { EXIT, type ExitCode } from "./exit-code.js";
import { readFile } from "./read-file.js";

export interface LintOptions {
  readonly trust: boolean;
  readonly json: boolean;
}

/** Prints what is to be said about policy documents, one line for each finding. */
export async function lint(files: readonly string[], options: LintOptions): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  for (const file of files) {
    const findings = lintPolicy(await readFile(file), options.trust ? "trust" : "identity");
    process.stdout.write(options.json ? `${JSON.stringify({ file, findings })}\n` : describe(file, findings));
    if (findings.some(({ severity }) => severity === "ERROR")) code = EXIT.notAllowed;
  }
  return code;
}

function describe(file: string, findings: readonly PolicyFinding[]): string {
  return findings
    .map(
      ({ line, column, severity, code, message }) =>
        `${file}:${line ?? 1}:${column ?? 1} ${severity} ${code} ${message}\n`,
    )
    .join("");
}
