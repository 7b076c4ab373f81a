import { migrateDatabase } from "../app.js";
import type { Config } from "../config.js";
import { createLog } from "../log.js";
import { createRedactor, secretsOf } from "../redaction.js";
import { EXIT, type ExitCode } from "./exit-code.js";

/** Applies what is pending and says what it did. */
export async function applyMigrations(config: Config): Promise<ExitCode> {
  const applied = await migrateDatabase(config, createLog(config.logLevel, createRedactor(secretsOf(config))));
  const lines = applied.length === 0 ? ["the database is up to date"] : applied.map((name) => `applied ${name}`);
  process.stdout.write(`${lines.join("\n")}\n`);
  return EXIT.ok;
}
