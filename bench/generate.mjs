/**
 * What it takes to make accounts up: written to files, and loaded into a fresh database, and how large what was loaded is
 * there, by table, with its indexes. Each is a process of its own.
 * `npm run bench -- generate`; BENCH_SIZES="small quota huge" for other sizes than small and quota: huge takes some
 * minutes, and 2 GB of memory and of disk. Uses BENCH_DATABASE_URL, else the standard local port.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import pg from "pg";
import { migrate } from "../dist/store/migrate.js";
import { withDatabase } from "./support/database.mjs";

const SIZES = (process.env.BENCH_SIZES ?? "small quota").split(/\s+/);
const MIGRATIONS = fileURLToPath(new URL("../prisma/migrations", import.meta.url));
const RAMGATE = fileURLToPath(new URL("../dist/cli/ramgate.js", import.meta.url));
const tellPeak = () => process.on("exit", () => process.stderr.write(`peak ${process.resourceUsage().maxRSS}`));
const TELL_PEAK = `data:text/javascript,${encodeURIComponent(`(${tellPeak})()`)}`;

async function generate(size, where, settings = {}) {
  const start = performance.now();
  const args = ["--import", TELL_PEAK, RAMGATE, "generate", "--size", size, "--quiet", ...where];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
    env: { ...process.env, LOG_LEVEL: "warn", ...settings },
  });
  const rows = [...stdout.matchAll(/(\d+) rows written/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  return {
    "rows written": rows || "",
    seconds: ((performance.now() - start) / 1_000).toFixed(1),
    "peak MiB": Math.round(Number(/peak (\d+)/.exec(stderr)?.[1]) / 1_024),
  };
}

/** Tables that grow with the accounts. A vacuum first, so that all rows are counted and what is dead is not. */
async function sizesIn(url) {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query("vacuum analyze");
    const { rows } = await client.query(`
      SELECT relname AS name, reltuples::float8 AS rows, pg_table_size(oid)::float8 AS heap, pg_indexes_size(oid)::float8 AS indexes
      FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND reltuples >= 1000 ORDER BY pg_total_relation_size(oid) DESC`);
    return Object.fromEntries(
      rows.map(({ name, rows: count, heap, indexes }) => [
        name,
        {
          rows: count,
          MiB: ((heap + indexes) / 2 ** 20).toFixed(1),
          "bytes/row": Math.round(heap / count),
          "with indexes": Math.round((heap + indexes) / count),
        },
      ]),
    );
  } finally {
    await client.end();
  }
}

const table = {};
const sizes = {};
const folder = await mkdtemp(join(tmpdir(), "ramgate-bench-"));
try {
  for (const size of SIZES) {
    table[`${size}, to files`] = await generate(size, ["--out", join(folder, size)]);
    await withDatabase(async (url) => {
      await migrate(url, MIGRATIONS);
      table[`${size}, into a database`] = await generate(size, ["--load"], { DATABASE_URL: url });
      sizes[size] = await sizesIn(url);
    });
  }
  console.table(table);
  for (const [size, tables] of Object.entries(sizes)) {
    console.log(`\nIn the database, ${size}:`);
    console.table(tables);
  }
} finally {
  await rm(folder, { recursive: true });
}
