import { describe, expect, it } from "vitest";
import { UuidIndex } from "../../src/store/uuid-index.js";

const id = (number: number) => `00000000-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
const bytes = (ids: readonly string[]) => Buffer.from(ids.join("").replaceAll("-", ""), "hex").toString("base64");
const IDS = Array.from({ length: 5_000 }, (_, number) => id(number * 3));

describe("an index of identifiers", () => {
  it("finds the place of each, however alike they are", () => {
    const index = UuidIndex.of(bytes(IDS));
    expect(index.size).toBe(IDS.length);
    expect([...index.placesOf(bytes([...IDS].reverse()))]).toEqual([...IDS.keys()].reverse());
    expect(IDS.map((_, place) => index.textOf(place))).toEqual(IDS);
  });

  it("finds nothing that is not there, between others that are", () => {
    const index = UuidIndex.ofTexts(IDS);
    const asked = [id(3), id(4), id(4), id(6), id(6), "10000000-0000-4000-8000-000000000003"];
    expect([...index.placesOf(bytes(asked))]).toEqual([1, -1, -1, 2, 2, -1]);
    expect([index.placeOf(id(6)), index.placeOf(id(7))]).toEqual([2, -1]);
    expect(UuidIndex.of("").placeOf(id(0))).toBe(-1);
  });
});
