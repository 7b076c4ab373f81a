import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { CONFIG_VARIABLES, loadConfig } from "../../src/config.js";

/** There is no container engine where these tests run: this is what can be said without one. */
const DRAIN_AND_CLOSE_MS = 30_000;
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string) => readFileSync(`${ROOT}/${path}`, "utf8");

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly user?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly env_file?: readonly string[];
  readonly networks?: readonly string[];
  readonly ports?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly mem_limit?: string;
  readonly cpus?: number;
  readonly pids_limit?: number;
  readonly privileged?: boolean;
  readonly stop_grace_period?: string;
  readonly volumes?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { condition: string }>>;
}

const GATEWAYS = ["gateway-1", "gateway-2"] as const;

/** `NAME=value` lines. */
const readEnvironment = (path: string): Record<string, string> => {
  const lines = read(path)
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(lines.map((line) => [line.split("=")[0], line.slice(line.indexOf("=") + 1)]));
};

describe("docker-compose.yml", () => {
  const { services, networks } = parse(read("docker-compose.yml"), { merge: true }) as {
    services: Record<string, Service>;
    networks: Record<string, { internal?: boolean }>;
  };
  const secrets = readEnvironment("deploy/compose/secrets.env.example");
  const nginx = read("deploy/compose/nginx.conf");

  test("has PostgreSQL, Redis and two gateways behind a proxy", () => {
    expect(Object.keys(services)).toEqual(["postgres", "redis", ...GATEWAYS, "proxy"]);
    for (const gateway of GATEWAYS) expect(nginx).toContain(`server ${gateway}:4000 `);
  });

  test.each(Object.entries(services))("%s is confined", (_, service) => {
    expect(service).toMatchObject({ read_only: true, cap_drop: ["ALL"], security_opt: ["no-new-privileges:true"] });
    expect(service.privileged).toBeUndefined();
    expect(service.tmpfs).toContain("/tmp");
    expect([service.mem_limit, service.cpus, service.pids_limit]).not.toContain(undefined);
    expect(service.healthcheck?.test[0]).toBe("CMD");
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  test("nobody but the proxy is reached from outside, and nothing but the gateways reaches the data", () => {
    const open = Object.entries(services).filter(([, { ports }]) => ports !== undefined);
    expect(open.map(([name]) => name)).toEqual(["proxy"]);
    const inside = Object.entries(services).filter(([, service]) => service.networks?.includes("data"));
    expect(inside.map(([name]) => name)).toEqual(["postgres", "redis", ...GATEWAYS]);
    expect(networks["data"]).toEqual({ internal: true });
  });

  test.each(GATEWAYS)("%s finds its servers and waits for them", (name) => {
    const { environment = {}, depends_on } = services[name] ?? {};
    expect(secrets["DATABASE_URL"]).toMatch(/@postgres:5432\/ramgate$/);
    expect(environment["REDIS_URL"]).toBe("redis://redis:6379");
    expect(depends_on).toEqual({
      postgres: { condition: "service_healthy" },
      redis: { condition: "service_healthy" },
    });
  });

  test("secrets come from a file of their own, which git ignores, and nothing else does", () => {
    for (const name of ["postgres", ...GATEWAYS]) {
      expect(services[name]?.env_file).toEqual(["deploy/compose/secrets.env"]);
    }
    expect(read(".gitignore").split("\n")).toContain("deploy/compose/secrets.env");
    const inline = Object.values(services).flatMap(({ environment = {} }) => Object.keys(environment));
    for (const name of inline) expect(name).not.toMatch(/PASSWORD|SECRET|_KEY$|DATABASE_URL/);
  });

  test.each(GATEWAYS)("%s gets only variables that it reads, and would start with them", (name) => {
    const { environment = {} } = services[name] ?? {};
    const { POSTGRES_PASSWORD: _, ...own } = secrets;
    for (const variable of Object.keys({ ...environment, ...own })) expect(CONFIG_VARIABLES).toContain(variable);
    const entries = Object.entries({ ...environment, ...own });
    const defaults = entries.map(([variable, value]) => [variable, value.replace(/\$\{\w+:-(.*?)\}/g, "$1")]);
    expect(() => loadConfig(Object.fromEntries(defaults))).not.toThrow();
  });

  test("a gateway is not killed before it has drained, and keeps connections longer than the proxy", () => {
    const { drainGrace, keepAlive } = loadConfig({});
    const seconds = Number.parseInt(services["gateway-1"]?.stop_grace_period ?? "", 10);
    expect(seconds * 1_000).toBeGreaterThan(drainGrace + DRAIN_AND_CLOSE_MS);
    const [, kept] = /keepalive_timeout (\d+)s/.exec(nginx) ?? [];
    expect(Number(kept) * 1_000).toBeLessThan(keepAlive);
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

  test("fetches nothing but the packages of the lockfile, and runs none of their scripts", () => {
    const building = instructions.filter((line) => !line.startsWith("HEALTHCHECK "));
    for (const line of building) expect(line).not.toMatch(/^ADD |https?:\/\/|curl|wget/);
    const installs = instructions.filter((line) => /npm (ci|install|i)\b/.test(line));
    expect(installs.length).toBeGreaterThan(0);
    for (const install of installs) expect(install).toMatch(/^RUN npm ci .*--ignore-scripts/);
  });

  test("the base can be pinned by digest, and the text says how", () => {
    expect(instructions.find((line) => line.startsWith("ARG NODE_IMAGE="))).toBeDefined();
    expect(text).toMatch(/#.*--build-arg NODE_IMAGE=\S+@sha256:/);
    for (const line of instructions.filter((each) => each.startsWith("COPY --from="))) {
      expect(line).toMatch(/^COPY --from=(build|dependencies) /);
    }
  });

  test("what runs has production dependencies only, and no build", () => {
    const stages = text.split(/^FROM /m).slice(1);
    const dependencies = stages.find((stage) => stage.includes(" AS dependencies")) ?? "";
    expect(dependencies).toMatch(/npm ci --omit=dev/);
    expect(last.filter((line) => line.includes("node_modules node_modules"))).toEqual([
      "COPY --from=dependencies /app/node_modules node_modules",
    ]);
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
