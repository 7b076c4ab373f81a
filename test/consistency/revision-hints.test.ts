import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, inject, it, vi } from "vitest";
import { openRedis, openRedisSubscriber, type RedisConnection } from "../../src/decisions/open-redis.js";
import { createRevisionHints, type RevisionHints } from "../../src/decisions/revision-hints.js";
import type { MovedScope } from "../../src/store/revisions.js";
import "../support/backend.js";
import { openTcpProxy } from "../support/tcp-proxy.js";

const url = inject("redisUrl") ?? "";
const environment = randomBytes(6).toString("hex");
const target = { kind: "single", url } as const;
const heard: MovedScope[][] = [[], [], []];
const publishers: RedisConnection[] = [];
const hints: RevisionHints[] = [];

beforeAll(async () => {
  for (const [place, name] of [environment, environment, `${environment}-other`].entries()) {
    const publisher = openRedis(target);
    publishers.push(publisher);
    hints.push(
      createRevisionHints(publisher, openRedisSubscriber(target), name, (moved) => heard[place]?.push(...moved)),
    );
  }
  await vi.waitUntil(() => publishers.every(({ status }) => status === "ready"));
  const subscribers = async () => (await publishers[0]?.pubsub("NUMSUB", `az:h:1:${environment}`))?.[1];
  await vi.waitUntil(async () => (await subscribers()) === 2);
});
afterAll(async () => {
  await Promise.all(hints.map((hint) => hint.close()));
  for (const publisher of publishers) publisher.disconnect();
});

it("reach the gateways of the environment, and no others", async () => {
  hints[0]?.publish([
    { scope: "prin:x", rev: 7 },
    { scope: "acct:1", rev: 2 },
  ]);
  await expect.poll(() => heard[1]?.length).toBe(2);
  expect(heard[1]).toEqual([
    { scope: "prin:x", rev: 7 },
    { scope: "acct:1", rev: 2 },
  ]);
  expect(heard[2]).toEqual([]);
});

it.each(["", "nothing", "{}", '[["a"]]', '[["a","1"]]', '[["a",-1]]', "[[1,1]]"])(
  "that are `%s` are passed over",
  async (text) => {
    const before = heard[1]?.length ?? 0;
    await publishers[0]?.publish(`az:h:1:${environment}`, text);
    hints[0]?.publish([{ scope: "after", rev: 1 }]);
    await expect.poll(() => heard[1]?.length).toBe(before + 1);
    expect(heard[1]?.at(-1)).toEqual({ scope: "after", rev: 1 });
  },
);

it("are heard again after connections that break while they subscribe", async () => {
  const proxy = await openTcpProxy(url);
  const subscriber = openRedisSubscriber({ kind: "single", url: proxy.through(url) });
  const moved: MovedScope[] = [];
  const again = createRevisionHints(publishers[0] as RedisConnection, subscriber, environment, (more) =>
    moved.push(...more),
  );
  const announce = () => hints[0]?.publish([{ scope: "glob", rev: 3 }]);
  const isHeard = () => {
    announce();
    return moved.length > 0;
  };
  await vi.waitUntil(isHeard);
  let broken = 0;
  proxy.swallow((answer) => answer.includes("subscribe") && ++broken <= 3);
  proxy.killConnections();
  await vi.waitUntil(() => broken > 3, { timeout: 5_000 }); // what nobody catches ends the process
  moved.length = 0;
  await vi.waitUntil(isHeard);
  await again.close();
  await proxy.close();
});
