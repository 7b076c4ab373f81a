import { z } from "zod";
import type { MovedScope } from "../store/revisions.js";
import type { RedisConnection } from "./open-redis.js";

/** Tells other gateways that scopes have moved. It may fail: hints only shorten how old a bounded answer is. */
export interface RevisionHints {
  publish(moved: readonly MovedScope[]): void;
  close(): Promise<void>;
}

const MESSAGE = z.array(z.tuple([z.string(), z.number().int().positive()])).max(10_000);

/**
 * Publishes and hears hints over Redis.
 *
 * @param publisher stays the caller's own
 * @param subscriber a connection that nothing else uses; closed with the hints
 * @param environment names the history of the database: gateways of another one say nothing to us
 */
export function createRevisionHints(
  publisher: RedisConnection,
  subscriber: RedisConnection,
  environment: string,
  onMoved: (moved: readonly MovedScope[]) => void,
): RevisionHints {
  const channel = `az:h:1:${environment}`;
  subscriber.on("error", () => {}); // the connection of the cache reports the same
  subscriber.on("ready", () => void subscriber.subscribe(channel).catch(() => {}));
  subscriber.on("message", (_channel: string, text: string) => {
    const moved = readMessage(text);
    if (moved !== null) onMoved(moved);
  });
  return {
    publish(moved) {
      if (moved.length === 0 || publisher.status !== "ready") return;
      const message = JSON.stringify(moved.map(({ scope, rev }) => [scope, rev]));
      publisher.publish(channel, message).catch(() => {});
    },
    close: async () => subscriber.disconnect(),
  };
}

function readMessage(text: string): MovedScope[] | null {
  try {
    return MESSAGE.parse(JSON.parse(text)).map(([scope, rev]) => ({ scope, rev }));
  } catch {
    return null;
  }
}
