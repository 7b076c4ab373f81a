import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { refusalBody, unavailable } from "./refusal.js";

/** An answer that comes in pieces. */
export interface EventStream {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly events: AsyncIterable<Uint8Array>;
}

export interface StreamOptions {
  readonly requestId: string;
  /** Milliseconds for which a client may take nothing of what is there for it. */
  readonly patience: number;
}

/**
 * Sends pieces as the client takes them; the next one is asked for only then, so that nothing piles up. A client that takes
 * nothing for too long is told so, as the last event, and gets as long again to read it. When the client has gone, what
 * still comes is dropped: whoever makes the pieces ends by himself then.
 */
export async function sendEvents(response: ServerResponse, stream: EventStream, options: StreamOptions): Promise<void> {
  response.writeHead(stream.status, { ...HEADERS, ...(stream.retryAfter && { "retry-after": stream.retryAfter }) });
  response.flushHeaders();
  for await (const piece of stream.events) {
    if (response.destroyed || response.write(piece)) continue;
    if (!(await isDrained(response, options.patience))) await giveUp(response, options);
  }
  response.end();
}

/** Proxies are to pass on each event at once. The connection serves nothing else, so that it ends with the stream. */
const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "x-accel-buffering": "no",
  connection: "close",
};

/** False: not within so many milliseconds. */
async function isDrained(response: ServerResponse, ms: number): Promise<boolean> {
  const over = new AbortController();
  const within = { signal: AbortSignal.any([over.signal, AbortSignal.timeout(ms)]) };
  const events = ["drain", "close"].map((event) => once(response, event, within).then(() => true));
  const isOver = await Promise.any(events).catch(() => false);
  over.abort();
  return isOver;
}

async function giveUp(response: ServerResponse, { requestId, patience }: StreamOptions): Promise<void> {
  const refusal = unavailable("events were not taken in time: subscribe again, behind the last cursor");
  response.end(`event: next\ndata: ${refusalBody(refusal, requestId)}\n\nevent: complete\ndata:\n\n`);
  const timer = setTimeout(() => response.destroy(), patience);
  await once(response, "close");
  clearTimeout(timer);
}
