/**
 * What an import of about 100 MB takes, first into a fresh database and then again, when it finds nothing to do; each in
 * a process of its own. `npm run bench -- import`; BENCH_SCALE=0.1 for a tenth. Uses BENCH_DATABASE_URL, else the
 * standard local port.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import pg from "pg";
import { migrate } from "../dist/store/migrate.js";
import { countThings, makeSnapshot } from "./import/snapshot.mjs";

const SERVER = process.env.BENCH_DATABASE_URL ?? "postgresql://postgres@127.0.0.1:5432/postgres";
const SCALE = Number(process.env.BENCH_SCALE ?? 1);
const MIGRATIONS = fileURLToPath(new URL("../prisma/migrations", import.meta.url));
const RUNNER = fileURLToPath(new URL("import/runner.mjs", import.meta.url));

async function withDatabase(work) {
  const name = `ramgate_bench_${Date.now()}`;
  const client = new pg.Client(SERVER);
  await client.connect();
  await client.query(`create database ${name}`);
  const url = new URL(SERVER);
  url.pathname = `/${name}`;
  try {
    await migrate(url.toString(), MIGRATIONS);
    return await work(url.toString());
  } finally {
    await client.query(`drop database ${name} with (force)`);
    await client.end();
  }
}

async function importOnce(file, url) {
  const { stdout } = await promisify(execFile)(process.execPath, [RUNNER, file, url]);
  const { problems, planned, seconds, peakMiB } = JSON.parse(stdout);
  if (problems.length > 0) throw new Error(problems[0].message);
  const rounded = Object.fromEntries(Object.entries(seconds).map(([step, taken]) => [`${step} s`, taken.toFixed(1)]));
  return { "rows written": planned, ...rounded, "peak MiB": peakMiB };
}

const folder = await mkdtemp(join(tmpdir(), "ramgate-bench-"));
try {
  const file = join(folder, "snapshot.json");
  const snapshot = makeSnapshot(SCALE);
  const text = JSON.stringify(snapshot);
  await writeFile(file, text);
  console.log(`${(Buffer.byteLength(text) / 1e6).toFixed(0)} MB, ${countThings(snapshot)} things`);
  await withDatabase(async (url) => {
    console.table({ first: await importOnce(file, url), again: await importOnce(file, url) });
  });
} finally {
  await rm(folder, { recursive: true });
}
