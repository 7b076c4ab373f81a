import { describe, expect, it } from "vitest";
import { KnownRevisions } from "../../src/store/known-revisions.js";
import type { Revision } from "../../src/store/revision-vector.js";

const revision = (rev: number): Revision => ({ rev, tag: `tag-${rev}` });

function knownAt() {
  const state = { now: 10_000, suspended: 0 };
  const known = new KnownRevisions({ monotonic: () => state.now, wall: () => state.now + state.suspended });
  const read = (entries: Record<string, Revision | null>, readAt: number, now = 0, server = "one") => {
    const vector = new Map(Object.entries(entries));
    known.remember({ vector, followed: new Map(), now, server, ofOneMoment: true }, readAt);
  };
  const recall = (scopes: string[], maxAge = 1_000) => known.recall(scopes, maxAge);
  return { state, known, read, recall };
}

describe("known revisions", () => {
  it("are what was read at most so long ago, from when the statement was sent", () => {
    const { state, read, recall } = knownAt();
    read({ a: revision(1), b: null }, 9_500);
    state.now = 10_500;
    expect(recall(["a", "b"])?.vector).toEqual(
      new Map([
        ["a", revision(1)],
        ["b", null],
      ]),
    );
    state.now = 10_501;
    expect(recall(["a", "b"])).toBeNull();
  });

  it("are not known as long as one scope is not", () => {
    const { read, recall } = knownAt();
    read({ a: revision(1) }, 10_000);
    expect(recall(["a", "c"])).toBeNull();
    expect(recall(["a"])).not.toBeNull();
  });

  it("go on with the database's clock", () => {
    const { state, read, recall } = knownAt();
    read({ a: revision(1) }, 9_900, 500_000);
    state.now = 10_100;
    expect(recall(["a"])?.now).toBe(500_200);
  });

  it("are forgotten when a scope has moved beyond them, and only then", () => {
    const { known, read, recall } = knownAt();
    read({ a: revision(3), b: revision(3), c: null }, 10_000);
    known.forget([
      { scope: "a", rev: 4 },
      { scope: "b", rev: 3 },
      { scope: "c", rev: 1 },
      { scope: "d", rev: 1 },
    ]);
    expect([recall(["a"]), recall(["b"])?.vector.get("b"), recall(["c"])]).toEqual([null, revision(3), null]);
  });

  it("are forgotten when the machine was suspended meanwhile", () => {
    const { state, read, recall } = knownAt();
    read({ a: revision(1) }, 10_000);
    state.suspended = 90;
    expect(recall(["a"])).not.toBeNull();
    state.suspended = 190;
    expect(recall(["a"])).toBeNull();
  });

  it("are forgotten when another server is asked: it may not have all that they are from", () => {
    const { read, recall } = knownAt();
    read({ a: revision(1) }, 10_000);
    read({ b: revision(1) }, 10_000, 0, "two");
    expect([recall(["a"]), recall(["b"])?.vector.get("b")]).toEqual([null, revision(1)]);
  });

  it("are forgotten also when something else was read first after that", () => {
    const { state, read, recall } = knownAt();
    read({ a: revision(1) }, 10_000);
    state.suspended = 60_000;
    read({ b: revision(1) }, 10_000); // sent before or after, nobody knows
    expect([recall(["a"]), recall(["b"])]).toEqual([null, null]);
    read({ b: revision(2) }, 10_000);
    expect([recall(["a"]), recall(["b"])?.vector.get("b")]).toEqual([null, revision(2)]);
  });
});
