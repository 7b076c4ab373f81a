import { type ExecutionResult, GraphQLError } from "graphql";
import type { Plugin } from "graphql-yoga";

/**
 * Gives the errors that graphql-js itself raises a code of the closed list: a document that does not parse or validate,
 * and, before any resolver ran, variables that do not coerce and operations that the schema does not have.
 */
export function useErrorCodes(): Plugin {
  return {
    onParse:
      () =>
      ({ result }) => {
        if (result instanceof GraphQLError) assignCode(result, "GRAPHQL_PARSE_FAILED");
      },
    onValidate:
      () =>
      ({ result }) => {
        for (const error of result) assignCode(error, "GRAPHQL_VALIDATION_FAILED");
      },
    onExecute: () => ({
      onExecuteDone: ({ result }) => blameSender(result),
    }),
    onSubscribe: () => ({
      onSubscribeResult: ({ result }) => blameSender(result),
    }),
  };
}

function blameSender(result: ExecutionResult | AsyncIterable<unknown>): void {
  if (Symbol.asyncIterator in result) return;
  for (const error of result.errors ?? []) if (!error.path) assignCode(error, "BAD_USER_INPUT");
}

function assignCode(error: GraphQLError, code: string): void {
  if (error.extensions["code"] === undefined) error.extensions["code"] = code;
}
