import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { CONFIG_VARIABLES, ConfigError, loadConfig } from "../src/config.js";

const SECRET = "a_b-".repeat(11); // 44 characters, with the separator inside

function problems(env: Record<string, string>): readonly string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("loadConfig", () => {
  test("nothing is required", () => {
    expect(loadConfig({})).toEqual({
      port: 4000,
      host: "127.0.0.1",
      workers: 1,
      databaseUrl: undefined,
      databaseReplicaUrl: undefined,
      redis: null,
      dataDir: resolve("data"),
      adminApiKey: undefined,
      seedDemo: undefined,
      logLevel: "info",
      scopePrecedence: "staged",
      decisionCache: "on",
      maxStaleness: 1_000,
      verifiedShare: 0.01,
      graphiql: true,
      metricsPort: undefined,
      tracing: null,
      decisionLog: { mode: "off", sample: 1, rows: 100_000 },
      drainGrace: 5_000,
      keepAlive: 75_000,
      limits: {
        customPolicyCharacters: 6_144,
        versionsPerPolicy: 5,
        customPoliciesPerAccount: 1_500,
        usersPerAccount: 5_000,
        groupsPerAccount: 300,
        rolesPerAccount: 1_000,
        groupsPerUser: 10,
        systemPoliciesPerIdentity: 20,
        customPoliciesPerIdentity: 10,
        tagsPerResource: 20,
        apiKeyDays: 90,
      },
      idempotencyKeyDays: 7,
      oidc: null,
      requests: {
        tokens: 1_500,
        depth: 10,
        aliases: 20,
        rootFields: 20,
        directives: 20,
        cost: 2_000,
        body: 4 * 1024 * 1024,
        unknownBody: 256 * 1024,
        inFlight: 256,
        waiting: 256,
        deadline: 5_000,
        subscriptions: 1_000,
        subscriptionsPerCredential: 100,
      },
      rateLimits: { perCredential: 200_000, perAddress: 200 },
      trustedProxies: [],
      trustedDocuments: null,
      corsOrigins: [],
      secrets: {},
    });
  });

  test("an empty value counts as absent", () => {
    expect(loadConfig(Object.fromEntries(CONFIG_VARIABLES.map((name) => [name, " "])))).toEqual(loadConfig({}));
  });

  test("takes what is given", () => {
    const env = {
      PORT: "0",
      HOST: "::1",
      WORKERS: "3",
      DATABASE_URL: "postgres://u:p@db/x",
      DATABASE_REPLICA_URL: "postgres://u:p@replica/x",
      REDIS_URL: "rediss://cache:6380/1, rediss://other",
      REDIS_MODE: "sentinel",
      REDIS_SENTINEL_MASTER: "main",
      DATA_DIR: "/var/lib/ramgate",
      ADMIN_API_KEY: `rg_ops1_${SECRET}`,
      SEED_DEMO: "false",
      LOG_LEVEL: "silent",
      DECISION_LOG: "denials",
      DECISION_LOG_SAMPLE: "0.25",
      DECISION_LOG_ROWS: "26",
      METRICS_PORT: "9464",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318",
      OTEL_EXPORTER_OTLP_HEADERS: "Authorization=Bearer%20x, x-tenant=a=b",
      OTEL_SERVICE_NAME: "gateway",
      OTEL_TRACES_SAMPLER_ARG: "0.5",
      DRAIN_GRACE_MS: "0",
      KEEP_ALIVE_TIMEOUT_MS: "620000",
      SCOPE_PRECEDENCE: "deny-overrides",
      DECISION_CACHE: "off",
      DECISION_CACHE_VERIFY: "0.5",
      MAX_STALENESS_MS: "5000",
      GRAPHIQL: "off",
      MAX_TOKENS: "11",
      MAX_DEPTH: "12",
      MAX_ALIASES: "13",
      MAX_ROOT_FIELDS: "14",
      MAX_DIRECTIVES: "15",
      MAX_COST: "16",
      MAX_BODY_BYTES: "17",
      MAX_UNKNOWN_BODY_BYTES: "18",
      MAX_IN_FLIGHT: "19",
      MAX_WAITING: "20",
      REQUEST_DEADLINE_MS: "21",
      MAX_SUBSCRIPTIONS: "24",
      MAX_SUBSCRIPTIONS_PER_CREDENTIAL: "25",
      RATE_LIMIT: "22",
      RATE_LIMIT_UNKNOWN: "23",
      TRUSTED_PROXIES: "10.0.0.0/8, 192.0.2.7,fd00::/8",
      CORS_ORIGINS: "https://portal.example.com, http://localhost:3000",
      TRUSTED_DOCUMENTS: "only",
      TRUSTED_DOCUMENTS_FILE: "/etc/ramgate/documents.json",
      LIMIT_CUSTOM_POLICY_CHARACTERS: "1",
      LIMIT_VERSIONS_PER_POLICY: "2",
      LIMIT_CUSTOM_POLICIES_PER_ACCOUNT: "3",
      LIMIT_USERS_PER_ACCOUNT: "4",
      LIMIT_GROUPS_PER_ACCOUNT: "5",
      LIMIT_ROLES_PER_ACCOUNT: "6",
      LIMIT_GROUPS_PER_USER: "7",
      LIMIT_SYSTEM_POLICIES_PER_IDENTITY: "8",
      LIMIT_CUSTOM_POLICIES_PER_IDENTITY: "9",
      LIMIT_TAGS_PER_RESOURCE: "10",
      LIMIT_API_KEY_DAYS: "11",
      IDEMPOTENCY_KEY_DAYS: "30",
      OIDC_ISSUER: "https://id.example.com",
      OIDC_AUDIENCE: "ramgate",
      OIDC_JWKS_URL: "https://id.example.com/keys",
      OIDC_PRINCIPAL: "acs:ram::1:user/{sub}",
      OIDC_TOKEN_TYPE: "at+jwt",
      OIDC_ALGORITHMS: "ES256, EdDSA",
      OIDC_MAX_AGE_SECONDS: "600",
      OIDC_CLOCK_TOLERANCE_SECONDS: "1",
      CACHE_MAC_KEY: Buffer.alloc(32, 1).toString("base64url"),
      TOKEN_MAC_KEY: Buffer.alloc(48, 2).toString("base64url"),
      AUDIT_MAC_KEY: Buffer.alloc(32, 3).toString("base64url"),
      ENVIRONMENT_ID: "prod-2.b",
    };
    expect(loadConfig(env)).toEqual({
      port: 0,
      host: "::1",
      workers: 3,
      databaseUrl: "postgres://u:p@db/x",
      databaseReplicaUrl: "postgres://u:p@replica/x",
      redis: { kind: "sentinel", urls: ["rediss://cache:6380/1", "rediss://other"], master: "main" },
      dataDir: "/var/lib/ramgate",
      adminApiKey: { id: "ops1", secret: SECRET },
      seedDemo: false,
      logLevel: "silent",
      scopePrecedence: "deny-overrides",
      decisionCache: "off",
      maxStaleness: 5_000,
      verifiedShare: 0.5,
      graphiql: false,
      metricsPort: 9464,
      tracing: {
        ...{ endpoint: "http://collector:4318", serviceName: "gateway", share: 0.5 },
        headers: { authorization: "Bearer x", "x-tenant": "a=b" },
      },
      decisionLog: { mode: "denials", sample: 0.25, rows: 26 },
      drainGrace: 0,
      keepAlive: 620_000,
      limits: {
        customPolicyCharacters: 1,
        versionsPerPolicy: 2,
        customPoliciesPerAccount: 3,
        usersPerAccount: 4,
        groupsPerAccount: 5,
        rolesPerAccount: 6,
        groupsPerUser: 7,
        systemPoliciesPerIdentity: 8,
        customPoliciesPerIdentity: 9,
        tagsPerResource: 10,
        apiKeyDays: 11,
      },
      idempotencyKeyDays: 30,
      oidc: {
        issuer: "https://id.example.com",
        audience: "ramgate",
        jwksUrl: new URL("https://id.example.com/keys"),
        principal: "acs:ram::1:user/{sub}",
        tokenType: "at+jwt",
        algorithms: ["ES256", "EdDSA"],
        maxAge: 600,
        clockTolerance: 1,
      },
      requests: {
        tokens: 11,
        depth: 12,
        aliases: 13,
        rootFields: 14,
        directives: 15,
        cost: 16,
        body: 17,
        unknownBody: 18,
        inFlight: 19,
        waiting: 20,
        deadline: 21,
        subscriptions: 24,
        subscriptionsPerCredential: 25,
      },
      rateLimits: { perCredential: 22, perAddress: 23 },
      trustedProxies: ["10.0.0.0/8", "192.0.2.7", "fd00::/8"],
      trustedDocuments: "/etc/ramgate/documents.json",
      corsOrigins: ["https://portal.example.com", "http://localhost:3000"],
      secrets: {
        cacheKey: Buffer.alloc(32, 1),
        tokenKey: Buffer.alloc(48, 2),
        auditKey: Buffer.alloc(32, 3),
        environment: "prod-2.b",
      },
    });
  });

  test.each([
    [{}, true],
    [{ NODE_ENV: "production" }, false],
    [{ NODE_ENV: "production", GRAPHIQL: "on" }, true],
    [{ NODE_ENV: "development", GRAPHIQL: "off" }, false],
  ])("GraphiQL with %j: %s", (env, expected) => {
    expect(loadConfig(env).graphiql).toBe(expected);
  });

  test("reports every problem at once, one line each, in a stable order", () => {
    const env = {
      PORT: "http",
      HOST: "localhost:4000",
      DATABASE_URL: "mysql://root:hunter2@db/x",
      REDIS_URL: "hunter2",
      ADMIN_API_KEY: "rg_ops_hunter2",
      SEED_DEMO: "yes",
      LOG_LEVEL: "loud",
      SCOPE_PRECEDENCE: "first",
      DECISION_CACHE: "true",
      GRAPHIQL: "1",
      MAX_TOKENS: "0",
      MAX_BODY_BYTES: "67108865",
      RATE_LIMIT: "none",
      CORS_ORIGINS: "*",
      LIMIT_CUSTOM_POLICY_CHARACTERS: "131073",
      LIMIT_VERSIONS_PER_POLICY: "0",
      LIMIT_CUSTOM_POLICIES_PER_ACCOUNT: "-1",
      LIMIT_USERS_PER_ACCOUNT: "1.5",
      LIMIT_GROUPS_PER_ACCOUNT: "many",
      LIMIT_ROLES_PER_ACCOUNT: "1e3",
      LIMIT_GROUPS_PER_USER: "0x10",
      LIMIT_SYSTEM_POLICIES_PER_IDENTITY: "1000001",
      LIMIT_CUSTOM_POLICIES_PER_IDENTITY: "+5",
      LIMIT_TAGS_PER_RESOURCE: "5%",
      LIMIT_API_KEY_DAYS: "3651",
      OIDC_JWKS_URL: "http://id.example.com/keys",
      OIDC_PRINCIPAL: "acs:ram::1:group/{sub}",
      OIDC_ALGORITHMS: "ES256,HS256",
      OIDC_MAX_AGE_SECONDS: "901",
      OIDC_CLOCK_TOLERANCE_SECONDS: "61",
      CACHE_MAC_KEY: "short",
      TOKEN_MAC_KEY: "not base64url",
      ENVIRONMENT_ID: "a/b",
    };
    const named = problems(env).map((line) => line.split(":")[0]);
    expect(named).toEqual([...Object.keys(env), "OIDC_ISSUER", "OIDC_AUDIENCE"]);
    expect(problems(env)).toContain("OIDC_ISSUER: is needed, since OIDC_JWKS_URL is given");
    expect(problems(env)).toContain("PORT: must be a port number from 0 to 65535, got `http`");
    expect(problems(env)).toContain("SEED_DEMO: must be one of `true`, `false`, got `yes`");
    expect(problems(env)).toContain("DATABASE_URL: must be a URL that starts with `postgresql://` or `postgres://`");
    expect(problems(env)).toContain("LIMIT_VERSIONS_PER_POLICY: must be a whole number from 1 to 1000000, got `0`");
    expect(() => loadConfig(env)).toThrow(/^the environment is not usable\n {2}PORT: /);
  });

  test.each(["a", "a=%FF", "a=%", "=b", "a=b,,c=d", "a=b c"])(
    "refuses the headers %s",
    (OTEL_EXPORTER_OTLP_HEADERS) => {
      expect(problems({ OTEL_EXPORTER_OTLP_HEADERS })).toHaveLength(1);
    },
  );

  test("documents that are registered nowhere cannot be the only ones", () => {
    expect(problems({ TRUSTED_DOCUMENTS: "only" })).toEqual([
      "TRUSTED_DOCUMENTS_FILE: is needed, since TRUSTED_DOCUMENTS is `only`",
    ]);
    expect(loadConfig({ TRUSTED_DOCUMENTS_FILE: "/x.json" }).trustedDocuments).toBeNull();
  });

  test("never repeats a secret", () => {
    const env = {
      DATABASE_URL: "mysql://u:hunter2@db",
      REDIS_URL: "hunter2",
      ADMIN_API_KEY: "rg_ops_hunter2",
      OTEL_EXPORTER_OTLP_ENDPOINT: "hunter2",
      OTEL_EXPORTER_OTLP_HEADERS: "hunter2",
      CACHE_MAC_KEY: "hunter2",
      TOKEN_MAC_KEY: "hunter2",
    };
    expect(problems(env)).toHaveLength(7);
    expect(problems(env).join()).not.toContain("hunter2");
  });

  describe("tokens of an issuer", () => {
    const OIDC = {
      OIDC_ISSUER: "https://id.example.com",
      OIDC_AUDIENCE: "ramgate",
      OIDC_JWKS_URL: "https://id.example.com/keys",
      OIDC_PRINCIPAL: "{arn}",
    };

    test("need all that says whose they are and whom they name", () => {
      expect(problems(OIDC)).toEqual([]);
      for (const name of Object.keys(OIDC)) {
        const first = Object.keys(OIDC).find((other) => other !== name);
        expect(problems({ ...OIDC, [name]: "" })).toEqual([`${name}: is needed, since ${first} is given`]);
      }
      expect(problems({ OIDC_TOKEN_TYPE: "at+jwt" })).toHaveLength(4);
    });

    test.each(["acs:ram::1:user/{sub}", "acs:ram::1:role/{role}", "{arn}", "acs:ram::{account}:root"])(
      "may name a principal by `%s`",
      (OIDC_PRINCIPAL) =>
        expect(problems({ ...OIDC, OIDC_PRINCIPAL })).toHaveLength(
          OIDC_PRINCIPAL.includes("account") ? 1 : 0, // an account is a number
        ),
    );

    test.each([
      "acs:ram::1:user/ann",
      "{a}{b}",
      "user/{sub}",
      "acs:ram::1:group/{sub}",
      "acs:ram::1:assumed-role/r/{sub}",
    ])("do not name a principal by `%s`", (OIDC_PRINCIPAL) =>
      expect(problems({ ...OIDC, OIDC_PRINCIPAL })).toHaveLength(1),
    );

    test.each(["http://127.0.0.1:8080/keys", "http://localhost/keys", "http://[::1]/keys", "https://10.0.0.1/"])(
      "may be checked with the keys at %s",
      (OIDC_JWKS_URL) => expect(problems({ ...OIDC, OIDC_JWKS_URL })).toEqual([]),
    );

    test.each(["http://id.example.com/", "http://localhost.example.com/", "file:///keys", "https://u:p@id/", "keys"])(
      "are not checked with the keys at %s",
      (OIDC_JWKS_URL) => expect(problems({ ...OIDC, OIDC_JWKS_URL })).toHaveLength(1),
    );
  });

  test.each([
    "10.0.0.0/33",
    "10.0.0.0/0",
    "::/0",
    "::/129",
    "10.0.0/8",
    "10.0.0.0/8/8",
    "proxy",
    "10.0.0.1,",
    "fe80::/x",
  ])("refuses the proxies %s", (TRUSTED_PROXIES) => expect(problems({ TRUSTED_PROXIES })).toHaveLength(1));

  test.each(["65536", "-1", "4000.5", "0x10", "99999999999"])("refuses the port %s", (PORT) => {
    expect(problems({ PORT })).toHaveLength(1);
  });

  test.each([
    "null",
    "https://*.example.com",
    "https://example.com/",
    "https://example.com:443",
    "HTTPS://example.com",
    "example.com",
    "https://a.example,",
    "file:///x",
  ])("refuses the origin %s", (CORS_ORIGINS) => {
    expect(problems({ CORS_ORIGINS })).toHaveLength(1);
  });

  test.each([
    ["no prefix", `ops_${SECRET}`],
    ["no id", `rg__${SECRET}`],
    ["an upper-case id", `rg_Ops_${SECRET}`],
    ["an id of 33", `rg_${"a".repeat(33)}_${SECRET}`],
    ["a secret of 42", `rg_ops_${"a".repeat(42)}`],
    ["a secret that is not base64url", `rg_ops_${"a".repeat(43)}=`],
  ])("refuses an operator key with %s", (_, ADMIN_API_KEY) => {
    expect(problems({ ADMIN_API_KEY })).toHaveLength(1);
  });
});

test("a replica needs a primary", () => {
  expect(problems({ DATABASE_REPLICA_URL: "postgres://replica/x" })).toEqual([
    "DATABASE_URL: is needed, since DATABASE_REPLICA_URL is given",
  ]);
});

test("workers are a number, or one for each processor", () => {
  expect(loadConfig({ WORKERS: "auto" }).workers).toBe(availableParallelism());
  for (const WORKERS of ["0", "-1", "1.5", "257", "all"]) {
    expect(problems({ WORKERS })).toEqual([
      `WORKERS: must be \`auto\` or a whole number from 1 to 256, got \`${WORKERS}\``,
    ]);
  }
});

test(".env.example names exactly the variables that are read, with their defaults", () => {
  const text = readFileSync(new URL("../.env.example", import.meta.url), "utf8");
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const example = Object.fromEntries(lines.map((line) => [line.split("=")[0], line.slice(line.indexOf("=") + 1)]));
  expect(Object.keys(example)).toEqual(CONFIG_VARIABLES);
  expect(loadConfig(example)).toEqual(loadConfig({}));
});
