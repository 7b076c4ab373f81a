import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Caller } from "../domain/caller.js";
import type { ErrorCode } from "../graphql/errors.js";

export type Route = "graphql" | "explorer" | "healthz" | "readyz" | "other";
export type OperationType = "query" | "mutation" | "subscription" | "none";

/** What is found out about a request while it is answered. */
export interface RequestNotes {
  readonly requestId: string;
  readonly method: string;
  readonly route: Route;
  /** Milliseconds, monotonic. */
  readonly began: number;
  caller: Caller | null;
  /** `none`: nothing came to be executed. */
  operationType: OperationType;
  operationName: string | null;
  /** Of the trace that it is in; null: it is in none. */
  traceId: string | null;
  /** The first error of the response; null: nobody has tried to answer yet. */
  outcome: ErrorCode | "OK" | null;
}

/** Does the work on a request. */
export type AroundRequest = (request: IncomingMessage, notes: RequestNotes, work: () => void) => void;

/** Hears of each request once, when its response is out or its client gone. */
export type OnRequest = (notes: RequestNotes, response: ResponseFacts) => void;

export interface ResponseFacts {
  readonly status: number;
  /** The client went away before it had the whole response. */
  readonly aborted: boolean;
  readonly milliseconds: number;
}

const SANE_ID = /^[A-Za-z0-9._-]{1,128}$/;
const notesByRequest = new WeakMap<IncomingMessage, RequestNotes>();

/**
 * Begins the notes of a request, names it in the response, and reports it when it is over. A request id of the client is
 * used where it is 1 to 128 letters, digits, `.`, `_` or `-`.
 */
export function noteRequest(
  request: IncomingMessage,
  response: ServerResponse,
  route: Route,
  onRequest: OnRequest,
): RequestNotes {
  const notes = beginNotes(request, route);
  response.setHeader("x-request-id", notes.requestId);
  response.once("close", () => {
    const facts = { status: response.statusCode, aborted: !response.writableFinished };
    onRequest(notes, { ...facts, milliseconds: performance.now() - notes.began });
  });
  return notes;
}

function beginNotes(request: IncomingMessage, route: Route): RequestNotes {
  const given = request.headers["x-request-id"];
  const requestId = typeof given === "string" && SANE_ID.test(given) ? given : randomUUID();
  const notes: RequestNotes = {
    ...{ requestId, route, method: request.method ?? "GET", began: performance.now() },
    ...{ caller: null, operationType: "none", operationName: null, traceId: null, outcome: null },
  };
  notesByRequest.set(request, notes);
  return notes;
}

/** The notes of a request; new ones where nobody has begun any. */
export function notesOf(request: IncomingMessage): RequestNotes {
  return notesByRequest.get(request) ?? beginNotes(request, "other");
}
