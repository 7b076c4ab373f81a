import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { mutants } from "./test/support/mutant-plugin.js";

/** Tests that drive a browser; they want a Chromium, so `npm run test:browser` runs them and `npm test` does not. */
const BROWSER = ["test/browser/**/*.test.ts"];

/** Tests that need neither a database nor a cache. */
const PURE = [
  "test/domain/**/*.test.ts",
  "test/architecture/**/*.test.ts",
  "test/*.test.ts",
  "test/administration/generate/**/*.test.ts",
  "test/cli/json-text.test.ts",
  "test/decisions/{circuit-breaker,followed-scopes,held-documents,known-revisions,revision-token,sealed-answer}.test.ts",
  "test/graphql/{access-rules,context,schema}.test.ts",
  "test/server/{admission,believed-sender,client-address,decision-log,drain,execute-query,http-server}.test.ts",
  "test/server/{operation-limits,operations,readiness,request-form,subscriptions}.test.ts",
  "test/store/time-slicer.test.ts",
];

/** Everything else runs twice, but for what is named below: on real PostgreSQL and Redis, and on what the package brings. */
const onBackend = (backend: "real" | "embedded", only: { include?: string[]; exclude?: string[]; name?: string }) => ({
  extends: true as const,
  test: {
    name: only.name ?? backend,
    include: only.include ?? ["test/**/*.test.ts"],
    exclude: only.exclude ? [...PURE, ...BROWSER, ...only.exclude] : [],
    globalSetup: [`test/support/global-setup-${backend}.ts`],
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});

/** About what gateways share in Redis. */
const SHARED = ["test/decisions/shared-redis.test.ts", "test/consistency/**/*.test.ts"];

/** About what is beside PostgreSQL and Redis, and the same with either PostgreSQL. */
const AROUND = ["test/acceptance/{replica,workers}.test.ts"];

/** About who may do what, which is the same on every backend, in very many cases. */
const RULES = [
  "test/administration/{authorisation,takeover}.test.ts",
  "test/graphql/{access-*,change-permissions,derived-legs,payload-access}.test.ts",
  "test/server/hostile-documents.test.ts",
];

/** Where CI wants the numbers, besides what people read. */
const results = process.env["RAMGATE_TEST_RESULTS"];

// graphql ships a CommonJS and an ES build: without this, Vitest gives our code one and our dependencies the other.
const graphql = fileURLToPath(new URL("node_modules/graphql/index.js", import.meta.url));

export default defineConfig({
  resolve: { alias: { graphql } },
  plugins: [mutants()],
  test: {
    ...(results && { reporters: ["default", "json"], outputFile: { json: results } }),
    pool: "forks",
    maxWorkers: 2,
    env: { TZ: "Pacific/Kiritimati" }, // nobody's own time zone: what depends on one fails here
    projects: [
      { extends: true, test: { name: "unit", include: PURE, testTimeout: 30_000 } },
      onBackend("real", { exclude: ["test/store/embedded-postgres.test.ts", "test/acceptance/first-start.test.ts"] }), // start their own
      onBackend("embedded", { exclude: [...SHARED, ...RULES, ...AROUND] }),
      onBackend("embedded", { name: "browser", include: BROWSER }),
    ],
  },
});
