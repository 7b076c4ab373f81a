import { execFile } from "node:child_process";
import { appendFile, cp, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "ramgate-build-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe("scripts/lock.mjs", () => {
  const countUp = (path: string) =>
    run(process.execPath, [
      "--input-type=module",
      "-e",
      `import { withLock } from "${ROOT}/scripts/lock.mjs";
       import { readFileSync, writeFileSync } from "node:fs";
       import { setTimeout } from "node:timers/promises";
       for (let i = 0; i < 5; i++) await withLock("${path}.lock", async () => {
         const n = Number(readFileSync("${path}", "utf8"));
         await setTimeout(10);
         writeFileSync("${path}", String(n + 1));
       });`,
    ]);

  test("lets one process in at a time", async () => {
    const counter = join(directory, "counter");
    await writeFile(counter, "0");
    await Promise.all([countUp(counter), countUp(counter), countUp(counter)]);
    expect(await readFile(counter, "utf8")).toBe("15");
  });

  test.each([
    ["a process that is gone", "999999999 1 x"],
    ["an earlier process with the number of a living one", `${process.pid} 1 x`],
    ["nobody (an empty file)", ""],
  ])("the lock of %s is taken over, by one of many", async (_, owner) => {
    const counter = join(directory, "counter");
    await writeFile(counter, "0");
    await writeFile(`${counter}.lock`, owner);
    await Promise.all([countUp(counter), countUp(counter)]);
    expect(await readFile(counter, "utf8")).toBe("10");
  });
});

describe("scripts/build.mjs", { timeout: 120_000 }, () => {
  const build = () => run(process.execPath, [join(directory, "scripts/build.mjs")]);
  const write = (path: string, text: string) => writeFile(join(directory, path), text);
  const inode = async (path: string) => (await stat(join(directory, path))).ino;

  beforeEach(async () => {
    for (const path of [
      ...["scripts", "prisma", "prisma.config.ts", "package.json", "package-lock.json"],
      ...["tsconfig.json", "tsconfig.build.json"],
    ]) {
      await cp(join(ROOT, path), join(directory, path), { recursive: true });
    }
    await symlink(join(ROOT, "node_modules"), join(directory, "node_modules"));
    await mkdir(join(directory, "src/domain"), { recursive: true });
    await mkdir(join(directory, "src/cli"));
    await write("src/domain/arn.ts", "export const answer: number = 42;\n");
    await write("src/domain/gone.ts", "export const gone = true;\n");
    await write(
      "src/cli/ramgate.ts",
      '#!/usr/bin/env node\nimport { answer } from "../domain/arn.js";\nconsole.log(answer);\n',
    );
  });

  test("builds once for all who ask at once, what changed and nothing else", async () => {
    const [first, second] = await Promise.all([build(), build()]);
    expect([first.stderr, second.stderr].sort()).toEqual([
      "",
      "building: prisma client\nbuilding: engine version\nbuilding: dist\n",
    ]);
    expect((await run(join(directory, "dist/cli/ramgate.js"))).stdout).toBe("42\n");

    const before = performance.now();
    expect((await build()).stderr).toBe("");
    expect(performance.now() - before).toBeLessThan(2_000); // 100 ms on an idle machine

    const untouched = await inode("dist/cli/ramgate.js");
    const version = await readFile(join(directory, "src/decisions/generated/engine-version.ts"), "utf8");
    await write("src/domain/arn.ts", "export const answer: number = 43;\n");
    await rm(join(directory, "src/domain/gone.ts"));
    expect((await build()).stderr).toBe("building: engine version\nbuilding: dist\n");
    expect(await inode("dist/cli/ramgate.js")).toBe(untouched);
    await expect(inode("dist/domain/gone.js")).rejects.toThrow(/ENOENT/);
    expect((await run(join(directory, "dist/cli/ramgate.js"))).stdout).toBe("43\n");
    expect(await readFile(join(directory, "src/decisions/generated/engine-version.ts"), "utf8")).not.toBe(version);
  });

  test("leaves dist/ alone when the sources do not compile, and tries again", async () => {
    await build();
    await appendFile(join(directory, "src/domain/arn.ts"), "export const wrong: number = 'text';\n");
    await expect(build()).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining("src/domain/arn.ts") });
    await expect(build()).rejects.toMatchObject({ code: 1 });
    expect((await run(join(directory, "dist/cli/ramgate.js"))).stdout).toBe("42\n");
  });
});
