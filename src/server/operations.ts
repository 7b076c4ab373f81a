import {
  type ExecutionArgs,
  type ExecutionResult,
  GraphQLError,
  type GraphQLSchema,
  getVariableValues,
  type OperationDefinitionNode,
  subscribe,
} from "graphql";
import { mapAsyncIterator } from "graphql-yoga";
import type { Logger } from "pino";
import type { Caller } from "../domain/caller.js";
import { createContext, type GraphQLContext, type Presence, type Services } from "../graphql/context.js";
import { type InStage, unheard } from "../store/stages.js";
import { withCacheReport } from "./cache-report.js";
import type { Asker, OnDecisions } from "./decision-log.js";
import type { DocumentLimits } from "./document-limits.js";
import { createDocuments, type PrepareDocument } from "./documents.js";
import { createExecute, type OperationArgs } from "./execute-query.js";
import { assertCostWithin } from "./operation-cost.js";
import { createMask, type Mask } from "./operation-errors.js";
import type { RequestNotes } from "./request-notes.js";
import { createPlaces, type SubscriptionLimits, type TakePlace } from "./subscriptions.js";

/** What an operation may be at most. */
export interface OperationLimits extends DocumentLimits, SubscriptionLimits {
  /** See `operation-cost`. */
  readonly cost: number;
}

export interface OperationsOptions {
  readonly schema: GraphQLSchema;
  readonly services: Services;
  readonly limits: OperationLimits;
  readonly log: Logger;
  /** Hears of stages; default: nobody does. */
  readonly inStage?: InStage<string>;
  /** Hears what requests have asked and what came of it; default: nobody does. */
  readonly onDecisions?: OnDecisions;
}

/** What a request says of its operation. */
export interface OperationParams {
  readonly query: string;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
}

/** Who sends an operation, and how. */
export interface Sender {
  readonly method: "GET" | "POST";
  readonly caller: Caller;
  /** Rejects where the sender turns out to be somebody else; what only reads need not wait for it. */
  readonly signedIn: Promise<unknown>;
  readonly notes: RequestNotes;
  readonly presence: Presence;
  /** Whether the answer may come in pieces. */
  readonly takesEvents: boolean;
}

export type OperationResult = ExecutionResult | AsyncIterable<ExecutionResult>;

/** Runs one operation. What goes wrong is in the result, masked; never rejects. */
export type RunOperation = (params: OperationParams, sender: Sender) => Promise<OperationResult>;

interface Runner {
  readonly options: OperationsOptions;
  readonly prepare: PrepareDocument;
  readonly takePlace: TakePlace;
  readonly execute: ReturnType<typeof createExecute>;
  readonly mask: Mask;
}

/**
 * What becomes of every operation, whichever way its request came: its document, its limits, its execution, and errors
 * that say no more than they may.
 */
export function createOperations(options: OperationsOptions): RunOperation {
  const { schema, limits, log, inStage = unheard } = options;
  const mask = createMask(log);
  const runner: Runner = {
    ...{ options, mask },
    prepare: createDocuments({ schema, limits, inStage }),
    takePlace: createPlaces(limits),
    execute: inStage("execute", createExecute()),
  };
  return async (params, sender) => {
    try {
      return await run(runner, params, sender);
    } catch (error) {
      return { errors: [mask(error)] };
    }
  };
}

async function run(runner: Runner, params: OperationParams, sender: Sender): Promise<OperationResult> {
  const { schema, limits } = runner.options;
  const { query, operationName, variables: variableValues } = params;
  const { document, errors, operation: named } = runner.prepare(query);
  if (document === null || errors.length > 0) return { errors: errors.map(runner.mask) };
  const operation = named(operationName);
  assertRuns(operation, sender);
  noteOperation(sender.notes, operation);
  const args = {
    schema,
    document,
    operation,
    operationName,
    variableValues,
    coerced: coerce(schema, operation, variableValues),
  };
  assertCostWithin(limits.cost, args);
  if (operation.operation !== "query") await sender.signedIn;
  const contextValue = contextOf(runner.options, sender);
  if (operation.operation === "subscription") return follow(runner, { ...args, contextValue }, sender);
  const result = await runner.execute({ ...args, contextValue });
  return shown(result, contextValue, runner.mask);
}

/** Null: they do not fit, which execution will say. */
function coerce(
  schema: GraphQLSchema,
  { variableDefinitions = [] }: OperationDefinitionNode,
  variables: OperationParams["variables"],
): OperationArgs["coerced"] {
  return getVariableValues(schema, variableDefinitions, variables ?? {}, { maxErrors: 1 }).coerced ?? null;
}

/** @throws GraphQLError where there is nothing to run, or not by this method */
function assertRuns(
  operation: OperationDefinitionNode | null,
  { method }: Sender,
): asserts operation is OperationDefinitionNode {
  if (operation === null) {
    const message = "could not determine what operation to execute: name one of the document in `operationName`";
    throw new GraphQLError(message, { extensions: { http: { status: 400 } } });
  }
  if (operation.operation === "mutation" && method === "GET") {
    const http = { status: 405, headers: { Allow: "POST" } };
    throw new GraphQLError("send a mutation by POST", { extensions: { http } });
  }
}

const LONGEST_NAME = 128;

function noteOperation(notes: RequestNotes, { operation, name }: OperationDefinitionNode): void {
  notes.operationType = operation;
  notes.operationName = name?.value.slice(0, LONGEST_NAME) ?? null;
}

function contextOf(options: OperationsOptions, sender: Sender): GraphQLContext {
  const { caller, notes, presence } = sender;
  return createContext(heard(options, sender), caller, notes.requestId, presence);
}

function heard({ services, onDecisions }: OperationsOptions, { caller, notes, signedIn }: Sender): Services {
  if (onDecisions === undefined) return services;
  const asker: Asker = { requestId: notes.requestId, caller };
  const decideMany: Services["decisions"]["decideMany"] = async (questions) => {
    const answers = await services.decisions.decideMany(questions);
    await signedIn;
    onDecisions(asker, questions, answers);
    return answers;
  };
  return { ...services, decisions: { decideMany }, permissions: services.decisions };
}

async function follow(runner: Runner, args: ExecutionArgs, sender: Sender): Promise<OperationResult> {
  const context = args.contextValue as GraphQLContext;
  const { gone } = sender.presence;
  const leave = runner.takePlace(sender);
  if (gone.aborted) leave();
  else gone.addEventListener("abort", leave, { once: true });
  const results = await subscribe(args);
  if (!(Symbol.asyncIterator in results)) return shown(results, context, runner.mask);
  return mapAsyncIterator(
    results,
    (result) => shown(result, context, runner.mask),
    (error: unknown) => ({ errors: [runner.mask(error)] }),
  );
}

/** A result as it may leave. */
function shown(result: ExecutionResult, context: GraphQLContext, mask: Mask): ExecutionResult {
  const { errors } = result;
  if (errors === undefined) return withCacheReport(result, context);
  const hasRun = "data" in result;
  const masked = errors.map((error) => mask(hasRun || error.path ? error : refused(error)));
  return withCacheReport({ ...result, errors: masked }, context);
}

/** What graphql-js refuses before any resolver runs: variables that do not fit. */
function refused(error: GraphQLError): GraphQLError {
  error.extensions["code"] ??= "BAD_USER_INPUT";
  error.extensions["http"] ??= { status: 400 };
  return error;
}
