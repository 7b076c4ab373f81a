// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policy variables are written like that
import type { RequestContextInput } from "../../src/domain/evaluation/context-keys.js";
import { CaseMaker } from "./random-cases.js";
import type { Json } from "./reference-evaluator.js";

const TOKENS = [
  ...[
    '"__proto__":{"a":1},',
    '"constructor":{},',
    '"prototype":1,',
    '"Effect":"Allow",',
    '"Sid":"x",',
    '"Condition":{},',
  ],
  ...[
    "\ud800",
    "\\ud800",
    "\\u0000",
    "\u0000",
    "\ufeff",
    "\u2028",
    "\\",
    '"',
    "'",
    ",",
    ":",
    "{",
    "}",
    "[",
    "]",
    "/**/",
  ],
  ...["1e999", "-0", "0.1e-400", "1".repeat(400), "0x1f", "NaN", "Infinity", "01", "1e", "-", ".5", "true", "nul"],
  ...["[".repeat(40), '{"a":'.repeat(40), "[[],".repeat(200), '"",'.repeat(500), " ".repeat(500), "\n\r\t"],
  ...["*", "?", "${x}", "*a*b*?*", "acs:kms:*:*:key/*,", "\u{1f511}", "\u212a", "ForAllValues:", "IfExists"],
];
const STRINGS = [
  ...["", "*", "?", "**?*?**", "*a*b*?*", "${x}", "${", ",", "acs:kms:*:*:*", "acs:kms:::", "::::", ":::", "\u0000"],
  ...[
    "\ud800",
    "\udc00x",
    "\u{1f511}",
    "\u212a",
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "1",
    "true",
  ],
  ...[
    "2026-06-01T12:00:00Z",
    "9999-12-31T23:59:60Z",
    "-1e999",
    "1".repeat(4_000),
    "0".repeat(4_096),
    `0.${"0".repeat(4_000)}1`,
  ],
  ...[
    "::",
    "::1/0",
    "1:2:3:4:5:6:7:8:9",
    "255.255.255.255/99",
    ":".repeat(4_000),
    "/".repeat(4_000),
    "1.".repeat(2_000),
  ],
  ...[
    "a".repeat(4_096),
    "a".repeat(4_097),
    "*".repeat(4_096),
    "?".repeat(4_096),
    "*a".repeat(2_048),
    "?a*".repeat(1_365),
  ],
  ...[
    "\u{1f511}".repeat(2_048),
    "kms:".repeat(1_000),
    "key/".repeat(1_000),
    "StringLike",
    "ForAnyValue:ForAllValues:Bool",
  ],
];
const NAMES = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "",
  "Effect",
  "Condition",
  "\ud800",
  "Action",
  "a/b~1",
];
/** Pieces of patterns, and of texts that nearly match them. */
const PATTERN_PIECES = [
  "*",
  "?",
  "a",
  "b",
  "**",
  "*a",
  "?*",
  "ab",
  "aab?",
  "\u{1f511}",
  "*?",
  "a".repeat(33),
  "K",
  "\u212a",
];
const TEXT_PIECES = ["a", "b", "aab", "aaaa", "ab", "\u{1f511}", "\ud800", "a".repeat(64), "K", "/", ":", "."];
const OPERATORS = [
  "StringLike",
  "StringNotLike",
  "StringEquals",
  "IpAddress",
  "NumericLessThan",
  "DateGreaterThan",
  "Bool",
  "Foo",
];
const KEYS = [
  "x:a",
  "x:b",
  "kms:tag/a",
  "acs:SourceIp",
  "acs:CurrentTime",
  "acs:MFAPresent",
  "Action",
  "acs:PrincipalARN",
];
const WELL_FORMED = [
  ...["*", "acs:kms:::key/k1", "acs:kms:*:*:*", "acs:kms:cn-hangzhou:1234567890123456:key/k1"],
  ...[
    "acs:KMS:cn-hangzhou:1234567890123456:secret/a",
    "acs:kms:cn-hangzhou:1234567890123456:key",
    "acs:kms::1:key/__proto__",
  ],
  ...["acs:kms:cn-hangzhou:1234567890123456:key/\u{1f511}", "acs:ram::1234567890123456:role/\u212a", "acs:ram::1:root"],
  ...[
    `acs:kms:cn-hangzhou:1:key/${"a".repeat(2_000)}`,
    "acs:sts::1:assumed-role/R/s",
    `acs:ram::1:user/${"a/".repeat(50)}`,
  ],
];
const ARNS = [
  ...["", "acs", "acs:::::", "acs:oss:*:*:a\ud800", "acs:kms:a b::c", "acs:ram::1:group/\u0000", "arn:kms:::key/k1"],
  ...[`acs:kms:cn-hangzhou:1:key/${"a".repeat(3_000)}`, `acs:kms:${"a".repeat(1_990)}:1:key`, ":".repeat(2_048)],
];

/** Makes input that somebody could send who means no good; the same for the same seed. */
export class HostileMaker extends CaseMaker {
  /** The text of a policy document that was once valid. */
  text(): string {
    if (this.chance(0.5)) return JSON.stringify(this.gentle(this.validDocument(), 0.2));
    let text = JSON.stringify(this.validDocument(), null, this.pick([0, 0, 2, "\t"]));
    for (let left = 1 + this.below(4); left > 0; left--) text = this.mutatedText(text);
    return text;
  }

  /** A value where a policy document should be. */
  value(): unknown {
    if (this.chance(0.5)) return this.gentle(this.validDocument(), 0.2);
    let value: unknown = structuredClone(this.validDocument());
    for (let left = 1 + this.below(3); left > 0; left--) value = this.mutatedValue(value, 0);
    return value;
  }

  /** Only texts change, and some lists grow: most of these documents are still valid. */
  private gentle(value: unknown, odds: number, name = ""): unknown {
    if (Array.isArray(value)) {
      const more = this.chance(odds / 4) && name !== "Statement" ? this.some(STRINGS, 40) : [];
      return [...value, ...more].map((item) => this.gentle(item, odds, name));
    }
    if (isPlain(value)) {
      const entries = Object.entries(value).map(([key, member]) => [
        name === "Condition" && this.chance(odds / 2) ? this.string() : key,
        this.gentle(member, odds, name === "Condition" ? name : key),
      ]);
      return Object.fromEntries(entries);
    }
    return ["Version", "Effect"].includes(name) || !this.chance(odds) ? value : this.string();
  }

  validDocument(): Json {
    return { ...(this.chance(0.1) ? this.trust() : this.document()) };
  }

  private mutatedText(text: string): string {
    const [at, until] = [this.below(text.length + 1), this.below(text.length + 1)].sort((a, b) => a - b) as [
      number,
      number,
    ];
    const near = Math.min(until, at + 1 + this.below(12));
    switch (this.below(8)) {
      case 0:
        return text.slice(0, at) + text.slice(near);
      case 1:
        return text.slice(0, at) + this.pick(TOKENS) + text.slice(at);
      case 2:
        return text.slice(0, at) + this.pick(TOKENS) + text.slice(near);
      case 3:
        return text.slice(0, at) + text.slice(at, until) + text.slice(at);
      case 4:
        return text.slice(0, at) + String.fromCharCode(this.below(0x10000)) + text.slice(at + 1);
      case 5:
        return this.flippedBit(text);
      case 6:
        return text.replaceAll(
          this.pick(['"*"', '"Allow"', '"1"', "kms:", '"']),
          () => `"${this.escaped(this.string())}"`,
        );
      default:
        return this.chance(0.2) ? text.slice(0, at) : text.slice(0, at) + text.slice(near) + text.slice(at, near);
    }
  }

  private flippedBit(text: string): string {
    const bytes = Buffer.from(text);
    const at = this.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << this.below(8));
    return bytes.toString("utf8");
  }

  private escaped(text: string): string {
    return JSON.stringify(text.slice(0, 200)).slice(1, -1);
  }

  /** Changes something somewhere below `value`. */
  private mutatedValue(value: unknown, depth: number): unknown {
    if (this.chance(0.05) || depth > 20) return this.oddValue();
    if (Array.isArray(value)) return this.mutatedList(value, depth);
    if (!isPlain(value)) return this.oddValue();
    const names = Object.keys(value);
    const name = names.length === 0 || this.chance(0.1) ? this.pick(NAMES) : this.pick(names);
    const old: unknown = Object.getOwnPropertyDescriptor(value, name)?.value;
    if (this.chance(0.05)) Reflect.deleteProperty(value, name);
    else define(value, name, this.mutatedValue(old, depth + 1));
    return value;
  }

  private mutatedList(list: unknown[], depth: number): unknown[] {
    const at = this.below(list.length + 1);
    if (this.chance(0.1)) list.splice(at, 1);
    else if (this.chance(0.2)) list.push(...list.slice(0, 50), this.oddValue());
    else list[at] = this.mutatedValue(list[at], depth + 1);
    return list;
  }

  private oddValue(): unknown {
    switch (this.below(16)) {
      case 0:
        return null;
      case 1:
        return this.pick([true, false, 0, -0, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1e308, 2 ** 53, 0.1 + 0.2]);
      case 2:
        return this.pick([
          undefined,
          1n,
          Symbol("x"),
          () => 1,
          new Date(0),
          new Map(),
          /x/,
          Buffer.from("x"),
          new String("x"),
        ]);
      case 3:
        return nested(this.below(40), this.chance(0.05));
      case 4:
        return Array.from({ length: this.below(this.chance(0.005) ? 12_000 : 40) }, () =>
          this.pick(STRINGS.slice(0, 20)),
        );
      case 5:
        return this.chance(0.5) ? new Array(this.chance(0.05) ? 1e6 : 3) : this.chance(0.1) ? circular() : [];
      case 6:
        return JSON.parse(`{"${this.pick(["__proto__", "constructor", "RAM", "StringLike"])}":{"a":["1"]}}`);
      case 7:
        return Object.fromEntries(
          Array.from({ length: this.below(30) }, (_, index) => [this.pick(NAMES) + index, this.string()]),
        );
      case 8:
        return { [this.pick(OPERATORS)]: { [this.pick(KEYS)]: this.some(STRINGS, 5) } };
      case 9:
        return Object.create(null);
      default:
        return this.string();
    }
  }

  string(): string {
    return this.chance(0.6) ? this.pick(STRINGS) : this.joined(this.chance(0.5) ? PATTERN_PIECES : TEXT_PIECES, 40);
  }

  /** At most `most` pieces. */
  joined(pieces: readonly string[], most: number): string {
    return this.some(pieces, most).join("");
  }

  pattern(length: number): string {
    return this.filled(PATTERN_PIECES, length);
  }

  /** At most so many bytes. */
  longText(bytes: number): string {
    const text = this.filled(TEXT_PIECES, bytes);
    return Buffer.byteLength(text) > bytes ? text.slice(0, bytes / 3) : text;
  }

  private filled(pieces: readonly string[], length: number): string {
    const few = this.atLeastOne(pieces);
    let text = "";
    while (text.length < length) text += this.chance(0.95) ? this.pick(few) : this.pick(pieces);
    return text.slice(0, length).replace(/[\ud800-\udbff]$/, ""); // no half pair at the end
  }

  /** A valid document with much in it that takes time: many patterns, many conditions with many values. */
  heavyDocument(): Json {
    const length = this.pick([8, 40, 200, 1_000, 4_000]);
    const budget = Math.min(2_900, Math.floor(110_000 / (length + 4)));
    const statements = this.pick([1, 2, 10, 100]);
    const each = Math.max(1, Math.floor(budget / statements / 2));
    return {
      Version: "1",
      Statement: Array.from({ length: Math.min(statements, budget) }, () => this.heavyStatement(each, length)),
    };
  }

  private heavyStatement(entries: number, length: number): Json {
    const patterns = (count: number): string[] =>
      Array.from({ length: Math.max(1, count) }, () => this.pattern(length));
    const keys = this.pick([1, 1, 8, 100]);
    const perKey = Math.max(1, Math.floor(entries / keys) - 1);
    const block = Array.from({ length: Math.min(keys, Math.ceil(entries / 2)) }, (_, index) => [
      index < KEYS.length ? this.pick(KEYS) : `x:${index}`,
      patterns(perKey),
    ]);
    const broad = this.chance(0.8);
    return {
      Effect: this.pick(["Allow", "Deny"]),
      [this.pick(["Action", "Action", "NotAction"])]: broad ? "*" : patterns(entries),
      Resource:
        broad && this.chance(0.7)
          ? "*"
          : patterns(entries).map((text) => this.pick(["", "acs:kms:*:*:key/", "*:"]) + text),
      ...(broad ? { Condition: { [this.operator()]: Object.fromEntries(block) } } : {}),
    };
  }

  private operator(): string {
    return this.pick(["", "", "ForAllValues:", "ForAnyValue:"]) + this.pick(OPERATORS.slice(0, 3));
  }

  context(): RequestContextInput {
    const field = <T>(values: readonly T[]): { value?: T } => (this.chance(0.1) ? { value: this.pick(values) } : {});
    const { value: currentTime } = field<string | Date | null>([
      ...STRINGS.slice(0, 40),
      new Date(Number.NaN),
      new Date(0),
      null,
    ]);
    const { value: sourceIp } = field(STRINGS);
    const { value: mfaPresent } = field([true, false, null]);
    const entries = Array.from({ length: this.below(this.chance(0.02) ? 300 : 8) }, (_, index) => ({
      key: this.chance(0.05) ? this.string() : this.pick(KEYS) + (index === 0 ? "" : index),
      values: this.chance(0.05) ? this.some(STRINGS, this.chance(0.3) ? 300 : 5) : [this.pick(TEXT_PIECES)],
    }));
    return { currentTime, sourceIp, mfaPresent, entries };
  }

  /** As large as a context may be; with texts that its policies have to look through. */
  heavyContext(): RequestContextInput {
    const count = this.pick([1, 4, 30, 200]);
    const length = Math.floor(15_000 / count);
    return {
      entries: KEYS.filter((key) => !/CurrentTime|Action|Principal/.test(key))
        .slice(0, 1 + this.below(3))
        .map((key, _, keys) => ({
          key,
          values: Array.from({ length: Math.ceil(count / keys.length) }, () => this.longText(length)),
        })),
    };
  }

  arn(): string {
    return this.chance(0.8)
      ? this.pick(WELL_FORMED)
      : this.pick([...WELL_FORMED, ...ARNS]) + this.pick(["", this.string()]);
  }
}

function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value));
}

/** Sets a member of this very name, whatever it is called. */
function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

function nested(depth: number, lists: boolean): unknown {
  let value: unknown = "x";
  for (let left = depth; left > 0; left--) value = lists ? [value, value] : { a: value };
  return value;
}

function circular(): unknown {
  const value: Record<string, unknown> = {};
  value["self"] = [value, value];
  return value;
}
