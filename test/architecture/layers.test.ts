import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FIXTURE = fileURLToPath(new URL("fixtures/violations", import.meta.url));
const { forbidden } = createRequire(import.meta.url)("../../.dependency-cruiser.cjs") as {
  forbidden: { name: string; severity: string; comment: string }[];
};

interface Report {
  readonly summary: { readonly violations: readonly { rule: { name: string }; from: string; to: string }[] };
}

async function cruise(directory: string): Promise<string[]> {
  const script = `${ROOT}/scripts/layers.mjs`;
  const options = { cwd: directory, maxBuffer: 1e9 };
  const { stdout } = await run(process.execPath, [script, "--output-type", "json"], options).catch((error) => error);
  const { summary } = JSON.parse(stdout) as Report;
  return summary.violations.map(({ rule, from }) => `${rule.name}: ${from}`).sort();
}

/** Each file of the fixture breaks one rule, most of them with a type-only import, and the others break none. */
const EXPECTED = [
  "config-is-read-at-the-root: src/decisions/reads-config.ts",
  "decisions-and-administration-meet-in-store: src/administration/asks-a-question.ts",
  "decisions-and-administration-meet-in-store: src/decisions/changes-an-account.ts",
  "use-cases-only-to-the-right: src/decisions/knows-graphql.ts",
  "domain-is-pure: src/domain/asks-the-store.ts",
  "domain-is-pure: src/domain/reads-a-file.ts",
  "domain-is-pure: src/domain/uses-a-package.ts",
  "everything-resolves: src/server/imports-nothing-real.ts",
  "graphql-only-to-the-right: src/graphql/knows-the-server.ts",
  "graphql-stays-in-its-skin: src/decisions/throws-graphql-errors.ts",
  "no-cycles: src/server/cycle-a.ts",
  "no-development-dependency: src/server/uses-a-test-tool.ts",
  "no-undeclared-package: src/server/uses-a-package-by-chance.ts",
  "nothing-from-outside-src: src/server/runs-a-script.ts",
  "only-entry-points-compose: src/administration/composes.ts",
  "opentelemetry-stays-in-its-file: src/server/traces.ts",
  "prisma-stays-in-store: src/administration/talks-to-postgres.ts",
  "prisma-types-stay-in-store: src/administration/shows-prisma.ts",
  "redis-stays-in-its-adapter: src/decisions/talks-to-redis.ts",
  "server-and-cli-are-siblings: src/server/runs-a-command.ts",
  "store-only-to-the-right: src/store/knows-a-question.ts",
];

test("every violation of the fixture is found, and nothing else", async () => {
  expect(await cruise(FIXTURE)).toEqual([...EXPECTED].sort());
});

test("every rule is broken by the fixture, stops the build and says what to do instead", () => {
  const broken = new Set(EXPECTED.map((line) => line.split(":")[0]));
  expect(forbidden.map(({ name }) => name).sort()).toEqual([...broken].sort());
  for (const { severity, comment } of forbidden) {
    expect(severity).toBe("error");
    expect(comment.length).toBeGreaterThan(40);
  }
});

test("the house obeys its rules", async () => {
  expect(await cruise(ROOT)).toEqual([]);
});
