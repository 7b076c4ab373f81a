import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "pino";
import { type Caller, callerName } from "../domain/caller.js";
import { once } from "../domain/once.js";
import type { Presence } from "../graphql/context.js";
import { Admission, type AdmissionLimits } from "./admission.js";
import { type Authenticate, type Believe, bearerKey } from "./authenticate.js";
import { type AddressOf, createAddressOf } from "./client-address.js";
import { allowOrigin, answerPreflight } from "./cross-origin.js";
import { Deadline } from "./deadline.js";
import { type EventStream, type StreamOptions, sendEvents } from "./event-stream.js";
import type { RequestHandler } from "./http-server.js";
import type { Reply } from "./json-requests.js";
import type { OperationLimits } from "./operations.js";
import { type CountRequest, networkOf } from "./rate-limiter.js";
import { malformed, Refusal, refusalBody, unavailable } from "./refusal.js";
import { discardBody, readBody } from "./request-body.js";
import { notesOf, type RequestNotes } from "./request-notes.js";
import { createGraphQL, type GraphQLOptions } from "./yoga.js";

/** What a request may be at most, and how many there may be at a time. */
export interface RequestLimits extends OperationLimits, AdmissionLimits {
  /** Bytes of the body of a known caller. */
  readonly body: number;
  /** Bytes of the body of anybody else. */
  readonly unknownBody: number;
  /** Milliseconds after which a request is answered with UNAVAILABLE. */
  readonly deadline: number;
}

export interface ListenerOptions extends GraphQLOptions {
  readonly limits: RequestLimits;
  readonly authenticate: Authenticate;
  /** Default: nobody is believed. */
  readonly believe?: Believe;
  /** Per credential. */
  readonly countKnown: CountRequest;
  /** Default: the address of the connection. */
  readonly addressOf?: AddressOf;
  /** Per address, of senders without a valid credential. */
  readonly countUnknown: CountRequest;
  /** Origins whose pages may read answers. */
  readonly origins: readonly string[];
  readonly log: Logger;
  /** Milliseconds for which a subscriber may take nothing; default: {@link PATIENCE_MS}. */
  readonly patience?: number;
}

/** Longer than any client is busy with one event. */
const PATIENCE_MS = 15_000;

interface Incoming {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly notes: RequestNotes;
  readonly deadline: Deadline;
  /** Reads the body, once; null for GET. */
  readonly body: () => Promise<Buffer | null>;
}

/**
 * The GraphQL endpoint as a node:http listener. What costs least comes first: form, a place, the sender, the rate, the
 * body, and only then GraphQL.
 */
export function createGraphQLListener(options: ListenerOptions): RequestHandler {
  const origins = new Set(options.origins);
  const answer = createPipeline(options);
  const { patience = PATIENCE_MS } = options;
  return async (request, response) => {
    const listed = allowOrigin(request, response, origins);
    if (listed && request.method === "OPTIONS") return answerPreflight(response);
    const notes = notesOf(request);
    const deadline = new Deadline(options.limits.deadline);
    const body = once(() => bodyOf(request, options.limits.body, deadline));
    const work = answer({ request, response, notes, deadline, body });
    const reply = deadline.of(work).catch((error) => replyTo(error, notes, options.log));
    await send(request, response, await reply, { requestId: notes.requestId, patience }).catch((error) => {
      defect(error, notes.requestId, options.log);
      response.destroy();
    });
    deadline.stop();
    await work.catch(() => {}); // what is late is still under way
  };
}

/** Takes a request from form to answer; what stands in its way is thrown. */
function createPipeline(options: ListenerOptions): (incoming: Incoming) => Promise<Reply | EventStream> {
  const { limits, countUnknown, addressOf = createAddressOf([]) } = options;
  const answerKnown = createAnswer(options);
  const admission = new Admission(limits);

  /** Without a place among those that are worked on: the sender may be slow. */
  async function refuseUnknown(key: string | null, { request, deadline }: Incoming): Promise<never> {
    await countUnknown(networkOf(addressOf(request)));
    await discardBody(request, limits.unknownBody, deadline);
    throw unauthenticated(key);
  }

  return async (incoming) => {
    assertForm(incoming.request);
    const key = bearerKey(incoming.request.headers.authorization ?? null);
    if (key === null) return refuseUnknown(key, incoming);
    const leave = await admission.enter(incoming.deadline);
    try {
      const reply = await answerKnown(key, incoming);
      if (reply !== null) return reply;
    } finally {
      leave();
    }
    return refuseUnknown(key, incoming);
  };
}

/** Answers whoever holds the key; null: nobody does. */
function createAnswer(options: ListenerOptions) {
  const { countKnown, believe = () => null } = options;
  const answerGraphQL = createGraphQL(options);

  async function answer(caller: Caller, key: string, incoming: Incoming, signedIn: Promise<unknown>) {
    const { request, response, notes } = incoming;
    notes.caller = caller;
    await countKnown(caller.credentialId);
    const body = await incoming.body();
    const method = body === null ? "GET" : "POST";
    const { url: target = "/", headers } = request;
    const presence = presenceOf(caller, key, response, options);
    return answerGraphQL({ method, target, accept: headers.accept, body, caller, signedIn, notes, presence });
  }

  /**
   * Begins with the answer before it is known that the key still is the one's who held it last, so that the state of the
   * model is read along with that of the key. The answer goes out only when it is known, and nothing is changed before.
   */
  return async (key: string, incoming: Incoming): Promise<Reply | EventStream | null> => {
    const holder = callerOf(key, incoming.notes.requestId, options);
    const believed = believe(key);
    const signedIn = holder.then((caller) => assertIs(believed, caller, key));
    const notes = { ...incoming.notes };
    const early = believed && answer(believed, key, { ...incoming, notes }, signedIn);
    for (const promise of [signedIn, early]) promise?.catch(() => {}); // it may be that nobody wants to know
    const caller = await holder;
    if (early !== null && caller === believed) return early.finally(() => Object.assign(incoming.notes, notes));
    return caller && answer(caller, key, incoming, holder);
  };
}

/** @throws Refusal where the key has become somebody else's */
function assertIs(believed: Caller | null, caller: Caller | null, key: string): void {
  if (caller !== believed) throw unauthenticated(key);
}

async function bodyOf(request: IncomingMessage, limit: number, deadline: Deadline): Promise<Buffer | null> {
  return request.method === "POST" ? readBody(request, limit, deadline) : null;
}

/** GraphQL over HTTP, and nothing that a form on a web page can send. */
function assertForm({ method, headers }: IncomingMessage): void {
  if (method === "GET") return;
  if (method !== "POST") throw malformed(405, "send GET or POST", { allow: "GET, POST" });
  if (!JSON_BODY.test(headers["content-type"] ?? "")) throw malformed(415, "send `content-type: application/json`");
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") throw malformed(415, "send the body without `content-encoding`");
}

const JSON_BODY = /^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i;

async function callerOf(
  key: string,
  requestId: string,
  { authenticate, log }: ListenerOptions,
): Promise<Caller | null> {
  try {
    return await authenticate(key);
  } catch (error) {
    log.error({ err: error, requestId }, "credentials cannot be checked");
    throw unavailable("credentials cannot be checked now");
  }
}

function presenceOf(
  caller: Caller,
  key: string,
  response: ServerResponse,
  { authenticate }: ListenerOptions,
): Presence {
  const gone = once(() => closeOf(response));
  return {
    get gone() {
      return gone();
    },
    async isSignedIn() {
      const known = await authenticate(key);
      return known !== null && callerName(known) === callerName(caller);
    },
  };
}

/** Aborts when the response is out, or cannot be any more. */
function closeOf(response: ServerResponse): AbortSignal {
  if (response.closed) return AbortSignal.abort();
  const controller = new AbortController();
  response.once("close", () => controller.abort());
  return controller.signal;
}

function unauthenticated(key: string | null): Refusal {
  const message = key === null ? "send an api key as `authorization: Bearer <key>`" : "the credential is not valid";
  const headers = { "www-authenticate": 'Bearer realm="ramgate"' };
  return new Refusal(message, { status: 401, code: "UNAUTHENTICATED", headers });
}

function replyTo(error: unknown, notes: RequestNotes, log: Logger): Reply {
  const { requestId } = notes;
  const refusal = error instanceof Refusal ? error : defect(error, requestId, log);
  notes.outcome = refusal.code;
  const headers = { "content-type": "application/json; charset=utf-8", ...refusal.headers };
  return { status: refusal.status, headers, body: refusalBody(refusal, requestId) };
}

function defect(error: unknown, requestId: string, log: Logger): Refusal {
  log.error({ err: error, requestId }, "a request failed");
  const message = `internal error, report request id \`${requestId}\``;
  return new Refusal(message, { status: 500, code: "INTERNAL_SERVER_ERROR" });
}

/** Longest that a sender may go on after the answer, in milliseconds, before the connection is closed. */
const LINGER_MS = 1_000;

/**
 * Sends a reply. To one who is still sending, too: the connection then ends soon, but not before he could read the reply,
 * which he would lose if it were closed at once.
 */
async function send(
  request: IncomingMessage,
  response: ServerResponse,
  reply: Reply | EventStream,
  options: StreamOptions,
): Promise<void> {
  if (response.destroyed) return;
  if ("events" in reply) return sendEvents(response, reply, options);
  const length = String(Buffer.byteLength(reply.body));
  if (hasArrived(request)) {
    response.writeHead(reply.status, { ...reply.headers, "content-length": length }).end(reply.body);
    return;
  }
  response.writeHead(reply.status, { ...reply.headers, "content-length": length, connection: "close" });
  response.write(reply.body);
  await lingered(request);
  response.end();
}

/** Largest rest of a body, in bytes, that is waited for so that the connection can be used again. */
const SMALL_BODY = 65_536;

/** Whether the rest of a request is here, or soon will be: what nobody reads of it node:http throws away. */
function hasArrived({ method, complete, headers }: IncomingMessage): boolean {
  return method === "GET" || complete || Number(headers["content-length"] ?? Number.NaN) <= SMALL_BODY;
}

function lingered(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(end, LINGER_MS);
    for (const event of ["end", "close", "error"]) request.once(event, end);
    request.resume();
  });
}
