import { afterEach, describe, expect, test } from "vitest";
import { createAddressOf } from "../../src/server/client-address.js";
import { createRateLimit } from "../../src/server/rate-limiter.js";
import { type Listener, startListener } from "../support/listener.js";

const PROXIES = ["10.0.0.0/8", "192.0.2.7", "fd00::/8"];

describe("the address of a request", () => {
  test.each<[what: string, connected: string, forwarded: string | undefined, address: string]>([
    ["a stranger says nothing", "203.0.113.9", undefined, "203.0.113.9"],
    ["a stranger makes one up", "203.0.113.9", "198.51.100.1", "203.0.113.9"],
    ["a neighbour of a single proxy makes one up", "192.0.2.8", "198.51.100.1", "192.0.2.8"],
    ["a proxy says whom it stands for", "10.1.2.3", "198.51.100.1", "198.51.100.1"],
    ["a single proxy does", "192.0.2.7", "198.51.100.1", "198.51.100.1"],
    ["a proxy comes as IPv4 in IPv6", "::ffff:10.1.2.3", "198.51.100.1", "198.51.100.1"],
    ["a proxy comes by IPv6", "fd00::1", "2001:db8::1", "2001:db8::1"],
    ["another network comes by IPv6", "fe80::1", "2001:db8::1", "fe80::1"],
    ["a proxy says nothing", "10.1.2.3", undefined, "10.1.2.3"],
    ["a proxy says nothing of use", "10.1.2.3", "", "10.1.2.3"],
    ["a proxy stands for a proxy", "10.1.2.3", "198.51.100.1, 10.9.9.9", "198.51.100.1"],
    ["the sender has added one of his own", "10.1.2.3", "127.0.0.1, 198.51.100.1", "198.51.100.1"],
    ["the sender has added a trusted one of his own", "10.1.2.3", "10.0.0.1, 198.51.100.1", "198.51.100.1"],
    [
      "the sender has added two, through two proxies",
      "10.1.2.3",
      "1.1.1.1, 10.0.0.1, 198.51.100.1,10.9.9.9",
      "198.51.100.1",
    ],
    ["everybody on the way is trusted", "10.1.2.3", "10.0.0.1, 10.0.0.2", "10.0.0.1"],
    ["what stands next is no address", "10.1.2.3", "198.51.100.1, unknown", "10.1.2.3"],
    ["what stands next has a port", "10.1.2.3", "198.51.100.1:4711", "10.1.2.3"],
    ["what stands next is a number", "10.1.2.3", "3325256705", "10.1.2.3"],
  ])("%s", (_, remoteAddress, forwarded, address) => {
    const headers = forwarded === undefined ? {} : { "x-forwarded-for": forwarded };
    expect(createAddressOf(PROXIES)({ socket: { remoteAddress }, headers })).toBe(address);
  });

  test("nobody is trusted by default", () => {
    const headers = { "x-forwarded-for": "198.51.100.1" };
    for (const remoteAddress of ["127.0.0.1", "10.0.0.1", "::1", undefined]) {
      expect(createAddressOf([])({ socket: { remoteAddress }, headers })).toBe(remoteAddress);
    }
  });
});

describe("strangers are counted", () => {
  let listener: Listener | undefined;
  afterEach(() => listener?.close());

  /** How a stranger's requests come out, each with what it says it was forwarded for. */
  async function statuses(trustedProxies: readonly string[], forwarded: readonly string[]): Promise<number[]> {
    const countUnknown = createRateLimit({ limit: 2, keyPrefix: "t", redis: null });
    listener = await startListener({}, { countUnknown, addressOf: createAddressOf(trustedProxies) });
    const answers: number[] = [];
    for (const address of forwarded) {
      const headers = { authorization: "", "x-forwarded-for": address };
      answers.push((await listener.post({ query: "{ leaf }" }, headers)).status);
    }
    return answers;
  }

  test("by their connection, whatever they say", async () => {
    expect(await statuses([], ["192.0.2.1", "192.0.2.2", "192.0.2.3"])).toEqual([401, 401, 429]);
    expect(await statuses(["10.0.0.0/8"], ["192.0.2.1", "192.0.2.2", "192.0.2.3"])).toEqual([401, 401, 429]);
  });

  test("each for himself behind a trusted proxy", async () => {
    const senders = ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"];
    expect(await statuses(["127.0.0.0/8", "::1"], senders)).toEqual([401, 401, 429, 401]);
  });

  test("as one who makes up a new address for each request", async () => {
    const senders = ["1.1.1.1, 192.0.2.1", "127.0.0.1, 192.0.2.1", "2.2.2.2, 127.0.0.9, 192.0.2.1"];
    expect(await statuses(["127.0.0.0/8", "::1"], senders)).toEqual([401, 401, 429]);
  });
});
