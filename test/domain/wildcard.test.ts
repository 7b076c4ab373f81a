import { describe, expect, test } from "vitest";
import { compileGlob, foldCase, globMatchesBeyond } from "../../src/domain/wildcard.js";

describe("globs", () => {
  test.each([
    ["*", "", true],
    ["*", "anything", true],
    ["", "", true],
    ["", "a", false],
    ["abc", "abc", true],
    ["abc", "abcd", false],
    ["a*", "a", true],
    ["a*", "ba", false],
    ["*a", "ba", true],
    ["a*a", "a", false],
    ["a*a", "aa", true],
    ["a*b*c", "a-b-b-c", true],
    ["a*b*c", "acb", false],
    ["*ab*ab*", "abab", true],
    ["*ab*ab*", "aba", false],
    ["**", "x", true],
    ["a**b", "ab", true],
    ["?", "", false],
    ["?", "a", true],
    ["?", "ab", false],
    ["a?c", "abc", true],
    ["*?", "", false],
    ["*?", "abc", true],
    ["?*?", "a", false],
    ["?*?", "ab", true],
    ["*a?c*", "xxabcxx", true],
    ["*a?c", "abcabd", false],
    ["?*a?*", "xab", true],
    ["a.c", "abc", false],
    ["[ab]", "a", false],
    ["Abc", "abc", false],
  ])("%j on %j is %j", (pattern, text, expected) => {
    expect(compileGlob(pattern)(text)).toBe(expected);
  });

  test("C18: `?` is one code point, in and out of the basic plane", () => {
    expect(compileGlob("?")("😀")).toBe(true);
    expect(compileGlob("??")("😀")).toBe(false);
    expect(compileGlob("a?b")("a😀b")).toBe(true);
    expect(compileGlob("*😀?")("x😀😀")).toBe(true);
    expect(compileGlob("?")("e\u0301")).toBe(false);
  });

  test("time stays linear for patterns that kill a backtracking matcher", () => {
    const text = `${"a".repeat(2000)}b`;
    const start = performance.now();
    expect(compileGlob(`${"*a".repeat(900)}*c`)(text)).toBe(false);
    expect(compileGlob(`${"*a?".repeat(600)}*c`)(text)).toBe(false);
    expect(compileGlob(`*${"a".repeat(1000)}?c*`)(text)).toBe(false);
    expect(performance.now() - start).toBeLessThan(200);
  });

  test("pieces with `?` of every length are found, leftmost and by code point", () => {
    for (const length of [1, 31, 32, 33, 64, 65, 200]) {
      const piece = `${"a?".repeat(length)}c`;
      const text = piece.replaceAll("?", "a");
      expect(compileGlob(`*${piece}*`)(`b${"a".repeat(50)}${text}b`)).toBe(true);
      expect(compileGlob(`*${piece}*${piece}`)(`${text}${text}`)).toBe(true);
      expect(compileGlob(`*${piece}*${piece}`)(text)).toBe(false);
      expect(compileGlob(`*${piece}*`)(`😀${text.replaceAll("a", "b")}`)).toBe(false);
      expect(compileGlob(`*b?${piece}*`)(`b😀${text}😀`)).toBe(true);
    }
  });

  test("a long piece with `?` does not make a long text slow", () => {
    const text = "a".repeat(16_000);
    const start = performance.now();
    expect(compileGlob(`*${"a?".repeat(1500)}b*`)(`${text}b${text}`)).toBe(true);
    expect(compileGlob(`*?${"a?".repeat(1500)}b*`)(`b${text}`)).toBe(false);
    expect(performance.now() - start).toBeLessThan(150);
  });

  test.each([
    ["key/*", "key/", true],
    ["key*", "key/", true],
    ["key/", "key/", false],
    ["key", "key/", false],
    ["*", "key/", true],
    ["k?y/a", "key/", true],
    ["secret/*", "key/", false],
    ["*/", "key/", true],
  ])("%j matches something beyond %j: %j", (pattern, prefix, expected) => {
    expect(globMatchesBeyond(pattern, prefix)).toBe(expected);
  });
});

test("C5: folding changes ASCII letters only", () => {
  expect(foldCase("KMS:Decrypt")).toBe("kms:decrypt");
  expect(foldCase("\u212aMS")).toBe("\u212ams");
  expect(foldCase("ſİÄ")).toBe("ſİÄ");
});
