import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { followGrantChanges, type GrantChangesRequest } from "../../src/administration/follow-grant-changes.js";
import { AuditFeed } from "../../src/store/audit-feed.js";
import type { Database } from "../../src/store/prisma-client.js";
import { UnavailableError } from "../../src/store/store-errors.js";

/** A trail in memory, which counts what it is asked. */
function trailOf(length: number) {
  const state = { length, heads: 0, pages: 0, isAway: false };
  const answer = async <T>(value: T): Promise<T> => {
    if (state.isAway) throw new UnavailableError("away");
    return value;
  };
  const db = {
    auditHead: {
      findMany: ({ where }: { where: { accountId: { in: string[] } } }) => {
        state.heads += 1;
        return answer(where.accountId.in.map((accountId) => ({ accountId, sequence: state.length })));
      },
    },
    auditEvent: {
      findMany: ({ where: { sequence }, take }: { where: { sequence: { gt: number; lte: number } }; take: number }) => {
        state.pages += 1;
        const count = Math.min(take, sequence.lte - sequence.gt);
        return answer(Array.from({ length: count }, (_, n) => eventAt(sequence.gt + 1 + n)));
      },
    },
  };
  return { state, feed: new AuditFeed(db as unknown as Database) };
}

const eventAt = (sequence: number) => ({ sequence, action: "attachPolicy", targetKeys: [] });

let leaving: AbortController[] = [];
afterEach(() => {
  for (const controller of leaving) controller.abort();
  leaving = [];
});

async function follow(feed: AuditFeed, more: Partial<GrantChangesRequest> = {}) {
  const controller = new AbortController();
  leaving.push(controller);
  const heard: number[] = [];
  const request = {
    account: "1",
    after: null,
    target: null,
    signal: controller.signal,
    assertMayListen: async () => {},
  };
  const changes = await followGrantChanges(feed, { ...request, ...more });
  const ended = (async () => {
    for await (const { sequence } of changes) heard.push(sequence);
  })();
  ended.catch(() => {});
  return { heard, ended, leave: () => controller.abort() };
}

const grow = ({ state, feed }: ReturnType<typeof trailOf>, length: number) => {
  state.length = length;
  feed.wake([{ scope: "trail:1", rev: length }]);
};

describe("however many follow a trail", () => {
  test("its end is looked for once a second, and each page is read once", async () => {
    const trail = trailOf(10);
    const followers = await Promise.all(Array.from({ length: 100 }, () => follow(trail.feed, { after: 5 })));
    await expect.poll(() => followers.every(({ heard }) => heard.length === 5)).toBe(true);
    expect(trail.state).toMatchObject({ heads: 100, pages: 1 });
    grow(trail, 12);
    await expect.poll(() => followers.every(({ heard }) => heard.length === 7)).toBe(true);
    expect(trail.state).toMatchObject({ heads: 101, pages: 2 });
    await sleep(2_500);
    expect(trail.state.heads).toBeGreaterThanOrEqual(103);
    expect(trail.state.heads).toBeLessThanOrEqual(104);
    expect(trail.feed.followers).toBe(100);
  });

  test("nobody looks any more when the last has gone", async () => {
    const trail = trailOf(1);
    const followers = [await follow(trail.feed), await follow(trail.feed)];
    for (const { leave, ended } of followers) {
      leave();
      await ended;
    }
    const { heads } = trail.state;
    await sleep(1_300);
    expect(trail.state.heads).toBe(heads);
    expect(trail.feed.followers).toBe(0);
  });

  test("a storm of hints is answered in a few looks", async () => {
    const trail = trailOf(1);
    const { heard } = await follow(trail.feed);
    for (let length = 2; length <= 1_000; length += 1) grow(trail, length);
    await expect.poll(() => heard.length).toBe(999);
    expect(trail.state.heads).toBeLessThan(5);
    expect(heard).toEqual(Array.from({ length: 999 }, (_, n) => n + 2));
  });
});

test("while the database is away nothing is told, and nothing is lost", async () => {
  const trail = trailOf(3);
  const { heard } = await follow(trail.feed);
  trail.state.isAway = true;
  grow(trail, 5);
  await sleep(1_200);
  expect(heard).toEqual([]);
  trail.state.isAway = false;
  await expect.poll(() => heard, { timeout: 3_000 }).toEqual([4, 5]);
});

test("what was committed when the right to listen was gone is not told, however it was noticed", async () => {
  const trail = trailOf(3);
  let isAllowed = true;
  const assertMayListen = async () => {
    if (!isAllowed) throw new Error("not any more");
  };
  const { heard, ended } = await follow(trail.feed, { assertMayListen });
  grow(trail, 4);
  await expect.poll(() => heard).toEqual([4]);
  isAllowed = false;
  grow(trail, 5);
  await expect(ended).rejects.toThrow("not any more");
  expect(heard).toEqual([4]);
});

test("hints are not believed: only what the database holds is told", async () => {
  const trail = trailOf(3);
  const { heard } = await follow(trail.feed);
  trail.feed.wake([{ scope: "trail:1", rev: 1_000_000 }]);
  await sleep(100);
  grow(trail, 4);
  await expect.poll(() => heard).toEqual([4]);
});

test("a feed that is closed ends who follows, and takes nobody any more", async () => {
  const trail = trailOf(3);
  const { ended } = await follow(trail.feed);
  trail.feed.close();
  await ended;
  await expect(follow(trail.feed)).rejects.toThrow(UnavailableError);
});
