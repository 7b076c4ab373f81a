import type { TestDatabases } from "./databases.js";

declare module "vitest" {
  /** What `inject` gives in tests that run on both backends. */
  interface ProvidedContext {
    backend: "real" | "embedded";
    /** The server's own database; tests make theirs with `createTestDatabase`. */
    databaseUrl: string;
    /** null: the decision cache is in process. */
    redisUrl: string | null;
    databases: TestDatabases;
  }
}
