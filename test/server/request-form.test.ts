import { once } from "node:events";
import { type OutgoingHttpHeaders, request as openRequest } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DEFAULT_LIMITS, KEY, type Listener, startListener } from "../support/listener.js";

const PORTAL = "https://portal.example.com";
const CHANGE = '{"query":"mutation { change }"}';

let listener: Listener;
let open: Listener;

beforeAll(async () => {
  listener = await startListener();
  open = await startListener({ body: 1e8, unknownBody: 1e8 }, { origins: [PORTAL, "http://localhost:3000"] });
});

afterAll(async () => {
  await listener?.close();
  await open?.close();
});

interface GraphQLErrors {
  readonly errors: readonly { message: string; extensions: { code: string; requestId: string } }[];
}

const codeOf = async (response: Response) => ((await response.json()) as GraphQLErrors).errors[0]?.extensions.code;

const padded = (bytes: number, query = "{ leaf }") => JSON.stringify({ query }).padEnd(bytes, " ");

describe("the size of a body", () => {
  const stranger = { authorization: "Bearer somebody" };
  const { body, unknownBody } = DEFAULT_LIMITS;

  test("4 MiB of a known caller are read, one byte more is not", async () => {
    const before = listener.calls();
    expect((await listener.post(padded(body))).status).toBe(200);
    expect(listener.calls()).toBe(before + 1);
    const refused = await listener.post(padded(body + 1));
    expect(refused.status).toBe(413);
    expect(refused.headers.get("content-type")).toContain("application/json");
    expect(await refused.json()).toMatchObject({
      errors: [{ extensions: { code: "COST_LIMIT_EXCEEDED", exceeded: "body", limit: body } }],
    });
    expect(listener.calls()).toBe(before + 1);
    expect((await open.post(padded(body + 1))).status).toBe(200);
  });

  test.each([
    ["without a key", { authorization: "" }],
    ["with a key that nobody has", stranger],
  ])("256 KiB %s are unauthenticated, one byte more is too large", async (_, headers) => {
    expect((await listener.post(padded(unknownBody), headers)).status).toBe(401);
    expect((await listener.post(padded(unknownBody + 1), headers)).status).toBe(413);
    expect((await open.post(padded(unknownBody + 1), headers)).status).toBe(401);
  });

  test("is counted, not believed", async () => {
    const chunked = await send({ "transfer-encoding": "chunked" }, [padded(body), " "]);
    expect(chunked.status).toBe(413);
    const allowed = await send({ "transfer-encoding": "chunked" }, [padded(body - 1), " "]);
    expect(allowed.status).toBe(200);
  });

  test("beyond the limit is answered before the rest has come", async () => {
    const { port, hostname } = new URL(listener.url);
    const socket = connect(Number(port), hostname);
    socket.write(
      `POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\ncontent-type: application/json\r\ncontent-length: 999999999\r\n\r\n`,
    );
    socket.write(" ".repeat(body + 1));
    const [answer] = await once(socket, "data");
    expect(String(answer)).toMatch(/^HTTP\/1\.1 413 /);
    socket.resume();
    await once(socket, "close");
  });
});

/** A request whose headers are as given, whatever follows. */
async function send(headers: OutgoingHttpHeaders, pieces: readonly string[]) {
  const all = { authorization: `Bearer ${KEY}`, "content-type": "application/json", ...headers };
  const request = openRequest(listener.url, { method: "POST", headers: all });
  const answered = once(request, "response");
  for (const piece of pieces) request.write(piece);
  request.end();
  const [response] = await answered;
  response.resume();
  return { status: response.statusCode as number };
}

describe("what is no GraphQL over HTTP", () => {
  const form = new URLSearchParams({ query: "mutation { change }" }).toString();
  const multipart = `--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n${CHANGE}\r\n--x--\r\n`;

  test.each([
    ["a form", "application/x-www-form-urlencoded", form],
    ["a multipart form", "multipart/form-data; boundary=x", multipart],
    ["plain text", "text/plain", CHANGE],
    ["GraphQL as text", "application/graphql", "mutation { change }"],
    ["JSON under another name", "text/json", CHANGE],
    ["a type that begins like JSON", "application/json5", CHANGE],
    ["a type within a list", "application/json, text/plain", CHANGE],
    ["a type within a parameter", "text/plain; application/json", CHANGE],
    ["another character set", "application/json; charset=utf-16", CHANGE],
    ["no type", "", CHANGE],
  ])("%s is 415 and changes nothing", async (_, type, body) => {
    const response = await listener.post(body, { "content-type": type });
    expect(response.status).toBe(415);
    expect(await codeOf(response)).toBe("BAD_USER_INPUT");
    expect(listener.changes()).toBe(0);
  });

  test("a packed body is 415", async () => {
    expect((await listener.post(CHANGE, { "content-encoding": "gzip" })).status).toBe(415);
  });

  test.each(["PUT", "PATCH", "DELETE", "OPTIONS"])("%s is 405 and says what is allowed", async (method) => {
    const response = await fetch(listener.url, { method, headers: { authorization: `Bearer ${KEY}` } });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, POST");
  });

  test("a change by GET is 405 and changes nothing, a question is answered", async () => {
    const get = (query: string) =>
      fetch(`${listener.url}?query=${encodeURIComponent(query)}`, { headers: { authorization: `Bearer ${KEY}` } });
    const response = await get("mutation { change }");
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
    expect(await codeOf(response)).toBe("BAD_USER_INPUT");
    expect(listener.changes()).toBe(0);
    expect((await get("{ leaf }")).status).toBe(200);
  });

  test("a list of operations is 400 and changes nothing", async () => {
    const response = await listener.post(`[${CHANGE},${CHANGE}]`);
    expect(response.status).toBe(400);
    expect(await codeOf(response)).toBe("BAD_USER_INPUT");
    expect(listener.changes()).toBe(0);
  });

  test("the same change as JSON is made: none of this passes by chance", async () => {
    const before = listener.changes();
    for (const type of ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]) {
      expect((await listener.post(CHANGE, { "content-type": type })).status).toBe(200);
    }
    expect(listener.changes()).toBe(before + 3);
  });
});

const EVIL = [
  "https://evil.example",
  "null",
  "https://portal.example.com.evil.example",
  "https://evil.portal.example.com",
  "https://portal.example.com:444",
  "https://portal.example.com:443",
  "https://portal.example.com/",
  "http://portal.example.com",
  "https://PORTAL.example.com",
  "https://portalxexample.com",
  "https://portal.example.com@evil.example",
  "*",
];

describe("pages of other origins", () => {
  const corsHeaders = (response: Response) =>
    [...response.headers.keys()].filter((name) => name.startsWith("access-control-"));
  const preflight = (origin: string) =>
    fetch(open.url, { method: "OPTIONS", headers: { origin, "access-control-request-method": "POST" } });

  test.each([PORTAL, "http://localhost:3000"])("%s is listed and may read", async (origin) => {
    const asked = await preflight(origin);
    expect(asked.status).toBe(204);
    expect(asked.headers.get("access-control-allow-headers")).toBe(
      "authorization, content-type, x-request-id, traceparent, tracestate",
    );
    const response = await open.post({ query: "{ leaf }" }, { origin, "x-request-id": "mine" });
    expect(response.headers.get("x-request-id")).toBe("mine");
    expect(response.headers.get("access-control-expose-headers")).toBe("x-request-id, retry-after");
    for (const { headers } of [asked, response]) {
      expect(headers.get("access-control-allow-origin")).toBe(origin);
      expect(headers.get("access-control-allow-credentials")).toBeNull();
      expect(headers.get("vary")).toBe("Origin");
    }
    const refused = await open.post({ query: "{ leaf }" }, { origin, authorization: "" });
    expect(refused.headers.get("access-control-allow-origin")).toBe(origin);
  });

  test.each(EVIL)("%s may not", async (origin) => {
    const asked = await preflight(origin);
    expect(asked.status).toBe(405);
    const response = await open.post({ query: "{ leaf }" }, { origin });
    for (const answer of [asked, response]) {
      expect(corsHeaders(answer)).toEqual([]);
      expect(answer.headers.get("vary")).toBe("Origin");
    }
  });

  test("none may when none is listed", async () => {
    const response = await listener.post({ query: "{ leaf }" }, { origin: PORTAL });
    expect(corsHeaders(response)).toEqual([]);
  });
});

describe("every response", () => {
  const ways: [string, () => Promise<Response>, number][] = [
    ["an answer", () => listener.post({ query: "{ leaf }" }), 200],
    ["a syntax error", () => listener.post({ query: "{" }), 200],
    ["no JSON", () => listener.post("{"), 400],
    ["no key", () => listener.post("{}", { authorization: "" }), 401],
    ["no POST", () => fetch(listener.url, { method: "PUT" }), 405],
    ["a form", () => listener.post("", { "content-type": "text/plain" }), 415],
    ["too large", () => listener.post(padded(DEFAULT_LIMITS.body + 1)), 413],
    ["an unknown path", () => fetch(new URL("/nothing", listener.url)), 404],
    ["health", () => fetch(new URL("/healthz", listener.url)), 200],
    ["the way to the page", () => fetch(new URL("/", listener.url), { redirect: "manual" }), 302],
  ];

  test.each(ways)("%s has an id, is not kept and not guessed at", async (_, way, status) => {
    const response = await way();
    expect(response.status).toBe(status);
    expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  });

  test("a refusal repeats its id in the error", async () => {
    const response = await listener.post("{}", { authorization: "" });
    const { errors } = (await response.json()) as GraphQLErrors;
    expect(errors[0]?.extensions.requestId).toBe(response.headers.get("x-request-id"));
  });

  test("headers may have 16 KiB; more are 431, and no HTTP is 400, with an id", async () => {
    const small = await listener.post({ query: "{ leaf }" }, { "x-filler": "x".repeat(15_000) });
    expect(small.status).toBe(200);
    const large = await speak(`GET /graphql HTTP/1.1\r\nhost: x\r\nx-filler: ${"x".repeat(17_000)}\r\n\r\n`);
    expect(large).toMatch(/^HTTP\/1\.1 431 [\s\S]*x-request-id: [0-9a-f-]{36}\r\n/);
    expect(await speak("hello\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 [\s\S]*x-request-id: [0-9a-f-]{36}\r\n/);
  });
});

async function speak(text: string): Promise<string> {
  const { port, hostname } = new URL(listener.url);
  const socket = connect(Number(port), hostname, () => socket.write(text));
  let said = "";
  socket.on("data", (data) => {
    said += data;
  });
  await Promise.race([once(socket, "close"), sleep(5_000)]);
  socket.destroy();
  return said;
}

describe("the answer comes as what the sender accepts first", () => {
  const FAILS = { query: "{ nothing }" };

  test.each<[accept: string, type: string, statusOfErrors: number]>([
    ["*/*", "application/json", 200],
    ["application/*", "application/json", 200],
    ["application/json", "application/json", 200],
    ["application/json, multipart/mixed", "application/json", 200],
    ["application/graphql-response+json", "application/graphql-response+json", 400],
    ["application/graphql-response+json, application/json;q=0.9", "application/graphql-response+json", 400],
    ["text/html, APPLICATION/JSON; charset=utf-8", "application/json", 200],
    ["application/json; charset=utf-16, application/graphql-response+json", "application/graphql-response+json", 400],
  ])("%s", async (accept, type, statusOfErrors) => {
    const answer = await listener.post({ query: "{ leaf }" }, { accept });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, `${type}; charset=utf-8`]);
    expect(await answer.json()).toEqual({ data: { leaf: 1 } });
    const failed = await listener.post(FAILS, { accept });
    expect([failed.status, failed.headers.get("content-type")]).toEqual([statusOfErrors, `${type}; charset=utf-8`]);
    expect(await failed.json()).toMatchObject({ errors: [{ extensions: { code: "GRAPHQL_VALIDATION_FAILED" } }] });
  });

  test.each(["image/png", "application/json; charset=utf-16"])("%s is 406 before anything is done", async (accept) => {
    const before = listener.changes();
    const answer = await listener.post({ query: "mutation { change }" }, { accept });
    expect(answer.status).toBe(406);
    expect(await answer.json()).toMatchObject({ errors: [{ extensions: { code: "BAD_USER_INPUT" } }] });
    expect(listener.changes()).toBe(before);
  });
});
