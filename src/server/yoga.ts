import { GraphQLError, type GraphQLSchema } from "graphql";
import { createYoga } from "graphql-yoga";
import { LRUCache } from "lru-cache";
import type { Logger } from "pino";
import type { Caller } from "../domain/caller.js";
import { createContext, type GraphQLContext, type Presence, type Services } from "../graphql/context.js";
import { isErrorCode, maskError } from "../graphql/errors.js";
import { type InStage, unheard } from "../store/stages.js";
import { useCacheReport } from "./cache-report.js";
import type { Asker, OnDecisions } from "./decision-log.js";
import { type DocumentLimits, useDocumentLimits } from "./document-limits.js";
import { useErrorCodes } from "./error-codes.js";
import type { EventStream } from "./event-stream.js";
import { useCostLimit } from "./operation-cost.js";
import { type NotedRequest, useOperationNotes } from "./operation-notes.js";
import { useOperationStages } from "./operation-stages.js";
import { type SubscriptionLimits, useSubscriptions } from "./subscriptions.js";
import { type TrustedDocuments, useTrustedDocuments } from "./trusted-documents.js";

/** What an operation may be at most. */
export interface OperationLimits extends DocumentLimits, SubscriptionLimits {
  /** See `operation-cost`. */
  readonly cost: number;
}

export interface GraphQLOptions {
  readonly schema: GraphQLSchema;
  readonly services: Services;
  readonly limits: OperationLimits;
  readonly log: Logger;
  /** The documents that principals are held to; default: they may send any. */
  readonly trustedDocuments?: TrustedDocuments;
  /** Hears of stages; default: nobody does. */
  readonly inStage?: InStage<string>;
  /** Hears what requests have asked and what came of it; default: nobody does. */
  readonly onDecisions?: OnDecisions;
}

/** A request that has been let in, with its body. */
export interface AdmittedRequest extends NotedRequest {
  readonly method: "GET" | "POST";
  /** Path and query string. */
  readonly target: string;
  readonly accept: string | undefined;
  /** Null for GET. */
  readonly body: Buffer | null;
  readonly caller: Caller;
  readonly presence: Presence;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type AnswerGraphQL = (request: AdmittedRequest) => Promise<Reply | EventStream>;

type Sender = Pick<AdmittedRequest, "caller" | "notes" | "presence">;

/** Characters of documents that are kept parsed. */
const KEPT_CHARACTERS = 8_000_000;

/** GraphQL over HTTP, between a body that has been read and a reply that has not been sent. Errors leave it masked. */
export function createGraphQL(options: GraphQLOptions): AnswerGraphQL {
  const { schema, limits, log, trustedDocuments, inStage = unheard } = options;
  const yoga = createYoga<Sender, GraphQLContext>({
    schema,
    graphqlEndpoint: "/graphql",
    graphiql: false,
    landingPage: false,
    multipart: false,
    batching: false,
    cors: false,
    logging: yogaLogging(log),
    parserAndValidationCache: { documentCache: keptDocuments(), errorCache: keptDocuments() },
    maskedErrors: { maskError: (error) => requestError(error) ?? maskError(error, log) },
    context: ({ caller, notes: { requestId }, presence }) =>
      createContext(heard(options, { caller, requestId }), caller, requestId, presence),
    extraParamNames: trustedDocuments ? ["documentId"] : [],
    plugins: [
      ...(trustedDocuments ? [useTrustedDocuments(trustedDocuments)] : []),
      ...[useDocumentLimits(limits), useErrorCodes(), useCostLimit(limits.cost), useSubscriptions(limits)],
      useCacheReport(),
      ...(inStage === unheard ? [] : [useOperationStages(inStage)]),
      useOperationNotes(), // sees errors as they leave
    ],
  });
  return async ({ method, target, accept, body, caller, notes, presence }) => {
    const headers = { ...(accept && { accept }), ...(body && { "content-type": "application/json" }) };
    const request = new yoga.fetchAPI.Request(`http://localhost${target}`, {
      method,
      headers,
      body: body?.toString("utf8") ?? null,
    });
    return replyOf(await yoga.fetch(request, { caller, notes, presence }));
  };
}

function heard({ services, onDecisions }: GraphQLOptions, asker: Asker): Services {
  if (onDecisions === undefined) return services;
  const decideMany: Services["decisions"]["decideMany"] = async (questions) => {
    const answers = await services.decisions.decideMany(questions);
    onDecisions(asker, questions, answers);
    return answers;
  };
  return { ...services, decisions: { decideMany }, permissions: services.decisions };
}

async function replyOf(response: Response): Promise<Reply | EventStream> {
  const { status, headers, body } = response;
  const type = headers.get("content-type") ?? "";
  const retryAfter = headers.get("retry-after");
  if (body !== null && type.startsWith("text/event-stream")) return { status, retryAfter, events: body };
  return { status, headers: Object.fromEntries(headers), body: await response.text() };
}

function keptDocuments<T extends object>(): LRUCache<string, T> {
  return new LRUCache({ max: 1_000, maxSize: KEPT_CHARACTERS, sizeCalculation: (_, text) => text.length + 1 });
}

/**
 * What Yoga itself says of a request that is no GraphQL request, with its HTTP status whatever the sender accepts.
 * The error is changed in place: Yoga logs every error that masking replaces, and this one is the sender's fault.
 */
function requestError(error: unknown): GraphQLError | null {
  if (error instanceof RangeError) return tooDeep();
  if (!(error instanceof GraphQLError) || error.path) return null;
  const { http, code } = error.extensions as { http?: { status?: number; spec?: boolean }; code?: unknown };
  if (isErrorCode(code) || http?.status === undefined || http.status >= 500) return null;
  http.spec = false;
  error.extensions["code"] = "BAD_USER_INPUT";
  delete error.extensions["originalError"];
  return error;
}

/** Outside resolvers only variables that nest without end use up the stack. */
function tooDeep(): GraphQLError {
  return new GraphQLError("the request is nested too deeply", { extensions: { code: "COST_LIMIT_EXCEEDED" } });
}

/** Yoga logs every error that masking replaces; `maskError` has logged those that are no fault of the sender. */
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
