import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { generateAccount } from "../../src/administration/generate/generate-account.js";
import { accountsOf } from "../../src/administration/generate/sizes.js";
import { createDecisions, type Question } from "../../src/decisions/decide-many.js";
import { openLoadPool } from "../../src/store/evaluation-input.js";
import { createTokens } from "../../src/store/revision-token.js";
import { openRevisionPool } from "../../src/store/revisions.js";
import { createTestDatabase, type TestDatabase, withClient } from "../support/databases.js";
import { childEnvironment } from "../support/gateway.js";

const BIN = fileURLToPath(new URL("../../dist/cli/ramgate.js", import.meta.url));
const [SHAPE] = accountsOf("small", 7);
const ACCOUNT = SHAPE?.id ?? "";

let folder: string;
let file: string;
/** One that the account was loaded into, and one that its snapshot was imported into. */
let [loaded, imported]: TestDatabase[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ramgate-generate-"));
  file = join(folder, "small.json");
  [loaded, imported] = [await createTestDatabase("loaded"), await createTestDatabase("imported")];
});

afterAll(async () => {
  await rm(folder, { recursive: true });
  await loaded?.drop();
  await imported?.drop();
});

function ramgate(args: readonly string[], database?: TestDatabase, settings: Record<string, string> = {}) {
  const env = childEnvironment({ ...(database && { DATABASE_URL: database.url }), ...settings });
  const child = spawn(process.execPath, [BIN, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    err += chunk;
  });
  return new Promise<{ code: number | null; out: string; err: string }>((resolve) =>
    child.on("close", (code) => resolve({ code, out, err })),
  );
}

const small = (...args: string[]) => ["generate", "--size", "small", "--seed", "7", ...args];

describe("ramgate generate", () => {
  test("writes the same to a file and to standard output, and asks nothing of the environment", async () => {
    const run = await ramgate(small("--out", file), undefined, { PORT: "http" });
    expect(run).toMatchObject({ code: 0, out: `${file}\n` });
    expect(run.err).toMatch(/^writing 0|^writing /);
    expect(await ramgate(small("-o", "-", "--quiet"))).toEqual({ code: 0, out: await readFile(file, "utf8"), err: "" });
    expect(JSON.parse(await readFile(file, "utf8")).account.id).toBe(ACCOUNT);
  });

  test("writes several accounts into a directory, one file each", async () => {
    const several = join(folder, "several");
    const { code, out } = await ramgate(small("--accounts", "3", "--out", several, "--quiet"));
    const names = accountsOf("small", 7, 3).map(({ id }) => `${id}.json`);
    expect([code, out]).toEqual([0, names.map((name) => `${join(several, name)}\n`).join("")]);
    expect(await readdir(several)).toEqual(names);
    expect(await readFile(join(several, names[0] ?? ""))).toEqual(await readFile(file));
  });

  test.each([
    [["generate", "--out", "-"], "error: required option '--size <size>' not specified"],
    [["generate", "--size", "large"], "error: option '--size <size>' argument 'large' is invalid"],
    [small(), "ramgate: it needs `--out <path>` or `--load`"],
    [small("--out", "-", "--load"), "ramgate: `--load` and `--out` exclude each other"],
    [small("--out", "-", "--replace"), "ramgate: `--replace` goes with `--load` only"],
    [small("--out", "-", "--accounts", "2"), "ramgate: several accounts do not go to standard output"],
    [small("--out", "-", "--accounts", "many"), "ramgate: --accounts: `many` is not a whole number"],
    [small("--out", "-", "--seed", "-1"), "ramgate: --seed: `-1` is not a whole number"],
    [small("--out", "-", "--seed", "4294967296"), "ramgate: seed: `4294967296` is not a whole number from 0 to"],
    [small("--out", "/no/such/folder/a.json"), "ramgate: cannot write `/no/such/folder/a.json`: there is no such file"],
    [["generate", "--size", "huge", "--accounts", "2", "--out", "x"], "ramgate: accounts: `huge` always has 20"],
  ])("%j is refused", async (args, message) => {
    const { code, out, err } = await ramgate([...args, ...(args.includes("--quiet") ? [] : ["--quiet"])]);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(message);
  });
});

describe("an account that was loaded", () => {
  beforeAll(async () => {
    const written = join(folder, "for-import.json");
    for (const [args, database] of [
      [small("--out", written), undefined],
      [["import", written], imported],
      [small("--load"), loaded],
    ] as const) {
      expect(await ramgate([...args, "--quiet"], database)).toMatchObject({ code: 0, err: "" });
    }
  });

  test("is that of the import of its snapshot: export, trail and revisions", { timeout: 60_000 }, async () => {
    const exported = await ramgate(["export", ACCOUNT], loaded);
    expect(exported.out).toContain(`"id":"${ACCOUNT}"`);
    expect(exported.out).toBe((await ramgate(["export", ACCOUNT], imported)).out);
    expect(await eventsOf(loaded)).toEqual([
      { ...(await eventsOf(imported))[0], reason: "generated: size small, seed 7" },
    ]);
    expect((await ramgate(["audit", "verify", "--account", ACCOUNT], loaded)).out).toMatch(/intact: 1 event, /);
    expect(await revisionsOf(loaded)).toEqual(await revisionsOf(imported));
  });

  test("is left alone when it is loaded again, and brought back by a replacement", async () => {
    expect(await ramgate(small("--load", "--quiet"), loaded)).toMatchObject({
      code: 0,
      out: `account ${ACCOUNT}: nothing to change\n`,
    });
    if (loaded === undefined) throw new Error("no database");
    await withClient(loaded.url, (client) => client.query("DELETE FROM resource_tag"));
    const { out } = await ramgate(small("--load", "--replace", "--quiet"), loaded);
    expect(out).toMatch(/: \d+ rows written\n$/);
    expect((await ramgate(["export", ACCOUNT], loaded)).out).toBe((await ramgate(["export", ACCOUNT], imported)).out);
  });

  test("gives questions every outcome there is", async () => {
    if (loaded === undefined || SHAPE === undefined) throw new Error("no database");
    const [pool, loadPool] = [openRevisionPool(loaded.url), openLoadPool(loaded.url, 2)];
    const tokens = createTokens({ environment: "generate", key: randomBytes(32) });
    const keys = { environment: "generate", engineVersion: "test", cacheKey: randomBytes(32) };
    const decisions = createDecisions({ pool, loadPool, tokens, ...keys, cache: null, scopePrecedence: "staged" });
    try {
      const answers = await decisions.decideMany(questions());
      const outcomes = answers.flatMap<unknown>((answer) =>
        answer instanceof Error ? [answer] : answer.decisions.map(({ outcome }) => outcome),
      );
      expect(new Set(outcomes)).toEqual(new Set(["ALLOW", "EXPLICIT_DENY", "IMPLICIT_DENY", "CONDITIONAL"]));
    } finally {
      await Promise.all([pool.end(), loadPool.end()]);
    }
  });
});

const SITUATIONS = [
  { currentTime: "2026-06-01T12:00:00Z" },
  { currentTime: "2026-06-01T12:00:00Z", sourceIp: "8.8.8.8", mfaPresent: false, secureTransport: true },
];

/** Of some users and keys, whether each may use, sign with or destroy each: nobody says from where, and from outside. */
function questions(): Question[] {
  if (SHAPE === undefined) return [];
  const { users, keys } = generateAccount(SHAPE);
  const principals = users.slice(0, 20).map(({ name }) => `acs:ram::${ACCOUNT}:user/${name}`);
  const resources = keys.slice(0, 20).map(({ region, id }) => `acs:kms:${region}:${ACCOUNT}:key/${id}`);
  const actions = ["kms:Decrypt", "kms:AsymmetricSign", "kms:ScheduleKeyDeletion"];
  return SITUATIONS.flatMap((context) =>
    principals.flatMap((principal) => resources.map((resource) => ({ principal, resource, actions, context }))),
  );
}

async function rowsOf(database: TestDatabase | undefined, statement: string): Promise<Record<string, unknown>[]> {
  if (database === undefined) throw new Error("no database");
  return withClient(database.url, async (client) => (await client.query(statement, [ACCOUNT])).rows);
}

const eventsOf = (database: TestDatabase | undefined) =>
  rowsOf(
    database,
    "SELECT sequence, actor, action, targets, reason, input, before, after, revision FROM audit_event WHERE account_id = $1",
  );

const revisionsOf = (database: TestDatabase | undefined) =>
  rowsOf(database, "SELECT scope, rev FROM scope_revision WHERE scope LIKE '%' || $1 || '%' ORDER BY scope");
