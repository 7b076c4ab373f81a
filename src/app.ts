import { fileURLToPath } from "node:url";
import type { Logger } from "pino";
import type { Administration } from "./administration/administration.js";
import { ensureSystemPolicies } from "./administration/ensure-system-policies.js";
import { sealCarriedOverTrails } from "./administration/seal-carried-over-trails.js";
import { seedDemo } from "./administration/seed-demo.js";
import type { Config } from "./config.js";
import { createDecisions, type Decisions } from "./decisions/decide-many.js";
import type { DecisionCache } from "./decisions/decision-cache.js";
import { engineVersion } from "./decisions/generated/engine-version.js";
import { openRedis, openRedisSubscriber, type RedisConnection } from "./decisions/open-redis.js";
import { createRedisDecisionCache } from "./decisions/redis-decision-cache.js";
import { createRevisionHints } from "./decisions/revision-hints.js";
import { type Authenticator, createAuthenticator } from "./store/authenticator.js";
import { ensureOperator } from "./store/credentials.js";
import { startEmbeddedPostgres } from "./store/embedded-postgres.js";
import { openLoadPool } from "./store/evaluation-input.js";
import { loadGatewaySecrets } from "./store/gateway-secrets.js";
import { migrate } from "./store/migrate.js";
import { type Database, openDatabase } from "./store/prisma-client.js";
import { createTokens } from "./store/revision-token.js";
import { assertRevisionTriggers, createRevisionReader, type MovedScope, openRevisionPool } from "./store/revisions.js";

const MIGRATIONS = fileURLToPath(new URL("../prisma/migrations", import.meta.url));

/** Everything behind the HTTP server and the command line, wired and open. */
export interface App {
  readonly db: Database;
  readonly decisions: Decisions;
  readonly administration: Administration;
  readonly authenticate: Authenticator;
  /** Names the history of the database; whatever gateways on it share elsewhere is under this name. */
  readonly environment: string;
  /** Whether the data lie in the embedded PostgreSQL. */
  readonly embedded: boolean;
  /** Closes all connections, and the embedded PostgreSQL when nobody else uses it. */
  close(): Promise<void>;
}

/** Things to close, in the reverse order of their opening. */
class Closers {
  readonly #steps: (() => Promise<unknown>)[] = [];

  add(step: () => Promise<unknown>): void {
    this.#steps.unshift(step);
  }

  async close(): Promise<void> {
    for (const step of this.#steps.splice(0)) await step();
  }
}

/**
 * Opens database and caches, applies the migrations and makes what every gateway needs (shared secrets, the system
 * policies).
 *
 * @throws when a part cannot be had; what was open by then is closed again
 */
export async function openApp(config: Config, log: Logger): Promise<App> {
  const closers = new Closers();
  try {
    return await assemble(config, log, closers);
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function assemble(config: Config, log: Logger, closers: Closers): Promise<App> {
  const url = config.databaseUrl ?? (await startEmbedded(config, log, closers));
  for (const name of await migrate(url, MIGRATIONS)) log.info(`applied migration ${name}`);
  const db = openDatabase(url, 8);
  closers.add(() => db.$disconnect());
  const vectorPool = openRevisionPool(url);
  const loadPool = openLoadPool(url);
  closers.add(() => Promise.all([vectorPool.end(), loadPool.end()]));
  await assertRevisionTriggers(vectorPool);
  const secrets = { ...(await loadGatewaySecrets(db)), ...config.secrets };
  const carriedOver = await sealCarriedOverTrails(db, secrets.auditKey);
  if (carriedOver > 0) log.info(`sealed ${carriedOver} audit trails of an earlier version`);
  await ensureSystemPolicies(db);
  const tokens = createTokens({ environment: secrets.environment, key: secrets.tokenKey });
  const revisions = createRevisionReader(vectorPool);
  const redis = config.redis === null || config.decisionCache !== "on" ? null : openRedis(config.redis);
  const { environment, cacheKey } = secrets;
  const { scopePrecedence, maxStaleness, verifiedShare } = config;
  const decisions = createDecisions({
    ...{ pool: vectorPool, revisions, loadPool, tokens, environment, cacheKey, engineVersion },
    ...{ scopePrecedence, maxStaleness, verifiedShare },
    cache: redis && openCache(redis, log, closers),
    localAnswers: config.decisionCache === "off" ? 0 : LOCAL_ANSWERS,
    onAlarm: (message) => log.error(message),
  });
  const announce = hintsOf(redis, config, environment, decisions, closers);
  return {
    db,
    decisions,
    administration: { db, tokens, limits: config.limits, auditKey: secrets.auditKey, onMoved: announce },
    authenticate: createAuthenticator(vectorPool, revisions),
    environment,
    embedded: config.databaseUrl === undefined,
    close: () => closers.close(),
  };
}

async function startEmbedded(config: Config, log: Logger, closers: Closers): Promise<string> {
  const server = await startEmbeddedPostgres({ dataDir: config.dataDir, log: (message) => log.info(message) });
  closers.add(() => server.stop());
  return server.url;
}

/** Only applies the pending migrations; their names. */
export async function migrateDatabase(config: Config, log: Logger): Promise<string[]> {
  const closers = new Closers();
  try {
    return await migrate(config.databaseUrl ?? (await startEmbedded(config, log, closers)), MIGRATIONS);
  } finally {
    await closers.close();
  }
}

/** Answers that the process keeps. */
const LOCAL_ANSWERS = 50_000;

function openCache(redis: RedisConnection, log: Logger, closers: Closers): DecisionCache {
  const cache = createRedisDecisionCache(redis, (message) => log.warn(message));
  closers.add(() => cache.close());
  return cache;
}

/** What to do when a change has moved scopes: this gateway knows at once, others as soon as they hear of it. */
function hintsOf(
  redis: RedisConnection | null,
  { redis: target }: Config,
  environment: string,
  decisions: Decisions,
  closers: Closers,
): (moved: readonly MovedScope[]) => void {
  const forget = (moved: readonly MovedScope[]) => decisions.forgetRevisions(moved);
  if (redis === null || target === null) return forget;
  const hints = createRevisionHints(redis, openRedisSubscriber(target), environment, forget);
  closers.add(() => hints.close());
  return (moved) => {
    forget(moved);
    hints.publish(moved);
  };
}

/** What only a serving gateway prepares: an operator who can sign in, and the demo account. */
export async function prepareForService(app: App, config: Config, log: Logger): Promise<{ newKey: string | null }> {
  const key = config.adminApiKey && `rg_${config.adminApiKey.id}_${config.adminApiKey.secret}`;
  const { created } = await ensureOperator(app.db, key ?? null);
  if (config.seedDemo ?? app.embedded) {
    if (await seedDemo(app.administration)) log.info("loaded the demo account");
  }
  return { newKey: created };
}
