/**
 * What an import of about 100 MB takes, into a fresh database and again, when it finds nothing to do; what its export
 * takes, and the import of that, which finds nothing either. Each is a process of its own. About a minute and a half,
 * up to 2 GB of memory. `npm run bench -- import`; BENCH_SCALE=0.1 for a tenth. Uses BENCH_DATABASE_URL, else the
 * standard local port.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { migrate } from "../dist/store/migrate.js";
import { countThings, makeSnapshot } from "./import/snapshot.mjs";
import { withDatabase } from "./support/database.mjs";

const SCALE = Number(process.env.BENCH_SCALE ?? 1);
const MIGRATIONS = fileURLToPath(new URL("../prisma/migrations", import.meta.url));
const RUNNER = fileURLToPath(new URL("import/runner.mjs", import.meta.url));

const STEPS = ["reading", "checking", "planning", "writing", "exporting"];

async function run(...args) {
  const { stdout } = await promisify(execFile)(process.execPath, [RUNNER, ...args]);
  const { rows, seconds, peakMiB } = JSON.parse(stdout);
  const taken = Object.fromEntries(STEPS.map((step) => [`${step} s`, seconds[step]?.toFixed(1) ?? ""]));
  return { "rows written": rows, ...taken, "peak MiB": peakMiB };
}

const folder = await mkdtemp(join(tmpdir(), "ramgate-bench-"));
try {
  const [file, exported] = [join(folder, "snapshot.json"), join(folder, "exported.json")];
  const snapshot = makeSnapshot(SCALE);
  await writeFile(file, JSON.stringify(snapshot));
  console.log(`${((await stat(file)).size / 1e6).toFixed(0)} MB, ${countThings(snapshot)} things`);
  await withDatabase(async (url) => {
    await migrate(url, MIGRATIONS);
    console.table({
      "into a fresh database": await run("import", file, url),
      again: await run("import", file, url),
      export: await run("export", exported, url, snapshot.account.id),
      "the export": await run("import", exported, url),
    });
  });
} finally {
  await rm(folder, { recursive: true });
}
