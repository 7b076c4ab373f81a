import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { commonHeaders, requestIdOf, setCommonHeaders } from "./common-headers.js";
import type { ExplorerPage } from "./explorer-page.js";

/** What the process can currently do; `/readyz` is 200 only in `ready`. */
export type Readiness = "starting" | "ready" | "draining";

/** Answers one request; resolves when it has done all it does for it, even if the client has gone meanwhile. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => Promise<unknown> | unknown;

export interface HttpGateway {
  readonly server: Server;
  /** Hands GraphQL requests to `handler` from now on and reports ready. */
  serve(handler: RequestHandler): void;
  /** Stops accepting work: not ready, no new connections; resolves when the last request is done or after `timeoutMs`. */
  drain(timeoutMs: number): Promise<void>;
}

/** Milliseconds and bytes: how long headers and a whole request may take to come, and how large headers may be. */
const SERVER_OPTIONS = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 16_384,
};

/** HTTP server with `/healthz`, `/readyz` and `/graphql`; it can listen before the gateway behind it is ready. */
export function createHttpGateway(explorer: (() => Promise<ExplorerPage>) | null): HttpGateway {
  let state: Readiness = "starting";
  let graphql: RequestHandler | null = null;
  const underWay = new Set<Promise<unknown>>();
  const server = createServer(SERVER_OPTIONS);
  server.maxRequestsPerSocket = 1_000;
  server.on("clientError", refuseUnreadable);
  server.on("request", (request, response) => {
    setCommonHeaders(response);
    if (state === "draining") response.setHeader("connection", "close");
    route(request, response, { state, graphql, explorer });
  });
  return {
    server,
    serve(handler) {
      graphql = (request, response) => {
        const work = Promise.resolve(handler(request, response)).finally(() => underWay.delete(work));
        underWay.add(work);
      };
      state = "ready";
    },
    async drain(timeoutMs) {
      state = "draining";
      const late = sleep(timeoutMs, undefined, { ref: false });
      await Promise.race([late, closeServer(server).then(() => Promise.allSettled(underWay))]);
      server.closeAllConnections();
    },
  };
}

interface Routes {
  readonly state: Readiness;
  readonly graphql: RequestHandler | null;
  readonly explorer: (() => Promise<ExplorerPage>) | null;
}

function route(request: IncomingMessage, response: ServerResponse, routes: Routes): void {
  const path = pathOf(request);
  if (path === "/healthz") sendJson(response, 200, { status: "ok" });
  else if (path === "/readyz") sendJson(response, routes.state === "ready" ? 200 : 503, { status: routes.state });
  else if (path === "/" && request.method === "GET") redirect(response, "/graphql");
  else if (path === "/graphql") routeGraphQL(request, response, routes);
  else sendJson(response, 404, { error: "not found" });
}

function routeGraphQL(request: IncomingMessage, response: ServerResponse, { explorer, graphql }: Routes): void {
  if (explorer && asksForPage(request)) sendExplorer(request, response, explorer);
  else if (graphql) graphql(request, response);
  else sendUnavailable(response);
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").split("?", 1)[0] ?? "/";
}

function asksForPage(request: IncomingMessage): boolean {
  return request.method === "GET" && (request.headers.accept ?? "").includes("text/html");
}

/** Its scripts are in the page itself; they may talk to this gateway only, where a key could otherwise go anywhere. */
const EXPLORER_POLICY =
  "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'";

function sendExplorer(request: IncomingMessage, response: ServerResponse, explorer: () => Promise<ExplorerPage>): void {
  const packed = (request.headers["accept-encoding"] ?? "").includes("gzip");
  explorer().then(
    ({ html, gzipped }) => {
      response.writeHead(200, {
        "content-type": "text/html; charset=utf-8",
        "x-frame-options": "DENY",
        "content-security-policy": EXPLORER_POLICY,
        ...(packed ? { "content-encoding": "gzip" } : {}),
      });
      response.end(packed ? gzipped : html);
    },
    () => sendJson(response, 500, { error: "the explorer page could not be made" }),
  );
}

function sendUnavailable(response: ServerResponse): void {
  response.setHeader("retry-after", "1");
  const extensions = { code: "UNAVAILABLE", requestId: requestIdOf(response) };
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
  const headers = Object.entries({ ...commonHeaders(), connection: "close", "content-length": "0" });
  socket.end(`HTTP/1.1 ${status}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`);
}

const UNREADABLE: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};

/** Starts listening; the error of a taken port names it. */
export function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "EADDRINUSE" ? new Error(`port \`${port}\` on \`${host}\` is in use; set PORT`) : error);
    });
    server.listen(port, host, resolve);
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}
