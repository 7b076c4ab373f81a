/** Asks in turn: the times in milliseconds, and the processor time of the gateway for one. */
export async function inTurn(turns, usage, work) {
  const times = [];
  const before = usage.cpu();
  for (let turn = 0; turn < turns; turn += 1) times.push(await work(turn));
  return { ...quantiles(times), cpu: (usage.cpu() - before) / turns };
}

export function quantiles(times) {
  const sorted = [...times].sort((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)], slowest: sorted.at(-1) };
}

const bars = [];

/** Notes whether a bar is met. */
export function bar(what, holds) {
  bars.push({ bar: what, result: holds ? "PASS" : "FAIL" });
}

/** Prints rows by name as a table in Markdown; columns are those of the first row that has them. */
export function showTable(rows) {
  const columns = [...new Set(Object.values(rows).flatMap((row) => Object.keys(row)))];
  console.log(`\n| | ${columns.join(" | ")} |`);
  console.log(`|---|${columns.map(() => "---:|").join("")}`);
  for (const [name, row] of Object.entries(rows)) {
    console.log(`| ${name} | ${columns.map((column) => row[column] ?? "").join(" | ")} |`);
  }
}

/** The table of all bars; with CHECK=1 a missed one is a failure. */
export function showBars() {
  showTable(Object.fromEntries(bars.map(({ bar: what, result }) => [what, { result }])));
  if (process.env.CHECK && bars.some(({ result }) => result === "FAIL")) process.exitCode = 1;
}

/** What `n` becomes to the power of, by least squares over the logarithms: 0 is flat, 1 grows as n does. */
export function slopeOf(sizes, times) {
  const [xs, ys] = [sizes.map(Math.log), times.map(Math.log)];
  const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;
  const [x, y] = [mean(xs), mean(ys)];
  const shared = mean(xs.map((value, place) => (value - x) * ((ys[place] ?? 0) - y)));
  return shared / mean(xs.map((value) => (value - x) ** 2));
}
