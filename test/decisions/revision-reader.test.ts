import type { Pool } from "pg";
import { describe, expect, it } from "vitest";
import { createRevisionReader, type FollowedRow } from "../../src/store/revisions.js";
import { UnavailableError } from "../../src/store/store-errors.js";

interface Sent {
  readonly scopes: readonly string[];
  readonly principals: readonly string[];
  answer(rev: number, followed?: readonly FollowedRow[]): void;
  fail(): void;
}

/** A pool whose statements the test answers by hand. */
function fakePool(): { pool: Pool; sent: Sent[] } {
  const sent: Sent[] = [];
  const query = ({ values }: { values: [string[], string[]] }) =>
    new Promise((resolve, reject) => {
      const [scopes, principals] = values;
      sent.push({
        scopes,
        principals,
        answer: (rev, followed = []) => {
          const read = new Set([...scopes, ...followed.flatMap(([, list]) => list)]);
          const revisions = [...read].map((scope) => [scope, rev, `tag-${rev}`]);
          resolve({ rows: [{ now: rev, server: "one", standby: rev < 0, revisions, followed }] });
        },
        fail: () => reject(new Error("connection lost")),
      });
    });
  return { pool: { query } as unknown as Pool, sent };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

describe("revision reader", () => {
  it("gathers the calls of one turn into one statement", async () => {
    const { pool, sent } = fakePool();
    const reader = createRevisionReader(pool);
    const answers = Promise.all([reader.readFresh(["a", "b"]), reader.readFresh(["b", "c"])]);
    await turn();
    expect(sent.map(({ scopes }) => scopes)).toEqual([["a", "b", "c"]]);
    sent[0]?.answer(1);
    expect((await answers)[1]?.vector.get("c")).toEqual({ rev: 1, tag: "tag-1" });
  });

  it("gathers the principals of one turn: each has its list, one that follows nothing an empty one", async () => {
    const { pool, sent } = fakePool();
    const reader = createRevisionReader(pool);
    const answers = Promise.all([
      reader.readFresh(["a"], ["ann", "bob"]),
      reader.readFresh(["b"]),
      reader.readFresh(["a"], ["bob", "cid"]),
    ]);
    await turn();
    expect(sent.map(({ scopes, principals }) => [scopes, principals])).toEqual([
      [
        ["a", "b"],
        ["ann", "bob", "cid"],
      ],
    ]);
    sent[0]?.answer(1, [
      ["ann", ["grp:ops", "pol:own"]],
      ["cid", ["grp:ops"]],
    ]);
    for (const { followed, vector } of await answers) {
      expect(followed.get("ann")).toEqual(["grp:ops", "pol:own"]);
      expect(followed.get("bob")).toEqual([]);
      expect(followed.get("cid")).toEqual(["grp:ops"]);
      for (const scope of ["a", "b", "grp:ops", "pol:own"]) expect(vector.get(scope)?.tag).toBe("tag-1");
    }
  });

  it("looks nobody up whom the calls of this turn do not name", async () => {
    const { pool, sent } = fakePool();
    const reader = createRevisionReader(pool);
    const early = reader.readFresh(["a"], ["ann"]);
    await turn();
    const late = reader.readFresh(["a"], ["bob"]);
    sent[0]?.answer(1, [["ann", ["grp:ops"]]]);
    expect([...(await early).followed]).toEqual([["ann", ["grp:ops"]]]);
    await turn();
    expect(sent[1]?.principals).toEqual(["bob"]);
    sent[1]?.answer(2);
    expect([...(await late).followed]).toEqual([["bob", []]]);
  });

  it("asks for the principals again when it tries once more", async () => {
    const { pool, sent } = fakePool();
    const answer = createRevisionReader(pool).readFresh(["a"], ["ann"]);
    await turn();
    sent[0]?.fail();
    await turn();
    expect(sent.map(({ principals }) => principals)).toEqual([["ann"], ["ann"]]);
    sent[1]?.answer(1, [["ann", ["grp:ops"]]]);
    expect((await answer).followed.get("ann")).toEqual(["grp:ops"]);
  });

  it("never joins a statement that is sent: a call after it gets an answer read after it", async () => {
    const { pool, sent } = fakePool();
    const reader = createRevisionReader(pool);
    const early = reader.readFresh(["a"]);
    await turn();
    const late = reader.readFresh(["a"]);
    await turn();
    expect(sent).toHaveLength(1); // and at most one is on its way
    sent[0]?.answer(1);
    expect((await early).vector.get("a")?.rev).toBe(1);
    await turn();
    expect(sent).toHaveLength(2);
    sent[1]?.answer(2);
    expect((await late).vector.get("a")?.rev).toBe(2);
  });

  it("gathers what arrives while a statement is on its way", async () => {
    const { pool, sent } = fakePool();
    const reader = createRevisionReader(pool);
    const first = reader.readFresh(["a"]);
    await turn();
    const others = Array.from({ length: 50 }, (_, index) => reader.readFresh([`s${index}`]));
    sent[0]?.answer(1);
    await first;
    await turn();
    sent[1]?.answer(2);
    await Promise.all(others);
    expect(sent).toHaveLength(2);
  });

  it("tries once more, then is unavailable; the next call is not affected", async () => {
    const { pool, sent } = fakePool();
    const reader = createRevisionReader(pool);
    const failing = reader.readFresh(["a"]).catch((error: unknown) => error);
    await turn();
    sent[0]?.fail();
    await turn();
    sent[1]?.fail();
    expect(await failing).toBeInstanceOf(UnavailableError);
    const next = reader.readFresh(["a"]);
    await turn();
    sent[2]?.answer(3);
    expect((await next).now).toBe(3);
  });

  it("takes no answer from a standby", async () => {
    const { pool, sent } = fakePool();
    const failing = createRevisionReader(pool)
      .readFresh(["a"])
      .catch((error: unknown) => error);
    await turn();
    sent[0]?.answer(-1);
    await turn();
    sent[1]?.answer(-1);
    expect(await failing).toBeInstanceOf(UnavailableError);
  });

  it("gives up on a statement without an answer", async () => {
    const { pool } = fakePool();
    const started = performance.now();
    await expect(createRevisionReader(pool).readFresh(["a"])).rejects.toBeInstanceOf(UnavailableError);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
