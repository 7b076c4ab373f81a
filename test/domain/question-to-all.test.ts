import { describe, expect, test } from "vitest";
import { QuestionToAll } from "../../src/domain/reverse/question-to-all.js";
import { mutate, readSources, runInThread, sourcesBelow } from "../support/mutants.js";
import { type Mutation, reportKilled } from "../support/mutation.js";
import { type AccountsRun, compareAccounts } from "../support/whole-accounts.js";
import { allow, attached, KEY, NOW, requestOf } from "./build.js";

const ACCOUNTS = 200;
const SEED = Number(process.env["DIFFERENTIAL_SEED"] ?? 1);

describe("a question to all", { timeout: 120_000 }, () => {
  test(`is answered for everybody in ${ACCOUNTS} random accounts as a question about each`, () => {
    const { questions, outcomes, found } = compareAccounts(SEED, ACCOUNTS);
    expect(found).toBeNull();
    expect(questions).toBeGreaterThan(ACCOUNTS * 5);
    for (const outcome of ["ALLOW", "CONDITIONAL", "EXPLICIT_DENY", "IMPLICIT_DENY"]) {
      expect(outcomes[outcome], outcome).toBeGreaterThan(ACCOUNTS);
    }
  });

  test("evaluates a policy once, however many have it", () => {
    let asked = 0;
    const request = requestOf([attached([allow("*", KEY)])]);
    const statement = request.principal.attachments[0]?.policy.compiled?.statements[0];
    if (statement === undefined) throw new Error("there is no statement");
    const { matches } = statement.actions;
    Object.assign(statement.actions, { matches: (action: string) => [asked++, matches(action)][1] });
    const toAll = new QuestionToAll(request, request.action, "staged");
    for (let place = 0; place < 50; place++) {
      const arn = `acs:ram::1234567890123456:user/u${place}`;
      expect(toAll.outcomeFor({ ...request.principal, arn })).toBe("ALLOW");
    }
    expect(asked).toBe(1);
  });

  test("counts what a principal has whose name no question could ask about", () => {
    const condition = { StringLike: { "acs:PrincipalARN": "*:user/a b" } };
    const request = requestOf([attached([allow("*", "*", condition)])]);
    const toAll = new QuestionToAll({ ...request, now: NOW }, request.action, "staged");
    expect(toAll.outcomeFor({ ...request.principal, arn: "acs:ram::1234567890123456:user/a b" })).toBe("ALLOW");
    expect(toAll.outcomeFor({ ...request.principal, arn: "acs:ram::1234567890123456:user/c d" })).toBe("IMPLICIT_DENY");
  });
});

const MUTATIONS: readonly Mutation[] = [
  {
    name: "statements that look at who asks are evaluated for nobody",
    file: "reverse/question-to-all.ts",
    find: "this.evaluate(ofCaller, this.callerOf(principal))",
    replace: "this.evaluate(ofCaller, NOBODY)",
  },
  {
    name: "attachments count outside their window",
    file: "reverse/question-to-all.ts",
    find: "if (!counts || !isActive(grant, this.question.now)) return 0;",
    replace: "if (!counts) return 0;",
  },
  {
    name: "attachments for any resource group count",
    file: "reverse/question-to-all.ts",
    find: "scope.resourceGroup === this.resource.resourceGroup",
    replace: "scope.resourceGroup !== null",
  },
  {
    name: "what groups give is left out",
    file: "reverse/tally.ts",
    find: "sum |= this.ofHolder(numbers[at] ?? 0)",
    replace: "sum |= 0",
  },
  {
    name: "statements of groups that look at who asks are left out",
    file: "reverse/tally.ts",
    find: "[place, ...listOf(groups, place)]",
    replace: "[place]",
  },
  {
    name: "statements count for another policy than their own",
    file: "reverse/policy-index.ts",
    find: "this.numbers.get(selected.candidate.member) ?? 0",
    replace: "0",
  },
  {
    name: "a grant counts at the level of the account whatever its scope",
    file: "reverse/tally.ts",
    find: 'scope.kind === "ACCOUNT" ? applies',
    replace: "scope !== null ? applies",
  },
  {
    name: "the gates of sessions are left out",
    file: "reverse/question-to-all.ts",
    find: "gates.reduce((sum, gate) => combineGates(sum, this.outcomesOf(gate, principal)), 0)",
    replace: "gates.reduce((sum) => sum, 0)",
  },
  {
    name: "the trust policy has no say",
    file: "reverse/question-to-all.ts",
    find: "const trusted = this.actions.assumesRole &&",
    replace: "const trusted = false &&",
  },
];

const MAIN = `
import { parentPort, workerData } from "node:worker_threads";
import { compareAccounts } from "./test/support/whole-accounts.js";
parentPort.postMessage(compareAccounts(workerData.seed, workerData.accounts));
`;

describe("the comparison with questions about each", { timeout: 120_000 }, () => {
  test.each(MUTATIONS.map((mutation) => [mutation.name, mutation] as const))("finds: %s", async (_, mutation) => {
    const more = sourcesBelow("test/support").filter(([path]) => path.endsWith("/whole-accounts.ts"));
    const sources = mutate(new Map([...readSources(), ...more]), mutation);
    const { found } = await runInThread<AccountsRun>(sources, MAIN, { seed: SEED, accounts: ACCOUNTS });
    expect(found).not.toBeNull();
    reportKilled(mutation.name);
  });
});
