import { once } from "node:events";
import { access, mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { GEMINI_KEY, policy, user } from "../support/demo.js";
import { askGateway, type Gateway, startGateway } from "../support/gateway.js";

const QUESTION = `{ checkAccess(input: { principal: "${user("bob")}", action: "kms:Decrypt", resource: "${GEMINI_KEY}" }) { allowed } }`;
const ATTACH = `mutation { attachPolicy(input: { policy: "${policy("QueryAndUseKeys")}", principal: "${user("bob")}" }) { changed } }`;

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "ramgate-first-start-"));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

const printedKey = (gateway: Gateway) => /^ {2}(rg_[a-z0-9]+_[\w-]{43,})$/m.exec(gateway.output())?.[1];

async function allowed(gateway: Gateway, key: string): Promise<boolean> {
  const { data, errors } = await askGateway(gateway.url, key, QUESTION);
  expect(errors).toBeUndefined();
  return data.checkAccess.allowed;
}

test("a newcomer starts it with nothing, signs in with the printed key, and finds changes again after a restart", async () => {
  const settings = { DATA_DIR: directory, ADMIN_API_KEY: "" };
  const first = await startGateway(settings);
  const key = printedKey(first) ?? "none printed";
  expect(await allowed(first, key)).toBe(false);

  const second = await startGateway(settings);
  expect(printedKey(second)).toBeUndefined();
  expect((await askGateway(second.url, key, ATTACH)).data.attachPolicy.changed).toBe(true);
  expect([await allowed(first, key), await allowed(second, key)]).toEqual([true, true]);

  expect(await first.stop()).toBe(0);
  expect(await allowed(second, key)).toBe(true);
  expect(await second.stop()).toBe(0);

  const began = performance.now();
  const again = await startGateway(settings);
  expect(performance.now() - began).toBeLessThan(15_000); // 5 s on a machine that does nothing else
  expect(await allowed(again, key)).toBe(true);
  expect(await again.stop()).toBe(0);
});

/** A request that does not end keeps the gateway draining until the socket is closed. */
async function startRequest(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.write("POST /graphql HTTP/1.1\r\nHost: a\r\n");
  await sleep(100); // until the gateway has read it
  return socket;
}

async function untilRefused(url: string): Promise<void> {
  const answers = () =>
    fetch(`${url}/readyz`).then(
      () => true,
      () => false,
    );
  while (await answers()) await sleep(10);
}

test("a signal that comes twice, as npm and a terminal send it, stops the gateway as well as one", async () => {
  const gateway = await startGateway({ DATA_DIR: directory, ADMIN_API_KEY: "" });
  const socket = await startRequest(gateway.url);
  const stopped = gateway.stop();
  await untilRefused(gateway.url); // it drains
  process.kill(gateway.pid, "SIGTERM");
  process.kill(gateway.pid, "SIGINT");
  await sleep(100); // until the signals are there
  socket.destroy();
  expect(await stopped).toBe(0);
  await expect(access(join(directory, "postgres", "data", "postmaster.pid"))).rejects.toThrow("ENOENT");
});
