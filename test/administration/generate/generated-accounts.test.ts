import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../../src/administration/administration.js";
import { generateAccount, writeGenerated } from "../../../src/administration/generate/generate-account.js";
import { randomOf } from "../../../src/administration/generate/random.js";
import { type AccountShape, accountsOf, HUGE, type Size } from "../../../src/administration/generate/sizes.js";
import { emptyState } from "../../../src/administration/import/account-state.js";
import { checkSnapshot, readSnapshot } from "../../../src/administration/import/read-snapshot.js";
import type { Snapshot } from "../../../src/administration/import/snapshot.js";
import { targetState } from "../../../src/administration/import/target-state.js";
import { warningsOf } from "../../../src/administration/import/warnings.js";
import { lintPolicy } from "../../../src/domain/policy/lint/lint-policy.js";
import { SYSTEM_POLICIES } from "../../../src/domain/policy/system-policies.js";

function shapeOf(size: Size, seed = 1, index = 0): AccountShape {
  const shape = accountsOf(size, seed)[index];
  if (shape === undefined) throw new Error("there is no such account");
  return shape;
}

async function textOf(shape: AccountShape): Promise<string> {
  const pieces: string[] = [];
  await writeGenerated(shape, (text) => void pieces.push(text));
  return pieces.join("");
}

const digestOf = async (shape: AccountShape) =>
  createHash("sha256")
    .update(await textOf(shape))
    .digest("hex");

/** What an import into an empty database says. */
function findingsOf(input: unknown) {
  const read = readSnapshot(input);
  if (!read.ok) return { problems: read.problems, warnings: [] };
  const builtIns = new Map(SYSTEM_POLICIES.map(({ name }) => [name.toLowerCase(), name]));
  const target = targetState(emptyState(), builtIns, read.snapshot, "MERGE");
  return {
    problems: [...checkSnapshot(read.snapshot), ...target.problems],
    warnings: [...warningsOf(read.snapshot, DEFAULT_LIMITS), ...target.warnings].map(({ code }) => code),
  };
}

describe("a generated account", () => {
  test.each([
    [1, "d110dc17392592a666a153d3dca253c8b1c053e4f8d140d548242d7ca00c6ca9"],
    [2, "2a3f429f745579b70885baa16bf2777d8696e4194667b0902ab6a9fc58c3d5d8"],
    [4_294_967_295, "55aeee19885972ffc9ff3863a957e40e79a31202f9b79fc90710418010de9865"],
  ])("of the seed %i always has the same bytes", async (seed, digest) => {
    expect(await digestOf(shapeOf("small", seed))).toBe(digest);
  });

  test("is another one for each of several, under a number of its own", async () => {
    const shapes = accountsOf("small", 1, 3);
    expect(new Set(await Promise.all(shapes.map(digestOf))).size).toBe(3);
    const numbers = [...shapes, ...accountsOf("small", 2), ...accountsOf("quota", 1), ...accountsOf("huge", 1)];
    expect(new Set(numbers.map(({ id }) => id)).size).toBe(3 + 1 + 1 + 20);
  });

  test("is the same, written piece by piece or made at once", async () => {
    const shape = shapeOf("small");
    expect(JSON.parse(await textOf(shape))).toEqual(JSON.parse(JSON.stringify(generateAccount(shape))));
  });

  test("of the size small has something of everything", () => {
    const { policies, attachments, ...lists } = generateAccount(shapeOf("small"));
    const counts = Object.entries(lists).map(([name, list]) => [name, Array.isArray(list) ? list.length : 0]);
    expect(Object.fromEntries(counts)).toMatchObject({
      ...{ resourceGroups: 5, groups: 10, users: 50, roles: 10, keys: 100, secrets: 100, aliases: 40 },
    });
    expect(policies.filter(({ type }) => type === "CUSTOM")).toHaveLength(30);
    expect(new Set(attachments.map(({ policy }) => policy.type))).toEqual(new Set(["CUSTOM", "SYSTEM"]));
    expect(attachments.some(({ scope }) => scope !== "ACCOUNT")).toBe(true);
  });

  test("has policies as teams write them: every shape of statement, none that is malformed", () => {
    const documents = generateAccount({
      ...shapeOf("quota"),
      policies: 60,
      users: 0,
      groups: 0,
      roles: 1,
    }).policies.map(({ versions }) => versions.at(-1)?.document);
    const text = JSON.stringify(documents);
    for (const part of [
      ...[
        '"NotAction"',
        '"Deny"',
        '"Resource":"*"',
        "kms:*crypt",
        "kms:tag/Project",
        "acs:SourceIp",
        "acs:CurrentTime",
      ],
      ...["acs:MFAPresent", "NotIpAddress", "sts:AssumeRole", "oss:GetObject", "acs:SecureTransport"],
    ]) {
      expect(text).toContain(part);
    }
    const findings = documents.flatMap((document) => lintPolicy(document));
    expect(findings.filter(({ severity }) => severity === "ERROR")).toEqual([]);
  });
});

describe("an import of a generated account", () => {
  const parted = (shape: AccountShape, share: number): AccountShape => ({
    ...shape,
    ...{ users: shape.users * share, roles: shape.roles * share, policies: shape.policies * share },
    ...{ keys: shape.keys * share, secrets: shape.secrets * share, aliases: shape.aliases * share },
  });

  test.each([
    ["small", shapeOf("small"), []],
    ["small, of another seed", shapeOf("small", 77), []],
    ["a tenth of quota", parted(shapeOf("quota"), 0.1), []],
    ["the last of huge", shapeOf("huge", 1, 19), ["LIMIT_EXCEEDED_USER"]],
    ["a part of the first of huge", parted(shapeOf("huge"), 0.1), ["LIMIT_EXCEEDED_USER", "LIMIT_EXCEEDED_GROUP"]],
  ])("finds no problem in %s, and warns of what exceeds quotas", { timeout: 120_000 }, (_, shape, warnings) => {
    expect(findingsOf(generateAccount(shape))).toEqual({ problems: [], warnings });
  });
});

describe("the size quota", () => {
  test("is all that RAM's quotas let into an account", { timeout: 120_000 }, async () => {
    const counted = await count(shapeOf("quota"));
    expect(counted.lists).toMatchObject({
      ...{ resourceGroups: 100, groups: 300, users: 5_000, roles: 1_000, attachments: 6_300 * 30 },
      ...{ keys: 10_000, secrets: 20_000, aliases: 5_000 },
    });
    expect(counted.custom).toEqual({ policies: 1_500, versions: 1_500 * 5 });
    expect(counted.memberships).toBe(50_000);
    expect(counted.longest).toBeLessThanOrEqual(6_144);
    expect(counted.shortest).toBeGreaterThan(6_000);
    expect(counted.held.size).toBe(6_300 * 2);
    for (const [holder, names] of counted.held) expect(names.size).toBe(holder.startsWith("CUSTOM") ? 10 : 20);
  });

  interface Counted {
    readonly lists: Record<string, number>;
    readonly custom: { policies: number; versions: number };
    readonly held: Map<string, Set<string>>;
    memberships: number;
    longest: number;
    shortest: number;
  }

  /** Reads it line by line, as it is written. */
  async function count(shape: AccountShape): Promise<Counted> {
    const held = new Map<string, Set<string>>();
    const custom = { policies: 0, versions: 0 };
    const counted: Counted = { lists: {}, custom, held, memberships: 0, longest: 0, shortest: Infinity };
    let [rest, list] = ["", ""];
    await writeGenerated(shape, (text) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        list = /^"(\w+)": \[$/.exec(line)?.[1] ?? list;
        if (line.startsWith('{"')) countItem(counted, list, JSON.parse(line.replace(/,$/, "")));
      }
    });
    return counted;
  }

  // biome-ignore lint/suspicious/noExplicitAny: what it is follows from the list
  function countItem(counted: Counted, list: string, item: any): void {
    counted.lists[list] = (counted.lists[list] ?? 0) + 1;
    if (list === "users") counted.memberships += new Set(item.groups).size;
    if (list === "policies") countPolicy(counted, item);
    if (list === "attachments") countAttachment(counted, item);
  }

  function countPolicy(counted: Counted, { type, versions }: Snapshot["policies"][number]): void {
    if (type === "SYSTEM") return;
    counted.custom.policies += 1;
    counted.custom.versions += versions.length;
    for (const { document } of versions) {
      const { length } = JSON.stringify(document);
      counted.longest = Math.max(counted.longest, length);
      counted.shortest = Math.min(counted.shortest, length);
    }
  }

  function countAttachment({ held }: Counted, { policy, principal }: Snapshot["attachments"][number]): void {
    const holder = `${policy.type} ${principal}`;
    held.set(holder, (held.get(holder) ?? new Set()).add(policy.name));
  }
});

describe("the size huge", () => {
  test("is 200,000 users and a million resources in twenty accounts, one with half of the users", () => {
    const shapes = accountsOf("huge", 1);
    const sum = (of: (shape: AccountShape) => number) => shapes.reduce((total, shape) => total + of(shape), 0);
    expect({
      accounts: shapes.length,
      ...{ users: sum(({ users }) => users), groups: sum(({ groups }) => groups) },
      ...{ policies: sum(({ policies }) => policies) },
      resources: sum(({ keys, secrets, aliases }) => keys + secrets + aliases),
    }).toEqual(HUGE);
    expect(shapes[0]?.users).toBe(100_000);
  });
});

test.each([
  ["small", -1, undefined, "seed: `-1` is not a whole number from 0 to 4294967295"],
  ["small", 1.5, undefined, "seed: `1.5` is not a whole number from 0 to 4294967295"],
  ["quota", 1, 0, "accounts: `0` is not a whole number from 1 to 100"],
  ["small", 1, 101, "accounts: `101` is not a whole number from 1 to 100"],
  ["huge", 1, 3, "accounts: `huge` always has 20, not `3`"],
] as const)("there are no %s accounts of seed %s, %s of them", (size, seed, accounts, message) => {
  expect(() => accountsOf(size, seed, accounts)).toThrow(message);
});

test("draws are spread evenly, also those of neighbours", () => {
  const counts = new Array<number>(10).fill(0);
  for (let index = 0; index < 10_000; index += 1) {
    const draw = randomOf(1, "key", index).below(10);
    counts[draw] = (counts[draw] ?? 0) + 1;
  }
  for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150);
});
