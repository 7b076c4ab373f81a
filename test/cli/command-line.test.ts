import { spawn } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEmptyDatabase, createTestDatabase, type TestDatabase, withClient } from "../support/databases.js";
import { APOLLO_KEY, GEMINI_KEY, user } from "../support/demo.js";
import { childEnvironment } from "../support/gateway.js";

const BIN = fileURLToPath(new URL("../../dist/cli/ramgate.js", import.meta.url));
const DEMO = fileURLToPath(new URL("../../examples/demo-account.json", import.meta.url));

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase("cli");
});

afterAll(() => database?.drop());

interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function ramgate(args: readonly string[], settings: Record<string, string> = {}, input = ""): Promise<Run> {
  const env = childEnvironment({ DATABASE_URL: database.url, ...settings });
  const child = spawn(process.execPath, [BIN, ...args], { env, stdio: ["pipe", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    err += chunk;
  });
  child.stdin.on("error", () => {}); // the command may end without reading
  child.stdin.end(input);
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, out, err })));
}

describe("ramgate", () => {
  test.each([[[]], [["serve"]], [["migrate"]], [["import"]], [["check"]], [["lint"]], [["audit"]]])(
    "%j explains itself",
    async (command) => {
      const { code, out } = await ramgate([...command, "--help"]);
      expect(code).toBe(0);
      expect(out).toContain(`Usage: ramgate${command.length > 0 ? ` ${command[0]}` : ""}`);
      expect(out).toContain("DATABASE_URL");
    },
  );

  test("an unknown command and a missing argument are errors", async () => {
    for (const args of [["inspect"], ["check", user("bob")], ["import", DEMO, "--merge"]]) {
      const { code, err } = await ramgate(args);
      expect(code).toBe(2);
      expect(err).toMatch(/^error: /);
    }
  });

  test("lint names file, line and column, and fails on errors only", async () => {
    const warned =
      '{"Version":"1","Statement":[\n{"Effect":"Allow","Action":"kms:decrypt","Resource":"acs:kms:*:*:key/*"}]}';
    expect(await ramgate(["lint", "-"], {}, warned)).toMatchObject({
      code: 0,
      out: "-:2:28 SUGGESTION ACTION_CASE RAM spells `kms:decrypt` as `kms:Decrypt`\n",
    });
    const broken = await ramgate(["lint", "--json", "-"], {}, warned.replace("Allow", "allow"));
    expect(broken.code).toBe(1);
    expect(JSON.parse(broken.out).findings).toMatchObject([{ severity: "ERROR", code: "INVALID_VALUE", line: 2 }]);
  });

  test("lint asks nothing of the environment", async () => {
    const { code, err } = await ramgate(["lint", "-"], { PORT: "http" }, '{"Version":"1","Statement":[]}');
    expect([code, err]).toEqual([0, ""]);
    expect((await ramgate(["migrate"], { PORT: "http" })).err).toContain("PORT");
  });

  test("lint reads the other documents when one cannot be read", async () => {
    const { code, out, err } = await ramgate(["lint", "no-such-file", tmpdir(), "-"], {}, '{"Version":"1",');
    expect(code).toBe(2);
    expect(out).toMatch(/^-:1:16 ERROR SYNTAX .*\n$/);
    expect(err).toBe(
      `ramgate: cannot read \`no-such-file\`: there is no such file\nramgate: cannot read \`${tmpdir()}\`: it is a directory\n`,
    );
    expect(await ramgate(["lint", "--trust", "-"], {}, '{"Version":"1","Statement":[]}')).toEqual({
      code: 0,
      out: "",
      err: "",
    });
  });

  test("all problems of the environment are told at once", async () => {
    const { code, err } = await ramgate(["migrate"], { PORT: "http", LOG_LEVEL: "loud", REDIS_URL: "localhost" });
    expect(code).toBe(2);
    for (const name of ["PORT", "LOG_LEVEL", "REDIS_URL"]) expect(err).toContain(`${name}: `);
  });

  test("migrate sets an empty database up once", async () => {
    const empty = await createEmptyDatabase("migrate");
    try {
      const first = await ramgate(["migrate"], { DATABASE_URL: empty.url });
      const second = await ramgate(["migrate"], { DATABASE_URL: empty.url });
      expect([first.code, second.code]).toEqual([0, 0]);
      expect(first.out).toContain("applied 0001_model");
      expect(second.out).toBe("the database is up to date\n");
    } finally {
      await empty.drop();
    }
  });

  test("import reports, imports, and then finds nothing to do; check answers with its exit code", async () => {
    const unknown = await ramgate(["check", user("bob"), "kms:Decrypt", APOLLO_KEY]);
    expect(unknown.code).toBe(2);
    expect(unknown.err).toContain("does not exist");

    const dry = await ramgate(["import", DEMO, "--dry-run"]);
    expect(dry).toMatchObject({ code: 0 });
    expect(dry.out).toContain("dry run: nothing was changed");
    expect((await ramgate(["check", user("bob"), "kms:Decrypt", APOLLO_KEY])).code).toBe(2);

    expect((await ramgate(["import", DEMO])).out).toContain("imported");
    expect((await ramgate(["import", DEMO, "--replace"])).out).toContain("nothing to change");

    const allowed = await ramgate(["check", user("bob"), "kms:Decrypt", APOLLO_KEY]);
    expect(allowed).toMatchObject({ code: 0 });
    expect(allowed.out).toMatch(/^ALLOW: .*UseApolloKeys/);
    const denied = await ramgate(["check", user("bob"), "kms:Decrypt", GEMINI_KEY]);
    expect(denied).toMatchObject({ code: 1 });
    expect(denied.out).toMatch(/^IMPLICIT_DENY: /);
  });

  test("audit verify says which trails are intact, and the first record that is not", {
    timeout: 120_000,
  }, async () => {
    const audited = await createTestDatabase("cli_audit");
    const verify = (...args: string[]) => ramgate(["audit", "verify", ...args], { DATABASE_URL: audited.url });
    const account = "1234567890123456";
    try {
      await ramgate(["import", DEMO], { DATABASE_URL: audited.url });
      await ramgate(["import", "-"], { DATABASE_URL: audited.url }, '{"version":1,"account":{"id":"77"}}');
      const intact = await verify();
      expect(intact).toMatchObject({ code: 0, err: "" });
      expect(intact.out).toMatch(
        new RegExp(`^${account} intact: 1 event, head [0-9a-f]{64}\\n77 intact: 1 event, head [0-9a-f]{64}\\n$`),
      );
      const known = join(tmpdir(), `ramgate-known-${process.pid}.txt`);
      await writeFile(known, intact.out);
      expect(await verify("--known", known)).toEqual(intact);
      await writeFile(known, `${intact.out}78 intact: 2 events, head ${"0".repeat(64)}\n`);
      const gone = await verify("--known", known);
      expect(gone.code).toBe(1);
      expect(gone.out).toContain("78 broken: event 1: the event is missing");
      await rm(known);
      expect((await verify("--known", DEMO)).code).toBe(2);
      await withClient(audited.url, (client) =>
        client.query(`ALTER TABLE audit_event DISABLE TRIGGER USER;
          UPDATE audit_event SET actor = 'nobody' WHERE account_id = '77'`),
      );
      const broken = await verify();
      expect(broken.code).toBe(1);
      expect(broken.out).toMatch(
        /^1234567890123456 intact: .*\n77 broken: event 1: the event is not what was written .*\n$/,
      );
      expect((await verify("--account", account)).code).toBe(0);
      const unknown = await verify("--account", "404");
      expect(unknown).toMatchObject({ code: 2, out: "" });
      expect(unknown.err).toContain("`404`");
    } finally {
      await audited.drop();
    }
    expect((await ramgate(["audit"])).code).toBe(2);
  });

  test("check takes what is known of the request", async () => {
    const question = ["check", user("alice"), "kms:ScheduleKeyDeletion", APOLLO_KEY];
    const unknown = await ramgate(question);
    expect(unknown).toMatchObject({ code: 1 });
    expect(unknown.out).toContain("depends on: acs:SourceIp");
    expect((await ramgate([...question, "--source-ip", "10.1.2.3"])).code).toBe(0);
    const outside = await ramgate([...question, "--context", "acs:SourceIp=8.8.8.8", "--json"]);
    expect(outside.code).toBe(1);
    expect(JSON.parse(outside.out)).toMatchObject({ outcome: "EXPLICIT_DENY" });
    for (const time of ["tomorrow", "2026-02-30T00:00:00Z", "2026-02-28T00:00:00"]) {
      const refused = await ramgate([...question, "--time", time]);
      expect(refused).toMatchObject({ code: 2 });
      expect(refused.err).toContain(`\`${time}\``);
    }
  });

  test("check refuses a malformed ARN without internals", async () => {
    const { code, err } = await ramgate(["check", "bob", "kms:Decrypt", APOLLO_KEY]);
    expect(code).toBe(2);
    expect(err).toMatch(/^ramgate: .*`bob`/);
    expect(err).not.toMatch(/at .*:\d+:\d+/);
  });

  test("a snapshot with problems is refused with the place of each, and one from standard input is read", async () => {
    const snapshot = { version: 1, account: { id: "77" }, users: [{ name: 3 }], groups: [{}] };
    const file = join(tmpdir(), `ramgate-broken-${process.pid}.json`);
    await writeFile(file, JSON.stringify(snapshot));
    const refused = await ramgate(["import", file]);
    expect(refused.code).toBe(2);
    expect(refused.err).toContain("/users/0/name");
    expect(refused.err).toContain("/groups/0/name");
    const piped = await ramgate(["import", "-"], {}, JSON.stringify({ version: 1, account: { id: "77" } }));
    expect(piped).toMatchObject({ code: 0 });
  });

  test("an unreachable database is a short error", async () => {
    const { code, err } = await ramgate(["migrate"], { DATABASE_URL: "postgresql://postgres@127.0.0.1:1/none" });
    expect(code).toBe(2);
    expect(err).not.toMatch(/at .*:\d+:\d+/);
  });
});
