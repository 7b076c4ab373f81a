import { Cluster, Redis } from "ioredis";

export const COMMAND_TIMEOUT_MS = 50;
const CONNECT_TIMEOUT_MS = 500;
/** A connection that owes an answer for longer is given up, with everything that waits on it. */
const SOCKET_TIMEOUT_MS = 1_000;
const RECONNECT_MS = { first: 100, most: 2_000 };

const retryStrategy = (attempt: number): number => Math.min(RECONNECT_MS.first * attempt, RECONNECT_MS.most);

/**
 * A Redis that is away fails each command at once; nothing is queued for it and nothing is sent twice. It connects in the
 * background, and again whenever it is lost. The commands of one turn of the event loop go out together.
 */
const SUBSCRIBER_OPTIONS = {
  enableAutoPipelining: true,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  commandTimeout: COMMAND_TIMEOUT_MS,
  connectTimeout: CONNECT_TIMEOUT_MS,
  retryStrategy,
  autoResubscribe: false, // nobody would catch its failure; who listens subscribes whenever the connection is ready
};
const COMMAND_OPTIONS = { ...SUBSCRIBER_OPTIONS, socketTimeout: SOCKET_TIMEOUT_MS };

type Options = typeof SUBSCRIBER_OPTIONS | typeof COMMAND_OPTIONS;

/** Where Redis is. */
export type RedisTarget =
  | { readonly kind: "single"; readonly url: string }
  /** Any nodes of the cluster, the others are found through them. */
  | { readonly kind: "cluster"; readonly urls: readonly string[] }
  /** The sentinels that watch over `master`. */
  | { readonly kind: "sentinel"; readonly urls: readonly string[]; readonly master: string };

export type RedisConnection = Redis | Cluster;

/** Opens a connection for commands. It does not wait until there is one. */
export function openRedis(target: RedisTarget): RedisConnection {
  return open(target, COMMAND_OPTIONS);
}

/** Opens a connection that only listens, and so may be silent for long. */
export function openRedisSubscriber(target: RedisTarget): RedisConnection {
  return open(target, SUBSCRIBER_OPTIONS);
}

function open(target: RedisTarget, options: Options): RedisConnection {
  if (target.kind === "single") return new Redis(target.url, options);
  if (target.kind === "sentinel") return openSentinel(target.urls, target.master, options);
  return new Cluster(target.urls.map(nodeOf), {
    enableAutoPipelining: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: retryStrategy,
    slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
    redisOptions: { ...options, ...credentialsOf(target.urls) },
  });
}

function openSentinel(urls: readonly string[], name: string, options: Options): Redis {
  const { tls } = credentialsOf(urls);
  return new Redis({
    ...options,
    ...credentialsOf(urls),
    name,
    sentinels: urls.map(nodeOf),
    sentinelRetryStrategy: retryStrategy,
    ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: tls }),
  });
}

function nodeOf(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port || DEFAULT_PORT) };
}

const DEFAULT_PORT = 6_379;

/** All nodes have those of the first. */
function credentialsOf([first = ""]: readonly string[]): { username?: string; password?: string; tls?: object } {
  const { protocol, username, password } = new URL(first);
  return {
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
    ...(protocol === "rediss:" && { tls: {} }),
  };
}
