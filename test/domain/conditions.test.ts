// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policy variables are written like that
import { describe, expect, test } from "vitest";
import { formatInstant, parseInstant } from "../../src/domain/condition/date.js";
import { compareDecimals, parseDecimal } from "../../src/domain/condition/decimal.js";
import { parseIpAddress, parseIpRange, rangeContains } from "../../src/domain/condition/ip-address.js";
import { InvalidInputError } from "../../src/domain/errors.js";
import { decide } from "../../src/domain/evaluation/decide.js";
import {
  allow,
  askStatements,
  attached,
  codes,
  deny,
  entries,
  NOW,
  requestOf,
  underAllow,
  underDeny,
} from "./build.js";

const A = "ALLOW";
const I = "IMPLICIT_DENY";
const E = "EXPLICIT_DENY";
const C = "CONDITIONAL";

/** Operator, policy values, request value, met? */
type Row = readonly [string, unknown, string, boolean];

const STRINGS: readonly Row[] = [
  ["StringEquals", "a", "a", true],
  ["StringEquals", "a", "A", false],
  ["StringEquals", "*", "a", false],
  ["StringEquals", ["b", "a"], "a", true],
  ["StringNotEquals", "a", "A", true],
  ["StringNotEquals", ["a", "b"], "b", false],
  ["StringEqualsIgnoreCase", "Apollo", "apollo", true],
  ["StringEqualsIgnoreCase", "\u212a", "k", false],
  ["StringNotEqualsIgnoreCase", "Apollo", "apollo", false],
  ["StringLike", "a*c", "abc", true],
  ["StringLike", "a?c", "ac", false],
  ["StringLike", "A*", "abc", false],
  ["StringNotLike", ["x*", "a*"], "abc", false],
  ["StringNotLike", ["x*", "y*"], "abc", true],
];
const NUMBERS: readonly Row[] = [
  ["NumericEquals", "10", "10.0", true],
  ["NumericEquals", "0", "-0", true],
  ["NumericEquals", "9007199254740993", "9007199254740992", false],
  ["NumericNotEquals", ["1", "2"], "2", false],
  ["NumericNotEquals", ["1", "2"], "3", true],
  ["NumericLessThan", "10", "9", true],
  ["NumericLessThan", "-1", "-2", true],
  ["NumericLessThan", "10", "10", false],
  ["NumericLessThanEquals", "10", "10", true],
  ["NumericGreaterThan", "10", "10.01", true],
  ["NumericGreaterThan", "10", "9", false],
  ["NumericGreaterThanEquals", "10", "10", true],
];
const DATES: readonly Row[] = [
  ["DateEquals", "2026-01-01T08:00:00+08:00", "2026-01-01T00:00:00Z", true],
  ["DateNotEquals", "2026-01-01T08:00:00+08:00", "2026-01-01T00:00:00Z", false],
  ["DateLessThan", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59.999Z", true],
  ["DateLessThan", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", false],
  ["DateLessThanEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", true],
  ["DateGreaterThan", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", false],
  ["DateGreaterThanEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", true],
];
const IPS: readonly Row[] = [
  ["IpAddress", "10.0.0.0/8", "10.1.2.3", true],
  ["IpAddress", "10.9.9.9/8", "10.1.2.3", true],
  ["IpAddress", "10.1.2.3", "10.1.2.3", true],
  ["IpAddress", "10.1.2.3", "10.1.2.4", false],
  ["IpAddress", "0.0.0.0/0", "8.8.8.8", true],
  ["IpAddress", "2001:db8::/32", "2001:db8:1::1", true],
  ["IpAddress", "::/0", "8.8.8.8", false],
  ["IpAddress", "10.0.0.0/8", "::ffff:10.1.2.3", true],
  ["IpAddress", "::ffff:10.0.0.0/104", "10.1.2.3", true],
  ["NotIpAddress", ["10.0.0.0/8", "192.168.0.0/16"], "192.168.1.1", false],
  ["NotIpAddress", ["10.0.0.0/8", "192.168.0.0/16"], "8.8.8.8", true],
];
const BOOLS: readonly Row[] = [
  ["Bool", "true", "true", true],
  ["Bool", "true", "false", false],
  ["Bool", ["true", "false"], "false", true],
  ["Bool", true, "true", true],
];

test.each([...STRINGS, ...NUMBERS, ...DATES, ...IPS, ...BOOLS])("%s %j on %j is %j", (operator, values, value, met) => {
  const condition = { [operator]: { "x:k": values } };
  const question = { context: entries({ "x:k": [value] }) };
  expect(underAllow(condition, question)).toBe(met ? A : I);
  expect(underDeny(condition, question)).toBe(met ? E : A);
});

describe("values that cannot be read count as `unknown`: no Allow, but a Deny (D19, C6, C7, C9, D20)", () => {
  test.each([
    ["NumericEquals", "1e3", "1000"],
    ["NumericEquals", "+1", "1"],
    ["NumericEquals", ".5", "0.5"],
    ["NumericEquals", "", "0"],
    ["NumericEquals", "1", "one"],
    ["DateEquals", "2025-02-30T00:00:00Z", "2025-03-02T00:00:00Z"],
    ["DateEquals", "2026-01-01", "2026-01-01T00:00:00Z"],
    ["DateEquals", "1", "2001-01-01T00:00:00Z"],
    ["DateEquals", "2026-01-01t00:00:00z", "2026-01-01T00:00:00Z"],
    ["DateEquals", "2026-01-01T24:00:00Z", "2026-01-02T00:00:00Z"],
    ["DateEquals", "2026-01-01T23:59:60Z", "2026-01-02T00:00:00Z"],
    ["DateEquals", "2026-01-01T00:00:00.1234Z", "2026-01-01T00:00:00.123Z"],
    ["Bool", "True", "true"],
    ["Bool", "true", "yes"],
    ["IpAddress", "010.0.0.1", "8.0.0.1"],
    ["IpAddress", "0x7f.1", "127.0.0.1"],
    ["IpAddress", "10.1", "10.0.0.1"],
    ["IpAddress", "10.0.0.0/33", "10.0.0.1"],
    ["IpAddress", "10.0.0.0/08", "10.0.0.1"],
    ["IpAddress", "10.0.0.0/", "10.0.0.1"],
    ["IpAddress", "10.0.0.256", "10.0.0.1"],
    ["IpAddress", "fe80::1%eth0", "fe80::1"],
    ["IpAddress", "10.0.0.0/8", "10.0.0.1/32"],
    ["IpAddress", "10.0.0.0/8", " 10.0.0.1"],
    ["NotIpAddress", "10.0.0.256", "10.0.0.1"],
    ["StringEquals", "${user}", "${user}"],
    ["StringNotEquals", "${user}", "bob"],
    ["StringLike", "*${user}*", "x"],
  ])("%s %j on %j", (operator, value, requestValue) => {
    const condition = { [operator]: { "x:k": value } };
    const question = { context: entries({ "x:k": [requestValue] }) };
    expect(underAllow(condition, question)).toBe(I);
    expect(underDeny(condition, question)).toBe(E);
    const [code] = codes(askStatements([allow("*", "*", condition)], question));
    expect(code).toBe(value.includes("${") ? "POLICY_VARIABLE_UNSUPPORTED" : "UNPARSEABLE_VALUE");
  });

  test("one readable value that matches is enough", () => {
    const condition = { IpAddress: { "x:k": ["nonsense", "10.0.0.0/8"] } };
    expect(underAllow(condition, { context: entries({ "x:k": ["10.0.0.1"] }) })).toBe(A);
    expect(underAllow(condition, { context: entries({ "x:k": ["8.8.8.8"] }) })).toBe(I);
    expect(underDeny(condition, { context: entries({ "x:k": ["8.8.8.8"] }) })).toBe(E);
  });
});

test("2.1–2.3: values are alternatives, keys and operators all count", () => {
  const condition = { StringEquals: { "x:a": ["1", "2"], "x:b": "3" }, Bool: { "x:c": "true" } };
  const context = (a: string, b: string, c: string) => ({ context: entries({ "x:a": [a], "x:b": [b], "x:c": [c] }) });
  expect(underAllow(condition, context("2", "3", "true"))).toBe(A);
  expect(underAllow(condition, context("2", "4", "true"))).toBe(I);
  expect(underAllow(condition, context("2", "3", "false"))).toBe(I);
});

test("1.12: an empty condition is none", () => {
  expect(underAllow({})).toBe(A);
  expect(underAllow({ Bool: {} })).toBe(A);
});

test("2.8: an empty list matches no value", () => {
  const present = { context: entries({ "x:k": ["a"] }) };
  expect(underAllow({ StringEquals: { "x:k": [] } }, present)).toBe(I);
  expect(underAllow({ StringNotEquals: { "x:k": [] } }, present)).toBe(A);
  expect(underAllow({ StringEquals: { "x:k": [] } })).toBe(I);
  expect(underAllow({ StringNotEquals: { "x:k": [] } })).toBe(C);
});

describe("dates", () => {
  test.each([
    ["2026-01-31T23:59:59Z", "2026-01-31T23:59:59Z"],
    ["2026-01-31T23:59:59.5Z", "2026-01-31T23:59:59.500Z"],
    ["2024-02-29T00:00:00-01:30", "2024-02-29T01:30:00Z"],
    ["2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z"],
    ["0099-01-01T00:00:00Z", "0099-01-01T00:00:00Z"],
    ["1900-02-29T00:00:00Z", null],
    ["2026-00-01T00:00:00Z", null],
    ["2026-01-01T00:00:00+24:00", null],
    ["2026-01-01T00:00:00+0800", null],
    ["2026-01-01T00:00Z", null],
    ["2026-01-01T00:00:00Z ", null],
    ["２026-01-01T00:00:00Z", null],
  ])("%j is %j", (text, expected) => {
    const parsed = parseInstant(text);
    expect(parsed === null ? null : formatInstant(parsed.instant)).toBe(expected);
  });
});

test.each([
  ["1", "1.000", 0],
  ["-1", "1", -1],
  ["0.1", "0.09", 1],
  ["100", "99", 1],
  ["-100", "-99", -1],
  ["007", "7", 0],
  ["123456789012345678901", "123456789012345678902", -1],
])("%s compared with %s has the sign of %d", (left, right, sign) => {
  const [first, second] = [parseDecimal(left), parseDecimal(right)];
  expect(first !== null && second !== null && Math.sign(compareDecimals(first, second))).toBe(sign);
});

describe("addresses", () => {
  test.each([
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "01.2.3.4",
    "1.2.3.4%0",
    ":::",
    "1::2::3",
    "::1%lo",
    "12345::",
    "g::",
    "",
    "::1.2.3",
    "::01.2.3.4",
  ])("%j is none", (text) => {
    expect(parseIpAddress(text)).toBeNull();
  });

  test("a block of IPv4-mapped addresses that is wider than IPv4 cannot be read", () => {
    expect(parseIpRange("::ffff:0:0/96")).toEqual({ base: [0, 0, 0, 0], prefix: 0 });
    expect(parseIpRange("::ffff:0:0/95")).toBeNull();
  });

  test("prefixes that end inside a byte", () => {
    const range = parseIpRange("10.0.128.0/17");
    const inside = parseIpAddress("10.0.200.1");
    const outside = parseIpAddress("10.0.127.255");
    if (range === null || inside === null || outside === null) throw new Error("all of them are well formed");
    expect(rangeContains(range, inside)).toBe(true);
    expect(rangeContains(range, outside)).toBe(false);
  });
});

describe("acs:CurrentTime", () => {
  test("is the instant of the decision, whatever the context says", () => {
    const condition = { DateLessThan: { "acs:CurrentTime": "2026-06-01T12:00:00.001Z" } };
    expect(underAllow(condition, { now: NOW })).toBe(A);
    expect(underAllow(condition, { now: NOW + 1 })).toBe(I);
    expect(underAllow(condition, { now: NOW + 1, context: { currentTime: "2020-01-01T00:00:00Z" } })).toBe(I);
  });

  test("a string comparison holds for this instant only", () => {
    const decision = askStatements([allow("*", "*", { StringLike: { "acs:CurrentTime": "2026-*" } })]);
    expect(decision).toMatchObject({ outcome: A, validFrom: NOW, validUntil: NOW });
  });
});

describe("a hostile policy of 6,144 characters meets a full context", () => {
  const full = Array.from({ length: 256 }, () => "a".repeat(60));

  test.each([
    ["StringEqualsIgnoreCase", (index: number) => `v${index}`, full],
    ["StringEqualsIgnoreCase", (index: number) => `v${index}`, ["a".repeat(16_000)]],
    ["StringLike", (index: number) => `*v${index}*`, full],
    ["StringLike", (index: number) => `*?v${index}*`, full],
    ["NumericEquals", (index: number) => `${index}`, full],
    ["NumericEquals", (index: number) => `${index}`, ["1".repeat(16_000)]],
    ["IpAddress", (index: number) => `10.0.0.${index % 256}`, full.map((_, index) => `10.0.1.${index}`)],
  ])("%s", (operator, value, given) => {
    const values = Array.from({ length: 400 }, (_, index) => value(index));
    const policies = [attached([allow(), deny("*", "*", { [operator]: { "x:k": values } })])];
    const request = requestOf(policies, { context: entries({ "x:k": given }) });
    const times = Array.from({ length: 5 }, () => {
      const start = performance.now();
      try {
        decide(request, { scopePrecedence: "staged" });
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidInputError); // refused before the work is done
      }
      return performance.now() - start;
    });
    expect(Math.min(...times)).toBeLessThan(5);
  });
});
