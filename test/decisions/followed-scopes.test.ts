import { describe, expect, it } from "vitest";
import { RememberedScopes } from "../../src/store/followed-scopes.js";

/** What was looked up, in a state in which each scope has its own name as its tag. */
const looked = (lists: Record<string, readonly string[]>) => {
  const followed = new Map(Object.entries(lists));
  const scopes = [...followed].flatMap(([arnKey, list]) => [`prin:${arnKey}`, ...list]);
  return { followed, vector: new Map(scopes.map((scope) => [scope, { rev: 1, tag: scope }])) };
};
const recalled = (remembered: RememberedScopes, ...principals: string[]) => [...remembered.recall(principals).followed];

describe("remembered scopes", () => {
  it("are those of the principals that are known; the others are left out", () => {
    const remembered = new RememberedScopes();
    remembered.remember(looked({ ann: ["grp:ops", "pol:own"], bob: [] }));
    expect(recalled(remembered, "bob", "cid", "ann")).toEqual([
      ["bob", []],
      ["ann", ["grp:ops", "pol:own"]],
    ]);
    expect(recalled(remembered)).toEqual([]);
  });

  it("rest on the principal and its groups, as they were when they were looked up", () => {
    const remembered = new RememberedScopes();
    const { followed, vector } = looked({ ann: ["grp:devs", "grp:ops", "pol:own"], bob: [] });
    vector.delete("grp:devs");
    remembered.remember({ followed, vector });
    expect(remembered.recall(["ann", "bob", "cid"]).foundations).toEqual([
      ["ann", "prin:ann", "prin:ann"],
      ["ann", "grp:devs", null],
      ["ann", "grp:ops", "grp:ops"],
      ["bob", "prin:bob", "prin:bob"],
    ]);
  });

  it("are the latest that were told, and those of others stay", () => {
    const remembered = new RememberedScopes();
    remembered.remember(looked({ ann: ["grp:ops"], bob: ["grp:ops"] }));
    remembered.remember(looked({ ann: [] }));
    expect(recalled(remembered, "ann", "bob")).toEqual([
      ["ann", []],
      ["bob", ["grp:ops"]],
    ]);
  });

  it("are bounded by how long the lists are, empty ones too; what was not asked for longest goes first", () => {
    const remembered = new RememberedScopes();
    const long = Array.from({ length: 99_999 }, (_, index) => `pol:${index}`);
    remembered.remember(looked({ a: long, b: long, c: long, d: long }));
    expect(recalled(remembered, "a", "b", "c", "d")).toHaveLength(4);
    recalled(remembered, "a");
    remembered.remember(looked({ e: [] }));
    expect(recalled(remembered, "a", "b", "c", "d", "e").map(([arnKey]) => arnKey)).toEqual(["a", "c", "d", "e"]);
  });
});
