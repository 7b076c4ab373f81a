import { expect } from "vitest";
import { type BrokenBuild, breakBuild, type Slip } from "./broken-build.js";
import { createTestDatabase } from "./databases.js";
import { type Gateway, startGateway } from "./gateway.js";
import { prepareGrants } from "./grants.js";
import { type RedisServer, startRedis } from "./redis.js";
import { openTcpProxy, type TcpProxy } from "./tcp-proxy.js";

export interface PairOptions {
  /** Users whose grants can be switched, see `grants.ts`. */
  readonly users: number;
  /** The program is broken in these ways. */
  readonly slips?: readonly Slip[];
  /** A Redis that the pair does not own; absent: one of its own, so that it may be flushed and stopped. */
  readonly redisUrl?: string;
  /** A PostgreSQL that the pair does not own; absent: a database of its own. */
  readonly databaseUrl?: string;
  /** Whether the gateways reach PostgreSQL by way of proxies, too. */
  readonly proxiedPostgres?: boolean;
  readonly settings?: Record<string, string>;
}

/** Two gateways on one database and one Redis, each with its own proxies in front of these. */
export interface Pair {
  readonly gateways: readonly [Gateway, Gateway];
  readonly toRedis: readonly [TcpProxy, TcpProxy];
  readonly toPostgres: readonly [TcpProxy, TcpProxy];
  /** Undefined when it was given from outside. */
  readonly redis: RedisServer | undefined;
  /** Without a proxy. */
  readonly databaseUrl: string;
  /** The program that the gateways run; undefined: the one in dist/. */
  readonly program: string | undefined;
  close(): Promise<void>;
}

/** The gateways evaluate every answer that they find in a cache once more. */
export const VERIFY_ALL = { DECISION_CACHE_VERIFY: "1" };

/** Of those evaluated once more none has come out differently. */
export function expectNoMismatch({ gateways }: Pair): void {
  for (const gateway of gateways) expect(gateway.errors()).not.toContain("it is a defect");
}

class Steps {
  readonly #steps: (() => Promise<unknown>)[] = [];

  async open<T>(thing: Promise<T>, close: (opened: T) => Promise<unknown>): Promise<T> {
    const opened = await thing;
    this.#steps.unshift(() => close(opened));
    return opened;
  }

  async undo(): Promise<void> {
    for (const step of this.#steps.splice(0)) await step();
  }
}

/** Starts the pair, with nothing granted to anybody. */
export async function startPair(options: PairOptions): Promise<Pair> {
  const steps = new Steps();
  try {
    return await assemble(options, steps);
  } catch (error) {
    await steps.undo();
    throw error;
  }
}

async function assemble(options: PairOptions, steps: Steps): Promise<Pair> {
  const build =
    options.slips && (await steps.open<BrokenBuild>(breakBuild("pair", options.slips), (it) => it.remove()));
  const database =
    options.databaseUrl === undefined && (await steps.open(createTestDatabase("pair"), (it) => it.drop()));
  const databaseUrl = options.databaseUrl ?? (database ? database.url : "");
  const redis = options.redisUrl === undefined ? await steps.open(startRedis(), (it) => it.stop()) : undefined;
  const redisUrl = options.redisUrl ?? redis?.url ?? "";
  const proxy = (url: string) => steps.open(openTcpProxy(url), (it) => it.close());
  const toRedis = [await proxy(redisUrl), await proxy(redisUrl)] as const;
  const toPostgres = [await proxy(databaseUrl), await proxy(databaseUrl)] as const;
  const start = (which: 0 | 1, more: Record<string, string> = {}) => {
    const urls = {
      DATABASE_URL: options.proxiedPostgres ? toPostgres[which].through(databaseUrl) : databaseUrl,
      REDIS_URL: toRedis[which].through(redisUrl),
    };
    return steps.open(startGateway({ ...urls, ...options.settings, ...more }, build?.program), (it) => it.kill());
  };
  const first = await start(0);
  await prepareGrants(first, options.users);
  const gateways = [first, await start(1, { ADMIN_API_KEY: first.key })] as const;
  return { gateways, toRedis, toPostgres, redis, databaseUrl, program: build?.program, close: () => steps.undo() };
}
