import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import ts from "typescript-5";
import type { Run } from "./compare-evaluators.js";
import { applyMutation, type Mutation } from "./mutation.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const COMPARISON = ["compare-evaluators", "random-cases", "reference-evaluator"].map(
  (name) => `test/support/${name}.ts`,
);
const MAIN = `
import { parentPort, workerData } from "node:worker_threads";
import { compareUntilDifferent } from "./test/support/compare-evaluators.js";
parentPort.postMessage(compareUntilDifferent(workerData.seed, workerData.cases));
`;

/** The evaluator and what it is compared with, by path. */
export function readSources(): Map<string, string> {
  return new Map([...sourcesBelow("src/domain"), ...COMPARISON.map(readSource)]);
}

/** All sources below a directory of the repository, by path. */
export function sourcesBelow(directory: string): [path: string, source: string][] {
  const entries = readdirSync(join(ROOT, directory), { recursive: true, encoding: "utf8" });
  return entries.filter((entry) => entry.endsWith(".ts")).map((entry) => readSource(`${directory}/${entry}`));
}

function readSource(path: string): [path: string, source: string] {
  return [path, readFileSync(join(ROOT, path), "utf8")];
}

/** @throws Error unless the text to replace is there exactly once; `file` is below `directory` */
export function mutate(sources: ReadonlyMap<string, string>, mutation: Mutation, directory = "src/domain") {
  const path = `${directory}/${mutation.file}`;
  const source = sources.get(path);
  if (source === undefined) throw new Error(`${mutation.name}: there is no file \`${path}\``);
  return new Map([...sources, [path, applyMutation(source, mutation)]]);
}

const TRANSLATED = new Map<string, string>();

function translate(source: string): string {
  const known = TRANSLATED.get(source);
  if (known !== undefined) return known;
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true };
  const { outputText } = ts.transpileModule(source, { compilerOptions });
  TRANSLATED.set(source, outputText);
  return outputText;
}

/** Compares the evaluator of these sources with the reference, in a thread of its own. */
export function compareSources(sources: ReadonlyMap<string, string>, seed: number, cases: number): Promise<Run> {
  return runInThread(sources, MAIN, { seed, cases });
}

/** Runs `main` beside these sources, by path; what it posts first is the result. */
export async function runInThread<Result>(
  sources: ReadonlyMap<string, string>,
  main: string,
  workerData: unknown,
): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), "ramgate-mutant-"));
  try {
    for (const [path, source] of sources) {
      const target = join(directory, path.replace(/\.ts$/, ".js"));
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, translate(source));
    }
    symlinkSync(join(ROOT, "node_modules"), join(directory, "node_modules"));
    writeFileSync(join(directory, "package.json"), '{ "type": "module" }');
    writeFileSync(join(directory, "main.js"), main);
    return await runWorker(join(directory, "main.js"), workerData);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function runWorker<Result>(path: string, workerData: unknown): Promise<Result> {
  const worker = new Worker(path, { workerData });
  try {
    return await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
  } finally {
    await worker.terminate();
  }
}
