import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedPostgres } from "../../src/store/embedded-postgres.js";
import { withClient } from "./databases.js";

/** A server that tests use, whether they started it or found it. */
export interface Backing {
  readonly url: string;
  stop(): Promise<void>;
}

/** An embedded PostgreSQL for one run; unlike the product's it may lose data, which makes it faster. */
export async function startScratchPostgres(): Promise<Backing> {
  const directory = await mkdtemp(join(tmpdir(), "ramgate-postgres-"));
  const server = await startEmbeddedPostgres({ dataDir: directory });
  await withClient(server.url, async (client) => {
    await client.query("alter system set fsync = off");
    await client.query("alter system set full_page_writes = off");
    await client.query("select pg_reload_conf()");
  });
  return {
    url: server.url,
    stop: async () => {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
