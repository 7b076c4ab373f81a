import type { TestProject } from "vitest/node";
import { dropTestDatabases, prepareTestDatabases, withClient } from "./databases.js";
import { type Backing, startScratchPostgres } from "./postgres.js";
import { isRedisAt, startRedis } from "./redis.js";
import "./backend.js";

const LOCAL_POSTGRES = "postgresql://postgres@127.0.0.1:5432/postgres";

/** Real PostgreSQL and Redis: those that were named, else those on the standard local ports, else our own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const redis = await findRedis();
  const postgres = await findPostgres().catch(async (error) => {
    await redis.stop();
    throw error;
  });
  const databases = await prepareTestDatabases(postgres.url);
  project.provide("backend", "real");
  project.provide("databaseUrl", postgres.url);
  project.provide("redisUrl", redis.url);
  project.provide("databases", databases);
  return async () => {
    await dropTestDatabases(databases);
    await Promise.all([postgres.stop(), redis.stop()]);
  };
}

async function findPostgres(): Promise<Backing> {
  const named = process.env["TEST_DATABASE_URL"];
  if (named) return running(named);
  if (await isPostgresAt(LOCAL_POSTGRES)) return running(LOCAL_POSTGRES);
  return startScratchPostgres();
}

async function findRedis(): Promise<Backing> {
  const named = process.env["TEST_REDIS_URL"];
  if (named) return running(named);
  if (await isRedisAt("127.0.0.1", 6379)) return running("redis://127.0.0.1:6379");
  return startRedis();
}

const running = (url: string): Backing => ({ url, stop: async () => {} });

const isPostgresAt = (url: string) =>
  withClient(url, (client) => client.query("select 1")).then(
    () => true,
    () => false,
  );
