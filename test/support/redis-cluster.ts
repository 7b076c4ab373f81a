import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { findFreePort } from "../../src/store/embedded/free-port.js";
import { type RedisServer, startRedis } from "./redis.js";

const run = promisify(execFile);

/** A Redis Cluster of three masters on this machine. */
export interface RedisCluster {
  /** Of all nodes, as `REDIS_URL` takes them. */
  readonly url: string;
  readonly nodes: readonly RedisServer[];
  /** Number of keys on each node. */
  countKeys(): Promise<number[]>;
  flush(): Promise<void>;
  stop(): Promise<void>;
}

const MASTERS = 3;

/**
 * Starts `redis-server` as often as it takes, and lets `redis-cli` make a cluster of them.
 *
 * @throws Error that says what `redis-cli` has printed
 */
export async function startRedisCluster(): Promise<RedisCluster> {
  const nodes: RedisServer[] = [];
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  try {
    while (nodes.length < MASTERS) nodes.push(await startNode());
    await joinNodes(nodes);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: nodes.map(({ url }) => url).join(","),
    nodes,
    countKeys: () => onEach(nodes, (node) => node.dbsize()),
    flush: async () => {
      await onEach(nodes, (node) => node.flushall());
    },
    stop,
  };
}

/** The nodes' own port is 10,000 above unless it is given, which there may be none of. */
async function startNode(): Promise<RedisServer> {
  const bus = await findFreePort();
  return startRedis({ "cluster-enabled": "yes", "cluster-port": String(bus), "cluster-node-timeout": "2000" });
}

async function joinNodes(nodes: readonly RedisServer[]): Promise<void> {
  const addresses = nodes.map(({ url }) => new URL(url).host);
  try {
    await run("redis-cli", ["--cluster", "create", ...addresses, "--cluster-replicas", "0", "--cluster-yes"], {
      timeout: 30_000,
    });
  } catch (cause) {
    throw new Error(`redis-cli made no cluster: ${(cause as { stdout?: string }).stdout ?? ""}`, { cause });
  }
  await untilAgreed(nodes);
}

/** Each node hears of the others by and by. */
async function untilAgreed(nodes: readonly RedisServer[]): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const states = await onEach(nodes, async (node) => String(await node.cluster("INFO")));
    const isReady = (state: string) =>
      state.includes("cluster_state:ok") && state.includes(`cluster_size:${nodes.length}`);
    if (states.every(isReady)) return;
    await sleep(50);
  }
  throw new Error("the nodes of the redis cluster do not agree");
}

function onEach<T>(nodes: readonly RedisServer[], work: (node: Redis) => Promise<T>): Promise<T[]> {
  return Promise.all(
    nodes.map(async ({ url }) => {
      const node = new Redis(url);
      try {
        return await work(node);
      } finally {
        node.disconnect();
      }
    }),
  );
}
