/** `off`: this gateway does without. */
export type PartState = "up" | "down" | "off";

/** What the gateway stands on. */
export interface Parts {
  readonly postgres: PartState;
  /** It only saves time: a gateway without it is ready. */
  readonly redis: PartState;
}

export interface PartsOptions {
  /** Rejects when PostgreSQL does not answer. */
  askDatabase(): Promise<unknown>;
  readonly redis: { isConnected(): boolean } | null;
  /** Milliseconds, monotonic; default: the process's. */
  readonly clock?: () => number;
}

/** Probes come from many sides, and must not become a load of their own. */
const ASK_AGAIN_AFTER_MS = 1_000;

/** Says how the parts are; PostgreSQL is asked at most once a second, however often somebody wants to know. */
export function createPartsCheck({
  askDatabase,
  redis,
  clock = () => performance.now(),
}: PartsOptions): () => Promise<Parts> {
  let answer: Promise<PartState> | null = null;
  let asked = Number.NEGATIVE_INFINITY;
  return async () => {
    if (answer === null || clock() - asked >= ASK_AGAIN_AFTER_MS) {
      asked = clock();
      answer = askDatabase().then(
        () => "up",
        () => "down",
      );
    }
    return { postgres: await answer, redis: redis === null ? "off" : redis.isConnected() ? "up" : "down" };
  };
}
