import { type ExecutionResult, GraphQLError } from "graphql";
import { createYoga, type Plugin } from "graphql-yoga";
import type { Logger } from "pino";
import type { EventStream } from "./event-stream.js";
import { type JsonMediaType, jsonTypeFor, type Reply, readParams, replyTo } from "./json-requests.js";
import { createMask, outcomeOf } from "./operation-errors.js";
import {
  createOperations,
  type OperationParams,
  type OperationsOptions,
  type RunOperation,
  type Sender,
} from "./operations.js";
import { malformed } from "./refusal.js";
import { type TrustedDocuments, useTrustedDocuments } from "./trusted-documents.js";

export interface GraphQLOptions extends OperationsOptions {
  /** The documents that principals are held to; default: they may send any. */
  readonly trustedDocuments?: TrustedDocuments;
}

/** A request that has been let in, with its body. */
export interface AdmittedRequest extends Omit<Sender, "takesEvents"> {
  /** Path and query string. */
  readonly target: string;
  readonly accept: string | undefined;
  /** Null for GET. */
  readonly body: Buffer | null;
}

export type AnswerGraphQL = (request: AdmittedRequest) => Promise<Reply | EventStream>;

/**
 * GraphQL over HTTP, between a body that has been read and a reply that has not been sent. A POST that is answered in one
 * piece takes nothing of Yoga but its checks; Yoga reads and answers everything else. Either way operations run alike, and
 * their errors leave masked.
 */
export function createGraphQL(options: GraphQLOptions): AnswerGraphQL {
  const yoga = createServer(options, createOperations(options));
  const mask = createMask(options.log);

  async function answerJson(params: () => object, sender: Sender, type: JsonMediaType): Promise<Reply> {
    const result = await resultOf(params, sender).catch((error: unknown) => ({ errors: [mask(error)] }));
    sender.notes.outcome = outcomeOf(result);
    return replyTo(result, type);
  }

  async function resultOf(params: () => object, sender: Sender): Promise<ExecutionResult> {
    const result = await yoga.getResultForParams({ params: params(), request: POST }, sender as never);
    return result as ExecutionResult; // no stream, since the sender takes none
  }

  return async ({ target, accept, body, ...request }) => {
    const sender = { ...request, takesEvents: TAKES_EVENTS.test(accept ?? "") };
    const type = body === null || sender.takesEvents ? null : jsonTypeFor(accept);
    if (body !== null && type !== null) return answerJson(() => readParams(body), sender, type);
    if (body !== null && !sender.takesEvents) throw malformed(406, "accept `application/json`, or an event stream");
    const headers = { ...(accept && { accept }), ...(body && { "content-type": "application/json" }) };
    const text = body?.toString("utf8") ?? null;
    const asked = new yoga.fetchAPI.Request(`http://localhost${target}`, {
      method: sender.method,
      headers,
      body: text,
    });
    return replyOf(await yoga.fetch(asked, sender));
  };
}

/** What Yoga's checks of the members of a request look at of it. */
const POST = { method: "POST", url: "http://localhost/graphql" } as Request;

const TAKES_EVENTS = /(^|[\s,])text\/event-stream($|[\s,;])/i;

function createServer({ schema, log, trustedDocuments }: GraphQLOptions, run: RunOperation) {
  const mask = createMask(log);
  return createYoga<Sender>({
    schema,
    graphqlEndpoint: "/graphql",
    graphiql: false,
    landingPage: false,
    multipart: false,
    batching: false,
    cors: false,
    logging: yogaLogging(log),
    maskedErrors: { maskError: mask },
    extraParamNames: trustedDocuments ? ["documentId"] : [],
    plugins: [...(trustedDocuments ? [useTrustedDocuments(trustedDocuments)] : []), useOperations(run)],
  });
}

/** Has operations run by the pipeline, and notes what becomes of them as it leaves. */
function useOperations(run: RunOperation): Plugin<object, Sender> {
  return {
    onParams: ({ setParamsHandler }) => {
      setParamsHandler(({ params, context }) => run(params as OperationParams, context as unknown as Sender)); // Yoga hands on what the listener gave it
    },
    onResultProcess: ({ result, serverContext: { notes } }) => {
      const [first = null] = Array.isArray(result) ? result : [result];
      notes.outcome = first === null || Symbol.asyncIterator in first ? "OK" : outcomeOf(first);
    },
  };
}

async function replyOf(response: Response): Promise<Reply | EventStream> {
  const { status, headers, body } = response;
  const type = headers.get("content-type") ?? "";
  const retryAfter = headers.get("retry-after");
  if (body !== null && type.startsWith("text/event-stream")) return { status, retryAfter, events: body };
  const kept = [...headers].filter(([name]) => !OF_THE_CONNECTION.has(name));
  return { status, headers: Object.fromEntries(kept), body: await response.text() };
}

/** Say how Yoga would send the answer. */
const OF_THE_CONNECTION: ReadonlySet<string> = new Set(["connection", "content-length", "transfer-encoding"]);

/** Yoga logs every error that masking replaces; masking has logged those that are no fault of the sender. */
function yogaLogging(log: Logger) {
  return {
    debug: (...parts: unknown[]) => log.debug(textOf(parts)),
    info: (...parts: unknown[]) => log.info(textOf(parts)),
    warn: (...parts: unknown[]) => log.warn(textOf(parts)),
    error: (...parts: unknown[]) => {
      const level = parts.some((part) => part instanceof GraphQLError) ? "debug" : "error";
      log[level](textOf(parts));
    },
  };
}

/** As text, errors of GraphQL would repeat the document of the sender. */
function textOf(parts: readonly unknown[]): string {
  return parts.map((part) => (part instanceof GraphQLError ? part.message : String(part))).join(" ");
}
