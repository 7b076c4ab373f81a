import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findFreePort } from "../../src/store/embedded/free-port.js";

export interface RedisServer {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Whether a Redis that wants no password answers there. */
export function isRedisAt(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1000 }, () => socket.write("PING\r\n"));
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("data", (data) => end(data.toString().startsWith("+PONG")));
    socket.once("error", () => end(false));
    socket.once("timeout", () => end(false));
    socket.once("close", () => end(false));
  });
}

/**
 * Starts the `redis-server` of the PATH on a free port; it keeps nothing.
 *
 * @param more settings, by their names in redis.conf
 * @throws Error that names the Debian package when there is none
 */
export async function startRedis(more: Readonly<Record<string, string>> = {}): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), "ramgate-redis-"));
  const port = await findFreePort();
  const settings = { port, bind: "127.0.0.1", save: "", appendonly: "no", dir: directory, ...more };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const server = spawn("redis-server", args, { stdio: "ignore" });
  const ended = new Promise<Error>((resolve) => {
    server.once("error", (cause) => resolve(missing(cause)));
    server.once("exit", (code) => resolve(new Error(`redis-server ended with code ${code}`)));
  });
  const fault = await Promise.race([ended, untilAnswers(port)]);
  if (fault !== undefined) {
    await rm(directory, { recursive: true, force: true });
    throw fault;
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    pid: server.pid ?? 0,
    stop: async () => {
      server.kill("SIGKILL");
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function untilAnswers(port: number): Promise<undefined> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (await isRedisAt("127.0.0.1", port)) return;
    await sleep(25);
  }
  throw new Error(`redis-server does not answer on port ${port}`);
}

const missing = (cause: Error) =>
  new Error(
    "the tests need a Redis server: none answers on 127.0.0.1:6379 and there is no `redis-server` in the PATH; " +
      "install the Debian package redis-server, or set TEST_REDIS_URL",
    { cause },
  );
