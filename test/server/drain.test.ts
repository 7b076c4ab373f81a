import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { createHttpGateway, listen } from "../../src/server/http-server.js";

/** A gateway whose only request is under way until `finish` is called; its client has gone already. */
async function abandonedRequest() {
  const gateway = createHttpGateway(null);
  await listen(gateway.server, "127.0.0.1", 0);
  const { port } = gateway.server.address() as AddressInfo;
  const { promise: work, finish } = withFinish();
  const arrived = new Promise<void>((resolve) => {
    gateway.serve(() => {
      resolve();
      return work;
    });
  });
  const client = new AbortController();
  const lost = fetch(`http://127.0.0.1:${port}/graphql`, { method: "POST", signal: client.signal }).catch(() => "lost");
  await arrived;
  client.abort();
  expect(await lost).toBe("lost");
  return { gateway, finish };
}

function withFinish() {
  let finish = () => {};
  const promise = new Promise<void>((resolve) => {
    finish = resolve;
  });
  return { promise, finish };
}

test("the drain waits for the work of a client that has gone", async () => {
  const { gateway, finish } = await abandonedRequest();
  let drained = false;
  const drain = gateway.drain(10_000).then(() => {
    drained = true;
  });
  await sleep(200);
  expect(drained).toBe(false);
  finish();
  await drain;
  expect(drained).toBe(true);
});

test("the drain does not wait for ever", async () => {
  const { gateway, finish } = await abandonedRequest();
  const began = performance.now();
  await gateway.drain(150);
  expect(performance.now() - began).toBeLessThan(5_000);
  finish();
});

test("the drain does not wait for connections that have never brought a request, unless it is on the way", async () => {
  const gateway = createHttpGateway(null);
  await listen(gateway.server, "127.0.0.1", 0);
  gateway.serve((_request, response) => response.end("answered"));
  const { port } = gateway.server.address() as AddressInfo;
  const [idle, late] = [connect(port, "127.0.0.1"), connect(port, "127.0.0.1")];
  await Promise.all([idle, late].map((socket) => once(socket, "connect")));
  await sleep(50);
  const began = performance.now();
  const drain = gateway.drain(20_000);
  const closed = once(idle, "close");
  await sleep(200);
  late.write("POST /graphql HTTP/1.1\r\nhost: gateway\r\ncontent-length: 0\r\n\r\n");
  const [answer] = await once(late, "data");
  expect(String(answer)).toContain("answered");
  await drain;
  await closed;
  expect(performance.now() - began).toBeLessThan(5_000);
});
