import type { Server } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { type App, type Neighbours, openApp, prepareForService } from "./app.js";
import type { Config } from "./config.js";
import { openRedis, type RedisConnection, type RedisTarget } from "./decisions/open-redis.js";
import { isFieldError } from "./graphql/errors.js";
import { buildSchema } from "./graphql/schema.js";
import { createLog } from "./log.js";
import { exitOnCrash, type StopSignal, stopSignal } from "./process-events.js";
import { createRedactor, type Redactor, secretsOf } from "./redaction.js";
import { createAddressOf } from "./server/client-address.js";
import { createExplorer } from "./server/explorer-page.js";
import { createGraphQLListener, type ListenerOptions } from "./server/graphql-listener.js";
import { createHttpGateway, type HttpGateway, listen, portOf } from "./server/http-server.js";
import type { Metrics } from "./server/metrics.js";
import { createMetricsServer } from "./server/metrics-server.js";
import type { Tracing } from "./server/open-telemetry.js";
import { createRateLimit } from "./server/rate-limiter.js";
import { startTracing } from "./server/start-tracing.js";
import { readTrustedDocuments } from "./server/trusted-documents.js";
import { createWatch, readVersion, type Watch } from "./server/watch.js";
import { welcome } from "./server/welcome.js";
import { unheard } from "./store/stages.js";

const DRAIN_MS = 25_000;
const CLOSE_MS = 5_000;

/** Other processes that serve on the same port, and the one above them, which prepares the database and gets the signals. */
export interface Team {
  readonly stop: Promise<StopSignal>;
  /** Resolves with the URL of the database when it is ready. */
  readonly prepared: Promise<string>;
  readonly neighbours: Neighbours;
  /** Whoever scrapes asks there, for all. */
  onCount(count: Metrics["counted"]): void;
  listening(port: number): void;
  ready(): void;
}

/** What there is before the database is open. */
interface Front {
  readonly config: Config;
  readonly graphql: Pick<ListenerOptions, "schema" | "trustedDocuments">;
  readonly log: Logger;
  readonly redactor: Redactor;
  readonly watch: Watch;
  /** Null: nothing is traced. */
  readonly tracing: Tracing | null;
  readonly gateway: HttpGateway;
  /** Null: there are none, or the team shows them. */
  readonly metrics: Server | null;
  /** Where gateways count requests together; null: each for itself. */
  readonly counters: RedisConnection | null;
  /** Null: this process is all there is. */
  readonly team: Team | null;
}

/**
 * Serves until SIGTERM or SIGINT, then answers what is under way and closes. It listens at once, with `/readyz` at 503,
 * and serves when migrations and seed are done. After SIGTERM `/readyz` is 503 at once, and requests are still taken for
 * `drainGrace`; after SIGINT, which comes from a person, they are not. A second signal ends it at once.
 *
 * @throws when it cannot start: port taken, database unusable, operator key in conflict
 */
export async function serve(config: Config, team: Team | null = null): Promise<void> {
  const stop = team?.stop ?? stopSignal();
  const front = await createFront(config, team);
  const { gateway, metrics, log } = front;
  let app: App | null = null;
  exitOnCrash(log, async () => app?.close(), isFieldError);
  stop.then(() => gateway.retire());
  try {
    await listen(gateway.server, config.host, config.port);
    if (metrics !== null) await listen(metrics, config.host, config.metricsPort ?? 0, "METRICS_PORT");
    team?.listening(portOf(gateway.server));
    app = await start(front);
    await drain(front, app, await stop);
    await closeInTime(front, app);
  } finally {
    front.counters?.disconnect();
    for (const server of [gateway.server, metrics]) {
      server?.closeAllConnections();
      server?.close();
    }
  }
}

async function createFront(config: Config, team: Team | null): Promise<Front> {
  const graphql = prepareGraphQL(config);
  const redactor = createRedactor(secretsOf(config));
  const log = createLog(config.logLevel, redactor, team && process.pid);
  const { decisionLog, keepAlive } = config;
  const tracing = await startTracing(config.tracing, readVersion(), log);
  const counting = config.metricsPort !== undefined;
  const watch = createWatch({ log, decisionLog, redact: redactor.redact, counting, tracing });
  const explorer = config.graphiql ? createExplorer() : null;
  const gateway = createHttpGateway(explorer, {
    ...{ keepAlive, onRequest: watch.onRequest },
    ...(tracing && { aroundRequest: tracing.aroundRequest }),
  });
  const metrics = team === null && watch.metrics ? createMetricsServer(watch.metrics) : null;
  if (watch.metrics !== null) team?.onCount(watch.metrics.counted);
  const counters = config.redis && openCounters(config.redis);
  return { config, graphql, log, redactor, watch, tracing, gateway, metrics, counters, team };
}

/** @throws ConfigError for documents that are not usable */
function prepareGraphQL({ trustedDocuments: file, requests }: Config): Front["graphql"] {
  const schema = buildSchema();
  return { schema, ...(file !== null && { trustedDocuments: readTrustedDocuments(file, schema, requests) }) };
}

/** A connection of their own, so that they do not wait behind answers. The cache's connection reports what is wrong. */
function openCounters(target: RedisTarget): RedisConnection {
  return openRedis(target).on("error", () => {});
}

async function start(front: Front): Promise<App> {
  const { config, log, redactor, team } = front;
  if (team !== null) return join(front, team);
  const app = await openApp(config, log, observersOf(front));
  try {
    const { newKey } = await prepareForService(app, config, log);
    redactor.add(newKey ?? undefined);
    answer(front, app);
    announce(front, newKey);
    return app;
  } catch (error) {
    await app.close();
    throw error;
  }
}

async function join(front: Front, team: Team): Promise<App> {
  const { config, log } = front;
  const options = { isPrepared: true, neighbours: team.neighbours };
  const app = await openApp({ ...config, databaseUrl: await team.prepared }, log, observersOf(front), options);
  answer(front, app);
  log.info("ready");
  team.ready();
  return app;
}

function observersOf({ redactor, watch }: Front) {
  const onSecrets = (secrets: object) => {
    for (const secret of Object.values(secrets)) if (Buffer.isBuffer(secret)) redactor.add(secret);
  };
  return { ...watch.observers, onSecrets };
}

function answer(front: Front, app: App): void {
  const { watch, gateway } = front;
  watch.show(app);
  gateway.serve(createGraphQLListener(listenerOptions(front, app)), watch.checkPartsOf(app));
}

function announce({ config, log, gateway, metrics }: Front, newKey: string | null): void {
  const { host } = config;
  const port = portOf(gateway.server);
  const metricsPort = metrics && portOf(metrics);
  process.stdout.write(welcome({ host, port, config, metricsPort, newKey }));
  log.info({ host, port, ...(metricsPort !== null && { metricsPort }) }, "ready");
}

function listenerOptions({ config, graphql, counters: redis, log, tracing, watch: { onDecisions } }: Front, app: App) {
  const { inStage = unheard } = tracing ?? {};
  const limit = (name: string, most: number) =>
    inStage("count request", createRateLimit({ limit: most, redis, keyPrefix: `az:r:1:${app.environment}:${name}` }));
  return {
    ...graphql,
    ...{ services: app, authenticate: inStage("sign in", app.authenticate), log, inStage },
    believe: app.authenticate.believed,
    limits: config.requests,
    countKnown: limit("credential", config.rateLimits.perCredential),
    countUnknown: limit("address", config.rateLimits.perAddress),
    addressOf: createAddressOf(config.trustedProxies),
    origins: config.corsOrigins,
    ...(onDecisions && { onDecisions }),
  };
}

async function drain({ config, log, gateway }: Front, app: App, signal: StopSignal): Promise<void> {
  log.info({ signal }, "draining");
  if (signal === "SIGTERM") await sleep(config.drainGrace);
  app.auditFeed.close(); // by now a subscriber that comes again gets to another gateway
  await gateway.drain(DRAIN_MS);
}

/** A server that has gone silent must not keep the process. */
async function closeInTime({ tracing, log }: Front, app: App): Promise<void> {
  const late = sleep(CLOSE_MS, false, { ref: false });
  const closing = Promise.race([app.close().then(() => true), late]);
  const [closed, delivered] = await Promise.all([closing, tracing?.close() ?? true]);
  if (!closed) log.warn("the connections to PostgreSQL and Redis do not close: leaving them");
  if (!closed || !delivered) process.exit(0);
}
