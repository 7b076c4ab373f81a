import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly optional?: boolean;
}

const read = (name: string) => readFileSync(fileURLToPath(new URL(`../../${name}`, import.meta.url)), "utf8");
const readLock = (name: string) =>
  JSON.parse(read(name)) as { lockfileVersion: number; packages: Record<string, Locked> };
const lock = readLock("package-lock.json");
const { dependencies, devDependencies } = JSON.parse(read("package.json")) as Record<string, Record<string, string>>;
const packages = Object.entries(lock.packages).filter(([path]) => path !== "");

/** Each one more is somebody more to trust: raise it on purpose, and say why in the commit. */
const MOST_DIRECT = 25;
const MOST_IN_PRODUCTION = 112;
const REGISTRY = "https://registry.npmjs.org/";

const faults = (entries: typeof packages) =>
  entries
    .filter(([, { integrity, resolved = REGISTRY }]) => {
      return !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? "") || !resolved.startsWith(REGISTRY);
    })
    .map(([path]) => path);

test("each package of the lockfile has a hash, and comes from nowhere but the registry", () => {
  expect(lock.lockfileVersion).toBe(3);
  expect(packages.length).toBeGreaterThan(100);
  expect(faults(packages)).toEqual([]);
});

test("one without a hash, or from elsewhere, would be found", () => {
  const [[path, entry] = ["", {}]] = packages;
  expect(faults([[path, { ...entry, integrity: "sha1-abc" }]])).toEqual([path]);
  expect(faults([[path, { ...entry, resolved: "git+ssh://git@github.com/x/y.git" }]])).toEqual([path]);
});

test("what runs in production is bounded", () => {
  const inProduction = packages.filter(([, { dev, devOptional, optional }]) => !dev && !devOptional && !optional);
  expect(Object.keys(dependencies ?? {}).length).toBeLessThanOrEqual(MOST_DIRECT);
  expect(inProduction.length).toBeLessThanOrEqual(MOST_IN_PRODUCTION);
});

test("what a benchmark installs for itself is held to the same", () => {
  const { packages: own } = readLock("bench/cerbos/package-lock.json");
  const installed = Object.entries(own).filter(([path]) => path !== "");
  expect(installed.map(([path]) => path)).toEqual(["node_modules/@cerbos/cerbos-linux-x64"]);
  expect(faults(installed)).toEqual([]);
  expect(JSON.parse(read("bench/cerbos/package.json")).dependencies).toEqual({
    "@cerbos/cerbos-linux-x64": installed[0]?.[1].version,
  });
});

test("versions are exact", () => {
  const versions = Object.values({ ...dependencies, ...devDependencies });
  for (const version of versions) expect(version).toMatch(/^(npm:[a-z-]+@)?\d+\.\d+\.\d+(-[\w.-]+)?$/);
});
