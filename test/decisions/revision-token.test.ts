import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { InvalidInputError } from "../../src/domain/errors.js";
import { createTokens, InvalidTokenError } from "../../src/store/revision-token.js";

const key = randomBytes(32);
const tokens = createTokens({ environment: "env-1", key });
const vector = new Map([
  ["res:acs:kms:cn-hangzhou:1:key/a", null],
  ["glob", { rev: 3, tag: "t" }],
]);
const NOW = 1_700_000_000_000;
const DAY = 86_400_000;

describe("revision tokens", () => {
  it("carry revisions, 0 for what did not exist", () => {
    const token = tokens.issue(vector, NOW);
    expect(token).toMatch(/^v1\.[\w-]+\.[\w-]{22}$/);
    expect([...tokens.read(token, NOW + DAY - 1).revisions]).toEqual([
      ["glob", 3],
      ["res:acs:kms:cn-hangzhou:1:key/a", 0],
    ]);
  });

  it("hold at most eight scopes, global and account ones first", () => {
    const many = new Map(
      [...Array.from({ length: 20 }, (_, index) => `prin:${index}`), "acct:1", "glob"].map((scope) => [
        scope,
        { rev: 1, tag: "t" },
      ]),
    );
    const scopes = [...tokens.read(tokens.issue(many, NOW), NOW).revisions.keys()];
    expect(scopes).toHaveLength(8);
    expect(scopes.slice(0, 2)).toEqual(["glob", "acct:1"]);
  });

  it.each([
    ["expired", (token: string) => [token, NOW + DAY] as const],
    ["of another environment", () => [createTokens({ environment: "env-2", key }).issue(vector, NOW), NOW] as const],
    [
      "under another key",
      () => [createTokens({ environment: "env-1", key: randomBytes(32) }).issue(vector, NOW), NOW] as const,
    ],
    ["cut", (token: string) => [token.slice(0, -1), NOW] as const],
    [
      "with a payload changed",
      (token: string) => [token.replace(/\.(.)/, (_, c) => `.${c === "e" ? "f" : "e"}`), NOW] as const,
    ],
    ["with a part added", (token: string) => [`${token}.x`, NOW] as const],
    ["of another version", (token: string) => [token.replace("v1", "v2"), NOW] as const],
    ["empty", () => ["", NOW] as const],
    ["huge", () => ["v1.".padEnd(5_000_000, "a"), NOW] as const],
  ])("are refused when %s", (_name, change) => {
    const [token, now] = change(tokens.issue(vector, NOW));
    expect(() => tokens.read(token, now)).toThrow(InvalidTokenError);
    expect(() => tokens.read(token, now)).toThrow(InvalidInputError);
  });
});
