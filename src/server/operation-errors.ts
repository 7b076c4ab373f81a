import { type ExecutionResult, GraphQLError } from "graphql";
import { type ErrorCode, type ErrorLog, isErrorCode, maskError } from "../graphql/errors.js";
import { Refusal } from "./refusal.js";

/** What may leave of an error; `extensions.http` has what it asks for of HTTP. */
export type Mask = (error: unknown) => GraphQLError;

export function createMask(log: ErrorLog): Mask {
  return (error) => requestError(error) ?? (maskError(error, log) as GraphQLError);
}

/**
 * What Yoga, or the pipeline, says of a request that is no GraphQL request, with its HTTP status whatever the sender
 * accepts. The error is changed in place: Yoga logs every error that masking replaces, and this one is the sender's fault.
 */
function requestError(error: unknown): GraphQLError | null {
  if (error instanceof RangeError) return tooDeep();
  if (error instanceof Refusal) return refused(error);
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

function refused({ message, code, status, headers, extensions }: Refusal): GraphQLError {
  return new GraphQLError(message, { extensions: { code, ...extensions, http: { status, headers } } });
}

/** The code of the first error of a result. */
export function outcomeOf({ errors }: ExecutionResult): ErrorCode | "OK" {
  const [first] = errors ?? [];
  if (first === undefined) return "OK";
  const code = first.extensions?.["code"];
  return isErrorCode(code) ? code : "INTERNAL_SERVER_ERROR";
}
