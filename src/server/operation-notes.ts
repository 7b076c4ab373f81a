import type { DocumentNode, ExecutionArgs, ExecutionResult, OperationDefinitionNode } from "graphql";
import type { Plugin } from "graphql-yoga";
import type { ErrorCode } from "../graphql/errors.js";
import { isErrorCode } from "../graphql/errors.js";
import type { RequestNotes } from "./request-notes.js";

/** What Yoga hands on from the listener to its plugins. */
export interface NotedRequest {
  readonly notes: RequestNotes;
}

const LONGEST_NAME = 128;

/** Notes which operation a request executes and what becomes of it. Runs after errors are masked. */
export function useOperationNotes(): Plugin<object, NotedRequest> {
  return {
    onExecute: ({ args }) => noteOperation(args),
    onSubscribe: ({ args }) => noteOperation(args),
    onResultProcess: ({ result, serverContext }) => {
      const [first = null] = Array.isArray(result) ? result : [result];
      serverContext.notes.outcome = first === null || Symbol.asyncIterator in first ? "OK" : outcomeOf(first);
    },
  };
}

function noteOperation({ contextValue, document, operationName }: ExecutionArgs): void {
  const { notes } = contextValue as NotedRequest; // Yoga keeps what the listener gave it
  const operation = operationOf(document, operationName);
  notes.operationType = operation?.operation ?? "none";
  notes.operationName = operation?.name?.value.slice(0, LONGEST_NAME) ?? null;
}

function operationOf(document: DocumentNode, name: string | null | undefined): OperationDefinitionNode | undefined {
  return document.definitions.find(
    (node): node is OperationDefinitionNode =>
      node.kind === "OperationDefinition" && (!name || node.name?.value === name),
  );
}

function outcomeOf({ errors }: ExecutionResult): ErrorCode | "OK" {
  const [first] = errors ?? [];
  if (first === undefined) return "OK";
  const code = first.extensions?.["code"];
  return isErrorCode(code) ? code : "INTERNAL_SERVER_ERROR";
}
