import { setTimeout as sleep } from "node:timers/promises";

/** One `next` of a stream. */
export interface StreamedResult {
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what its own subscription selected
  readonly data?: any;
  readonly errors?: readonly { message: string; extensions: Record<string, unknown> }[];
}

/** A subscription over server-sent events, as a client without a library reads it. */
export interface Subscriber {
  readonly status: number;
  readonly headers: Headers;
  /** Results so far; grows. */
  readonly results: StreamedResult[];
  /** Comments so far: what keeps the connection alive. */
  comments(): number;
  /** Whether the gateway has said that there is no more. */
  isComplete(): boolean;
  /** Resolves when the stream has ended, in whichever way. */
  readonly ended: Promise<void>;
  /** Breaks the connection. */
  leave(): void;
}

export interface SubscribeOptions {
  readonly url: string;
  readonly key: string;
  readonly query: string;
  readonly variables?: Record<string, unknown>;
  readonly method?: "GET" | "POST";
  /** Hears of each result. */
  readonly onResult?: (result: StreamedResult) => void;
}

/** Resolves when the answer has begun: what happens from then on is in the stream. */
export async function subscribe({ url, key, query, variables = {}, ...more }: SubscribeOptions): Promise<Subscriber> {
  const { method = "POST", onResult = () => {} } = more;
  const controller = new AbortController();
  const search = new URLSearchParams({ query, variables: JSON.stringify(variables) });
  const response = await fetch(method === "GET" ? `${url}/graphql?${search}` : `${url}/graphql`, {
    method,
    headers: { accept: "text/event-stream", authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(method === "GET" ? {} : { body: JSON.stringify({ query, variables }) }),
    signal: controller.signal,
  });
  const results: StreamedResult[] = [];
  const state = { comments: 0, complete: false };
  const onEvent = (event: string) => {
    if (event.startsWith(":")) state.comments += 1;
    if (event.includes("event: complete")) state.complete = true;
    const data = /^data: (.*)$/m.exec(event)?.[1];
    if (data === undefined) return;
    const result = JSON.parse(data) as StreamedResult;
    results.push(result);
    onResult(result);
  };
  return {
    ...{ status: response.status, headers: response.headers, results },
    comments: () => state.comments,
    isComplete: () => state.complete,
    ended: readEvents(response, onEvent).catch(() => {}),
    leave: () => controller.abort(),
  };
}

async function readEvents(response: Response, onEvent: (event: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of response.body ?? []) {
    text += decoder.decode(piece as Uint8Array, { stream: true });
    const events = text.split("\n\n");
    text = events.pop() ?? "";
    events.forEach(onEvent);
  }
}

/** Waits until the subscriber has so many results. */
export async function untilResults({ results }: Subscriber, count: number, ms = 10_000): Promise<void> {
  const late = performance.now() + ms;
  while (results.length < count) {
    if (performance.now() > late) throw new Error(`${results.length} results after ${ms} ms, not ${count}`);
    await sleep(5);
  }
}
