import type { TestProject } from "vitest/node";
import { dropTestDatabases, prepareTestDatabases } from "./databases.js";
import { startScratchPostgres } from "./postgres.js";
import "./backend.js";

/** What a newcomer gets without setting anything: embedded PostgreSQL, and the cache in the process. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const postgres = await startScratchPostgres();
  const databases = await prepareTestDatabases(postgres.url);
  project.provide("backend", "embedded");
  project.provide("databaseUrl", postgres.url);
  project.provide("redisUrl", null);
  project.provide("databases", databases);
  return async () => {
    await dropTestDatabases(databases);
    await postgres.stop();
  };
}
