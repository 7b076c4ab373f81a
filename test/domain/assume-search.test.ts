import { describe, expect, test } from "vitest";
import { TooMuchWorkError } from "../../src/domain/errors.js";
import { findWays } from "../../src/domain/reverse/find-ways.js";
import { type AssumeRun, atOnce, compareWays, crowd } from "../support/assume-accounts.js";
import { mutate, readSources, runInThread, sourcesBelow } from "../support/mutants.js";
import { type Mutation, reportKilled } from "../support/mutation.js";

const ACCOUNTS = 200;
const SEED = Number(process.env["DIFFERENTIAL_SEED"] ?? 1);

describe("ways to roles", { timeout: 120_000 }, () => {
  test(`are in ${ACCOUNTS} random accounts those that decisions on each pair make`, () => {
    const { seen, found } = compareWays(SEED, ACCOUNTS);
    expect(found).toBeNull();

    for (const length of [1, 2, 3, 4, 5]) expect(seen[`ALLOW ${length}`], `${length} steps`).toBeGreaterThan(10);
    for (const length of [1, 2, 3]) expect(seen[`CONDITIONAL ${length}`], `${length} steps`).toBeGreaterThan(3);
    expect(seen["too long"]).toBeGreaterThan(10);
    expect(seen["rather than a shorter one that is conditional"]).toBeGreaterThan(3);
  });

  const ANY = { Action: "sts:AssumeRole", Resource: "*" };
  const ALL = { Principal: { RAM: ["acs:ram::1234567890123456:root"] } };
  const condition = (operator: string, key: string, value: string) => ({ Condition: { [operator]: { [key]: value } } });

  test("ask each role once about thousands who are kept from it in the same way", () => {
    const deny = { Effect: "Deny", ...ANY, ...condition("Bool", "acs:MFAPresent", "false") };
    const { options, outcomes } = crowd({ users: 2_000, roles: 300 }, [{ Effect: "Allow", ...ANY }, deny], ALL);
    const [statement] = options.principals[0]?.facts().attachments[0]?.policy.compiled?.statements.slice(1) ?? [];
    const [looked] = statement?.conditions ?? [];
    if (looked === undefined) throw new Error("there is no condition");
    let asked = 0;
    const { evaluate } = looked;
    Object.assign(looked, { evaluate: (...args: Parameters<typeof evaluate>) => [asked++, evaluate(...args)][1] });
    expect(atOnce(findWays(options, outcomes, false)).size).toBe(0);
    expect(asked).toBe(300);
    expect(atOnce(findWays(options, outcomes, true)).size).toBe(2_000);
  });

  test("are given up where they take too much work", () => {
    const some = condition("StringLike", "acs:PrincipalARN", "*:user/nobody");
    const { options, outcomes } = crowd({ users: 50, roles: 10 }, [{ Effect: "Allow", ...ANY }], { ...ALL, ...some });
    const searchWith = (mostWork: number) => atOnce(findWays({ ...options, mostWork }, outcomes, false));
    expect(() => searchWith(50 * 10 * 15)).toThrow(TooMuchWorkError);
    expect(searchWith(50 * 10 * 15 + 10 * 200).size).toBe(0);
  });
});

const MUTATIONS: readonly Mutation[] = [
  {
    name: "the trust policy has no say",
    file: "reverse/question-to-all.ts",
    find: "const trusted = this.actions.assumesRole &&",
    replace: "const trusted = false &&",
  },
  {
    name: "policies of who assumes have no say",
    file: "reverse/assume-search.ts",
    find: 'if (outcome === "ALLOW" || outcome === ways.worst) ways.add',
    replace: 'if (outcome !== "EXPLICIT_DENY") ways.add',
  },
  {
    name: "a conditional step is taken for a certain one",
    file: "reverse/assume-search.ts",
    find: 'outcome === "ALLOW" || outcome === ways.worst',
    replace: 'outcome === "ALLOW" || outcome === "CONDITIONAL"',
  },
  {
    name: "sessions that are over assume roles",
    file: "reverse/question-to-all.ts",
    find: 'if (ended) return "IMPLICIT_DENY";',
    replace: "",
  },
  {
    name: "ways have a step too many",
    file: "reverse/assume-search.ts",
    find: "steps <= MOST_ASSUMED_ROLES",
    replace: "steps <= MOST_ASSUMED_ROLES + 1",
  },
  {
    name: "ways have a step too few",
    file: "reverse/assume-search.ts",
    find: "steps <= MOST_ASSUMED_ROLES",
    replace: "steps < MOST_ASSUMED_ROLES",
  },
  {
    name: "a role at the end of a way may need another one: circles",
    file: "reverse/ways.ts",
    find: "for (const end of ends) this.open.delete(end);",
    replace: "this.open.delete(ends[0] ?? -1);",
  },
  {
    name: "who has a way gets a longer one",
    file: "reverse/ways.ts",
    find: "this.open.delete(place);",
    replace: "",
  },
  {
    name: "the last of the shortest ways is taken",
    file: "reverse/ways.ts",
    find: "one - other",
    replace: "other - one",
  },
  {
    name: "ways go on from one of the roles that were found",
    file: "reverse/ways.ts",
    find: "this.targets = this.roles.sort((one, other) => one - other);",
    replace: "this.targets = this.roles.sort((one, other) => one - other).slice(0, 1);",
  },
  {
    name: "what is conditional and shorter comes first",
    file: "reverse/find-ways.ts",
    find: 'const BOTH = ["ALLOW", "CONDITIONAL"]',
    replace: 'const BOTH = ["CONDITIONAL", "ALLOW"]',
  },
  {
    name: "who may itself under conditions is taken to need nothing",
    file: "reverse/find-ways.ts",
    find: "const needsWay = (place: number) => !isGood(place) &&",
    replace: 'const needsWay = (place: number) => !isGood(place) && outcomes[place] !== "CONDITIONAL" &&',
  },
  {
    name: "sessions do not go by the name of their role",
    file: "reverse/trusted-names.ts",
    find: "return foldCase(arn).replace(",
    replace: "return foldCase(arn); foldCase(arn).replace(",
  },
  {
    name: "who is trusted as one of all, but not as any, is overlooked",
    file: "reverse/trusted-names.ts",
    find: 'return readsCaller(statement) ? null : "";',
    replace: 'return "";',
  },
  {
    name: "a Deny that may apply rules everybody out",
    file: "reverse/assume-search.ts",
    find: "DENIES | MAY_DENY : DENIES)",
    replace: "DENIES | MAY_DENY : DENIES | MAY_DENY)",
  },
  {
    name: "an Allow that may apply is overlooked",
    file: "reverse/assume-search.ts",
    find: "ALLOWS : ALLOWS | MAY_ALLOW",
    replace: "ALLOWS : ALLOWS",
  },
];

const MAIN = `
import { parentPort, workerData } from "node:worker_threads";
import { compareWays } from "./test/support/assume-accounts.js";
parentPort.postMessage(compareWays(workerData.seed, workerData.accounts));
`;

describe("the comparison with decisions on each pair", { timeout: 120_000 }, () => {
  test.each(MUTATIONS.map((mutation) => [mutation.name, mutation] as const))("finds: %s", async (_, mutation) => {
    const more = sourcesBelow("test/support").filter(([path]) => /\/(assume|whole)-accounts\.ts$/.test(path));
    const sources = mutate(new Map([...readSources(), ...more]), mutation);
    const { found } = await runInThread<AssumeRun>(sources, MAIN, { seed: SEED, accounts: 2 * ACCOUNTS });
    expect(found).not.toBeNull();
    reportKilled(mutation.name);
  });
});
