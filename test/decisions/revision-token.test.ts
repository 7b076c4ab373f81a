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

  const scopesIn = (scopes: readonly string[]): string[] => {
    const token = tokens.issue(new Map(scopes.map((scope) => [scope, { rev: 1, tag: "t" }])), NOW);
    return [...tokens.read(token, NOW).revisions.keys()];
  };
  const numbered = (kind: string, count: number): string[] =>
    Array.from({ length: count }, (_, index) => `${kind}:${String(index).padStart(2, "0")}`);

  it("name what most depends on first", () => {
    const ordered = ["glob", "acct:1", "acct:2", "trail:1", "prin:a", "prin:b", "res:a", "grp:a", "grp:b", "pol:a"];
    expect(scopesIn([...ordered].reverse())).toEqual(ordered);
  });

  it("hold at most 64 scopes: policies are left out first, then groups", () => {
    const [groups, policies] = [numbered("grp", 40), numbered("pol", 40)];
    const fixed = ["glob", "acct:1", "prin:a", "res:a"];
    const kept = scopesIn([...policies, ...groups, ...fixed]);
    expect(kept).toEqual([...fixed, ...groups, ...policies.slice(0, 20)]);
    expect(scopesIn(policies.concat(groups).slice(0, 64))).toHaveLength(64);
    const principals = numbered("prin", 70);
    expect(scopesIn([...groups, ...principals, "glob"])).toEqual(["glob", ...principals.slice(0, 63)]);
  });

  it("can be read with the longest names in all their scopes", () => {
    const longest = Array.from({ length: 64 }, (_, index) =>
      `pol:acs:ram::${"1".repeat(32)}:policy/${index}`.padEnd(182, "x"),
    );
    expect(scopesIn(longest)).toHaveLength(64);
    const imported = numbered("pol", 64).map((scope) => scope.padEnd(500, "名"));
    expect(scopesIn(["glob", ...imported]).length).toBeGreaterThan(8); // fewer of those that an import may bring
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
