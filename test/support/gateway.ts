import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { inject } from "vitest";
import "./backend.js";

const BIN = fileURLToPath(new URL("../../dist/cli/ramgate.js", import.meta.url));

/** Longer than any answer takes: a test that waits in vain ends with an error. */
const ANSWER_TIMEOUT_MS = 60_000;

export interface GraphQLAnswer {
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what its own query selected
  readonly data: any;
  readonly errors?: readonly { message: string; path?: unknown[]; extensions: { code: string } }[];
}

/** A gateway process of the built program, as a user runs it. */
export interface Gateway {
  readonly url: string;
  readonly key: string;
  readonly pid: number;
  /** Everything it has printed to standard output. */
  output(): string;
  ask(query: string, variables?: Record<string, unknown>): Promise<GraphQLAnswer>;
  /** Everything it has printed to standard error. */
  errors(): string;
  /** Whether the process is still there. */
  isRunning(): boolean;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** Resolves with the exit code when it has ended by itself or by a signal that the test has sent. */
  ended(): Promise<number | null>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

export function operatorKey(): string {
  return `rg_test${randomBytes(4).toString("hex")}_${randomBytes(32).toString("base64url")}`;
}

/** The environment of a child that must not inherit what this machine is set up for. */
export function childEnvironment(settings: Record<string, string>): NodeJS.ProcessEnv {
  const { PATH = "", HOME = "", TZ = "" } = process.env;
  return { PATH, HOME, TZ, LOG_LEVEL: "warn", DRAIN_GRACE_MS: "0", ...settings };
}

/** Starts `ramgate serve` on a free port and waits until it is ready. `program`: instead of the one in dist/. */
export async function startGateway(settings: Record<string, string>, program = BIN): Promise<Gateway> {
  const key = settings["ADMIN_API_KEY"] ?? operatorKey();
  const redisUrl = inject("redisUrl");
  const env = childEnvironment({
    PORT: "0",
    ADMIN_API_KEY: key,
    ...(redisUrl === null ? {} : { REDIS_URL: redisUrl }),
    ...settings,
  });
  const child = spawn(process.execPath, [program, "serve"], { env, stdio: ["ignore", "pipe", "pipe"] });
  const printed = collect(child);
  const url = await untilReady(child, printed);
  return {
    url,
    key,
    pid: child.pid ?? 0,
    output: () => printed.out,
    errors: () => printed.err,
    isRunning: () => !hasEnded(child),
    ask: async (query, variables) => {
      try {
        return await askGateway(url, key, query, variables);
      } catch (error) {
        throw await explain(error, child, printed);
      }
    },
    stop: () => stop(child),
    ended: async () => (hasEnded(child) ? child.exitCode : ((await once(child, "exit"))[0] as number | null)),
    kill: () => kill(child),
  };
}

interface Printed {
  out: string;
  err: string;
}

function collect(child: ChildProcess): Printed {
  const printed = { out: "", err: "" };
  child.stdout?.on("data", (chunk) => {
    printed.out += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    printed.err += chunk;
  });
  return printed;
}

async function untilReady(child: ChildProcess, printed: Printed): Promise<string> {
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`the gateway ended with ${code}: ${printed.err}`);
  });
  const ready = (async () => {
    for (;;) {
      const url = /POST (http:\S+)\/graphql/.exec(printed.out)?.[1];
      if (url) return url;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  return Promise.race([ended, ready]);
}

/** A gateway that is gone says why. */
async function explain(error: unknown, child: ChildProcess, printed: Printed): Promise<unknown> {
  await sleep(50); // the news of its end may be on the way
  if (!hasEnded(child)) return error;
  return new Error(`the gateway has ended (${child.exitCode ?? child.signalCode}): ${printed.err}`, { cause: error });
}

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;

async function kill(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

async function stop(child: ChildProcess): Promise<number | null> {
  if (hasEnded(child)) return child.exitCode;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const [code] = await ended;
  return code;
}

export async function askGateway(
  url: string,
  key: string,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<GraphQLAnswer> {
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
  });
  return (await response.json()) as GraphQLAnswer;
}
