import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { type App, CONNECTIONS_OF_A_PROCESS, openApp, prepareForService } from "./app.js";
import type { Config } from "./config.js";
import { Crew } from "./crew.js";
import { createLog } from "./log.js";
import { exitOnCrash, stopSignal } from "./process-events.js";
import { createRedactor, secretsOf } from "./redaction.js";
import { listen, portOf } from "./server/http-server.js";
import { createMetricsServer } from "./server/metrics-server.js";
import { welcome } from "./server/welcome.js";
import { mostConnections } from "./store/server-settings.js";

/** Longer than a worker takes to answer what is under way and to close, in milliseconds. */
const STOP_MS = 40_000;
const CLOSE_MS = 5_000;
const EXIT_MS = 100;

/**
 * Serves with `config.workers` processes on one port, and is none of them: prepares the database, once, starts the
 * workers, puts others in the place of those that end, sums up their metrics, and passes signals on. To whoever started
 * it, it behaves as a single process does: same errors, same exit codes, same answer to signals.
 *
 * @throws when it cannot start (port taken, database unusable, operator key in conflict), when workers keep ending at
 * their start, and when one has ended before it had answered what was under way
 */
export async function superviseWorkers(config: Config): Promise<void> {
  const stop = stopSignal();
  const log = createLog(config.logLevel, createRedactor(secretsOf(config)), process.pid);
  const crew = new Crew(config.workers, log);
  const metrics = config.metricsPort === undefined ? null : createMetricsServer(crew.metrics);
  let app: App | null = null;
  process.on("exit", () => crew.kill());
  exitOnCrash(log, async () => app?.close());
  stop.then((signal) => crew.stop(signal));
  try {
    const port = await crew.listen();
    if (port === null) return;
    if (metrics !== null) await listen(metrics, config.host, config.metricsPort ?? 0, "METRICS_PORT");
    app = await openParts(config, log);
    const { newKey } = await prepareForService(app, config, log);
    await warnOfFewConnections(app, config, log);
    await crew.open(app.databaseUrl);
    announce(config, log, { port, metricsPort: metrics && portOf(metrics), newKey });
    await crew.unlessFailed(stop);
    await crew.ended(config.drainGrace + STOP_MS);
  } finally {
    crew.kill();
    metrics?.closeAllConnections();
    metrics?.close();
    await closeInTime(app, log);
  }
}

/** The supervisor answers nobody, so it needs no cache and no replica. */
async function openParts(config: Config, log: Logger): Promise<App> {
  return openApp({ ...config, redis: null, databaseReplicaUrl: undefined }, log);
}

async function warnOfFewConnections({ db }: App, { workers }: Config, log: Logger): Promise<void> {
  const wanted = (workers + 1) * CONNECTIONS_OF_A_PROCESS;
  const most = await mostConnections(db);
  if (wanted > most) log.warn({ most, wanted }, "PostgreSQL takes fewer connections than the workers may want");
}

/** A server that has gone silent must not keep the process. */
async function closeInTime(app: App | null, log: Logger): Promise<void> {
  const late = sleep(CLOSE_MS, false, { ref: false });
  if (app === null || (await Promise.race([app.close().then(() => true), late]))) return;
  log.warn("the connections to PostgreSQL do not close: leaving them");
  setTimeout(() => process.exit(), EXIT_MS); // the exit code is known by then
}

interface Started {
  readonly port: number;
  readonly metricsPort: number | null;
  readonly newKey: string | null;
}

function announce(config: Config, log: Logger, { port, metricsPort, newKey }: Started): void {
  const { host, workers } = config;
  process.stdout.write(welcome({ host, port, config, metricsPort, newKey }));
  log.info({ host, port, ...(metricsPort !== null && { metricsPort }), workers }, "ready");
}
