/** Starts the two servers with the account loaded, and reads what processor time they use. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import pg from "pg";
import { stringify } from "yaml";
import { migrate } from "../../dist/store/migrate.js";

const RAMGATE = fileURLToPath(new URL("../../dist/cli/ramgate.js", import.meta.url));
const MIGRATIONS = fileURLToPath(new URL("../../prisma/migrations", import.meta.url));
const CERBOS = fileURLToPath(new URL("../cerbos", import.meta.url));
const CLOCK_TICKS = 100; // per second, on every Linux that Node runs on
const START_MS = 120_000;
export const REQUESTS_OF_CONNECTION = 1_000; // then the gateway answers with `connection: close`

/** Loads a snapshot into an empty database, as an operator would. */
export async function importInto(url, file) {
  await migrate(url, MIGRATIONS);
  const env = { ...process.env, DATABASE_URL: url, SEED_DEMO: "false", LOG_LEVEL: "warn" };
  await promisify(execFile)(process.execPath, [RAMGATE, "import", "--quiet", file], { env });
  const client = new pg.Client(url);
  await client.connect();
  await client.query("ANALYZE");
  await client.end();
}

async function stop(child) {
  const ended = once(child, "exit");
  if (child.exitCode === null && child.kill("SIGTERM")) await ended;
}

const ECHO = fileURLToPath(new URL("echo.mjs", import.meta.url));

/** @returns address and process of a program that prints the former, and how to stop it */
async function started(child) {
  let printed = "";
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    printed += chunk;
    const url = /POST (http:\S+)/.exec(printed)?.[1];
    if (url) return { url, pid: child.pid, stop: () => stop(child) };
  }
  throw new Error("the server did not start");
}

/** Node's own HTTP with nothing behind it, which always gives the same answer. */
export function startEcho(answer) {
  return started(spawn(process.execPath, [ECHO, answer], { stdio: ["ignore", "pipe", "inherit"] }));
}

/** @returns the gateway's address and process, and how to stop it */
export async function startGateway(settings) {
  const env = {
    ...process.env,
    PORT: "0",
    SEED_DEMO: "false",
    LOG_LEVEL: "warn",
    DRAIN_GRACE_MS: "0",
    NODE_ENV: "production",
  };
  const child = spawn(process.execPath, [RAMGATE, "serve"], {
    env: { ...env, RATE_LIMIT: "10000000", ...settings },
    stdio: ["ignore", "pipe", "inherit"],
  });
  return { ...(await started(child)), requestsOfConnection: REQUESTS_OF_CONNECTION };
}

/**
 * Cerbos is installed here, and not with all else, because it is a large program for one platform that only this benchmark
 * needs: `npm ci` stays small, and works elsewhere.
 */
async function findCerbos() {
  if (process.env.CERBOS_BIN) return process.env.CERBOS_BIN;
  const platform = `${process.platform}-${process.arch}`;
  if (platform !== "linux-x64") throw new Error(`no package of cerbos for \`${platform}\`: name one with CERBOS_BIN`);
  const program = join(CERBOS, "node_modules/@cerbos/cerbos-linux-x64/cerbos-linux-x64");
  const { version } = JSON.parse(readFileSync(join(CERBOS, "package-lock.json"), "utf8")).packages[
    "node_modules/@cerbos/cerbos-linux-x64"
  ];
  const installed = join(program, "../package.json");
  if (!existsSync(installed) || JSON.parse(readFileSync(installed, "utf8")).version !== version) {
    console.log(`installing cerbos ${version} into bench/cerbos`);
    await promisify(execFile)("npm", ["ci", "--no-audit", "--no-fund"], { cwd: CERBOS });
  }
  return program;
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

/** Nothing that costs time and is not needed to answer: no audit, telemetry, metrics, explorer, schemas or watching. */
function cerbosConfig(folder, port) {
  return {
    server: {
      httpListenAddr: `127.0.0.1:${port}`,
      grpcListenAddr: `unix:${join(folder, "grpc.sock")}`,
      requestLimits: { maxActionsPerResource: 100, maxResourcesPerRequest: 100 },
      metricsEnabled: false,
      apiExplorerEnabled: false,
    },
    storage: { driver: "disk", disk: { directory: join(folder, "policies"), watchForChanges: false } },
    audit: { enabled: false },
    schema: { enforcement: "none" },
    telemetry: { disabled: true },
  };
}

/** @param documents policies by the name of their file */
export async function startCerbos(folder, documents) {
  const program = await findCerbos();
  const version = /\d+\.\d+\.\d+/.exec((await promisify(execFile)(program, ["--version"])).stdout)?.[0];
  const port = await freePort();
  const config = join(folder, "cerbos.yaml");
  await mkdir(join(folder, "policies"));
  for (const [name, document] of documents)
    await writeFile(join(folder, "policies", `${name}.yaml`), stringify(document, { aliasDuplicateObjects: false }));
  await writeFile(config, stringify(cerbosConfig(folder, port)));
  const args = ["server", "--log-level=error", "--debug-listen-addr=", `--config=${config}`];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => said.length < 20 && said.push(chunk));
  const ready = await isReady(`http://127.0.0.1:${port}/_cerbos/health`, child);
  if (!ready) throw new Error(`cerbos did not start: ${Buffer.concat(said)}`);
  return { url: `http://127.0.0.1:${port}/api/check/resources`, pid: child.pid, version, stop: () => stop(child) };
}

async function isReady(url, child) {
  const end = performance.now() + START_MS;
  while (child.exitCode === null && performance.now() < end) {
    const response = await fetch(url).catch(() => null);
    if (response?.ok) return true;
    await pause(100);
  }
  await stop(child);
  return false;
}

/** Milliseconds of processor time that a process has used; 0 for one that is not on this machine. */
export function processorTime(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / CLOCK_TICKS;
  } catch {
    return 0;
  }
}

/** What PostgreSQL works for a database: the time of each process that it has for a connection to it. */
export async function databaseTimes(client, database) {
  const { rows } = await client.query("select pid from pg_stat_activity where datname = $1", [database]);
  return new Map(rows.map(({ pid }) => [pid, processorTime(pid)]));
}
