#!/usr/bin/env node
/**
 * Prisma's schema engine without a download. Prisma's CLI wants a native program that it fetches from the network;
 * the same engine exists on npm, compiled to WebAssembly. This is that engine behind the native program's protocol
 * (JSON-RPC, one message a line, on stdin and stdout), talking to PostgreSQL through @prisma/adapter-pg.
 * `prisma.config.ts` points PRISMA_SCHEMA_ENGINE_BINARY here, so `npx prisma migrate dev` just works.
 *
 * Needs a reachable PostgreSQL even for `migrate diff --from-empty`; knows the schema `public` only.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { canConnect, createAdapterFactory, createDatabase, dropDatabase } from "./schema-engine-database.mjs";

const require = createRequire(import.meta.url);
const ENGINE = "@prisma/schema-engine-wasm";

const { values: options, positionals } = parseArgs({
  strict: false,
  allowPositionals: true,
  options: {
    datamodels: { type: "string", multiple: true },
    datamodel: { type: "string", multiple: true, short: "d" },
    datasource: { type: "string" },
    version: { type: "boolean" },
  },
});
const datasource = options.datasource ? JSON.parse(options.datasource) : {};

const READS_MIGRATIONS = new Set(["evaluateDataLoss", "createMigration"]);
let engine;

/** Where the engine leaves the last words of a panic, which ends as a bare RuntimeError. */
let panicMessage;
globalThis.PRISMA_WASM_PANIC_REGISTRY = {
  set_message: (message) => {
    panicMessage = message;
  },
};

if (options.version) console.log(`schema-engine-wasm ${require(`${ENGINE}/package.json`).version}`);
else if (positionals[0] === "cli") await runCommand(positionals[1]);
else serveRpc();

/** The three one-shot commands, which Prisma's CLI calls before it starts a conversation. */
async function runCommand(name) {
  const commands = {
    "can-connect-to-database": canConnect,
    "create-database": createDatabase,
    "drop-database": dropDatabase,
  };
  log("INFO", "Starting schema engine CLI"); // the CLI skips the first line
  try {
    if (!commands[name]) throw new Error(`unknown command ${name}`);
    await commands[name](datasource.url);
    log("INFO", "Done");
  } catch (error) {
    log("ERROR", String(error.message ?? error), { error_code: prismaErrorCode(error), is_panic: false });
    process.exitCode = 1;
  }
}

function prismaErrorCode({ code }) {
  const codes = { "3D000": "P1003", "42P04": "P1009", "28P01": "P1000", 28000: "P1000" };
  return codes[code] ?? "P1001";
}

function log(level, message, fields = {}) {
  const entry = {
    timestamp: new Date().toISOString(),
    level,
    target: "schema_engine::logger",
    fields: { message, ...fields },
  };
  process.stderr.write(`${JSON.stringify(entry)}\n`);
}

/** Answers requests one after the other until stdin closes. */
function serveRpc() {
  let previous = Promise.resolve();
  const lines = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  lines.on("line", (line) => {
    previous = previous.then(() => answer(JSON.parse(line)));
  });
  lines.on("close", () => previous.then(() => process.exit(0)));
}

async function answer({ id, method, params }) {
  if (!method) return; // the CLI's answer to a message of ours
  try {
    send({ id, result: await call(method, params) });
  } catch (error) {
    send({ id, error: toRpcError(error) });
  }
}

async function call(method, params) {
  if (method === "createDatabase") return createDatabase(datasource.url ?? params.datasource.url);
  engine ??= createEngine();
  if (READS_MIGRATIONS.has(method)) await learnMigrations(params);
  const result = await callEngine(method === "getDatabaseVersion" ? "version" : method, params);
  if (method !== "diff") return result;
  const { stdout, ...rest } = result; // the native engine has the CLI print the diff
  if (stdout != null) send({ id: "print", method: "print", params: { content: stdout } });
  return rest;
}

const callEngine = async (method, params) => (await (await engine)[method](params)) ?? {};

/**
 * These two replay the migrations themselves only in the native engine; here they fail, unless the engine still knows
 * the result from a call that can.
 */
const learnMigrations = ({ migrationsList, filters }) => callEngine("devDiagnostic", { migrationsList, filters });

function toRpcError(error) {
  const isPanic = error?.name === "RuntimeError";
  return {
    code: 4466,
    message: "An error happened. Check the data field for details.",
    data: {
      is_panic: isPanic,
      message: String((isPanic && panicMessage) || (error?.message ?? error)),
      meta: error?.meta ?? null,
      ...(error?.code ? { error_code: error.code } : {}),
    },
  };
}

function send(message) {
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
}

async function createEngine() {
  const { bindMigrationAwareSqlAdapterFactory } = await import("@prisma/driver-adapter-utils");
  const { SchemaEngine } = await loadWebAssembly();
  const paths = options.datamodels ?? options.datamodel;
  const datamodel = paths?.map((path) => [path, readFileSync(path, "utf8")]);
  const factory = createAdapterFactory(datasource.url ?? "postgresql://none.invalid/", datasource.shadowDatabaseUrl);
  const debug = (line) => process.env.DEBUG && process.stderr.write(`${line}\n`);
  return SchemaEngine.new({ datamodel }, debug, bindMigrationAwareSqlAdapterFactory(factory));
}

/** The package's own entry point is for bundlers that import .wasm; this is what they would do. */
async function loadWebAssembly() {
  const glue = await import(`${ENGINE}/schema_engine_bg`);
  const file = require.resolve(ENGINE).replace(/schema_engine\.js$/, "schema_engine_bg.wasm");
  const { instance } = await WebAssembly.instantiate(readFileSync(file), { "./schema_engine_bg.js": glue });
  glue.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  return glue;
}
