import { createServer, type Server } from "node:http";
import type { Metrics } from "./metrics.js";

/** HTTP server with `/metrics` and nothing else. It has a port of its own, so that whoever meets the API does not meet it. */
export function createMetricsServer(metrics: Pick<Metrics, "contentType" | "text">): Server {
  return createServer({ headersTimeout: 10_000, requestTimeout: 10_000, maxHeaderSize: 8_192 }, (request, response) => {
    if (request.url?.split("?", 1)[0] !== "/metrics" || request.method !== "GET") {
      response.writeHead(404).end();
      return;
    }
    metrics.text().then(
      (text) => response.writeHead(200, { "content-type": metrics.contentType, "cache-control": "no-store" }).end(text),
      () => response.writeHead(500).end(),
    );
  });
}
