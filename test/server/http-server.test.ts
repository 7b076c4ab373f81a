import { once } from "node:events";
import { Agent, type IncomingMessage, request as openRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createHttpGateway, type HttpGateway, listen } from "../../src/server/http-server.js";

let gateway: HttpGateway;
let port: number;

beforeAll(async () => {
  gateway = createHttpGateway(null);
  await listen(gateway.server, "127.0.0.1", 0);
  port = (gateway.server.address() as AddressInfo).port;
});

afterAll(() => gateway?.drain(1_000));

async function health(agent: Agent): Promise<{ connection: string | undefined; from: number | undefined }> {
  const request = openRequest({ port, host: "127.0.0.1", path: "/healthz", agent });
  const answered = once(request, "response");
  request.end();
  const [response] = (await answered) as [IncomingMessage];
  const from = response.socket.localPort;
  response.resume();
  await once(response, "end");
  return { connection: response.headers.connection, from };
}

test("a connection is given up after a thousand requests", async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const connections = new Set<number | undefined>();
  for (let count = 1; count <= 1_001; count++) {
    const { connection, from } = await health(agent);
    connections.add(from);
    if (count === 999) expect(connection).toBe("keep-alive");
    if (count === 1_000) expect(connection).toBe("close");
    if (count <= 1_000) expect(connections.size).toBe(1);
  }
  expect(connections.size).toBe(2);
  agent.destroy();
});

test("headers have ten seconds to come, and a whole request fifteen", { timeout: 40_000 }, async () => {
  expect(gateway.server.requestTimeout).toBe(15_000);
  const socket = connect(port, "127.0.0.1");
  socket.write("GET /healthz HTTP/1.1\r\n");
  const began = performance.now();
  const [answer] = await once(socket, "data");
  expect(performance.now() - began).toBeGreaterThan(9_000);
  expect(performance.now() - began).toBeLessThan(13_000);
  expect(String(answer)).toMatch(/^HTTP\/1\.1 408 [\s\S]*x-request-id: /);
  socket.destroy();
});

test("while the gateway starts, questions are UNAVAILABLE with an id", async () => {
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, { method: "POST", body: "{}" });
  expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
  const { errors } = (await response.json()) as { errors: { extensions: object }[] };
  expect(errors[0]?.extensions).toEqual({ code: "UNAVAILABLE", requestId: response.headers.get("x-request-id") });
});
