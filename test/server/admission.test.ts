import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { Admission } from "../../src/server/admission.js";
import { Deadline } from "../../src/server/deadline.js";
import type { ListenerOptions, RequestLimits } from "../../src/server/graphql-listener.js";
import { KEY, type Listener, startListener } from "../support/listener.js";

const listeners: Listener[] = [];

async function start(limits: Partial<RequestLimits>, more: Partial<ListenerOptions> = {}): Promise<Listener> {
  const listener = await startListener(limits, more);
  listeners.push(listener);
  return listener;
}

afterEach(async () => {
  for (const listener of listeners.splice(0)) await listener.close();
});

const NEVER = { reason: null, add: () => {}, remove: () => {} };

const wait = (listener: Listener) => listener.post({ query: "{ wait }" });

async function until(condition: () => boolean): Promise<void> {
  for (let attempt = 0; !condition(); attempt++) {
    if (attempt > 500) throw new Error("it did not come to pass");
    await sleep(10);
  }
}

interface Refused {
  readonly errors: readonly { message: string; extensions: { code: string } }[];
}

async function expectUnavailable(response: Response): Promise<void> {
  expect(response.status).toBe(503);
  expect(response.headers.get("retry-after")).toBe("1");
  expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  const { errors } = (await response.json()) as Refused;
  expect(errors[0]?.extensions.code).toBe("UNAVAILABLE");
}

describe("overload", () => {
  test("so many are worked on, so many wait, and one more is refused at once", async () => {
    const listener = await start({ inFlight: 3, waiting: 2 });
    const asked = Array.from({ length: 5 }, () => wait(listener));
    await until(() => listener.waiting() === 3);
    await sleep(100);
    expect(listener.waiting()).toBe(3);
    const began = performance.now();
    await expectUnavailable(await wait(listener));
    expect(performance.now() - began).toBeLessThan(1_000);
    listener.finish();
    await until(() => listener.waiting() === 2);
    listener.finish();
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  });

  test("with one more place the same request is taken", async () => {
    const listener = await start({ inFlight: 3, waiting: 3 });
    const asked = Array.from({ length: 6 }, () => wait(listener));
    await until(() => listener.waiting() === 3);
    listener.finish();
    await until(() => listener.waiting() === 3);
    listener.finish();
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(Array(6).fill(200));
  });

  test("a stranger who sends slowly takes nobody's place", async () => {
    const listener = await start({ inFlight: 1, waiting: 1 });
    const slow = ["", "Bearer stranger"].map((authorization) => sendHalf(listener, authorization));
    await sleep(100);
    expect((await listener.post({ query: "{ leaf }" })).status).toBe(200);
    for (const socket of slow) socket.destroy();
  });

  test("a caller who goes away half-way gives his place back", async () => {
    const listener = await start({ inFlight: 1, waiting: 1 });
    const socket = sendHalf(listener, `Bearer ${KEY}`);
    await sleep(100);
    const next = listener.post({ query: "{ leaf }" });
    socket.destroy();
    expect((await next).status).toBe(200);
  });

  test("places are given in the order of coming, and each only once", async () => {
    const admission = new Admission({ inFlight: 1, waiting: 2 });
    const entered: string[] = [];
    const leave = await admission.enter(NEVER);
    const enter = async (name: string) => {
      const leaveAgain = await admission.enter(NEVER);
      entered.push(name);
      return leaveAgain;
    };
    const first = enter("first");
    const second = enter("second");
    await expect(enter("third")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    leave();
    leave();
    const leaveFirst = await first;
    await sleep(20);
    expect(entered).toEqual(["first"]);
    leaveFirst();
    await second;
    expect(entered).toEqual(["first", "second"]);
  });

  test("who gives up waiting makes room for another", async () => {
    const admission = new Admission({ inFlight: 1, waiting: 1 });
    const leave = await admission.enter(NEVER);
    const gone = admission.enter(new Deadline(20));
    await expect(gone).rejects.toThrow("no answer within 20 ms");
    const next = admission.enter(NEVER);
    leave();
    await expect(next).resolves.toBeTypeOf("function");
  });
});

/** A request that promises more than it sends. */
function sendHalf(listener: Listener, authorization: string): Socket {
  const { port, hostname } = new URL(listener.url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  socket.write(
    `POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{`,
  );
  return socket;
}

describe("the deadline", () => {
  test("a request that takes longer is UNAVAILABLE; its place is free when its work is done", async () => {
    const listener = await start({ deadline: 200, inFlight: 1, waiting: 1 });
    const began = performance.now();
    await expectUnavailable(await wait(listener));
    expect(performance.now() - began).toBeGreaterThanOrEqual(190);
    await expectUnavailable(await listener.post({ query: "{ leaf }" }));
    expect(listener.calls()).toBe(1);
    listener.finish();
    expect((await listener.post({ query: "{ leaf }" })).status).toBe(200);
  });

  test("one that takes less is answered", async () => {
    const listener = await start({ deadline: 5_000 });
    const asked = wait(listener);
    await sleep(300);
    listener.finish();
    expect((await asked).status).toBe(200);
  });

  test("includes the body", async () => {
    const listener = await start({ deadline: 200 });
    const socket = sendHalf(listener, `Bearer ${KEY}`);
    let said = "";
    socket.on("data", (data) => {
      said += data;
    });
    await until(() => said.includes("UNAVAILABLE"));
    expect(said).toMatch(/^HTTP\/1\.1 503 /);
    socket.destroy();
  });

  test("includes the look at the credential", async () => {
    const listener = await start({ deadline: 200 }, { authenticate: () => new Promise(() => {}) });
    await expectUnavailable(await listener.post({ query: "{ leaf }" }));
    expect(listener.calls()).toBe(0);
  });
});

test("credentials that cannot be checked are UNAVAILABLE", async () => {
  const listener = await start({}, { authenticate: () => Promise.reject(new Error("connection refused by pg")) });
  const response = await listener.post({ query: "{ leaf }" });
  expect(await response.clone().text()).not.toContain("refused by pg");
  await expectUnavailable(response);
});

test("a defect says nothing but its id", async () => {
  const listener = await start({}, { countKnown: () => Promise.reject(new Error("at /src/secret.ts:1:1")) });
  const response = await listener.post({ query: "{ leaf }" });
  expect(response.status).toBe(500);
  const text = await response.text();
  expect(text).toContain(response.headers.get("x-request-id"));
  expect(text).not.toContain("secret");
});
