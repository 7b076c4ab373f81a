/**
 * What reading revisions asks of the one PostgreSQL that all gateways share: a gateway process has at most one such
 * statement on its way however many requests it answers, so a fleet sends at most its number of processes over the time of
 * a round. Prints, for a growing number of waiting requests, how many reads were answered by how many statements, and
 * what a statement costs PostgreSQL in processor time (as `/proc` counts it, so PostgreSQL must run on this machine).
 * From that, what a million decisions a second come to, for several figures of what a process answers: read off yours with
 * what `npm run bench -- http` prints. Uses BENCH_DATABASE_URL, else the standard local port.
 */
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { migrate } from "../dist/store/migrate.js";
import { createRevisionReader, openRevisionPool } from "../dist/store/revisions.js";
import { withDatabase } from "./support/database.mjs";

const MIGRATIONS = fileURLToPath(new URL("../prisma/migrations", import.meta.url));
const SECONDS = Number(process.env.BENCH_SECONDS ?? 2);
/** Scopes that a question reads, and how many there are of each kind, all of them asked about equally often. */
const SCOPES = { glob: 1, cred: 10, acct: 100, prin: 50_000, grp: 5_000, pol: 5_000, res: 50_000 };
const CLOCK_TICKS = 100; // per second, on every Linux that Node runs on
const GOAL = 1_000_000;
/** Milliseconds between gateway and PostgreSQL, and decisions a second of a process. */
const ROUND_TRIPS = [0.3, 1];
const PER_PROCESS = [5_000, 10_000, 20_000, 50_000];

/** Seconds of processor time. */
function cpuOf(pids) {
  const ticks = pids.map((pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
    return Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, each) => sum + each, 0) / CLOCK_TICKS;
}

const randomScopes = () =>
  Object.entries(SCOPES).map(([kind, count]) => `${kind}:bench-${Math.floor(Math.random() * count)}`);

async function during(reader, waiting) {
  const ends = performance.now() + SECONDS * 1_000;
  let reads = 0;
  const caller = async () => {
    while (performance.now() < ends) {
      await reader.readFresh(randomScopes());
      reads += 1;
    }
  };
  await Promise.all(Array.from({ length: waiting }, caller));
  return reads;
}

async function measure(url, client, database, waiting) {
  const pool = openRevisionPool(url);
  let statements = 0;
  const query = pool.query.bind(pool);
  pool.query = (...args) => {
    statements += 1;
    return query(...args);
  };
  try {
    const reader = createRevisionReader(pool);
    await during(reader, waiting);
    const { rows } = await client.query("select pid from pg_stat_activity where datname = $1", [database]);
    const pids = rows.map(({ pid }) => pid);
    const [before, sent] = [cpuOf(pids), statements];
    const reads = await during(reader, waiting);
    const made = statements - sent;
    return { reads: reads / SECONDS, statements: made / SECONDS, cpu: (cpuOf(pids) - before) / made };
  } finally {
    await pool.end();
  }
}

console.log(`${cpus().length} × ${cpus()[0]?.model ?? "unknown cpu"}, Node ${process.version}`);
const measured = await withDatabase(async (url, client, database) => {
  await migrate(url, MIGRATIONS);
  const pool = openRevisionPool(url);
  const insert = "INSERT INTO scope_revision (scope, rev) SELECT $1 || n, 1 FROM generate_series(0, $2::int - 1) n";
  for (const [kind, count] of Object.entries(SCOPES)) await pool.query(insert, [`${kind}:bench-`, count]);
  await pool.query("ANALYZE scope_revision");
  await pool.end();
  const results = {};
  for (const waiting of [1, 8, 64, 256]) results[waiting] = await measure(url, client, database, waiting);
  return results;
});
const total = Object.values(SCOPES).reduce((sum, count) => sum + count, 0);
console.log(
  `\nReads of ${Object.keys(SCOPES).length} of ${total.toLocaleString("en")} revisions, by requests that wait at a time in one process:`,
);
console.table(
  Object.fromEntries(
    Object.entries(measured).map(([waiting, { reads, statements, cpu }]) => [
      waiting,
      {
        "reads/s": Math.round(reads),
        "statements/s": Math.round(statements),
        "reads of a statement": (reads / statements).toFixed(1),
        "PostgreSQL µs/statement": Math.round(cpu * 1e6),
        "PostgreSQL µs/read": ((cpu * 1e6 * statements) / reads).toFixed(1),
      },
    ]),
  ),
);

/** A statement that many share costs what was measured for as many reads as fit into a round trip, interpolated. */
function cpuOfStatement(reads) {
  const points = Object.values(measured).map((each) => [each.reads / each.statements, each.cpu]);
  const above = points.findIndex(([count]) => count >= reads);
  if (above <= 0) return points.at(above)[1] * (above === 0 ? 1 : reads / points.at(-1)[0]);
  const [[fewer, less], [more, most]] = points.slice(above - 1, above + 1);
  return less + ((most - less) * (reads - fewer)) / (more - fewer);
}

console.log(
  `\n${GOAL.toLocaleString("en")} decisions a second, one for each request, every one a hit, full consistency:`,
);
console.table(
  PER_PROCESS.flatMap((each) =>
    ROUND_TRIPS.map((roundTrip) => {
      const processes = Math.ceil(GOAL / each);
      const statements = Math.min(each, 1_000 / roundTrip);
      return {
        "decisions/s of a process": each,
        "round trip ms": roundTrip,
        processes,
        "most statements/s": Math.round(processes * statements),
        "PostgreSQL cores": Math.ceil(processes * statements * cpuOfStatement(each / statements)),
        connections: processes * 18,
      };
    }),
  ),
);
