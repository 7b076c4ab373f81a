import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { CONFIG_VARIABLES, loadConfig } from "../../src/config.js";

/** There is no container engine where these tests run: this is what can be said without one. */
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string) => readFileSync(`${ROOT}/${path}`, "utf8");

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly user?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly mem_limit?: string;
  readonly cpus?: number;
  readonly pids_limit?: number;
  readonly volumes?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { condition: string }>>;
}

describe("docker-compose.yml", () => {
  const { services } = parse(read("docker-compose.yml"), { merge: true }) as { services: Record<string, Service> };

  test("has PostgreSQL, Redis and the gateway", () => {
    expect(Object.keys(services)).toEqual(["postgres", "redis", "gateway"]);
  });

  test.each(Object.entries(services))("%s is confined", (_, service) => {
    expect(service).toMatchObject({ read_only: true, cap_drop: ["ALL"], security_opt: ["no-new-privileges:true"] });
    expect(service.tmpfs).toContain("/tmp");
    expect([service.mem_limit, service.cpus, service.pids_limit]).not.toContain(undefined);
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  test("the gateway finds its servers and waits for them", () => {
    const { environment = {}, depends_on } = services["gateway"] ?? {};
    expect(environment["DATABASE_URL"]).toMatch(/@postgres:5432\/ramgate$/);
    expect(environment["REDIS_URL"]).toBe("redis://redis:6379");
    expect(depends_on).toEqual({
      postgres: { condition: "service_healthy" },
      redis: { condition: "service_healthy" },
    });
    expect(services["postgres"]?.healthcheck).toBeDefined();
    expect(services["redis"]?.healthcheck).toBeDefined();
  });

  test("the gateway gets only variables that it reads, and would start with the defaults", () => {
    const { environment = {} } = services["gateway"] ?? {};
    for (const name of Object.keys(environment)) expect(CONFIG_VARIABLES).toContain(name);
    const defaults = Object.entries(environment).map(([name, value]) => [
      name,
      value.replace(/\$\{\w+:-(.*?)\}/g, "$1"),
    ]);
    expect(() => loadConfig(Object.fromEntries(defaults))).not.toThrow();
  });

  test("Redis is a cache: nothing on disk, old entries give way", () => {
    const command = services["redis"]?.command ?? [];
    expect(command[command.indexOf("--save") + 1]).toBe("");
    expect(command[command.indexOf("--appendonly") + 1]).toBe("no");
    expect(command[command.indexOf("--maxmemory-policy") + 1]).toBe("allkeys-lru");
    expect(services["redis"]?.volumes).toBeUndefined();
  });
});

describe("Dockerfile", () => {
  const text = read("Dockerfile").replace(/\\\n\s*/g, "");
  const instructions = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const last = instructions.slice(instructions.findLastIndex((line) => line.startsWith("FROM ")));
  const find = (name: string) => last.find((line) => line.startsWith(`${name} `)) ?? "";

  test("builds in one stage and runs in another, as nobody in particular", () => {
    const stages = instructions.filter((line) => line.startsWith("FROM "));
    expect(stages.length).toBeGreaterThan(1);
    for (const stage of stages) expect(stage).toMatch(/^FROM \$\{NODE_IMAGE\}/);
    expect(find("USER")).toBe("USER 10001:10001");
  });

  test("runs node itself, without npm or a shell, so that signals arrive", () => {
    const command = JSON.parse(find("CMD").slice("CMD ".length)) as string[];
    expect(command).toEqual(["node", "dist/cli/ramgate.js", "serve"]);
    expect(existsSync(`${ROOT}/${command[1]?.replace("dist", "src").replace(".js", ".ts")}`)).toBe(true);
    expect(find("RUN")).toMatch(/^RUN rm -rf .*npm/);
  });

  test("is healthy when /healthz says so", () => {
    const [, , check = ""] = JSON.parse(find("HEALTHCHECK").replace(/^.* CMD /, "")) as string[];
    expect(check).toContain("/healthz");
    expect(() => new Function(check)).not.toThrow();
  });

  test("copies only what exists and is not ignored", () => {
    const ignored = read(".dockerignore").split("\n");
    const copies = instructions.filter((line) => /^COPY (?!--from)/.test(line));
    const sources = copies.flatMap((line) => line.split(" ").slice(1, -1));
    expect(sources.length).toBeGreaterThan(8);
    for (const source of sources) {
      expect(existsSync(`${ROOT}/${source}`), source).toBe(true);
      expect(ignored).not.toContain(source);
    }
  });

  test("the node version is the one we develop with", () => {
    const [major] = read(".nvmrc").split(".");
    expect(text).toContain(`ARG NODE_IMAGE=node:${major}.`);
  });
});
