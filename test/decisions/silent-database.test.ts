import { createServer, connect as dial, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createRevisionReader, openRevisionPool } from "../../src/store/revisions.js";
import { UnavailableError } from "../../src/store/store-errors.js";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase("silent");
});
afterAll(() => database.drop());

/** A way to the database that can go silent: connections stay open and nothing comes through. */
async function openProxy(target: URL): Promise<{ url: string; silent: boolean; close(): void }> {
  const sockets = new Set<Socket>();
  const proxy = { url: "", silent: false, close: () => {} };
  const server = createServer((near) => {
    const far = dial(Number(target.port || 5432), target.hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => near.destroy() && far.destroy());
    }
    near.on("data", (data) => proxy.silent || far.write(data));
    far.on("data", (data) => proxy.silent || near.write(data));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = new URL(target);
  url.port = String((server.address() as { port: number }).port);
  proxy.url = url.toString();
  proxy.close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return proxy;
}

it("a database that goes silent is unavailable within a second, and serves again as soon as it speaks", async () => {
  const proxy = await openProxy(new URL(database.url));
  const pool = openRevisionPool(proxy.url);
  const reader = createRevisionReader(pool);
  expect((await reader.readFresh(["glob"])).vector.get("glob")).not.toBeNull();
  proxy.silent = true;
  const failures = [1, 2, 3].map(async (turn) => {
    await sleep(turn * 300);
    const start = performance.now();
    const failure = await reader.readFresh(["glob"]).catch((error: unknown) => error);
    return { failure, milliseconds: performance.now() - start };
  });
  const seen = await Promise.all(failures);
  for (const { failure } of seen) expect(failure).toBeInstanceOf(UnavailableError);
  expect(Math.min(...seen.map(({ milliseconds }) => milliseconds))).toBeLessThan(1_000); // others run here too
  proxy.silent = false;
  await sleep(1_200);
  expect((await reader.readFresh(["glob"])).vector.get("glob")).not.toBeNull();
  await pool.end();
  proxy.close();
});
