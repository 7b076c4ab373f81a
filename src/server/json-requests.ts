import { type ExecutionResult, GraphQLError } from "graphql";
import { processRegularResult } from "graphql-yoga";

/** An answer of one piece. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const MEDIA_TYPES = ["application/json", "application/graphql-response+json"] as const;

/** What JSON is sent as. */
export type JsonMediaType = (typeof MEDIA_TYPES)[number];

const BY_RANGE: ReadonlyMap<string, JsonMediaType> = new Map([
  ["*/*", "application/json"],
  ["application/*", "application/json"],
  ...MEDIA_TYPES.map((type) => [type, type] as const),
]);

/** The first of the media types that a sender accepts that an answer of one piece can have; null: none. */
export function jsonTypeFor(accept = "*/*"): JsonMediaType | null {
  const known = BY_RANGE.get(accept);
  if (known !== undefined) return known;
  const ranges = accept.toLowerCase().replace(/\s/g, "").split(",");
  const types = ranges.flatMap((range) => BY_RANGE.get(rangeWanted(range)) ?? []);
  return types[0] ?? null;
}

/** Empty: nothing that we have. */
function rangeWanted(range: string): string {
  const [type = "", ...params] = range.split(";");
  const charset = params.find((param) => param.startsWith("charset=")) ?? "charset=utf-8";
  const refused = params.some((param) => /^q=0(\.0*)?$/.test(param));
  return charset === "charset=utf-8" && !refused ? type : "";
}

/**
 * Reads the members of a GraphQL request from its body.
 *
 * @throws GraphQLError with HTTP status 400 for a body that holds no JSON object
 */
export function readParams(body: Buffer): object {
  const params = parse(body.toString("utf8"));
  if (Array.isArray(params)) throw malformed("send one operation at a time: lists of them are not supported");
  if (typeof params === "object" && params !== null) return params;
  throw malformed("the body must be a JSON object", { spec: true });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed("the body is not JSON", { spec: true });
  }
}

/** @param http `spec`: status 200 for senders that accept nothing newer than `application/json` */
function malformed(message: string, http: { readonly spec?: boolean } = {}): GraphQLError {
  return new GraphQLError(message, { extensions: { http: { status: 400, ...http } } });
}

/** Takes what Yoga makes a response of. */
class PlainResponse implements Reply {
  readonly status: number;
  readonly headers: Reply["headers"];
  readonly body: string;

  constructor(body: string, { status, headers }: Omit<Reply, "body">) {
    this.body = body;
    this.status = status;
    this.headers = headers;
  }
}

const FETCH_API = { Response: PlainResponse } as unknown as Parameters<typeof processRegularResult>[1];

/** The answer that a result is, with status and headers as its errors ask for. */
export function replyTo(result: ExecutionResult, type: JsonMediaType): Reply {
  return processRegularResult(result, FETCH_API, type) as unknown as Reply;
}
