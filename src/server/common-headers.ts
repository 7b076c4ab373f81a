import type { ServerResponse } from "node:http";

/** What every response has beside its request id, whatever it says: nobody may keep it, or guess its type. */
export const COMMON_HEADERS = { "cache-control": "no-store", "x-content-type-options": "nosniff" } as const;

export function setCommonHeaders(response: ServerResponse): void {
  for (const [name, value] of Object.entries(COMMON_HEADERS)) response.setHeader(name, value);
}
