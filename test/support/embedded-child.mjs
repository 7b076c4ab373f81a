// One gateway's part in an embedded PostgreSQL, as a process that a test can stop (a line on stdin) or kill.
import { startEmbeddedPostgres } from "../../dist/store/embedded-postgres.js";

const server = await startEmbeddedPostgres({ dataDir: process.argv[2] });
console.log(JSON.stringify({ url: server.url, owner: server.owner }));
process.stdin.once("data", async () => {
  await server.stop();
  process.exit(0);
});
