import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../src/administration/administration.js";
import { ensureSystemPolicies } from "../../src/administration/ensure-system-policies.js";
import { USER_ERROR_CODES } from "../../src/administration/user-error.js";
import { sequences } from "../support/account-commands.js";
import { type Ground, REVISIONS_BY_ACCOUNT, runSequence, type Witness } from "../support/account-run.js";
import type { Mutation } from "../support/mutation.js";
import type { Command } from "../support/ram-model.js";
import { brokenUseCases, USE_CASES, type UseCases } from "../support/use-cases.js";
import { useAdministration } from "./setup.js";

// Random changes, one after the other, in the gateway and in a plain model of RAM.

const SEQUENCES_IN_CI = 200;
const SEQUENCES = Number(process.env["MODEL_SEQUENCES"] ?? SEQUENCES_IN_CI);
/** The same sequences for the same seed. */
const SEED = Number(process.env["MODEL_SEED"] ?? 1);
/** Sequences are about accounts of their own, so several can run at once. */
const AT_ONCE = 6;

const context = useAdministration("account_model", AT_ONCE);
beforeAll(async () => {
  const { db } = context.administration;
  await ensureSystemPolicies(db);
  await db.$executeRawUnsafe(REVISIONS_BY_ACCOUNT);
});

/** Small enough for a short sequence to reach. */
const LIMITS = {
  ...DEFAULT_LIMITS,
  ...{ customPolicyCharacters: 300, versionsPerPolicy: 3, customPoliciesPerAccount: 4, usersPerAccount: 3 },
  ...{ groupsPerAccount: 4, rolesPerAccount: 4, groupsPerUser: 2, tagsPerResource: 3 },
  ...{ systemPoliciesPerIdentity: 2, customPoliciesPerIdentity: 2 },
};

let accounts = 1_000_000_000;
const groundOf = (useCases: UseCases): Ground => ({
  useCases,
  administration: { ...context.administration, limits: LIMITS },
  newAccount: () => `${accounts++}`,
});

/** Slips that somebody could make; the comparison finds each. */
const MUTATIONS: readonly Mutation[] = [
  {
    name: "attaching forgets the resource group",
    file: "attach-policy.ts",
    find: "principalId: principal.id, resourceGroupId };",
    replace: "principalId: principal.id, resourceGroupId: null };",
  },
  {
    name: "attaching again keeps the window",
    file: "attach-policy.ts",
    find: "const changed = !sameWindow(attachment, window);",
    replace: "const changed = false;",
  },
  {
    name: "quotas count a policy once for every scope",
    file: "attach-policy.ts",
    find: `distinct: ["policyId"],`,
    replace: "",
  },
  {
    name: "quotas of policies are off by one",
    file: "policy-quota.ts",
    find: "if (count < most",
    replace: "if (count <= most",
  },
  {
    name: "quotas forget what the list itself adds",
    file: "plan-attachments.ts",
    find: "if (problems.length === 0) held.add(policy.id);",
    replace: "",
  },
  {
    name: "a list is written although an item is wrong",
    file: "attach-policies.ts",
    find: "refuseIfAny(inItemOrder([...known.problems, ...plan.problems]));",
    replace: "refuseIfAny(inItemOrder(plan.problems));",
  },
  {
    name: "detaching takes the policy away in every scope",
    file: "detach-policy.ts",
    find: "await tx.attachment.delete({ where: { id: attachment.id }, select: { id: true } });",
    replace: "await tx.attachment.deleteMany({ where: { principalId: principal.id, policyId: attachment.policyId } });",
  },
  {
    name: "lists do not tell scopes apart",
    file: "find-attachments.ts",
    find: " && resourceGroupId === resourceGroup);",
    replace: ");",
  },
  {
    name: "deleting a principal takes its attachments along",
    file: "delete-principal.ts",
    find: "refuseIfAny([...(await checkPolicies(tx, entity, kind, field)), ...others]);",
    replace: "refuseIfAny(others);",
  },
  {
    name: "a policy is deleted with all its versions",
    file: "delete-policy.ts",
    find: "refuseIfAny([...held, ...checkVersions(policy.name, policy.versions)]);",
    replace: "refuseIfAny(held);",
  },
  {
    name: "rotation may take the default version",
    file: "create-policy-version.ts",
    find: "versions.find(({ isDefault }) => !isDefault)",
    replace: "versions[0]",
  },
  {
    name: "rotation takes the newest version",
    file: "create-policy-version.ts",
    find: "versions.find(({ isDefault }) => !isDefault)",
    replace: "versions.findLast(({ isDefault }) => !isDefault)",
  },
  {
    name: "the number of a deleted version is used again",
    file: "delete-policy-version.ts",
    find: "await tx.policyVersion.delete({ where: { id }, select: { id: true } });",
    replace: `await tx.policyVersion.delete({ where: { id }, select: { id: true } });
      await tx.policy.updateMany({ where: { id: policy.id, lastVersion: number }, data: { lastVersion: number - 1 } });`,
  },
  {
    name: "policies are found by the exact case of their names",
    file: "look-up.ts",
    find: "type: policy.type, nameKey: policy.nameKey, OR",
    replace: "type: policy.type, name: policy.name, OR",
  },
  {
    name: "service-linked roles may be given policies",
    file: "attachment-target.ts",
    find: `refuseServiceLinkedRole(principal, "principal");`,
    replace: "",
  },
  {
    name: "a new name does not change the arn",
    file: "update-principal.ts",
    find: "...(newName === null ? {} : renamed(name, newName)) });",
    replace: "...(newName === null ? {} : { name: newName }) });",
  },
  {
    name: "null leaves as it is",
    file: "changed-columns.ts",
    find: "value !== undefined &&",
    replace: "value !== undefined && value !== null &&",
  },
  {
    name: "groups per user are off by one",
    file: "add-user-to-group.ts",
    find: "groups.length >= most",
    replace: "groups.length > most",
  },
  {
    name: "tags that get another value count towards the quota",
    file: "tag-resource.ts",
    find: "checkTagCount(next.size, most",
    replace: "checkTagCount(current.size + tags.length, most",
  },
  {
    name: "untagging removes the other tags",
    file: "untag-resource.ts",
    find: "key: { in: [...keys] }",
    replace: "key: { notIn: [...keys] }",
  },
  {
    name: "a key goes although aliases point to it",
    file: "deregister-key.ts",
    find: `...(await checkUsers(tx, keyId, "ALIAS", "aliases still point to the key")),`,
    replace: "",
  },
  {
    name: "a dry run writes",
    file: "change-account.ts",
    find: "if (request.dryRun) throw new DryRunDone(resultOf(effect, administration.tokens.issue(guards, now), true));",
    replace:
      "if (request.dryRun) return { result: resultOf(effect, administration.tokens.issue(guards, now), true), moved: [] };",
  },
  {
    name: "the expected revision is ignored",
    file: "change-account.ts",
    find: "if (!moved) return;",
    replace: "if (moved !== null) return;",
  },
  {
    name: "what is attached to a group is guarded by a scope that it does not move",
    file: "attachment-target.ts",
    find: `principal.kind === "GROUP" ? "grp" : "prin"`,
    replace: `principal.kind === "GROUP" ? "prin" : "prin"`,
  },
  {
    name: "a group's new name is not guarded",
    file: "update-principal.ts",
    find: "const names = newName === null ? [name.name] : [name.name, newName];",
    replace: `const names = newName === null || kind === "GROUP" ? [name.name] : [name.name, newName];`,
  },
  {
    name: "policies are guarded by their account, which they do not move",
    file: "policy-change.ts",
    find: "return [`pol:",
    replace: "return [`acct:",
  },
  {
    name: "an idempotency key answers for every input",
    file: "change-account.ts",
    find: "fingerprintOf([change.action, input,",
    replace: "fingerprintOf([null, null,",
  },
  {
    name: "what changes nothing is written down",
    file: "change-account.ts",
    find: "const trail = effect.changed",
    replace: "const trail = effect !== null",
  },
];

interface Found {
  /** Which of the sequences it is. */
  readonly run: number;
  readonly commands: readonly Command[];
  readonly difference: string;
}

/** The first sequence after which gateway and model differ, or null. */
async function search(useCases: UseCases, sequenceCount: number, witness?: Witness): Promise<Found | null> {
  const ground = groundOf(useCases);
  const queue = [...fc.sample(sequences, { seed: SEED, numRuns: sequenceCount }).entries()];
  const found: Found[] = [];
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined && found.length === 0; next = queue.shift()) {
      const [run, commands] = next;
      const difference = await runSequence(ground, commands, witness);
      if (difference !== null) found.push({ run, commands, difference });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return found[0] ?? null;
}

/** How to see it again, and what is left of it when everything is left out that need not be there. */
async function explain(useCases: UseCases, { run, commands, difference }: Found): Promise<string> {
  let [left, why] = [commands, difference];
  for (let at = commands.length - 1; at >= 0; at -= 1) {
    const shorter = left.toSpliced(at, 1);
    const still = await runSequence(groundOf(useCases), shorter);
    if (still !== null) [left, why] = [shorter, still];
  }
  const lines = left.map((command) => JSON.stringify(command)).join("\n");
  return `sequence ${run} of MODEL_SEED=${SEED}: ${difference}\nin short: ${why}\n${lines}`;
}

/** Those that need a session, a snapshot or an API key, which this model has none of. */
const OUT_OF_REACH = [
  ...["INVALID_PARAMETER_DURATION_SECONDS", "INVALID_PARAMETER_ROLE_SESSION_NAME", "LIMIT_EXCEEDED_ROLE_SESSION"],
  ...["NO_PERMISSION", "WOULD_ESCALATE"],
  ...["INVALID_SNAPSHOT", "API_KEY_INACTIVE", "ENTITY_NOT_EXIST_API_KEY", "LIMIT_EXCEEDED_API_KEY"],
  ...["INVALID_PARAMETER_EXPIRES_AT", "INVALID_PARAMETER_OVERLAP_SECONDS"],
];

test(`${SEQUENCES} random sequences of changes from seed ${SEED} come out as the model has them`, {
  timeout: 60_000 + SEQUENCES * 2_000,
}, async () => {
  const [codes, outcomes] = [new Set<string>(), new Set<string>()];
  const found = await search(USE_CASES, SEQUENCES, ({ name, options }, expected) => {
    for (const code of expected.codes) codes.add(code.replace(/\[\d+\]$/, ""));
    if (expected.replays !== null) outcomes.add("repeated");
    else if (expected.changed) outcomes.add(options.dryRun ? "a dry run" : name);
    else if (expected.codes.length === 0) outcomes.add(`${name}, unchanged`);
  });
  if (found !== null) throw new Error(await explain(USE_CASES, found));
  if (SEQUENCES < SEQUENCES_IN_CI) return;
  const wanted = USER_ERROR_CODES.filter((code) => !OUT_OF_REACH.includes(code));
  expect([...codes].sort()).toEqual([...wanted, "FORBIDDEN"].sort());
  expect(wantedOutcomes().filter((outcome) => !outcomes.has(outcome))).toEqual([]);
});

/** Every change is made, and what can be so already is found so. */
function wantedOutcomes(): string[] {
  const names = Object.keys(USE_CASES).filter((name) => name !== "createAccount"); // it is there already
  const idempotent = names.filter((name) => /^(update|attach|detach|add|remove|set|tag|untag|move)/.test(name));
  return [...names, ...idempotent.map((name) => `${name}, unchanged`), "a dry run", "repeated"];
}

describe("the comparison finds out that", () => {
  test.each(MUTATIONS)("$name", { timeout: 300_000 }, async (mutation) => {
    expect(await search(await brokenUseCases(mutation), SEQUENCES_IN_CI)).not.toBeNull();
  });
});

test("a failure is told in the few changes that show it", { timeout: 300_000 }, async () => {
  const broken = await brokenUseCases(MUTATIONS[0] as Mutation);
  const told = await explain(broken, (await search(broken, SEQUENCES_IN_CI)) as Found);
  expect(told).toMatch(/^sequence \d+ of MODEL_SEED=/);
  expect(told.split("\n").length).toBeLessThanOrEqual(5);
  expect(told).toContain('"name":"attachPolic');
});
