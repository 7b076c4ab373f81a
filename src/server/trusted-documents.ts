import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { GraphQLError, type GraphQLSchema, Kind, validate } from "graphql";
import type { Plugin } from "graphql-yoga";
import { ConfigError } from "../config.js";
import type { Caller } from "../domain/caller.js";
import { type DocumentLimits, parseWithin } from "./document-limits.js";

/** The texts of registered documents by their SHA-256, in lower-case hex. */
export type TrustedDocuments = ReadonlyMap<string, string>;

const ID = /^(?:sha256:)?([0-9a-f]{64})$/;

/**
 * Reads a manifest of registered documents: a JSON object whose names are the SHA-256 of their texts, in lower-case hex,
 * with or without `sha256:` before it. Every document must fit the schema and the limits.
 *
 * @throws ConfigError that names every entry that is not usable
 */
export function readTrustedDocuments(file: string, schema: GraphQLSchema, limits: DocumentLimits): TrustedDocuments {
  const entries = Object.entries(readManifest(file));
  const problems = entries.flatMap(([id, text]) => {
    const problem = entryProblem(id, text, schema, limits);
    return problem === null ? [] : [`TRUSTED_DOCUMENTS_FILE: entry \`${id.slice(0, 80)}\`: ${problem}`];
  });
  if (problems.length > 0) throw new ConfigError(problems);
  return new Map(entries.map(([id, text]) => [hashIn(id) ?? id, String(text)]));
}

function readManifest(file: string): object {
  const unusable = (problem: string) => new ConfigError([`TRUSTED_DOCUMENTS_FILE: \`${file}\` ${problem}`]);
  let manifest: unknown;
  try {
    manifest = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw unusable(error instanceof SyntaxError ? "is not JSON" : `cannot be read (${(error as Error).message})`);
  }
  if (typeof manifest === "object" && manifest !== null && !Array.isArray(manifest)) return manifest;
  throw unusable("is not a JSON object of hashes and documents");
}

function entryProblem(id: string, text: unknown, schema: GraphQLSchema, limits: DocumentLimits): string | null {
  const hash = hashIn(id);
  if (hash === null) return "the name must be a SHA-256 in lower-case hex";
  if (typeof text !== "string") return "the document must be a text";
  const actual = createHash("sha256").update(text).digest("hex");
  return actual === hash ? documentProblem(text, schema, limits) : `the SHA-256 of the document is \`${actual}\``;
}

function documentProblem(text: string, schema: GraphQLSchema, limits: DocumentLimits): string | null {
  try {
    const document = parseWithin(text, limits);
    const runs = document.definitions.some(({ kind }) => kind === Kind.OPERATION_DEFINITION);
    return runs ? (validate(schema, document)[0]?.message ?? null) : "the document has no operation";
  } catch (error) {
    return (error as Error).message;
  }
}

function hashIn(id: unknown): string | null {
  return typeof id === "string" ? (ID.exec(id)?.[1] ?? null) : null;
}

/** The members of a request that say which document it is about. */
interface Params {
  readonly query?: unknown;
  readonly documentId?: unknown;
  readonly extensions?: { readonly persistedQuery?: { readonly sha256Hash?: unknown } | null } | null;
}

/**
 * Finds the document of a request that names it by `documentId`, or as Apollo's clients do, and refuses principals
 * whose document is not registered, before it is parsed. Operators may send any.
 */
export function useTrustedDocuments(documents: TrustedDocuments): Plugin<object, { readonly caller: Caller }> {
  const texts = new Set<unknown>(documents.values());
  return {
    onParams: ({ params, request, setParams, context }) => {
      const { documentId, ...others } = (params ?? {}) as Params;
      const id = documentId ?? idInUrl(request) ?? (others.query ? null : hashOfApollo(others));
      if (id !== null && others.query) throw ambiguous();
      const text = id === null ? others.query : documents.get(hashIn(id) ?? "");
      const { caller } = context as unknown as { readonly caller: Caller }; // Yoga hands on what the listener gave it
      if (!texts.has(text) && (id !== null || caller.kind === "PRINCIPAL")) throw notRegistered();
      if (id !== null) setParams({ ...others, query: String(text) } as typeof params);
    },
  };
}

/** Yoga reads only the members that it knows from the URL. */
function idInUrl({ method, url }: Request): string | null {
  return method === "GET" ? new URL(url).searchParams.get("documentId") : null;
}

function hashOfApollo({ extensions }: Params): unknown {
  return extensions?.persistedQuery?.sha256Hash ?? null;
}

function ambiguous(): GraphQLError {
  const extensions = { code: "BAD_USER_INPUT", http: { status: 400, spec: true } };
  return new GraphQLError("send `documentId` or `query`, not both", { extensions });
}

function notRegistered(): GraphQLError {
  const message = "the document is not registered: send one that is, letter by letter or by its `documentId`";
  const http = { status: 403, spec: true }; // 200 for senders that accept nothing newer than application/json
  return new GraphQLError(message, { extensions: { code: "FORBIDDEN", reason: "DOCUMENT_NOT_REGISTERED", http } });
}
