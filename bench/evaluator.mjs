/**
 * Decisions per second of the pure evaluator, beside those of other policy engines on the same policies and the same
 * questions. Each contestant has a process of its own; they take turns, so that a noisy moment of the machine meets them
 * alike. `npm run bench -- evaluator`; with CHECK=1 a missed bar is a failure.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { answers, CLOSED_LIST, KEY_ACTION_COUNT, PEERS, questions, SHAPES, SIZES } from "./evaluator/contestants.mjs";

const RUNNER = fileURLToPath(new URL("evaluator/runner.mjs", import.meta.url));
const ROUNDS = 9;
const WARM_UP = 4;

const bars = [];
const bar = (what, holds) => bars.push({ bar: what, result: holds ? "PASS" : "FAIL" });
const rounded = (number, digits = 2) => Number(number.toFixed(digits));
const median = (list) => [...list].sort((left, right) => left - right)[Math.floor(list.length / 2)];

/** Rounds of every contestant, in microseconds for one call. */
async function contest(names) {
  const running = names.map((name) => ({ name, child: fork(RUNNER, [name]), rounds: [] }));
  try {
    await Promise.all(running.map(({ child }) => once(child, "message")));
    for (let turn = 0; turn < WARM_UP + ROUNDS; turn++) {
      for (const { child, rounds } of running) {
        child.send("round");
        const [time] = await once(child, "message");
        if (turn >= WARM_UP) rounds.push(time);
      }
    }
  } finally {
    for (const { child } of running) child.kill();
  }
  return new Map(running.map(({ name, rounds }) => [name, { median: median(rounds), slowest: Math.max(...rounds) }]));
}

/** Every peer must answer what ramgate answers, or the comparison means nothing. */
async function compareAnswers() {
  let compared = 0;
  for (const [name, build] of Object.entries(PEERS)) {
    const { prepare, call } = await build();
    for (const [place, question] of questions.entries()) {
      if (call(prepare(question)) !== answers[place]) {
        console.error(`${name} and ramgate disagree:`, question.user.name, question.action, question.resource);
        process.exit(1);
      }
      compared++;
    }
  }
  return compared;
}

async function singleChecks() {
  const ours = ["registered resource", "arbitrary ARN", "registered, with reasons", "arbitrary ARN, with reasons"];
  const names = [...ours, "registered, first question"].map((name) => `ramgate, ${name}`);
  const results = await contest([...names, ...Object.keys(PEERS)]);
  const equivalent = Object.keys(PEERS).filter((name) => name !== CLOSED_LIST);
  const fastest = Math.min(...equivalent.map((name) => results.get(name).median));
  console.table(
    [...results].map(([contestant, { median, slowest }]) => ({
      contestant,
      "µs (median)": rounded(median),
      "µs (slowest round)": rounded(slowest),
      "decisions/s": Math.round(1e6 / median),
      "× fastest peer": rounded(fastest / median, 1),
    })),
  );
  console.log(
    `${CLOSED_LIST}: every pattern is written out beforehand for the actions known then, which RAM's language is not;\n` +
      "it is no peer, but shows what a look-up by name costs",
  );
  console.log(
    "registered: asked again, so that only the conditions on the context are evaluated (ARCHITECTURE.md);\n" +
      "first question: nothing is known yet of the resource, whose facts the call copies",
  );
  const [registered, arbitrary, registeredWhy, arbitraryWhy] = ours.map(
    (name) => results.get(`ramgate, ${name}`).median,
  );
  bar("registered: at least 10 times the fastest peer", fastest / registered >= 10);
  bar("arbitrary ARN: at least 4 times the fastest peer", fastest / arbitrary >= 4);
  bar("registered: at most 2 µs", registered <= 2);
  bar("arbitrary ARN: at most 4 µs", arbitrary <= 4);
  bar("registered, with reasons: at least half the speed", registeredWhy <= 2 * registered);
  bar("arbitrary ARN, with reasons: at least half the speed", arbitraryWhy <= 2 * arbitrary);
}

async function effectivePermissions() {
  const results = await contest([
    "ramgate, all actions",
    "ramgate, all actions, with reasons",
    "@casl/ability, all actions",
  ]);
  console.log(`\neffectivePermissions in process: the ${KEY_ACTION_COUNT} actions of a key (casl: 13 of them)`);
  console.table([...results].map(([contestant, { median }]) => ({ contestant, "µs (median)": rounded(median) })));
  bar("effectivePermissions: at most 10 µs", results.get("ramgate, all actions").median <= 10);
}

async function curve() {
  const rows = [];
  for (const shape of SHAPES) {
    const results = await contest(SIZES.map((size) => `${shape} ${size}`));
    const times = SIZES.map((size) => results.get(`${shape} ${size}`).median);
    rows.push({
      statements: shape,
      ...Object.fromEntries(SIZES.map((size, index) => [`${size}: µs`, rounded(times[index])])),
    });
    if (!shape.startsWith("same"))
      bar(`${shape}: 100 times the statements take less than 10 times as long`, times[2] < 10 * times[0]);
  }
  console.log("\ncost against the number of statements of a principal");
  console.table(rows);
}

console.log(`${cpus().length} × ${cpus()[0]?.model ?? "unknown cpu"}, Node ${process.version}`);
console.log(
  "1,000 users, 500 policies of 4 statements, ~10 for each user, 3 statements in 10 with a condition, 10,000 tagged resources",
);
console.log(`${await compareAnswers()} answers of peers compared with ramgate's: all equal`);
await singleChecks();
await effectivePermissions();
await curve();
const parsing = await contest(["parse and compile"]);
console.log(
  `\nparse and compile a policy of four statements: ${rounded(parsing.get("parse and compile").median)} µs\n`,
);
console.table(bars);
if (process.env.CHECK && bars.some(({ result }) => result === "FAIL")) process.exitCode = 1;
