import type { Worker } from "node:cluster";

/** What node:cluster sends with a connection: an internal of Node's, and `act` is all that counts of it. */
interface ClusterMessage {
  readonly act?: string;
}

/**
 * Closes the connection that a worker was just given when it ended. node:cluster hands a worker one connection at a time and
 * waits for its word; of a worker that ends instead it forgets the connection, which then stays open, and its client
 * waits for an answer that nobody will give. To close one that the worker has taken does nothing.
 */
export function closeHandedAtEnd({ process }: Worker): void {
  if (process.send === undefined) return; // it could not be started
  let handed: { close?(): void } | undefined;
  const send = process.send.bind(process) as (...all: unknown[]) => boolean;
  process.send = (message: ClusterMessage, handle?: object, ...rest: unknown[]) => {
    if (message.act === "newconn") handed = handle;
    return send(message, handle, ...rest);
  };
  process.once("exit", () => handed?.close?.());
}
