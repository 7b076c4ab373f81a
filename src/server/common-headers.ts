import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";

const REQUEST_ID = "x-request-id";

/** What every response has, whatever it says: an id to report, and that nobody may keep it or guess its type. */
export function commonHeaders(): Readonly<Record<string, string>> {
  return { [REQUEST_ID]: randomUUID(), "cache-control": "no-store", "x-content-type-options": "nosniff" };
}

export function setCommonHeaders(response: ServerResponse): void {
  for (const [name, value] of Object.entries(commonHeaders())) response.setHeader(name, value);
}

/** The id of the request that this answers. */
export function requestIdOf(response: ServerResponse): string {
  return String(response.getHeader(REQUEST_ID));
}
