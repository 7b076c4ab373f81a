import { fileURLToPath } from "node:url";
import type { Logger } from "pino";
import type { Administration } from "./administration/administration.js";
import { ensureSystemPolicies } from "./administration/ensure-system-policies.js";
import { sealCarriedOverTrails } from "./administration/seal-carried-over-trails.js";
import { seedDemo } from "./administration/seed-demo.js";
import type { Config } from "./config.js";
import { type AccountQuestions, createAccountQuestions } from "./decisions/account-questions.js";
import { createDecisions, type Decisions } from "./decisions/decide-many.js";
import { engineVersion } from "./decisions/generated/engine-version.js";
import { openRedis, openRedisSubscriber, type RedisConnection } from "./decisions/open-redis.js";
import { createRedisDecisionCache, type OnCommand, type RedisDecisionCache } from "./decisions/redis-decision-cache.js";
import { createRevisionHints } from "./decisions/revision-hints.js";
import { AuditFeed } from "./store/audit-feed.js";
import { type Authenticator, createAuthenticator } from "./store/authenticator.js";
import { createPolicyCompiler } from "./store/compiled-policies.js";
import { createCredentialUse } from "./store/credential-use.js";
import { ensureOperator } from "./store/credentials.js";
import { createDenials, type Denials } from "./store/denials.js";
import { startEmbeddedPostgres } from "./store/embedded-postgres.js";
import { type LoadPool, openLoadPool } from "./store/evaluation-input.js";
import { type GatewaySecrets, loadGatewaySecrets } from "./store/gateway-secrets.js";
import { removeOldRecordsHourly } from "./store/idempotency-records.js";
import { migrate } from "./store/migrate.js";
import { createTokenVerifier } from "./store/oidc-tokens.js";
import { type Database, openDatabase, openModelPool, stageTransactions } from "./store/prisma-client.js";
import { openReplica, type RecordReads, type Replica } from "./store/replica.js";
import { createTokens } from "./store/revision-token.js";
import { assertRevisionTriggers, createRevisionReader, type MovedScope, openRevisionPool } from "./store/revisions.js";
import type { InStage } from "./store/stages.js";
import { type OnStatement, timeStatements } from "./store/statement-timing.js";

const MIGRATIONS = fileURLToPath(new URL("../prisma/migrations", import.meta.url));

/** Everything behind the HTTP server and the command line, wired and open. */
export interface App {
  readonly db: Database;
  /** For records that are only shown; the same, unless there is a replica. */
  readonly records: Database;
  readonly decisions: Decisions;
  readonly accountQuestions: AccountQuestions;
  readonly administration: Administration;
  /** Closed as soon as no subscription is to go on. */
  readonly auditFeed: AuditFeed;
  readonly denials: Denials;
  readonly authenticate: Authenticator;
  /** Names the history of the database; whatever gateways on it share elsewhere is under this name. */
  readonly environment: string;
  /** Contains the password: never log it. */
  readonly databaseUrl: string;
  /** Whether the data lie in the embedded PostgreSQL. */
  readonly embedded: boolean;
  readonly vitals: Vitals;
  /** Does something before everything else is closed. */
  beforeClose(step: () => Promise<unknown>): void;
  /** Closes all connections, and the embedded PostgreSQL when nobody else uses it. */
  close(): Promise<void>;
}

/** How the parts behind the gateway are. */
export interface Vitals {
  readonly pools: Readonly<Record<"model" | "revisions" | "load", LoadPool> & { replica?: LoadPool }>;
  /** Null: there is no replica. */
  readonly recordReads: (() => RecordReads) | null;
  /** Number of open subscriptions. */
  subscriptions(): number;
  /** Null: there is none. */
  readonly redis: Pick<RedisDecisionCache, "isConnected" | "isCircuitOpen"> | null;
  /** Rejects within a second when the primary does not answer. */
  askDatabase(): Promise<unknown>;
}

/** Who wants to know what the gateway does. */
export interface Observers {
  readonly onStatement?: OnStatement;
  readonly onCommand?: OnCommand;
  readonly inStage?: InStage;
  /** Hears the secrets that all gateways share, so as to keep them out of what it writes. */
  readonly onSecrets?: (secrets: GatewaySecrets) => void;
}

/** Processes that serve beside this one and are told what a change has moved. */
export interface Neighbours {
  tell(moved: readonly MovedScope[]): void;
  onTold(hear: (moved: readonly MovedScope[]) => void): void;
}

export interface OpenOptions {
  /** Somebody else has migrated the database and made what every gateway needs. Default: not. */
  readonly isPrepared?: boolean;
  readonly neighbours?: Neighbours;
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
 * policies), unless that has been done.
 *
 * @throws when a part cannot be had; what was open by then is closed again
 */
export async function openApp(
  config: Config,
  log: Logger,
  observers: Observers = {},
  options: OpenOptions = {},
): Promise<App> {
  const closers = new Closers();
  try {
    return await assemble(config, log, closers, observers, options);
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function assemble(
  config: Config,
  log: Logger,
  closers: Closers,
  observers: Observers,
  { isPrepared = false, neighbours }: OpenOptions,
): Promise<App> {
  const url = config.databaseUrl ?? (await startEmbedded(config, log, closers));
  if (!isPrepared) await migrateAloud(url, log);
  const { db, pools } = openPools(url, closers, observers);
  const { revisions: vectorPool, load: loadPool } = pools;
  await assertRevisionTriggers(vectorPool);
  const secrets = { ...(await loadGatewaySecrets(db)), ...config.secrets };
  observers.onSecrets?.(secrets);
  if (!isPrepared) await prepareContents(db, secrets, log);
  const tokens = createTokens({ environment: secrets.environment, key: secrets.tokenKey });
  const revisions = createRevisionReader(vectorPool);
  const redis = config.redis === null || config.decisionCache !== "on" ? null : openRedis(config.redis);
  const cache = redis && openCache(redis, log, closers, observers.onCommand);
  const { environment, cacheKey } = secrets;
  const { scopePrecedence } = config;
  const compile = createPolicyCompiler();
  const decisions = createDecisions({
    ...{ pool: vectorPool, revisions, loadPool, tokens, environment, cacheKey, engineVersion, compile, cache },
    ...decisionSettings(config, log, observers),
  });
  const replica = replicaOf(db, pools.revisions, config, log, closers, observers);
  const auditFeed = new AuditFeed(db);
  closers.add(async () => auditFeed.close());
  const hints = { redis, target: config.redis, environment, neighbours };
  const announce = hintsOf(hints, { decisions, auditFeed }, closers);
  return {
    ...{ db, records: replica?.records ?? db, decisions, auditFeed },
    accountQuestions: createAccountQuestions({ loadPool, compile, tokens, scopePrecedence }),
    denials: keepDenials(db, config, log, closers),
    administration: {
      ...{ db, tokens, limits: config.limits, auditKey: secrets.auditKey },
      ...{ scopePrecedence, onMoved: announce },
    },
    authenticate: createAuthenticator(vectorPool, revisions, {
      onKeyUsed: noteKeyUse(db, log, closers),
      tokens: config.oidc && createTokenVerifier(config.oidc),
    }),
    ...{ environment, databaseUrl: url },
    embedded: config.databaseUrl === undefined,
    vitals: {
      ...{ ...vitalsOf(pools, replica), redis: cache, subscriptions: () => auditFeed.followers },
      askDatabase: () => revisions.readFresh([]),
    },
    beforeClose: (step) => closers.add(step),
    close: () => closers.close(),
  };
}

async function migrateAloud(url: string, log: Logger): Promise<void> {
  for (const name of await migrate(url, MIGRATIONS)) log.info(`applied migration ${name}`);
}

function decisionSettings(config: Config, log: Logger, { inStage }: Observers) {
  const { scopePrecedence, maxStaleness, verifiedShare } = config;
  return {
    ...{ scopePrecedence, maxStaleness, verifiedShare },
    ...(inStage && { inStage }),
    localAnswers: config.decisionCache === "off" ? 0 : LOCAL_ANSWERS,
    onAlarm: (message: string) => log.error(message),
  };
}

/** What every gateway needs to find in the database. */
async function prepareContents(db: Database, secrets: GatewaySecrets, log: Logger): Promise<void> {
  const carriedOver = await sealCarriedOverTrails(db, secrets.auditKey);
  if (carriedOver > 0) log.info(`sealed ${carriedOver} audit trails of an earlier version`);
  await ensureSystemPolicies(db);
}

function openPools(url: string, closers: Closers, { onStatement, inStage }: Observers) {
  const pools = {
    model: openModelPool(url, MODEL_CONNECTIONS),
    revisions: openRevisionPool(url),
    load: openLoadPool(url),
  };
  if (onStatement) for (const pool of Object.values(pools)) timeStatements(pool, onStatement);
  const db = openDatabase(url, MODEL_CONNECTIONS, pools.model);
  if (inStage) stageTransactions(db, inStage);
  closers.add(() => db.$disconnect()); // and the pool with it
  closers.add(() => Promise.all([pools.revisions.end(), pools.load.end()]));
  return { db, pools };
}

function vitalsOf(pools: Vitals["pools"], replica: Replica | null): Pick<Vitals, "pools" | "recordReads"> {
  if (replica === null) return { pools, recordReads: null };
  return { pools: { ...pools, replica: replica.pool }, recordReads: replica.counts };
}

function replicaOf(
  db: Database,
  primary: LoadPool,
  { databaseReplicaUrl: url }: Config,
  log: Logger,
  closers: Closers,
  { onStatement }: Observers,
): Replica | null {
  if (url === undefined) return null;
  const onChange = (problem: unknown) =>
    problem === null
      ? log.info("records are read from the replica again")
      : log.warn({ err: problem }, "records are read from the primary, not from the replica");
  const replica = openReplica({ db, primary, url, onChange });
  if (onStatement) timeStatements(replica.pool, onStatement);
  closers.add(() => replica.close());
  return replica;
}

async function startEmbedded(config: Config, log: Logger, closers: Closers): Promise<string> {
  const { dataDir, workers } = config;
  const connections = (workers + 1) * CONNECTIONS_OF_A_PROCESS + CONNECTIONS_OF_OTHERS;
  const server = await startEmbeddedPostgres({ dataDir, connections, log: (message) => log.info(message) });
  closers.add(() => server.stop());
  return server.url;
}

function noteKeyUse(db: Database, log: Logger, closers: Closers): (id: string) => void {
  const use = createCredentialUse(db, (error) => log.warn({ err: error }, "the use of api keys cannot be noted now"));
  closers.add(() => use.settled());
  return use.note;
}

function keepDenials(db: Database, { decisionLog: { rows } }: Config, log: Logger, closers: Closers): Denials {
  const onFailure = (error: unknown) => log.warn({ err: error }, "denials cannot be kept now");
  const denials = createDenials(db, { rows, onFailure });
  closers.add(() => denials.settled());
  return denials;
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

/** Connections for records and changes. */
const MODEL_CONNECTIONS = 8;

/** At most: those of the three pools, of the presence at an embedded server, and one to spare. */
export const CONNECTIONS_OF_A_PROCESS = 20;
/** Commands, and people who look. */
const CONNECTIONS_OF_OTHERS = 60;

function openCache(
  redis: RedisConnection,
  log: Logger,
  closers: Closers,
  onCommand: OnCommand | undefined,
): RedisDecisionCache {
  const cache = createRedisDecisionCache(redis, (message) => log.warn(message), onCommand);
  closers.add(() => cache.close());
  return cache;
}

/** How other processes and gateways may hear of what has moved. */
interface HintRoutes {
  readonly redis: RedisConnection | null;
  readonly target: Config["redis"];
  readonly environment: string;
  readonly neighbours: Neighbours | undefined;
}

/** What to do when a change has moved scopes: this process knows at once, others as soon as they hear of it. */
function hintsOf(
  { redis, target, environment, neighbours }: HintRoutes,
  { decisions, auditFeed }: Pick<App, "decisions" | "auditFeed">,
  closers: Closers,
): (moved: readonly MovedScope[]) => void {
  const hear = (moved: readonly MovedScope[]) => {
    decisions.forgetRevisions(moved);
    auditFeed.wake(moved);
  };
  neighbours?.onTold(hear);
  const hints = redis && target && createRevisionHints(redis, openRedisSubscriber(target), environment, hear);
  if (hints !== null) closers.add(() => hints.close());
  return (moved) => {
    hear(moved);
    neighbours?.tell(moved); // Redis would tell them, too, while it is there
    hints?.publish(moved);
  };
}

/** What only a serving gateway does: it has an operator who can sign in, and the demo account, and tidies up. */
export async function prepareForService(app: App, config: Config, log: Logger): Promise<{ newKey: string | null }> {
  const key = config.adminApiKey && `rg_${config.adminApiKey.id}_${config.adminApiKey.secret}`;
  const { created } = await ensureOperator(app.db, key ?? null);
  if (config.seedDemo ?? app.embedded) {
    if (await seedDemo(app.administration)) log.info("loaded the demo account");
  }
  const failed = (error: unknown) => log.warn({ err: error }, "old idempotency keys cannot be removed now");
  app.beforeClose(removeOldRecordsHourly(app.db, config.idempotencyKeyDays, failed));
  return { newKey: created };
}
