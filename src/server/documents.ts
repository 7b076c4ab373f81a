import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  validate,
} from "graphql";
import { LRUCache } from "lru-cache";
import type { InStage } from "../store/stages.js";
import { type DocumentLimits, parseWithin } from "./document-limits.js";

/** A document that has been parsed and validated. */
export interface PreparedDocument {
  /** Null: it is none of GraphQL, or beyond the limits. */
  readonly document: DocumentNode | null;
  /** What is wrong with it, each with its code; none: it can be executed. */
  readonly errors: readonly GraphQLError[];
  /** The operation of this name, or the only one; null: there is none, or more than one. */
  operation(name: string | null | undefined): OperationDefinitionNode | null;
}

export type PrepareDocument = (text: string) => PreparedDocument;

export interface DocumentsOptions {
  readonly schema: GraphQLSchema;
  readonly limits: DocumentLimits;
  readonly inStage: InStage<string>;
}

/** Characters of documents that are kept. */
const KEPT_CHARACTERS = 8_000_000;
const MOST_KEPT = 1_000;

/** Parses and validates documents, within their limits, and keeps what came of it. */
export function createDocuments(options: DocumentsOptions): PrepareDocument {
  const sizeCalculation = (_: PreparedDocument, text: string) => text.length + 1;
  const kept = new LRUCache<string, PreparedDocument>({ max: MOST_KEPT, maxSize: KEPT_CHARACTERS, sizeCalculation });
  const read = reader(options);
  return (text) => {
    const known = kept.get(text);
    if (known !== undefined) return known;
    const prepared = read(text);
    kept.set(text, prepared);
    return prepared;
  };
}

function reader({ schema, limits, inStage }: DocumentsOptions): PrepareDocument {
  const parse = inStage("parse", parseWithin);
  const check = inStage("validate", validate);
  return (text) => {
    try {
      const document = parse(text, limits);
      const errors = check(schema, document);
      for (const error of errors) refuse(error, "GRAPHQL_VALIDATION_FAILED");
      return { document, errors, operation: operationsOf(document) };
    } catch (error) {
      if (!(error instanceof GraphQLError)) throw error;
      refuse(error, "GRAPHQL_PARSE_FAILED");
      return { document: null, errors: [error], operation: () => null };
    }
  };
}

/** With HTTP status 400, but for senders that accept nothing newer than `application/json`. */
function refuse({ extensions }: GraphQLError, code: string): void {
  extensions["code"] ??= code;
  extensions["http"] ??= { status: 400, spec: true };
}

function operationsOf({ definitions }: DocumentNode): PreparedDocument["operation"] {
  const operations = definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION);
  const byName = new Map(operations.map((node) => [node.name?.value, node]));
  const only = operations.length === 1 ? operations[0] : undefined;
  return (name) => (name == null ? only : byName.get(name)) ?? null;
}
