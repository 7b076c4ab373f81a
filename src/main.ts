import type { AddressInfo } from "node:net";
import type { Logger } from "pino";
import { type App, openApp, prepareForService } from "./app.js";
import type { Config } from "./config.js";
import { openRedis, type RedisConnection, type RedisTarget } from "./decisions/open-redis.js";
import { buildSchema } from "./graphql/schema.js";
import { createLog } from "./log.js";
import { createExplorer } from "./server/explorer-page.js";
import { createGraphQLListener } from "./server/graphql-listener.js";
import { createHttpGateway, type HttpGateway, listen } from "./server/http-server.js";
import { createRateLimit } from "./server/rate-limiter.js";
import { welcome } from "./server/welcome.js";

const DRAIN_MS = 25_000;

/**
 * Serves until SIGTERM or SIGINT, then answers what is under way and closes. It listens at once, with `/readyz` at 503,
 * and serves when migrations and seed are done.
 *
 * @throws when it cannot start: port taken, database unusable, operator key in conflict
 */
export async function serve(config: Config): Promise<void> {
  const log = createLog(config.logLevel);
  const stop = stopSignal();
  const gateway = createHttpGateway(config.graphiql ? createExplorer() : null);
  await listen(gateway.server, config.host, config.port);
  const redis = config.redis && openCounters(config.redis);
  try {
    const app = await start(gateway, config, log, redis);
    log.info({ signal: await stop }, "draining");
    await gateway.drain(DRAIN_MS);
    await app.close();
  } finally {
    redis?.disconnect();
    gateway.server.closeAllConnections();
    gateway.server.close();
  }
}

/** A connection of their own, so that they do not wait behind answers. The cache's connection reports what is wrong. */
function openCounters(target: RedisTarget): RedisConnection {
  return openRedis(target).on("error", () => {});
}

async function start(gateway: HttpGateway, config: Config, log: Logger, redis: RedisConnection | null): Promise<App> {
  const app = await openApp(config, log);
  try {
    const { newKey } = await prepareForService(app, config, log);
    gateway.serve(createGraphQLListener({ ...listenerOptions(app, config, redis), log }));
    const { port } = gateway.server.address() as AddressInfo;
    process.stdout.write(welcome({ host: config.host, port, config, newKey }));
    log.info({ host: config.host, port }, "ready");
    return app;
  } catch (error) {
    await app.close();
    throw error;
  }
}

function listenerOptions(app: App, config: Config, redis: RedisConnection | null) {
  const limit = (name: string, most: number) =>
    createRateLimit({ limit: most, redis, keyPrefix: `az:r:1:${app.environment}:${name}` });
  return {
    schema: buildSchema(),
    services: app,
    authenticate: app.authenticate,
    limits: config.requests,
    countKnown: limit("credential", config.rateLimits.perCredential),
    countUnknown: limit("address", config.rateLimits.perAddress),
    origins: config.corsOrigins,
  };
}

/** Later signals change nothing: npm passes on the Ctrl-C that the terminal has sent us already. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const name of ["SIGTERM", "SIGINT"]) process.on(name, () => resolve(name));
  });
}
