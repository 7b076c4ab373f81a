import type { IncomingMessage, ServerResponse } from "node:http";

/** Seconds that a browser may remember what a preflight said. */
const REMEMBER_SECONDS = "600";

/** Beside the credential and the type, what names a request and its trace. */
const SENDABLE = "authorization, content-type, x-request-id, traceparent, tracestate";

/**
 * Says whether a page of another origin may read the answer: only one of `origins`, letter by letter, and never with
 * cookies. Nothing of the request is repeated to an origin that is not listed.
 *
 * @returns whether the origin is listed
 */
export function allowOrigin(
  { headers: { origin } }: IncomingMessage,
  response: ServerResponse,
  origins: ReadonlySet<string>,
): boolean {
  response.setHeader("vary", "Origin");
  if (origin === undefined || !origins.has(origin)) return false;
  response.setHeader("access-control-allow-origin", origin);
  response.setHeader("access-control-expose-headers", "x-request-id, retry-after");
  return true;
}

/** Answers the question of a browser, ahead of a request from a listed origin, what it may send. */
export function answerPreflight(response: ServerResponse): void {
  response.setHeader("access-control-allow-methods", "GET, POST");
  response.setHeader("access-control-allow-headers", SENDABLE);
  response.setHeader("access-control-max-age", REMEMBER_SECONDS);
  response.writeHead(204).end();
}
