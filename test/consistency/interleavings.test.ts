import { beforeAll, describe, expect, test } from "vitest";
import { seedOf, times } from "../support/long-form.js";
import { mutate, runInThread, sourcesBelow } from "../support/mutants.js";
import type { Mutation } from "../support/mutation.js";
import type { SeedsRun } from "./simulation/run-seeds.js";

/**
 * The code that decides, on a simulated PostgreSQL, a hostile simulated Redis and simulated clocks: two gateways and eight
 * clients under a scheduler that picks what happens next by the seed. Every answer must have been right for some state
 * of the database between question and answer.
 */

const MAIN = `
import { parentPort, workerData } from "node:worker_threads";
import { runSeeds } from "./test/consistency/simulation/run-seeds.js";
parentPort.postMessage(await runSeeds(workerData.first, workerData.count));
`;

const SEEDS = times({ short: 1_000, long: 10_000 });
/** A mistake is found within so many, beginning with 1. */
const SEEDS_OF_MUTANTS = 1_000;

/** To make room for as many scopes as a gateway knows would take longer than all the rest. */
const FEW_SCOPES = {
  name: "a short memory",
  file: "store/known-revisions.ts",
  find: "MOST_SCOPES = 50_000",
  replace: "MOST_SCOPES = 50",
};

const MUTANTS: readonly Mutation[] = [
  {
    name: "a question joins a vector read that is sent",
    file: "store/revisions.ts",
    find: "collecting = null;\n    busy = true;",
    replace: "const reset = () => { collecting = null; };\n    batch.answer.then(reset, reset);\n    busy = true;",
  },
  {
    name: "keys hold numbers instead of tags",
    file: "decisions/decision-key.ts",
    find: "vector.get(scope)?.tag ?? null",
    replace: "String(vector.get(scope)?.rev)",
  },
  {
    name: "keys do not hold the revision of the resource",
    file: "decisions/decision-key.ts",
    find: "tagsOf(question.scopes, vector),",
    replace: `tagsOf(question.scopes.filter((scope) => !scope.startsWith("res:")), vector),`,
  },
  {
    name: "keys do not hold the revisions of groups",
    file: "decisions/decision-key.ts",
    find: "canonicalText(tagsOf(followed, vector))",
    replace: `canonicalText(tagsOf(followed.filter((scope) => !scope.startsWith("grp:")), vector))`,
  },
  {
    name: "keys do not hold the revisions of policies",
    file: "decisions/decision-key.ts",
    find: "canonicalText(tagsOf(followed, vector))",
    replace: `canonicalText(tagsOf(followed.filter((scope) => !scope.startsWith("pol:")), vector))`,
  },
  {
    name: "answers are kept under what a principal followed before",
    file: "decisions/state-reader.ts",
    find: "remembered.remember(input);\n      return input;",
    replace: `const before = remembered.recall([...input.followed.keys()]).followed;
      remembered.remember(input);
      return { ...input, followed: new Map([...input.followed, ...before]) };`,
  },
  {
    name: "known facts are used whatever has moved",
    file: "decisions/known-facts.ts",
    find: "revision !== undefined && (revision?.tag ?? null) === tag",
    replace: "revision !== undefined || tag !== ''",
  },
  {
    name: "known facts do not hold the revisions of what was followed",
    file: "decisions/known-facts.ts",
    find: "[...fixed, ...followed].map(",
    replace: "[...fixed].map(",
  },
  {
    name: "the last answer to a question is used whatever has moved",
    file: "decisions/known-questions.ts",
    find: "return holds ? answer : null;",
    replace: "return answer;",
  },
  {
    name: "the last answer to a question is used though a group or a policy has moved",
    file: "decisions/known-questions.ts",
    find: "following.every((scope, place) => tagIn(vector, scope) === tags[scopes.length + place]);",
    replace: "true;",
  },
  {
    name: "known facts of several moments are put together",
    file: "decisions/decide-many.ts",
    find: "if (own.length > 0 && !state.ofOneMoment)",
    replace: "if (false)",
  },
  {
    name: "answers from known facts are kept under what a principal followed before",
    file: "decisions/known-facts.ts",
    find: "followed: new Map([[follows, requester.followed]])",
    replace: "",
  },
  {
    name: "whoever joins a load takes what it finds, though it may have begun before",
    file: "decisions/load-answers.ts",
    find: "number > item.came",
    replace: "number >= item.came",
  },
  {
    name: "the time that an answer holds for is ignored",
    file: "decisions/decide-many.ts",
    find: "return (validFrom === null || validFrom <= instant)",
    replace: "return true || (validFrom === null || validFrom <= instant)",
  },
  {
    name: "the seal of an entry is not checked",
    file: "decisions/sealed-answer.ts",
    find: "if (!timingSafeEqual(",
    replace: "if (false && !timingSafeEqual(",
  },
  {
    name: "the seal does not hold the key",
    file: "decisions/sealed-answer.ts",
    find: ".update(key)",
    replace: "",
  },
  {
    name: "whoever joins a load takes what it finds",
    file: "decisions/load-answers.ts",
    find: "item.accepts(loaded)",
    replace: "true",
  },
  {
    name: "whoever joins a load does not ask when it began",
    file: "decisions/decide-many.ts",
    find: "&& holdsAt(loaded.answer, question.statedInstant ?? now);",
    replace: ";",
  },
  {
    name: "whoever joins a load forgets that commits can be lost",
    file: "decisions/decide-many.ts",
    find: "decisionKey(services, question, loaded) === key &&",
    replace: "",
  },
  {
    name: "what a token stands for is ignored",
    file: "decisions/consistency.ts",
    find: ">= rev) continue;",
    replace: ">= 0) continue;",
  },
  {
    name: "a standby's revisions are taken",
    file: "store/revisions.ts",
    find: "primaryRow((await",
    replace: "((row) => row)((await",
  },
  {
    name: "a standby's data are taken",
    file: "store/evaluation-input.ts",
    find: "primaryRow(result",
    replace: "((row) => row)(result",
  },
  {
    name: "the age of revisions begins when they arrive",
    file: "store/revisions.ts",
    find: "known.remember(fresh, readAt)",
    replace: "known.remember(fresh, clocks.monotonic())",
  },
  {
    name: "one question that permits an older state is enough for all",
    file: "decisions/state-reader.ts",
    find: "asked.every(({ consistency })",
    replace: "asked.some(({ consistency })",
  },
];

let sources: ReadonlyMap<string, string>;
beforeAll(() => {
  const directories = ["src/domain", "src/store", "src/decisions", "test/consistency/simulation"];
  sources = mutate(new Map(directories.flatMap(sourcesBelow)), FEW_SCOPES, "src");
});

const run = (program: ReadonlyMap<string, string>, first: number, count: number): Promise<SeedsRun> =>
  runInThread(program, MAIN, { first, count });

const explain = ({ failure }: SeedsRun): string =>
  failure === null ? "" : `RAMGATE_SEED=${failure.seed}: ${failure.violation}\n${failure.trace.slice(-80).join("\n")}`;

describe("orders of events", { timeout: 1_800_000 }, () => {
  const first = seedOf("orders of events");

  test("make no answer wrong", async () => {
    const result = await run(sources, first, SEEDS);
    console.log(`${result.seeds} seeds: ${result.answers} answers, ${result.hits} hits, ${result.errors} errors`);
    expect(explain(result)).toBe("");
    expect(result.answers).toBeGreaterThan(15 * SEEDS); // or there was little to be wrong
    expect(result.hits).toBeGreaterThan(result.answers / 4);
    expect(result.errors).toBeLessThan(result.answers / 2);
  });

  test.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))("find: %s", async (name, mutant) => {
    const result = await run(mutate(sources, mutant, "src"), 1, SEEDS_OF_MUTANTS);
    expect(result.failure).not.toBeNull();
    console.log(`mutant killed: ${name} (seed ${result.seeds}: ${result.failure?.violation})`);
  });
});
