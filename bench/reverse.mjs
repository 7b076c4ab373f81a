/**
 * What questions about whole accounts take, and large batches, and whether single checks depend on how much there is:
 * `whoCan`, `whatCan` and `accessMatrix` on an account at RAM's quotas and on one with 100,000 users, over HTTP; a batch of
 * 10,000 checks; and the cost of a check against users, resources and policies. `npm run bench -- reverse`, or with
 * BENCH_PARTS="quota large curves" for some of it; all takes some four minutes. Uses BENCH_DATABASE_URL, else the standard
 * local port; with CHECK=1 a missed bar is a failure.
 */
import { cpus, loadavg } from "node:os";
import { LARGE, load, QUOTA, smallWith } from "./reverse/accounts.mjs";
import { askInBatches } from "./reverse/batch.mjs";
import { checksIn, checksWithPolicies, SIZES } from "./reverse/curves.mjs";
import { askAboutAccount } from "./reverse/questions.mjs";
import { bar, showBars, showTable, slopeOf } from "./reverse/report.mjs";
import { withDatabase } from "./support/database.mjs";

const PARTS = (process.env.BENCH_PARTS ?? "quota large curves").split(/\s+/);
const MOST_MEMORY = 1_536; // MiB
/** Logarithmic growth from the least to the most is a slope of 0.13. */
const MOST_SLOPE = 0.15;
const rounded = (ms, digits = 1) => Number(ms.toFixed(digits));
const row = ({ median, slowest, cpu }) => ({
  ...{ "median ms": rounded(median), "slowest ms": rounded(slowest), "its processor time, ms": rounded(cpu) },
});

function showQuestions(name, { first, changed, same, explained, assumable, what, matrix, memory, complete }) {
  console.log(`\n${name}: a page of 100 and the total, as the sender of the request sees it`);
  showTable({
    "whoCan, first question of a gateway": { "median ms": rounded(first) },
    "whoCan, after a change in the account": row(changed),
    "whoCan, nothing has changed": row(same),
    "the same, 50 with statements and groups": row(explained),
    "the same, with who could assume a role": row(assumable),
    "whatCan, another user each time": row(what),
    "accessMatrix, 20 × 20 × 2, others each time": row(matrix),
  });
  console.log(
    `resident memory of the gateway: ${memory.peak} MiB at most for whoCan, ${memory.end} MiB with the others`,
  );
  bar(`${name}: everybody is counted, and the pages are the total`, complete.everybody && complete.pages);
  bar(`${name}: whoCan in at most 1.5 GiB of memory`, memory.peak <= MOST_MEMORY);
}

async function quota(url) {
  await load(url, [QUOTA]);
  const name = "account at RAM's quotas";
  const questions = await askAboutAccount(url, QUOTA.id);
  showQuestions(name, questions);
  bar(`${name}: whoCan in at most 300 ms after a change`, questions.changed.median <= 300);
  bar(`${name}: whoCan in at most 30 ms when nothing has changed`, questions.same.median <= 30);
  showBatches(await askInBatches(url, QUOTA.id));
}

function showBatches({ request, decisions }) {
  console.log("\none batch of 10,000 checks, 100 principals and 100 resources");
  const rowsOf = (name, { cold, ...warm }) => [
    [`${name}, the first time`, { "median ms": rounded(cold) }],
    ...["same", "new address"].map((kind) => [`${name}, ${WARM[kind]}`, row(warm[kind])]),
  ];
  showTable(Object.fromEntries([...rowsOf("request", request), ...rowsOf("decisions alone", decisions)]));
  bar("10,000 checks, warm: at most 300 ms", request.same.median <= 300);
}

const WARM = { same: "again", "new address": "always from a new address" };

async function large(url) {
  const others = SIZES.slice(0, -1).map((users, index) => smallWith({ users }, index));
  await load(url, [...(PARTS.includes("curves") ? others : []), LARGE]);
  const name = "account with 100,000 users";
  const questions = await askAboutAccount(url, LARGE.id);
  showQuestions(name, questions);
  bar(`${name}: whoCan in at most 3 s, the first time`, questions.first <= 3_000);
  bar(`${name}: whoCan in at most 3 s after a change`, questions.changed.median <= 3_000);
  if (!PARTS.includes("curves")) return;
  showCurves(
    "users",
    await checksIn(
      url,
      [...others, LARGE].map(({ id }) => id),
    ),
  );
}

async function curves(url) {
  const shapes = SIZES.map((keys, index) => smallWith({ keys, secrets: 10, aliases: 10 }, index));
  await load(url, shapes);
  showCurves(
    "keys",
    await checksIn(
      url,
      shapes.map(({ id }) => id),
    ),
  );
  showCurves("policies of one principal, evaluated in process", await checksWithPolicies());
}

const CURVES = {
  unknown: "nothing known of the principal, µs (goes through all of them)",
  loaded: "everything loaded, µs",
  known: "principal and resource known, new context, µs",
};

function showCurves(what, times) {
  console.log(`\na single check against the number of ${what}`);
  const rows = Object.entries(times).map(([kind, list]) => {
    const slope = slopeOf(SIZES, list);
    if (kind !== "unknown") bar(`${what}, ${CURVES[kind]}: flat or logarithmic`, slope <= MOST_SLOPE);
    const figures = SIZES.map((size, place) => [size.toLocaleString("en"), rounded(list[place])]);
    return [CURVES[kind], { ...Object.fromEntries(figures), slope: rounded(slope, 3) }];
  });
  showTable(Object.fromEntries(rows));
}

const load1 = () => loadavg()[0]?.toFixed(1);
const today = new Date().toISOString().slice(0, 10);
console.log(
  `${today}, ${cpus().length} × ${cpus()[0]?.model ?? "unknown cpu"}, Node ${process.version}, load ${load1()}`,
);
for (const part of Object.values({ quota, large, curves })) if (PARTS.includes(part.name)) await withDatabase(part);
console.log(`\nload of the machine at the end: ${load1()}`);
showBars();
