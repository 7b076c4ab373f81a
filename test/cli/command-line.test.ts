import { spawn } from "node:child_process";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEmptyDatabase, createTestDatabase, type TestDatabase, withClient } from "../support/databases.js";
import { ACCOUNT, APOLLO_KEY, GEMINI_KEY, user } from "../support/demo.js";
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
  test.each([
    [[]],
    [["serve"]],
    [["migrate"]],
    [["import"]],
    [["export"]],
    [["generate"]],
    [["schema"]],
    [["check"]],
    [["lint"]],
    [["audit"]],
    [["key"]],
  ])("%j explains itself", async (command) => {
    const { code, out } = await ramgate([...command, "--help"]);
    expect(code).toBe(0);
    expect(out).toContain(`Usage: ramgate${command.length > 0 ? ` ${command[0]}` : ""}`);
    expect(out).toContain("DATABASE_URL");
  });

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

  test("import names file, line and column of at most a hundred problems, and how many others there are", async () => {
    const users = Array.from({ length: 150 }, (_, index) => ({ name: index }));
    const text = JSON.stringify({ version: 1, account: { id: "78" }, users }, null, 1);
    const refused = await ramgate(["import", "-", "--quiet"], {}, text);
    const lines = refused.err.trimEnd().split("\n");
    expect(refused.code).toBe(2);
    expect(lines).toHaveLength(101);
    expect(lines[0]).toBe("-:8:12 /users/0/name INVALID_SNAPSHOT: `name` must be a string");
    expect(lines[1]).toMatch(/^-:11:12 /);
    expect(lines.at(-1)).toBe("-:1:1 INVALID_SNAPSHOT: 50 more problems are not listed");
    const json = await ramgate(["import", "-", "--quiet", "--json"], {}, text);
    expect([json.code, json.err]).toEqual([2, ""]);
    const { problems, ...rest } = JSON.parse(json.out);
    expect(rest).toEqual({ account: null, dryRun: false, changed: false, plan: null });
    expect(problems[0]).toMatchObject({ pointer: "/users/0/name", line: 8, column: 12 });
  });

  test("import refuses members that are there twice, beside other problems, and text that is no JSON", async () => {
    const twice = '{"version":1,"account":{"id":"79"},\n"users":[{"name":"a","name":"b"},{"name":2}],\n"version":1}';
    const refused = await ramgate(["import", "-", "--quiet"], {}, twice);
    expect(refused.code).toBe(2);
    expect(refused.err).toBe(
      [
        "-:2:29 /users/0/name INVALID_SNAPSHOT: the member is there twice\n",
        "-:3:11 /version INVALID_SNAPSHOT: the member is there twice\n",
        "-:2:42 /users/1/name INVALID_SNAPSHOT: `name` must be a string\n",
      ].join(""),
    );
    const good = '{"version":1,"account":{"id":"79","id":"79"}}';
    expect((await ramgate(["import", "-"], {}, good)).code).toBe(2);
    expect((await ramgate(["export", "79"])).err).toContain("`79` does not exist");
    const broken = await ramgate(["import", "-"], {}, '{\n "version": 1,\n oops }');
    expect(broken.code).toBe(2);
    expect(broken.err).toMatch(/ramgate: `-` is not JSON: -:3:2: /);
    const latin = join(tmpdir(), `ramgate-latin-${process.pid}.json`);
    await writeFile(latin, Buffer.from([0x7b, 0xe9, 0x7d]));
    expect((await ramgate(["import", latin])).err).toContain("is not UTF-8 text");
    await writeFile(latin, Buffer.alloc(100 * 1_024 * 1_024 + 1, " "));
    expect((await ramgate(["import", latin])).err).toContain("is larger than 100 MiB");
    await rm(latin);
  });

  test("import lists its plan on a dry run, tells its progress, and keeps quiet when told to", async () => {
    const snapshot = JSON.stringify({
      version: 1,
      account: { id: "80" },
      users: [{ name: "eve", tags: { team: "red" } }],
      attachments: [{ policy: { type: "CUSTOM", name: "Lost" }, principal: "user/eve", scope: "ACCOUNT" }],
    });
    const dry = await ramgate(["import", "-", "--dry-run"], {}, snapshot);
    expect(dry.code).toBe(0);
    expect(dry.out.split("\n")).toEqual([
      "account 80: new",
      "PRINCIPAL: 1 created, 0 updated, 0 deleted",
      "PRINCIPAL_TAG: 1 created, 0 updated, 0 deleted",
      "POLICY: 1 created, 0 updated, 0 deleted",
      "ATTACHMENT: 1 created, 0 updated, 0 deleted",
      "+ PRINCIPAL acs:ram::80:user/eve",
      "+ PRINCIPAL_TAG acs:ram::80:user/eve team",
      "+ POLICY acs:ram::80:policy/Lost",
      "+ ATTACHMENT acs:ram::80:user/eve acs:ram::80:policy/Lost",
      "dry run: nothing was changed",
      "",
    ]);
    expect(dry.err).toMatch(/^reading\nchecking\nplanning\nwriting 0 of 4\nwriting 1 of 4\n/);
    const column = snapshot.indexOf('{"type"') + 1;
    expect(dry.err).toContain(`warning: -:1:${column} /attachments/0/policy POLICY_WITHOUT_DOCUMENT: `);
    const json = await ramgate(["import", "-", "--quiet", "--json"], {}, snapshot);
    expect(json.err).toBe("");
    expect(JSON.parse(json.out)).toMatchObject({
      account: "80",
      dryRun: false,
      changed: true,
      plan: { account: "CREATE", changes: { length: 4 }, unlistedChanges: 0, warnings: [{ line: 1, column }] },
      problems: [],
    });
  });

  test("export writes what import takes, to standard output or whole to a file", async () => {
    await ramgate(["import", DEMO]);
    const { code, out, err } = await ramgate(["export", ACCOUNT]);
    expect([code, err]).toEqual([0, ""]);
    const file = join(tmpdir(), `ramgate-export-${process.pid}.json`);
    expect((await ramgate(["export", ACCOUNT, "-o", file])).code).toBe(0);
    expect(await readFile(file, "utf8")).toBe(out);
    expect((await ramgate(["import", file, "--replace"])).out).toContain("nothing to change");
    const failed = await ramgate(["export", ACCOUNT, "-o", join(tmpdir(), "no-such-folder", "x.json")]);
    expect(failed).toMatchObject({ code: 2, out: "" });
    expect(failed.err).toMatch(/^ramgate: cannot write `.*x\.json`: there is no such file\n$/);
    await ramgate(["export", "42", "-o", file]);
    expect(await readFile(file, "utf8")).toBe(out);
    await expect(stat(`${file}.part`)).rejects.toThrow("ENOENT");
    await rm(file);
  });

  test("schema prints the format of snapshots", async () => {
    const committed = await readFile(new URL("../../docs/account-snapshot.schema.json", import.meta.url), "utf8");
    expect(await ramgate(["schema", "snapshot"])).toEqual({ code: 0, out: committed, err: "" });
  });

  test("an unreachable database is a short error", async () => {
    const { code, err } = await ramgate(["migrate"], { DATABASE_URL: "postgresql://postgres@127.0.0.1:1/none" });
    expect(code).toBe(2);
    expect(err).not.toMatch(/at .*:\d+:\d+/);
  });
});

describe("ramgate key", () => {
  test("makes keys, lists them without their secrets, and revokes them", async () => {
    const made = await ramgate(["key", "create", "--description", "for ci"]);
    expect(made).toMatchObject({ code: 0, err: "", out: expect.stringMatching(/^rg_[0-9a-f]{16}_[\w-]{43}\n$/) });
    const [, id = "", secret = ""] = /^rg_([0-9a-f]+)_(.+)\n$/.exec(made.out) ?? [];
    const listed = await ramgate(["key", "list"]);
    expect(listed.out).toContain(`${id}  operator  no end  never used  "for ci"`);
    const [first = ""] = (await ramgate(["key", "list", "--json"])).out.split("\n");
    expect(JSON.parse(first)).toMatchObject({ id, principal: null, revokedAt: null });
    expect(await ramgate(["key", "revoke", id])).toEqual({ code: 0, out: `revoked ${id}\n`, err: "" });
    expect((await ramgate(["key", "revoke", id])).out).toBe(`${id} was revoked before\n`);
    const after = await ramgate(["key", "list"]);
    expect(after.out).toMatch(new RegExp(`^${id}  operator  revoked `, "m"));
    expect(`${listed.out}${first}${after.out}`).not.toContain(secret);
  });

  test.each([
    [["create", "--principal", "acs:ram::404:user/ann"], "ENTITY_NOT_EXIST"],
    [["create", "--expires", "tomorrow"], "--expires: `tomorrow` is not an RFC 3339 instant"],
    [["create", "--expires", "2001-01-01T00:00:00Z"], "INVALID_PARAMETER_EXPIRES_AT"],
    [["revoke", "none"], "ENTITY_NOT_EXIST_API_KEY"],
    [["list", "--principal", "ann"], "`ann` is not a valid arn of a principal"],
  ])("%j is refused", async (args, message) => {
    const { code, out, err } = await ramgate(["key", ...args]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(message);
  });
});
