import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { buildSchema, type GraphQLSchema } from "graphql";
import { afterEach, describe, expect, test } from "vitest";
import type { ListenerOptions, RequestLimits } from "../../src/server/graphql-listener.js";
import { KEY, type Listener, startListener } from "../support/listener.js";
import { type StreamedResult, subscribe } from "../support/subscriber.js";

const TYPES = /* GraphQL */ `
  type Query {
    leaf: Int
  }
  type Subscription {
    "Counts from 1 as fast as somebody listens, with so many characters each time."
    numbers(characters: Int!): Numbered
    "Nothing, for ever."
    silence: Int
    broken: Int
  }
  type Numbered {
    number: Int
    text: String
    again: Numbered
  }
`;

let listener: Listener | undefined;
afterEach(async () => {
  await listener?.close();
  listener = undefined;
});

interface Sources {
  /** How many numbers were asked for. */
  asked: number;
}

function countingSchema(sources: Sources): GraphQLSchema {
  const schema = buildSchema(TYPES);
  const fields = schema.getSubscriptionType()?.getFields() ?? {};
  const { numbers, silence, broken } = fields;
  if (numbers) numbers.subscribe = (_, { characters }) => count(sources, characters);
  if (numbers) numbers.resolve = (number) => number;
  if (silence) silence.subscribe = (_, _args, { presence }) => untilGone(presence.gone);
  if (broken) broken.subscribe = async () => failing();
  return schema;
}

async function* count(sources: Sources, characters: number) {
  for (let number = 1; ; number += 1) {
    sources.asked = number;
    yield { number, text: "x".repeat(characters) };
    await sleep(0);
  }
}

async function* untilGone(gone: AbortSignal): AsyncGenerator<number> {
  await once(gone, "abort");
  yield 0; // to nobody
}

async function* failing(): AsyncGenerator<number> {
  yield 1;
  throw new Error("the secret cause");
}

async function start(limits: Partial<RequestLimits> = {}, more: Partial<ListenerOptions> = {}) {
  const sources = { asked: 0 };
  listener = await startListener(limits, { schema: countingSchema(sources), ...more });
  return { sources, url: new URL(listener.url).origin };
}

/** A client that has sent its request and reads only when it is told to. */
async function openUnread(url: string, query: string): Promise<IncomingMessage> {
  const headers = { accept: "text/event-stream", authorization: `Bearer ${KEY}`, "content-type": "application/json" };
  const sent = request(`${url}/graphql`, { method: "POST", headers });
  sent.end(JSON.stringify({ query }));
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return response;
}

function resultsIn(text: string): StreamedResult[] {
  return [...text.matchAll(/^data: (.+)$/gm)].map(([, data = ""]) => JSON.parse(data));
}

async function stands(sources: Sources): Promise<boolean> {
  const { asked } = sources;
  await sleep(100);
  return sources.asked === asked && asked > 0;
}

describe("a client that takes nothing", () => {
  const numbers = "subscription { numbers(characters: 100000) { number text } }";

  test("is sent no more than fits on the way to it, is told so in the end, and can go on from what it has", async () => {
    const { sources, url } = await start({}, { patience: 1_500 });
    const response = await openUnread(url, numbers);
    await expect.poll(() => stands(sources), { timeout: 5_000 }).toBe(true);
    const { asked } = sources;
    expect(asked).toBeLessThan(200); // 20 MB; systems keep some megabytes of a connection
    await sleep(2_000);
    let text = "";
    for await (const piece of response) text += piece;
    const results = resultsIn(text);
    const heard = results.slice(0, -1).map(({ data }) => data.numbers.number);
    expect(heard).toEqual(Array.from({ length: heard.length }, (_, n) => n + 1));
    expect(heard.length).toBeGreaterThan(asked - 5);
    expect(results.at(-1)?.errors).toMatchObject([{ extensions: { code: "UNAVAILABLE" } }]);
    expect(text.endsWith("event: complete\ndata:\n\n")).toBe(true);
    expect(sources.asked).toBeLessThanOrEqual(asked + 1);
  });

  test("loses its connection and its place when it does not read that either", async () => {
    const { sources, url } = await start({ subscriptions: 1 }, { patience: 300 });
    const response = await openUnread(url, numbers);
    const closed = new Promise((resolve) => response.once("close", resolve).on("error", resolve));
    await expect.poll(() => stands(sources), { timeout: 5_000 }).toBe(true);
    await expect
      .poll(async () => (await subscribe({ url, key: KEY, query: "subscription { silence }" })).status)
      .toBe(200);
    response.resume();
    await closed;
  });

  test("for a while, and then goes on, misses nothing", async () => {
    const { sources, url } = await start({}, { patience: 5_000 });
    const response = await openUnread(url, numbers);
    await expect.poll(() => stands(sources), { timeout: 5_000 }).toBe(true);
    let text = "";
    for await (const piece of response) {
      text += piece;
      if (text.length > 30_000_000) break;
    }
    const heard = [...text.matchAll(/"number":(\d+)/g)].map(([, number]) => Number(number));
    expect(heard.length).toBeGreaterThan(100);
    expect(heard).toEqual(heard.map((_, n) => n + 1));
  });
});

describe("limits of requests hold for subscriptions", () => {
  const deep = (depth: number) => `${"again { ".repeat(depth)}number${" }".repeat(depth)}`;

  test.each<[string, Partial<RequestLimits>, string]>([
    ["depth", { depth: 5 }, `subscription { numbers(characters: 1) { ${deep(5)} } }`],
    ["tokens", { tokens: 10 }, "subscription { numbers(characters: 1) { number text } }"],
    ["cost", { cost: 3 }, `subscription { numbers(characters: 1) { ${deep(5)} } }`],
  ])("%s", async (exceeded, limits, query) => {
    const { sources, url } = await start(limits);
    const subscriber = await subscribe({ url, key: KEY, query });
    await subscriber.ended;
    expect(subscriber.results).toMatchObject([{ errors: [{ extensions: { code: "COST_LIMIT_EXCEEDED", exceeded } }] }]);
    expect(sources.asked).toBe(0);
  });

  test("the rate", async () => {
    const counted: string[] = [];
    const { url } = await start({}, { countKnown: async (sender) => void counted.push(sender) });
    const subscriber = await subscribe({ url, key: KEY, query: "subscription { silence }" });
    subscriber.leave();
    expect(counted).toEqual(["test"]);
  });

  test("a stream takes no place of requests, and outlives their deadline", async () => {
    const { url } = await start({ inFlight: 1, waiting: 1, deadline: 300 });
    const subscriber = await subscribe({ url, key: KEY, query: "subscription { silence }" });
    await sleep(600);
    expect((await listener?.post({ query: "{ leaf }" }))?.status).toBe(200);
    const state = await Promise.race([subscriber.ended.then(() => "ended"), sleep(100).then(() => "open")]);
    expect(state).toBe("open");
    subscriber.leave();
  });
});

test("a source that fails closes the connection, and nothing of the cause is told", async () => {
  const { url } = await start();
  const subscriber = await subscribe({ url, key: KEY, query: "subscription { broken }" });
  await subscriber.ended;
  expect(JSON.stringify(subscriber.results)).not.toContain("secret");
  expect((await listener?.post({ query: "{ leaf }" }))?.status).toBe(200);
});

test("places that clients leave are free again", async () => {
  const { url } = await start({ subscriptions: 2, subscriptionsPerCredential: 2 });
  const open = () => subscribe({ url, key: KEY, query: "subscription { silence }" });
  for (let n = 0; n < 20; n += 1) {
    const [one, other] = [await open(), await open()];
    expect([one.status, other.status, (await open()).status]).toEqual([200, 200, 429]);
    one.leave();
    other.leave();
    await expect
      .poll(async () => {
        const again = await open();
        again.leave();
        return again.status;
      })
      .toBe(200);
    await sleep(20);
  }
});
