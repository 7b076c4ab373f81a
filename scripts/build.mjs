#!/usr/bin/env node
/**
 * Generates and compiles what is out of date, and nothing else: `npm start` and `npm test` begin with this.
 * Of two builds in one checkout the second waits and then finds nothing to do. A program that already runs from
 * dist/ is not disturbed: files change one by one, whole, and only those that differ.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { withLock } from "./lock.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const at = (...parts) => join(ROOT, ...parts);
const WORK = at(".build");
const STAMPS = join(WORK, "stamps.json");
const ENGINE_VERSION = at("src/decisions/generated/engine-version.ts");
const BIN = at("dist/cli/ramgate.js");

/** What a decision is made by: how its input is read, how it is evaluated, how it is kept. */
const ANSWER_SOURCES = ["src/decisions", "src/domain", "src/store"];

/** Each step: what it reads, what it leaves behind, how to do it. */
const STEPS = [
  {
    name: "prisma client",
    inputs: () => ["package-lock.json", "prisma/schema.prisma", "prisma.config.ts"].map((path) => at(path)),
    outputs: [at("src/store/generated/prisma/client.ts"), at("src/graphql/generated/pothos-types.ts")],
    run: generatePrismaClient,
  },
  {
    name: "engine version",
    inputs: () => ANSWER_SOURCES.flatMap((path) => listFiles(at(path))),
    outputs: [ENGINE_VERSION],
    run: writeEngineVersion,
  },
  {
    name: "dist",
    inputs: () => [
      ...["package-lock.json", "prisma/schema.prisma", "tsconfig.json", "tsconfig.build.json"].map((path) => at(path)),
      ...listFiles(at("src")),
    ],
    outputs: existsSync(at("src/cli/ramgate.ts")) ? [BIN] : [],
    run: compile,
  },
];

if (STEPS.some((step) => isStale(step))) {
  mkdirSync(WORK, { recursive: true });
  await withLock(join(WORK, "lock"), () => STEPS.forEach(runIfStale));
}

function isStale(step) {
  return readStamps()[step.name] !== hash(step.inputs()) || !step.outputs.every((path) => existsSync(path));
}

function runIfStale(step) {
  if (!isStale(step)) return;
  const stamp = hash(step.inputs()); // before the work: what changes meanwhile is built the next time
  console.error(`building: ${step.name}`);
  step.run();
  replaceFile(STAMPS, JSON.stringify({ ...readStamps(), [step.name]: stamp }));
}

function readStamps() {
  try {
    return JSON.parse(readFileSync(STAMPS, "utf8"));
  } catch {
    return {};
  }
}

function hash(paths) {
  const digest = createHash("sha256");
  for (const path of [...paths, fileURLToPath(import.meta.url)]) {
    digest
      .update(`${relative(ROOT, path)}\0`)
      .update(readFileSync(path))
      .update("\0");
  }
  return digest.digest("hex");
}

/** Every source below a directory, sorted; generated ones follow from the others. */
function listFiles(directory) {
  if (!existsSync(directory)) return [];
  const entries = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.name !== "generated");
  return entries
    .flatMap((entry) => (entry.isDirectory() ? listFiles(join(directory, entry.name)) : [join(directory, entry.name)]))
    .sort();
}

function generatePrismaClient() {
  run(at("node_modules/prisma/build/index.js"), ["generate"]);
}

/** The evaluator's version is part of the key of every cached decision: another evaluator, other keys. */
function writeEngineVersion() {
  const digest = createHash("sha256");
  const paths = ANSWER_SOURCES.flatMap((path) => listFiles(at(path)));
  for (const path of paths) digest.update(`${relative(ROOT, path)}\0`).update(readFileSync(path));
  const version = digest.digest("hex").slice(0, 16);
  const source = `/** A hash of the sources of ${ANSWER_SOURCES.join(", ")}. Written by scripts/build.mjs. */\nexport const engineVersion = "${version}";\n`;
  mkdirSync(dirname(ENGINE_VERSION), { recursive: true });
  replaceFile(ENGINE_VERSION, source);
}

function compile() {
  const next = join(WORK, "dist");
  rmSync(next, { recursive: true, force: true });
  run(at("node_modules/typescript/bin/tsc"), ["--project", at("tsconfig.build.json"), "--outDir", next]);
  replaceTree(next, at("dist"));
  if (existsSync(BIN)) chmodSync(BIN, 0o755);
}

/** Makes `to` the same as `from`, each file replaced in one step. */
function replaceTree(from, to) {
  mkdirSync(to, { recursive: true });
  const wanted = readdirSync(from, { withFileTypes: true });
  for (const entry of wanted) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) replaceTree(source, target);
    else if (!existsSync(target) || !readFileSync(source).equals(readFileSync(target))) renameSync(source, target);
  }
  const names = new Set(wanted.map((entry) => entry.name));
  for (const name of readdirSync(to)) if (!names.has(name)) rmSync(join(to, name), { recursive: true });
}

function replaceFile(path, content) {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, content);
  renameSync(draft, path);
}

/** Shows a tool's output only when it fails. */
function run(script, args) {
  const env = { ...process.env, PATH: `${at("node_modules/.bin")}:${process.env.PATH}` }; // prisma calls generators by name
  const result = spawnSync(process.execPath, [script, ...args], { cwd: ROOT, encoding: "utf8", env });
  if (result.status === 0) return;
  process.stderr.write(`${result.stdout}${result.stderr}`);
  console.error(`building failed: ${relative(ROOT, script)} ${args.join(" ")}`);
  process.exit(1);
}
