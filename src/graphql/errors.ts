import { PothosValidationError } from "@pothos/core";
import { GraphQLError } from "graphql";
import { RevisionUnavailableError } from "../decisions/decide-many.js";
import { ForbiddenError, InvalidInputError, NotFoundError, TooMuchWorkError } from "../domain/errors.js";
import { InvalidTokenError } from "../store/revision-token.js";
import { asStoreError, UnavailableError } from "../store/store-errors.js";
import { InvalidCursorError } from "./cursor.js";

/** The closed list of `extensions.code`, with its meaning. */
export const ERROR_CODES = {
  UNAUTHENTICATED: "No valid credential came with the request.",
  FORBIDDEN: "The credential may not do this, or may not see the target, whether it exists or not.",
  BAD_USER_INPUT: "An argument is malformed; the message says which and why. Sending the same again fails again.",
  NOT_FOUND: "A well-formed name of something that does not exist.",
  GRAPHQL_PARSE_FAILED: "The document is not GraphQL.",
  GRAPHQL_VALIDATION_FAILED: "The document does not fit the schema.",
  COST_LIMIT_EXCEEDED: "The operation asks for more than one request may cost. Ask for less, or in pages.",
  RATE_LIMITED: "Too many requests from this credential. Retry later.",
  REVISION_UNAVAILABLE: "The revision asked for by `atLeast` is newer than the database, which must have lost it.",
  UNAVAILABLE: "The gateway cannot answer now: the database is away or overloaded. Nothing was decided; retry later.",
  INTERNAL_SERVER_ERROR: "A defect of the gateway. The message holds the request id to report.",
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** The part of a logger that masking needs. */
export interface ErrorLog {
  error(details: object, message: string): void;
}

/** What an error may say to the outside. `internal` ones say nothing. */
export interface PublicError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly pointer?: string;
  /** What exactly is wrong, where programs need to know: `CONSISTENCY_TOKEN_INVALID`. */
  readonly reason?: string;
}

/** Refuses a request that nobody signed. */
export class UnauthenticatedError extends Error {
  override readonly name = "UnauthenticatedError";
}

/** Finds the public face of anything a resolver throws. What is not known to be harmless is masked. */
export function publicError(error: unknown, requestId: string): PublicError {
  if (error instanceof InvalidInputError) {
    const pointer = error.pointer === undefined ? {} : { pointer: error.pointer };
    const named = error instanceof InvalidTokenError || error instanceof InvalidCursorError;
    const reason = named ? { reason: error.reason } : {};
    return { code: "BAD_USER_INPUT", message: error.message, ...pointer, ...reason };
  }
  if (error instanceof PothosValidationError) return { code: "BAD_USER_INPUT", message: startLower(error.message) };
  if (isMalformedKey(error)) return { code: "BAD_USER_INPUT", message: "an id, a cursor or a name is malformed" };
  if (error instanceof TooMuchWorkError) return { code: "COST_LIMIT_EXCEEDED", message: error.message };
  if (error instanceof ForbiddenError) return { code: "FORBIDDEN", message: error.message };
  if (error instanceof NotFoundError) return { code: "NOT_FOUND", message: error.message };
  if (error instanceof UnauthenticatedError) return { code: "UNAUTHENTICATED", message: error.message };
  if (error instanceof RevisionUnavailableError) return { code: "REVISION_UNAVAILABLE", message: error.message };
  if (asStoreError(error) instanceof UnavailableError) {
    return { code: "UNAVAILABLE", message: "the gateway cannot answer now, retry later" };
  }
  return { code: "INTERNAL_SERVER_ERROR", message: `internal error, report request id \`${requestId}\`` };
}

/** The error that a field answers with, with `extensions.code` of the closed list; the cause stays inside. */
export function toGraphQLError(error: unknown, requestId: string): GraphQLError {
  if (error instanceof GraphQLError && isErrorCode(error.extensions["code"])) return error;
  const { message, ...extensions } = publicError(error, requestId);
  return new GraphQLError(message, {
    ...(error instanceof Error ? { originalError: error } : {}),
    extensions: { ...extensions, requestId },
  });
}

/**
 * For the server, as the last step before an error leaves: lets errors of the closed list pass, replaces everything else,
 * and logs causes that the sender does not see.
 */
export function maskError(error: unknown, log: ErrorLog): Error {
  const code = codeOf(error);
  if (code === "INTERNAL_SERVER_ERROR" || code === "UNAVAILABLE") {
    log.error({ err: causeOf(error), requestId: requestIdOf(error) }, "a field failed");
  }
  if (!(error instanceof GraphQLError)) return internalError(undefined);
  const known = isErrorCode(error.extensions["code"]) || code === "BAD_USER_INPUT";
  return known ? withoutCause(error, code) : internalError(error);
}

function codeOf(error: unknown): ErrorCode {
  if (!(error instanceof GraphQLError)) return "INTERNAL_SERVER_ERROR";
  const code = error.extensions["code"];
  if (isErrorCode(code)) return code;
  return isArgumentError(error) ? "BAD_USER_INPUT" : "INTERNAL_SERVER_ERROR";
}

/** graphql-js refuses an argument while it executes, pointing at its place in the document, without a code. */
function isArgumentError({ originalError }: GraphQLError): boolean {
  return originalError instanceof GraphQLError && (originalError.nodes?.length ?? 0) > 0;
}

function startLower(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}

/**
 * Whether this is the error of a field. Promises reject with it that nobody waits for: where one item of a list throws,
 * graphql-js leaves alone what it was waiting for in the others.
 */
export function isFieldError(error: unknown): boolean {
  return error instanceof GraphQLError;
}

/** Whether a code is of the closed list. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(ERROR_CODES, code);
}

function internalError(at: GraphQLError | undefined): GraphQLError {
  const extensions = { code: "INTERNAL_SERVER_ERROR" };
  return new GraphQLError("internal error", { nodes: at?.nodes ?? null, path: at?.path ?? null, extensions });
}

function withoutCause(error: GraphQLError, code: ErrorCode): GraphQLError {
  const { message, nodes = null, source = null, positions = null, path = null } = error;
  return new GraphQLError(message, { nodes, source, positions, path, extensions: { ...error.extensions, code } });
}

function causeOf(error: unknown): unknown {
  let cause = error;
  while (cause instanceof GraphQLError && cause.originalError) cause = cause.originalError;
  return cause;
}

function requestIdOf(error: unknown): unknown {
  return error instanceof GraphQLError ? error.extensions["requestId"] : undefined;
}

/**
 * What Prisma and PostgreSQL say of an id or a cursor of the wrong type, and of a NUL character. Everything else that
 * reaches them was made by us.
 */
function isMalformedKey(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.name === "PrismaClientValidationError") return WRONG_TYPE.test(error.message);
  return UNREADABLE.has((error as { code?: string }).code ?? "") || UNREADABLE.has(originalCode(error));
}

const WRONG_TYPE = /Invalid value provided\. Expected \w+, provided|must not be null|Provided Date object is invalid/;
const UNREADABLE = new Set(["P2007", "P2023", "22003", "22021", "22P02", "22P05"]);

function originalCode(error: Error): string {
  const { meta, cause } = error as { meta?: { driverAdapterError?: { cause?: object } }; cause?: object };
  const driver = meta?.driverAdapterError?.cause ?? cause;
  return (driver as { originalCode?: string } | undefined)?.originalCode ?? "";
}
