import type { PolicyFinding } from "../domain/policy/lint/finding.js";
import { lintPolicy } from "../domain/policy/lint/lint-policy.js";
import { EXIT, type ExitCode } from "./exit-code.js";
import { readFile } from "./read-file.js";

export interface LintOptions {
  readonly trust: boolean;
  readonly json: boolean;
}

/** Prints what is to be said about policy documents, one line for each finding; a file that cannot be read stops none. */
export async function lint(files: readonly string[], options: LintOptions): Promise<ExitCode> {
  let worst: ExitCode = EXIT.ok;
  for (const file of files) {
    const code = await lintFile(file, options);
    if (code > worst) worst = code;
  }
  return worst;
}

async function lintFile(file: string, { trust, json }: LintOptions): Promise<ExitCode> {
  const document = await readFile(file).catch(describeFailure);
  if (document === null) return EXIT.error;
  const findings = lintPolicy(document, trust ? "trust" : "identity");
  process.stdout.write(json ? `${JSON.stringify({ file, findings })}\n` : describe(file, findings));
  return findings.some(({ severity }) => severity === "ERROR") ? EXIT.notAllowed : EXIT.ok;
}

function describeFailure(error: unknown): null {
  process.stderr.write(`ramgate: ${error instanceof Error ? error.message : String(error)}\n`);
  return null;
}

function describe(file: string, findings: readonly PolicyFinding[]): string {
  return findings
    .map(
      ({ line, column, severity, code, message }) =>
        `${file}:${line ?? 1}:${column ?? 1} ${severity} ${code} ${message}\n`,
    )
    .join("");
}
