import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { placesOf, repeatedMembers } from "../../src/cli/json-text.js";
import { offsetOf, PlaceFinder, readJsonText } from "../../src/domain/policy/json-tree.js";

const text = `{
  "a": [1, {"b\\"]": "}\\\\"}, []],
  "a/b": {"~": null, "": {}}, "c" : true
}`;

describe("places in JSON text", () => {
  test.each([
    ["", 1, 1],
    ["/a", 2, 8],
    ["/a/0", 2, 9],
    ["/a/1", 2, 12],
    ['/a/1/b"]', 2, 21],
    ["/a/2", 2, 29],
    ["/a~1b", 3, 10],
    ["/a~1b/~0", 3, 16],
    ["/a~1b/", 3, 26],
    ["/c", 3, 37],
  ])("%s", (pointer, line, column) => {
    expect(placesOf(text, [pointer]).get(pointer)).toEqual({ line, column });
  });

  test("of what is not there are those of what would hold it", () => {
    const places = placesOf(text, ["/x", "/a/9/y", "/c/d/e", "/a/1/z"]);
    expect(Object.fromEntries(places)).toEqual({
      "/x": { line: 1, column: 1 },
      "/a/9/y": { line: 2, column: 8 },
      "/c/d/e": { line: 3, column: 37 },
      "/a/1/z": { line: 2, column: 12 },
    });
  });

  test("are those that the policy parser finds, in any text", () => {
    const pointersIn = (value: unknown, path: string): string[] =>
      typeof value === "object" && value !== null
        ? [
            path,
            ...Object.entries(value).flatMap(([key, inner]) =>
              pointersIn(inner, `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`),
            ),
          ]
        : [path];
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(undefined, 1, "\t"), (json, indent) => {
        const value = JSON.parse(json, (_key, inner) => (typeof inner === "number" ? 17 : inner)); // it takes no long ones
        const shown = JSON.stringify(value, null, indent);
        const pointers = pointersIn(value, "");
        const places = placesOf(shown, pointers);
        const [tree, finder] = [readJsonText(shown), new PlaceFinder(shown)];
        for (const pointer of pointers)
          expect(places.get(pointer)).toEqual(finder.placeOf(offsetOf(tree, pointer, false)));
        expect(repeatedMembers(shown, 9)).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("repeated members", () => {
  test.each([
    ['{"a":1,"a":2}', ["/a"]],
    ['[{},[],{"a":{"b":1,"c":[{"x":1,"x":2}],"b":3}}]', ["/2/a/c/0/x", "/2/a/b"]],
    ['{"a":1,"\\u0061":2,"a":3}', ["/a", "/a"]],
    ['{"a":{"a":{"a":[]}},"b":[1,1],"c":{}}', []],
    ['"a"', []],
    [" [ ] ", []],
  ])("%s", (json, pointers) => {
    expect(repeatedMembers(json, 9)).toEqual(pointers);
  });
});
