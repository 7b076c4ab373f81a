import type { App } from "../app.js";
import { openApp } from "../app.js";
import type { Config } from "../config.js";
import { createLog } from "../log.js";
import { createRedactor, secretsOf } from "../redaction.js";

/** Opens the gateway's parts for one command and closes them whatever happens. Quiet below warnings. */
export async function withApp<Result>(config: Config, use: (app: App) => Promise<Result>): Promise<Result> {
  const quiet: Config = config.logLevel === "info" ? { ...config, logLevel: "warn" } : config;
  const app = await openApp(quiet, createLog(quiet.logLevel, createRedactor(secretsOf(config))));
  try {
    return await use(app);
  } finally {
    await app.close();
  }
}
