import { GraphQLError, type GraphQLSchema } from "graphql";
import { createYoga, type Plugin } from "graphql-yoga";
import type { Logger } from "pino";
import { createContext, type GraphQLContext, type Services } from "../graphql/context.js";
import { isErrorCode, maskError } from "../graphql/errors.js";
import { type Authenticate, bearerKey } from "./authenticate.js";
import { useCacheReport } from "./cache-report.js";
import type { OnDecisions } from "./decision-log.js";
import { useErrorCodes } from "./error-codes.js";
import type { RequestHandler } from "./http-server.js";
import { type NotedRequest, useOperationNotes } from "./operation-notes.js";
import { notesOf } from "./request-notes.js";

export interface YogaOptions {
  readonly schema: GraphQLSchema;
  readonly services: Services;
  readonly authenticate: Authenticate;
  readonly log: Logger;
  /** Hears what requests have asked and what came of it; default: nobody does. */
  readonly onDecisions?: OnDecisions;
}

/**
 * The GraphQL endpoint as a node:http listener. Plugins run in this order: the sender is known before a body is read;
 * codes are given before errors are masked.
 */
export function createGraphQLListener(options: YogaOptions): RequestHandler {
  const yoga = createYoga<NotedRequest, GraphQLContext>({
    schema: options.schema,
    graphqlEndpoint: "/graphql",
    graphiql: false,
    landingPage: false,
    multipart: false,
    batching: false,
    cors: false,
    logging: yogaLogging(options.log),
    maskedErrors: { maskError: (error) => requestError(error) ?? maskError(error, options.log) },
    context: ({ notes: { caller, requestId } }) => createContext(heard(options, requestId), caller, requestId),
    plugins: [useSender(options), useErrorCodes(), useCacheReport(), useOperationNotes()],
  });
  return (request, response) => yoga.handle(request, response, { notes: notesOf(request) });
}

function heard({ services, onDecisions }: YogaOptions, requestId: string): Services {
  if (onDecisions === undefined) return services;
  const decideMany: Services["decisions"]["decideMany"] = async (questions) => {
    const answers = await services.decisions.decideMany(questions);
    onDecisions(requestId, questions, answers);
    return answers;
  };
  return { db: services.db, administration: services.administration, decisions: { decideMany } };
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

/** Outside resolvers only a document or variables that nest without end use up the stack. */
function tooDeep(): GraphQLError {
  return new GraphQLError("the request is nested too deeply", { extensions: { code: "COST_LIMIT_EXCEEDED" } });
}

function useSender({ authenticate, log }: YogaOptions): Plugin<object, NotedRequest> {
  return {
    async onRequest({ request, fetchAPI, endResponse, serverContext: { notes } }) {
      const { requestId } = notes;
      try {
        const key = bearerKey(request.headers.get("authorization"));
        notes.caller = key === null ? null : await authenticate(key);
        if (notes.caller) return;
        notes.outcome = "UNAUTHENTICATED";
        endResponse(refusal(fetchAPI, requestId, 401, "UNAUTHENTICATED", missing(key)));
      } catch (error) {
        notes.outcome = "UNAVAILABLE";
        log.error({ err: error, requestId }, "credentials cannot be checked");
        endResponse(refusal(fetchAPI, requestId, 503, "UNAVAILABLE", "credentials cannot be checked now"));
      }
    },
    onResponse({ response }) {
      response.headers.set("cache-control", "no-store");
      response.headers.set("x-content-type-options", "nosniff");
    },
  };
}

function missing(key: string | null): string {
  return key === null ? "send an api key as `authorization: Bearer <key>`" : "the credential is not valid";
}

function refusal(
  { Response }: { Response: typeof globalThis.Response },
  requestId: string,
  status: 401 | 503,
  code: "UNAUTHENTICATED" | "UNAVAILABLE",
  message: string,
): Response {
  const headers = status === 401 ? { "www-authenticate": 'Bearer realm="ramgate"' } : { "retry-after": "1" };
  const body = { errors: [{ message, extensions: { code, requestId } }] };
  return Response.json(body, { status, headers: { ...headers, "x-request-id": requestId } });
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
