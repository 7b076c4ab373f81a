import type { ErrorCode } from "../graphql/errors.js";

export interface RefusalDetails {
  /** HTTP status. */
  readonly status: number;
  readonly code: ErrorCode;
  readonly headers?: Readonly<Record<string, string>>;
  /** More for programs, beside the code. */
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** Why a request is not taken to GraphQL at all. The message is for the sender. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  readonly code: ErrorCode;
  readonly headers: Readonly<Record<string, string>>;
  readonly extensions: Readonly<Record<string, unknown>>;

  constructor(message: string, { status, code, headers = {}, extensions = {} }: RefusalDetails) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
    this.extensions = extensions;
  }
}

/** The gateway cannot take the request now; `retry-after` is one second. */
export function unavailable(message: string): Refusal {
  return new Refusal(message, { status: 503, code: "UNAVAILABLE", headers: { "retry-after": "1" } });
}

/** The sender has too much of something at a time; `retry-after` is `seconds`. */
export function rateLimited(
  message: string,
  { exceeded, limit, seconds }: { readonly exceeded: string; readonly limit: number; readonly seconds: number },
): Refusal {
  return new Refusal(message, {
    status: 429,
    code: "RATE_LIMITED",
    headers: { "retry-after": String(seconds) },
    extensions: { exceeded, limit },
  });
}

/** The sender's request is none that GraphQL over HTTP has. */
export function malformed(
  status: 400 | 405 | 406 | 415,
  message: string,
  headers: Record<string, string> = {},
): Refusal {
  return new Refusal(message, { status, code: "BAD_USER_INPUT", headers });
}

/** The body of a refusal: a GraphQL response without data. */
export function refusalBody({ message, code, extensions }: Refusal, requestId: string): string {
  return JSON.stringify({ errors: [{ message, extensions: { code, ...extensions, requestId } }] });
}
