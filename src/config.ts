import { isIP } from "node:net";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { z } from "zod";
import { DEFAULT_LIMITS, type Limits } from "./administration/administration.js";
import type { RedisTarget } from "./decisions/open-redis.js";
import { HARD_LIMITS } from "./domain/limits.js";
import { networkProblem } from "./server/client-address.js";
import { type OidcSettings, TOKEN_ALGORITHMS, type TokenAlgorithm, templateProblem } from "./store/oidc-tokens.js";

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";
export type ScopePrecedence = "staged" | "deny-overrides";

/** The operator credential of the environment: `rg_<id>_<secret>`, already split. */
export interface AdminApiKey {
  readonly id: string;
  readonly secret: string;
}

/** Everything the process may be told from outside; `undefined` means "not given". */
export interface Config {
  /** TCP port of the HTTP server; 0 lets the system choose. */
  readonly port: number;
  readonly host: string;
  /** Number of processes that serve; 1: this one. */
  readonly workers: number;
  /** Absent: an embedded PostgreSQL keeps its data below `dataDir`. */
  readonly databaseUrl: string | undefined;
  /** A streaming replica of that database, for reads of records; absent: there is none. */
  readonly databaseReplicaUrl: string | undefined;
  /** Null: decisions are cached in this process only. */
  readonly redis: RedisTarget | null;
  /** Absolute path. */
  readonly dataDir: string;
  readonly adminApiKey: AdminApiKey | undefined;
  /** `true`: into any empty database; `false`: never; absent: only into an empty embedded one. */
  readonly seedDemo: boolean | undefined;
  readonly logLevel: LogLevel;
  readonly scopePrecedence: ScopePrecedence;
  /** `local`: in this process only, whatever Redis there is. */
  readonly decisionCache: "on" | "local" | "off";
  /** Oldest state that `minimizeLatency` may answer from, in milliseconds before the question. */
  readonly maxStaleness: number;
  /** Share of the answers from what is kept, 0 to 1, that is loaded and evaluated again. */
  readonly verifiedShare: number;
  readonly graphiql: boolean;
  /** TCP port of `/metrics`, on `host`; 0 lets the system choose; absent: there are no metrics. */
  readonly metricsPort: number | undefined;
  /** Where spans go; null: nothing is traced. */
  readonly tracing: {
    /** Of an OTLP collector over HTTP, without `/v1/traces`. */
    readonly endpoint: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly serviceName: string;
    /** Share of the requests that are traced where their sender does not say, 0 to 1. */
    readonly share: number;
  } | null;
  readonly decisionLog: {
    readonly mode: "off" | "denials" | "all";
    /** Share of the decisions that count, 0 to 1. */
    readonly sample: number;
    /** How many of the newest denials are kept in the database. */
    readonly rows: number;
  };
  /** How long a gateway that is told to stop goes on taking requests, in milliseconds, so that balancers notice. */
  readonly drainGrace: number;
  /** How long an idle connection is kept, in milliseconds. */
  readonly keepAlive: number;
  /** Quotas of changes through the API; RAM's own unless given. */
  readonly limits: Limits;
  /** How long idempotency keys are remembered at least. */
  readonly idempotencyKeyDays: number;
  /** Whose signed tokens sign principals in; null: nobody's. */
  readonly oidc: OidcSettings | null;
  /** What one request may be at most, and how many there may be at a time. */
  readonly requests: {
    /** Lexical tokens of a document. */
    readonly tokens: number;
    readonly depth: number;
    readonly aliases: number;
    readonly rootFields: number;
    readonly directives: number;
    readonly cost: number;
    /** Bytes of the body of a caller with a valid credential. */
    readonly body: number;
    /** Bytes of the body of anybody else. */
    readonly unknownBody: number;
    readonly inFlight: number;
    readonly waiting: number;
    /** Milliseconds. */
    readonly deadline: number;
    /** At a time, as the next. */
    readonly subscriptions: number;
    readonly subscriptionsPerCredential: number;
  };
  /** Requests in ten seconds. */
  readonly rateLimits: {
    readonly perCredential: number;
    /** Of senders without a valid credential. */
    readonly perAddress: number;
  };
  /** Networks of proxies that say in `x-forwarded-for` whom they stand for. */
  readonly trustedProxies: readonly string[];
  /** Path of the manifest of documents that principals are held to; null: they may send any. */
  readonly trustedDocuments: string | null;
  /** Origins whose pages may read answers. */
  readonly corsOrigins: readonly string[];
  /** Absent ones are made at the first start and kept in PostgreSQL. */
  readonly secrets: {
    /** MAC key of cached decisions. */
    readonly cacheKey?: Buffer;
    /** MAC key of revision tokens. */
    readonly tokenKey?: Buffer;
    /** MAC key of the heads of the audit trails. */
    readonly auditKey?: Buffer;
    /** Names the history of the database in cache keys and tokens. */
    readonly environment?: string;
  };
}

/** The environment is unusable. `problems` has one `NAME: what is wrong` line per fault, and never a value of a secret. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`the environment is not usable\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
    this.name = "ConfigError";
    this.problems = problems;
  }
}

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
const ADMIN_KEY = /^rg_([a-z0-9]{1,32})_([A-Za-z0-9_-]{43,})$/;

/** A message that repeats the value is only for variables that hold no secret. */
const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, {
    error: (issue) => `must be one of ${values.map((v) => `\`${v}\``).join(", ")}, got \`${issue.input}\``,
  });

const isUrl = (text: string, protocols: readonly string[]) =>
  URL.canParse(text) && protocols.includes(new URL(text).protocol);

const url = (protocols: readonly string[]) =>
  z.string().refine((text) => isUrl(text, protocols), {
    error: `must be a URL that starts with ${protocols.map((p) => `\`${p}//\``).join(" or ")}`,
  });

const redisUrls = z
  .string()
  .transform((text) => text.split(",").map((part) => part.trim()))
  .refine((urls) => urls.every((text) => isUrl(text, ["redis:", "rediss:"])), {
    error: "must be a URL that starts with `redis://` or `rediss://`, or several with commas between them",
  });

const share = z
  .string()
  .refine((text) => /^(0|1|0?\.\d{1,6})$/.test(text), {
    error: (issue) => `must be a number from 0 to 1, got \`${issue.input}\``,
  })
  .transform(Number);

const headers = z.string().transform((text, context) => {
  const read = readHeaders(text);
  if (read !== null) return read;
  const message = "must be `name=value`, or several with commas between them, values percent-encoded";
  context.addIssue({ code: "custom", message });
  return z.NEVER;
});

function readHeaders(text: string): Record<string, string> | null {
  const parts = text.split(",").map((part) => /^([\w-]+)=([\x21-\x7e]*)$/.exec(part.trim()));
  if (parts.includes(null)) return null;
  try {
    return Object.fromEntries(parts.map((part) => [part?.[1]?.toLowerCase(), decodeURIComponent(part?.[2] ?? "")]));
  } catch {
    return null; // not what `decodeURIComponent` takes
  }
}

const port = z
  .string()
  .refine((text) => /^\d{1,5}$/.test(text) && Number(text) <= 65535, {
    error: (issue) => `must be a port number from 0 to 65535, got \`${issue.input}\``,
  })
  .transform(Number);

const host = z.string().refine((text) => isIP(text) !== 0 || /^[A-Za-z0-9._-]+$/.test(text), {
  error: (issue) => `must be a host name or an IP address without a port, got \`${issue.input}\``,
});

const wholeNumber = (normally: number, most: number, least = 1) =>
  z
    .string()
    .refine((text) => /^\d{1,8}$/.test(text) && Number(text) >= least && Number(text) <= most, {
      error: (issue) => `must be a whole number from ${least} to ${most}, got \`${issue.input}\``,
    })
    .transform(Number)
    .default(normally);

const MOST_WORKERS = 256;

const workers = z
  .string()
  .refine((text) => text === "auto" || (/^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= MOST_WORKERS), {
    error: (issue) => `must be \`auto\` or a whole number from 1 to ${MOST_WORKERS}, got \`${issue.input}\``,
  })
  .transform((text) => (text === "auto" ? Math.min(availableParallelism(), MOST_WORKERS) : Number(text)))
  .default(1);

const quota = (normally: number, most = 1_000_000) => wholeNumber(normally, most);

const origins = z
  .string()
  .transform((text) => text.split(",").map((part) => part.trim()))
  .refine((parts) => parts.every(isOrigin), {
    error: (issue) =>
      `must be origins like \`https://portal.example.com\`, commas between them, got \`${issue.input}\``,
  });

/** As browsers write it in the header `Origin`. */
function isOrigin(text: string): boolean {
  return /^https?:[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

const networks = z
  .string()
  .transform((text) => text.split(",").map((part) => part.trim()))
  .superRefine((parts, context) => {
    for (const message of parts.map(networkProblem))
      if (message !== null) context.addIssue({ code: "custom", message });
  });

const path = z.string().transform((text) => resolve(text));

const adminApiKey = z
  .string()
  .regex(ADMIN_KEY, {
    error:
      "must have the form `rg_<id>_<secret>`, id 1 to 32 of a-z and 0-9, secret at least 43 base64url characters" +
      " (one way to make it: openssl rand -base64 32 | tr '+/' '-_' | tr -d '=')",
  })
  .transform(splitAdminApiKey);

const macKey = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43,}$/, { error: "must be at least 43 base64url characters (256 bits)" })
  .transform((text) => Buffer.from(text, "base64url"));

const environmentId = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,64}$/, { error: "must be 1 to 64 letters, digits, `.`, `_` or `-`" });

const jwksUrl = z
  .string()
  .refine((text) => URL.canParse(text) && isSafe(new URL(text)), {
    error: "must be a URL that starts with `https://`, or with `http://` on this machine",
  })
  .transform((text) => new URL(text));

/** Whoever can change keys on their way can sign in as anybody. */
function isSafe({ protocol, hostname, username, password }: URL): boolean {
  const here = ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
  return username === "" && password === "" && (protocol === "https:" || (protocol === "http:" && here));
}

const algorithms = z
  .string()
  .transform((text) => text.split(",").map((part) => part.trim()))
  .refine((names): names is TokenAlgorithm[] => names.every((name) => isOneOf(TOKEN_ALGORITHMS, name)), {
    error: `must be some of ${TOKEN_ALGORITHMS.map((name) => `\`${name}\``).join(", ")}, with commas between them`,
  });

function isOneOf(names: readonly string[], name: string): boolean {
  return names.includes(name);
}

const principalTemplate = z.string().superRefine((template, context) => {
  const message = templateProblem(template);
  if (message !== null) context.addIssue({ code: "custom", message });
});

/** One entry per variable; `.env.example` documents exactly these. */
const VARIABLES = {
  PORT: port.default(4000),
  HOST: host.default("127.0.0.1"),
  WORKERS: workers,
  DATABASE_URL: url(["postgresql:", "postgres:"]).optional(),
  DATABASE_REPLICA_URL: url(["postgresql:", "postgres:"]).optional(),
  REDIS_URL: redisUrls.optional(),
  REDIS_MODE: oneOf(["single", "cluster", "sentinel"]).default("single"),
  REDIS_SENTINEL_MASTER: z.string().optional(),
  DATA_DIR: path.default(resolve("data")),
  ADMIN_API_KEY: adminApiKey.optional(),
  SEED_DEMO: oneOf(["true", "false"]).optional(),
  LOG_LEVEL: oneOf(LOG_LEVELS).default("info"),
  DECISION_LOG: oneOf(["off", "denials", "all"]).default("off"),
  DECISION_LOG_SAMPLE: share.default(1),
  DECISION_LOG_ROWS: wholeNumber(100_000, 10_000_000),
  METRICS_PORT: port.optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: url(["http:", "https:"]).optional(),
  OTEL_EXPORTER_OTLP_HEADERS: headers.default({}),
  OTEL_SERVICE_NAME: z.string().default("ramgate"),
  OTEL_TRACES_SAMPLER_ARG: share.default(1),
  DRAIN_GRACE_MS: wholeNumber(5_000, 300_000, 0),
  KEEP_ALIVE_TIMEOUT_MS: wholeNumber(75_000, 3_600_000, 1_000),
  SCOPE_PRECEDENCE: oneOf(["staged", "deny-overrides"]).default("staged"),
  DECISION_CACHE: oneOf(["on", "local", "off"]).default("on"),
  DECISION_CACHE_VERIFY: share.default(0.01),
  MAX_STALENESS_MS: wholeNumber(1_000, 5_000),
  GRAPHIQL: oneOf(["on", "off"]).optional(),
  MAX_TOKENS: wholeNumber(1_500, 100_000),
  MAX_DEPTH: wholeNumber(10, 100),
  MAX_ALIASES: wholeNumber(20, 10_000),
  MAX_ROOT_FIELDS: wholeNumber(20, 10_000),
  MAX_DIRECTIVES: wholeNumber(20, 10_000),
  MAX_COST: wholeNumber(2_000, 1_000_000),
  MAX_BODY_BYTES: wholeNumber(4_194_304, 67_108_864),
  MAX_UNKNOWN_BODY_BYTES: wholeNumber(262_144, 67_108_864),
  MAX_IN_FLIGHT: wholeNumber(256, 10_000),
  MAX_WAITING: wholeNumber(256, 10_000),
  REQUEST_DEADLINE_MS: wholeNumber(5_000, 600_000),
  MAX_SUBSCRIPTIONS: wholeNumber(1_000, 100_000),
  MAX_SUBSCRIPTIONS_PER_CREDENTIAL: wholeNumber(100, 100_000),
  RATE_LIMIT: wholeNumber(200_000, 10_000_000),
  RATE_LIMIT_UNKNOWN: wholeNumber(200, 10_000_000),
  TRUSTED_PROXIES: networks.default([]),
  CORS_ORIGINS: origins.optional(),
  TRUSTED_DOCUMENTS: oneOf(["off", "only"]).default("off"),
  TRUSTED_DOCUMENTS_FILE: path.optional(),
  LIMIT_CUSTOM_POLICY_CHARACTERS: quota(DEFAULT_LIMITS.customPolicyCharacters, HARD_LIMITS.documentBytes),
  LIMIT_VERSIONS_PER_POLICY: quota(DEFAULT_LIMITS.versionsPerPolicy),
  LIMIT_CUSTOM_POLICIES_PER_ACCOUNT: quota(DEFAULT_LIMITS.customPoliciesPerAccount),
  LIMIT_USERS_PER_ACCOUNT: quota(DEFAULT_LIMITS.usersPerAccount),
  LIMIT_GROUPS_PER_ACCOUNT: quota(DEFAULT_LIMITS.groupsPerAccount),
  LIMIT_ROLES_PER_ACCOUNT: quota(DEFAULT_LIMITS.rolesPerAccount),
  LIMIT_GROUPS_PER_USER: quota(DEFAULT_LIMITS.groupsPerUser),
  LIMIT_SYSTEM_POLICIES_PER_IDENTITY: quota(DEFAULT_LIMITS.systemPoliciesPerIdentity),
  LIMIT_CUSTOM_POLICIES_PER_IDENTITY: quota(DEFAULT_LIMITS.customPoliciesPerIdentity),
  LIMIT_TAGS_PER_RESOURCE: quota(DEFAULT_LIMITS.tagsPerResource),
  LIMIT_API_KEY_DAYS: wholeNumber(DEFAULT_LIMITS.apiKeyDays, 3_650),
  IDEMPOTENCY_KEY_DAYS: wholeNumber(7, 3_650),
  OIDC_ISSUER: z.string().optional(),
  OIDC_AUDIENCE: z.string().optional(),
  OIDC_JWKS_URL: jwksUrl.optional(),
  OIDC_PRINCIPAL: principalTemplate.optional(),
  OIDC_TOKEN_TYPE: z.string().optional(),
  OIDC_ALGORITHMS: algorithms.default([...TOKEN_ALGORITHMS]),
  OIDC_MAX_AGE_SECONDS: wholeNumber(900, 900),
  OIDC_CLOCK_TOLERANCE_SECONDS: wholeNumber(5, 60),
  CACHE_MAC_KEY: macKey.optional(),
  TOKEN_MAC_KEY: macKey.optional(),
  ENVIRONMENT_ID: environmentId.optional(),
  AUDIT_MAC_KEY: macKey.optional(),
  NODE_ENV: z.string().optional(),
};

/** The names that {@link loadConfig} reads. */
export const CONFIG_VARIABLES: readonly string[] = Object.keys(VARIABLES);

/**
 * Reads the environment, the only place that does. An empty value counts as absent.
 *
 * @throws ConfigError with every problem at once
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const given = Object.fromEntries(CONFIG_VARIABLES.map((name) => [name, env[name]?.trim() || undefined]));
  const parsed = z.object(VARIABLES).safeParse(given);
  const missing = [...missingOfOidc(given), ...missingDocuments(given), ...missingPrimary(given)];
  if (parsed.success && missing.length === 0) return toConfig(parsed.data);
  const issues = parsed.error?.issues ?? [];
  throw new ConfigError([...issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`), ...missing]);
}

const OIDC_NEEDS = ["OIDC_ISSUER", "OIDC_AUDIENCE", "OIDC_JWKS_URL", "OIDC_PRINCIPAL"];

/** Some of them would be none: tokens of anybody, for anybody. */
function missingOfOidc(given: Readonly<Record<string, string | undefined>>): string[] {
  const first = [...OIDC_NEEDS, "OIDC_TOKEN_TYPE"].find((name) => given[name] !== undefined);
  if (first === undefined) return [];
  const missing = OIDC_NEEDS.filter((name) => given[name] === undefined);
  return missing.map((name) => `${name}: is needed, since ${first} is given`);
}

/** Without them `only` would let nothing pass, or everything. */
function missingDocuments(given: Readonly<Record<string, string | undefined>>): string[] {
  const missing = given["TRUSTED_DOCUMENTS"] === "only" && given["TRUSTED_DOCUMENTS_FILE"] === undefined;
  return missing ? ["TRUSTED_DOCUMENTS_FILE: is needed, since TRUSTED_DOCUMENTS is `only`"] : [];
}

/** The embedded server has no replica. */
function missingPrimary(given: Readonly<Record<string, string | undefined>>): string[] {
  const missing = given["DATABASE_REPLICA_URL"] !== undefined && given["DATABASE_URL"] === undefined;
  return missing ? ["DATABASE_URL: is needed, since DATABASE_REPLICA_URL is given"] : [];
}

type Values = z.infer<z.ZodObject<typeof VARIABLES>>;

function toConfig(values: Values): Config {
  return {
    port: values.PORT,
    host: values.HOST,
    workers: values.WORKERS,
    databaseUrl: values.DATABASE_URL,
    databaseReplicaUrl: values.DATABASE_REPLICA_URL,
    redis: redisOf(values),
    dataDir: values.DATA_DIR,
    adminApiKey: values.ADMIN_API_KEY,
    seedDemo: values.SEED_DEMO === undefined ? undefined : values.SEED_DEMO === "true",
    logLevel: values.LOG_LEVEL,
    scopePrecedence: values.SCOPE_PRECEDENCE,
    decisionCache: values.DECISION_CACHE,
    maxStaleness: values.MAX_STALENESS_MS,
    verifiedShare: values.DECISION_CACHE_VERIFY,
    graphiql: values.GRAPHIQL === undefined ? values.NODE_ENV !== "production" : values.GRAPHIQL === "on",
    metricsPort: values.METRICS_PORT,
    tracing: tracingOf(values),
    decisionLog: { mode: values.DECISION_LOG, sample: values.DECISION_LOG_SAMPLE, rows: values.DECISION_LOG_ROWS },
    drainGrace: values.DRAIN_GRACE_MS,
    keepAlive: values.KEEP_ALIVE_TIMEOUT_MS,
    limits: limitsOf(values),
    idempotencyKeyDays: values.IDEMPOTENCY_KEY_DAYS,
    oidc: oidcOf(values),
    requests: requestLimitsOf(values),
    rateLimits: { perCredential: values.RATE_LIMIT, perAddress: values.RATE_LIMIT_UNKNOWN },
    trustedProxies: values.TRUSTED_PROXIES,
    trustedDocuments: values.TRUSTED_DOCUMENTS === "only" ? (values.TRUSTED_DOCUMENTS_FILE ?? null) : null,
    corsOrigins: values.CORS_ORIGINS ?? [],
    secrets: {
      ...(values.CACHE_MAC_KEY && { cacheKey: values.CACHE_MAC_KEY }),
      ...(values.TOKEN_MAC_KEY && { tokenKey: values.TOKEN_MAC_KEY }),
      ...(values.AUDIT_MAC_KEY && { auditKey: values.AUDIT_MAC_KEY }),
      ...(values.ENVIRONMENT_ID && { environment: values.ENVIRONMENT_ID }),
    },
  };
}

function redisOf({ REDIS_URL: urls, REDIS_MODE: mode, REDIS_SENTINEL_MASTER: master }: Values): RedisTarget | null {
  const [url, ...others] = urls ?? [];
  if (urls === undefined || url === undefined) {
    if (mode !== "single") throw new ConfigError([`REDIS_MODE: \`${mode}\` needs REDIS_URL`]);
    return null;
  }
  if (mode === "cluster") return { kind: mode, urls };
  if (mode === "single") {
    if (others.length > 0)
      throw new ConfigError(["REDIS_MODE: must be `cluster` or `sentinel` for several REDIS_URLs"]);
    return { kind: mode, url };
  }
  if (master === undefined) throw new ConfigError(["REDIS_SENTINEL_MASTER: must name the master that sentinels watch"]);
  return { kind: mode, urls, master };
}

function tracingOf(values: Values): Config["tracing"] {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_HEADERS: headers } = values;
  const { OTEL_SERVICE_NAME: serviceName, OTEL_TRACES_SAMPLER_ARG: share } = values;
  return endpoint === undefined ? null : { endpoint, headers, serviceName, share };
}

function oidcOf(values: Values): OidcSettings | null {
  const { OIDC_ISSUER: issuer, OIDC_AUDIENCE: audience, OIDC_JWKS_URL: jwksUrl, OIDC_PRINCIPAL: principal } = values;
  if (issuer === undefined || audience === undefined || jwksUrl === undefined || principal === undefined) return null;
  return {
    ...{ issuer, audience, jwksUrl, principal },
    algorithms: values.OIDC_ALGORITHMS,
    tokenType: values.OIDC_TOKEN_TYPE ?? null,
    maxAge: values.OIDC_MAX_AGE_SECONDS,
    clockTolerance: values.OIDC_CLOCK_TOLERANCE_SECONDS,
  };
}

function limitsOf(values: Values): Limits {
  return {
    customPolicyCharacters: values.LIMIT_CUSTOM_POLICY_CHARACTERS,
    versionsPerPolicy: values.LIMIT_VERSIONS_PER_POLICY,
    customPoliciesPerAccount: values.LIMIT_CUSTOM_POLICIES_PER_ACCOUNT,
    usersPerAccount: values.LIMIT_USERS_PER_ACCOUNT,
    groupsPerAccount: values.LIMIT_GROUPS_PER_ACCOUNT,
    rolesPerAccount: values.LIMIT_ROLES_PER_ACCOUNT,
    groupsPerUser: values.LIMIT_GROUPS_PER_USER,
    systemPoliciesPerIdentity: values.LIMIT_SYSTEM_POLICIES_PER_IDENTITY,
    customPoliciesPerIdentity: values.LIMIT_CUSTOM_POLICIES_PER_IDENTITY,
    tagsPerResource: values.LIMIT_TAGS_PER_RESOURCE,
    apiKeyDays: values.LIMIT_API_KEY_DAYS,
  };
}

function requestLimitsOf(values: Values): Config["requests"] {
  return {
    tokens: values.MAX_TOKENS,
    depth: values.MAX_DEPTH,
    aliases: values.MAX_ALIASES,
    rootFields: values.MAX_ROOT_FIELDS,
    directives: values.MAX_DIRECTIVES,
    cost: values.MAX_COST,
    body: values.MAX_BODY_BYTES,
    unknownBody: values.MAX_UNKNOWN_BODY_BYTES,
    inFlight: values.MAX_IN_FLIGHT,
    waiting: values.MAX_WAITING,
    deadline: values.REQUEST_DEADLINE_MS,
    subscriptions: values.MAX_SUBSCRIPTIONS,
    subscriptionsPerCredential: values.MAX_SUBSCRIPTIONS_PER_CREDENTIAL,
  };
}

/** Splits at the first two `_` only: the secret may contain more. */
function splitAdminApiKey(key: string): AdminApiKey {
  const [, id = "", secret = ""] = ADMIN_KEY.exec(key) ?? [];
  return { id, secret };
}
