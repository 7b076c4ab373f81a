import { describe, expect, test } from "vitest";
import { InvalidInputError } from "../../src/domain/errors.js";
import { buildContext, requestInstant } from "../../src/domain/evaluation/context-keys.js";
import { entries } from "./build.js";

test("named fields and entries end up under canonical keys", () => {
  const context = buildContext({
    currentTime: new Date("2026-01-01T00:00:00Z"),
    sourceIp: "10.0.0.1",
    sourceVpc: null,
    secureTransport: false,
    entries: [
      { key: "ACS:MFAPresent", values: [] },
      { key: "acs:RequestTag/Team", values: ["a"] },
      { key: "acs:RequestTag/team", values: ["b"] },
      { key: "KMS:EncryptionContext:Dept", values: ["c"] },
    ],
  });
  expect([...context]).toEqual([
    ["acs:currenttime", ["2026-01-01T00:00:00Z"]],
    ["acs:sourceip", ["10.0.0.1"]],
    ["acs:securetransport", ["false"]],
    ["acs:mfapresent", []],
    ["acs:requesttag/Team", ["a"]],
    ["acs:requesttag/team", ["b"]],
    ["kms:encryptioncontext:Dept", ["c"]],
  ]);
});

describe("refused", () => {
  test.each([
    ["a named field again", { sourceIp: "10.0.0.1", ...entries({ "ACS:SourceIP": ["10.0.0.2"] }) }, "/entries/0/key"],
    [
      "an entry twice",
      {
        entries: [
          { key: "x:a", values: [] },
          { key: "X:A", values: [] },
        ],
      },
      "/entries/1/key",
    ],
    ["a nameless key", entries({ "": ["a"] }), "/entries/0/key"],
    ["a time that is none", { currentTime: "yesterday" }, "/currentTime"],
    ["a time without zone", { currentTime: "2026-01-01T00:00:00" }, "/currentTime"],
    ["an absent time", entries({ "acs:CurrentTime": [] }), "/entries/0/values"],
    ["a malformed time entry", entries({ "acs:CurrentTime": ["1"] }), "/entries/0/values"],
    ["more than 256 values, even empty ones", entries({ "x:k": Array(257).fill("") }), undefined],
    ["more than 16 KiB", entries({ "x:k": ["x".repeat(17_000)] }), undefined],
  ])("%s", (_, input, pointer) => {
    let error: unknown;
    try {
      buildContext(input);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(InvalidInputError);
    expect((error as InvalidInputError).pointer).toBe(pointer);
  });
});

test("C12: the caller's time is the instant of the decision, else the clock is", () => {
  expect(requestInstant(buildContext({}), 7)).toBe(7);
  expect(requestInstant(buildContext({ currentTime: "1970-01-01T00:00:01Z" }), 7)).toBe(1_000);
  expect(requestInstant(buildContext(entries({ "acs:CurrentTime": ["1970-01-01T01:00:00+01:00"] })), 7)).toBe(0);
});
