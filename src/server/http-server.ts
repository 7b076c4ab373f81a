import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { COMMON_HEADERS, setCommonHeaders } from "./common-headers.js";
import type { ExplorerPage } from "./explorer-page.js";
import type { Parts } from "./readiness.js";
import { type AroundRequest, noteRequest, notesOf, type OnRequest, type Route } from "./request-notes.js";

/** What the process can currently do; `/readyz` is 200 only in `ready`. */
export type Readiness = "starting" | "ready" | "draining";

/** Answers one request; resolves when it has done all it does for it, even if the client has gone meanwhile. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => Promise<unknown> | unknown;

export interface HttpGateway {
  readonly server: Server;
  /** Hands GraphQL requests to `handler` from now on and reports ready, as long as `checkParts` finds what is needed. */
  serve(handler: RequestHandler, checkParts?: () => Promise<Parts>): void;
  /** Reports not ready from now on and closes connections after the next response; still answers whatever comes. */
  retire(): void;
  /** Stops accepting work: not ready, no new connections; resolves when the last request is done or after `timeoutMs`. */
  drain(timeoutMs: number): Promise<void>;
}

export interface HttpOptions {
  /** How long an idle connection is kept, in milliseconds. */
  readonly keepAlive?: number;
  readonly onRequest?: OnRequest;
  /** Does the work on GraphQL requests; default: simply does it. */
  readonly aroundRequest?: AroundRequest;
}

/** Milliseconds and bytes: how long headers and a whole request may take to come, and how large headers may be. */
const SERVER_OPTIONS = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 16_384,
};

const MOST_REQUESTS_OF_A_CONNECTION = 1_000;

/** HTTP server with `/healthz`, `/readyz` and `/graphql`; it can listen before the gateway behind it is ready. */
export function createHttpGateway(
  explorer: (() => Promise<ExplorerPage>) | null,
  { keepAlive = 75_000, onRequest = () => {}, aroundRequest = simply }: HttpOptions = {},
): HttpGateway {
  let state: Readiness = "starting";
  let graphql: RequestHandler | null = null;
  let checkParts: (() => Promise<Parts>) | null = null;
  const underWay = new Set<Promise<unknown>>();
  const open = new Set<ServerResponse>();
  const server = createBareServer(keepAlive);
  const unused = trackUnused(server);
  server.on("request", (request, response) => {
    setCommonHeaders(response);
    if (state === "draining") closeAfter(response);
    track(open, server, response);
    const name = routeOf(request, explorer !== null);
    const notes = noteRequest(request, response, name, onRequest);
    const around = name === "graphql" ? aroundRequest : simply;
    around(request, notes, () => route(request, response, name, { state, graphql, explorer, checkParts }));
  });
  const retire = () => {
    state = "draining";
    for (const response of open) closeAfter(response);
  };
  return {
    server,
    serve(handler, check = async () => ({ postgres: "up", redis: "off" })) {
      graphql = (request, response) => {
        const work = Promise.resolve(handler(request, response)).finally(() => underWay.delete(work));
        underWay.add(work);
      };
      checkParts = check;
      if (state === "starting") state = "ready";
    },
    retire,
    async drain(timeoutMs) {
      retire();
      const late = sleep(timeoutMs, undefined, { ref: false });
      await Promise.race([late, closeServer(server, unused).then(() => Promise.allSettled(underWay))]);
      server.closeAllConnections();
    },
  };
}

const simply: AroundRequest = (_request, _notes, work) => work();

function createBareServer(keepAliveTimeout: number): Server {
  const server = createServer({ ...SERVER_OPTIONS, keepAliveTimeout });
  server.maxRequestsPerSocket = MOST_REQUESTS_OF_A_CONNECTION;
  return server.on("clientError", refuseUnreadable);
}

function track(open: Set<ServerResponse>, server: Server, response: ServerResponse): void {
  open.add(response);
  response.once("close", () => {
    open.delete(response);
    if (!server.listening) server.closeIdleConnections(); // where the response had not said so
  });
}

/** Connections that have brought no request yet; for node:http they are not idle. */
function trackUnused(server: Server): ReadonlySet<Socket> {
  const unused = new Set<Socket>();
  server.on("connection", (socket) => {
    unused.add(socket);
    socket.once("close", () => unused.delete(socket));
  });
  server.on("request", ({ socket }) => unused.delete(socket));
  return unused;
}

interface Routes {
  readonly state: Readiness;
  readonly graphql: RequestHandler | null;
  readonly explorer: (() => Promise<ExplorerPage>) | null;
  readonly checkParts: (() => Promise<Parts>) | null;
}

function routeOf(request: IncomingMessage, hasExplorer: boolean): Route {
  const path = pathOf(request);
  if (path === "/graphql") return hasExplorer && asksForPage(request) ? "explorer" : "graphql";
  if (path === "/healthz") return "healthz";
  return path === "/readyz" ? "readyz" : "other";
}

function route(request: IncomingMessage, response: ServerResponse, name: Route, routes: Routes): void {
  if (name === "healthz") sendJson(response, 200, { status: "ok" });
  else if (name === "readyz") void sendReadiness(response, routes);
  else if (name === "explorer" && routes.explorer) sendExplorer(request, response, routes.explorer);
  else if (name === "graphql") routeGraphQL(request, response, routes.graphql);
  else if (pathOf(request) === "/" && request.method === "GET") redirect(response, "/graphql");
  else sendJson(response, 404, { error: "not found" });
}

function routeGraphQL(request: IncomingMessage, response: ServerResponse, graphql: RequestHandler | null): void {
  if (graphql) graphql(request, response);
  else sendUnavailable(request, response);
}

/** Not ready before the start is done, while draining, and while PostgreSQL is away, which no answer can do without. */
async function sendReadiness(response: ServerResponse, { state, checkParts }: Routes): Promise<void> {
  if (state !== "ready" || checkParts === null) return sendJson(response, 503, { status: state });
  const parts = await checkParts();
  const ready = parts.postgres !== "down";
  sendJson(response, ready ? 200 : 503, { status: ready ? "ready" : "unavailable", parts });
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").split("?", 1)[0] ?? "/";
}

function asksForPage(request: IncomingMessage): boolean {
  return request.method === "GET" && (request.headers.accept ?? "").includes("text/html");
}

function sendExplorer(request: IncomingMessage, response: ServerResponse, explorer: () => Promise<ExplorerPage>): void {
  const packed = (request.headers["accept-encoding"] ?? "").includes("gzip");
  explorer().then(
    ({ html, gzipped, policy }) => {
      response.writeHead(200, {
        "content-type": "text/html; charset=utf-8",
        "x-frame-options": "DENY",
        "content-security-policy": policy,
        ...(packed ? { "content-encoding": "gzip" } : {}),
      });
      response.end(packed ? gzipped : html);
    },
    () => sendJson(response, 500, { error: "the explorer page could not be made" }),
  );
}

function sendUnavailable(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader("retry-after", "1");
  const extensions = { code: "UNAVAILABLE", requestId: notesOf(request).requestId };
  sendJson(response, 503, { errors: [{ message: "the gateway is starting", extensions }] });
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(302, { location }).end();
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(body));
}

/** What does not get as far as a request: headers that are too large, too slow, or none of HTTP. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === "ECONNRESET" || !socket.writable) return;
  const status = UNREADABLE[error.code ?? ""] ?? "400 Bad Request";
  const headers = Object.entries({
    "x-request-id": randomUUID(),
    ...COMMON_HEADERS,
    connection: "close",
    "content-length": "0",
  });
  socket.end(`HTTP/1.1 ${status}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`);
}

const UNREADABLE: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};

/** Starts listening; the error of a taken port names it. */
export function listen(server: Server, host: string, port: number, variable = "PORT"): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        error.code === "EADDRINUSE" ? new Error(`port \`${port}\` on \`${host}\` is in use; set ${variable}`) : error,
      );
    });
    server.listen(port, host, resolve);
  });
}

/** Of a server that listens. */
export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function closeAfter(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader("connection", "close");
}

/** What a request may still be on its way on, after the last connection was taken; milliseconds. */
const FIRST_REQUEST_MS = 1_000;

async function closeServer(server: Server, unused: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => {
    for (const socket of unused) socket.destroy();
  }, FIRST_REQUEST_MS);
  await closed;
  clearTimeout(timer);
}
