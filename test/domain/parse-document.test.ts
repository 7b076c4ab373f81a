import { describe, expect, test } from "vitest";
import { parseDocument } from "../../src/domain/policy/parse-document.js";
import { allow, problemsOf } from "./build.js";

const GOOD = { Effect: "Allow", Action: "kms:*", Resource: "*" };
const TRUST = { Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM: ["acs:ram::1:root"] } };
const documentOf = (...statements: unknown[]): unknown => ({ Version: "1", Statement: statements });
const found = (input: unknown, kind: "identity" | "trust" = "identity"): string[] =>
  problemsOf(input, kind).map(({ code, pointer }) => `${code} ${pointer}`);

test("a document comes back as it was, from text and from a value", () => {
  const source = documentOf({ ...GOOD, Sid: "s", Condition: { Bool: { "acs:SecureTransport": "true" } } });
  const expected = {
    ok: true,
    source,
    document: {
      version: "1",
      statements: [
        {
          effect: "Allow",
          actions: { negated: false, patterns: ["kms:*"] },
          resources: { negated: false, patterns: ["*"] },
          principal: null,
          conditions: [{ operator: "Bool", setPrefix: null, key: "acs:SecureTransport", values: ["true"] }],
          sid: "s",
        },
      ],
    },
  };
  expect(parseDocument(source, "identity")).toMatchObject(expected);
  expect(parseDocument(JSON.stringify(source), "identity")).toMatchObject(expected);
});

test("text remembers the place of every value and name, a value knows what comes first", () => {
  const text =
    '{"Version":"1",\r\n "Statement":[{"Effect":"Deny","Action":["*","a/~"],\r\n"Resource":"*","Sid":"é\u{1f511}"}]}';
  const [parsed, value] = [parseDocument(text, "identity"), parseDocument(JSON.parse(text), "identity")];
  if (!parsed.ok || !value.ok) throw new Error("does not parse");
  expect(parsed.placeOf("")).toMatchObject({ line: 1, column: 1 });
  expect(parsed.placeOf("/Statement/0/Action/1")).toMatchObject({ line: 2, column: 46 });
  expect(parsed.placeOf("/Statement/0/Resource")).toMatchObject({ line: 3, column: 12 });
  expect(parsed.placeOf("/Statement/0/Resource", true)).toMatchObject({ line: 3, column: 1 });
  expect(parsed.placeOf("/Statement/7")).toEqual({ rank: -1 });
  expect(value.placeOf("/Statement/0/Resource")).toEqual({ rank: expect.any(Number) });
  for (const { placeOf } of [parsed, value]) {
    const pointers = ["/Statement/0", "/Statement/0/Action", "/Statement/0/Action/1", "/Statement/0/Resource"];
    const ranks = pointers.map((pointer) => placeOf(pointer).rank);
    expect(ranks).toEqual([...ranks].sort((left, right) => left - right));
    expect(placeOf("/Statement/0/Resource", true).rank).toBeLessThan(placeOf("/Statement/0/Resource").rank);
  }
});

describe("D3, C25: malformed documents", () => {
  test.each<[string, unknown, string[]]>([
    ["not an object", [], ["WRONG_TYPE "]],
    ["null", null, ["WRONG_TYPE "]],
    ["a number", 7, ["WRONG_TYPE "]],
    ["undefined", undefined, ["SYNTAX "]],
    ["nothing in it", {}, ["MISSING_MEMBER ", "MISSING_MEMBER "]],
    ["another version", { Version: "2", Statement: [] }, ["INVALID_VALUE /Version"]],
    ["a version as a number", { Version: 1, Statement: [] }, ["INVALID_VALUE /Version"]],
    ["one statement without a list", { Version: "1", Statement: GOOD }, ["WRONG_TYPE /Statement"]],
    ["an unknown member", { Version: "1", Statement: [], Id: "x" }, ["UNKNOWN_MEMBER /Id"]],
    ["a statement that is text", documentOf("x"), ["WRONG_TYPE /Statement/0"]],
    [
      "an unknown member of a statement",
      documentOf({ ...GOOD, "No/te~": 1 }),
      ["UNKNOWN_MEMBER /Statement/0/No~1te~0"],
    ],
    ["a padded effect", documentOf({ ...GOOD, Effect: "allow " }), ["INVALID_VALUE /Statement/0/Effect"]],
    ["a lower-case effect", documentOf({ ...GOOD, Effect: "allow" }), ["INVALID_VALUE /Statement/0/Effect"]],
    ["no effect", documentOf({ Action: "*", Resource: "*" }), ["MISSING_MEMBER /Statement/0"]],
    ["both actions", documentOf({ ...GOOD, NotAction: "x" }), ["CONFLICT /Statement/0"]],
    [
      "both actions, one of them empty",
      documentOf({ ...GOOD, Action: [], NotAction: ["x", 1] }),
      ["CONFLICT /Statement/0", "EMPTY_LIST /Statement/0/Action", "WRONG_TYPE /Statement/0/NotAction/1"],
    ],
    ["no action", documentOf({ Effect: "Deny", Resource: "*" }), ["MISSING_MEMBER /Statement/0"]],
    ["no resource", documentOf({ Effect: "Deny", Action: "*" }), ["MISSING_MEMBER /Statement/0"]],
    ["both resources", documentOf({ ...GOOD, NotResource: "x" }), ["CONFLICT /Statement/0"]],
    ["an empty action list", documentOf({ ...GOOD, Action: [] }), ["EMPTY_LIST /Statement/0/Action"]],
    ["an empty resource list", documentOf({ ...GOOD, Resource: [] }), ["EMPTY_LIST /Statement/0/Resource"]],
    ["a number among actions", documentOf({ ...GOOD, Action: ["a", 1] }), ["WRONG_TYPE /Statement/0/Action/1"]],
    ["an action object", documentOf({ ...GOOD, Action: {} }), ["WRONG_TYPE /Statement/0/Action"]],
    ["a principal", documentOf({ ...GOOD, Principal: "*" }), ["CONFLICT /Statement/0/Principal"]],
    ["a sid that is no text", documentOf({ ...GOOD, Sid: 1 }), ["WRONG_TYPE /Statement/0/Sid"]],
    ["a condition list", documentOf({ ...GOOD, Condition: [] }), ["WRONG_TYPE /Statement/0/Condition"]],
    ["an operator list", documentOf({ ...GOOD, Condition: { Bool: [] } }), ["WRONG_TYPE /Statement/0/Condition/Bool"]],
    [
      "a null value",
      documentOf({ ...GOOD, Condition: { Bool: { "a/b": null } } }),
      ["WRONG_TYPE /Statement/0/Condition/Bool/a~1b"],
    ],
    [
      "an object value",
      documentOf({ ...GOOD, Condition: { Bool: { a: ["true", {}] } } }),
      ["WRONG_TYPE /Statement/0/Condition/Bool/a/1"],
    ],
    [
      "several at once",
      documentOf({ ...GOOD, Effect: "x" }, { ...GOOD, Action: [] }, 7),
      ["INVALID_VALUE /Statement/0/Effect", "EMPTY_LIST /Statement/1/Action", "WRONG_TYPE /Statement/2"],
    ],
  ])("%s", (_, input, expected) => {
    expect(found(input)).toEqual(expected);
  });

  test.each<[string, unknown, string[]]>([
    ["without principal", documentOf({ Effect: "Allow", Action: "sts:AssumeRole" }), ["MISSING_MEMBER /Statement/0"]],
    ["with a resource", documentOf({ ...TRUST, Resource: "*" }), ["CONFLICT /Statement/0/Resource"]],
    ["principal `*`", documentOf({ ...TRUST, Principal: "*" }), ["WRONG_TYPE /Statement/0/Principal"]],
    ["principal nobody", documentOf({ ...TRUST, Principal: {} }), ["EMPTY_LIST /Statement/0/Principal"]],
    ["principal AWS", documentOf({ ...TRUST, Principal: { AWS: "x" } }), ["UNKNOWN_MEMBER /Statement/0/Principal/AWS"]],
    ["principal []", documentOf({ ...TRUST, Principal: { RAM: [] } }), ["EMPTY_LIST /Statement/0/Principal/RAM"]],
    ["a good one", documentOf(TRUST, { ...TRUST, Principal: { Service: "ecs.aliyuncs.com" } }), []],
  ])("trust policy %s", (_, input, expected) => {
    expect(found(input, "trust")).toEqual(expected);
  });

  test.each<[string, unknown]>([
    ["an empty condition", documentOf({ ...GOOD, Condition: {} })],
    ["an empty operator block", documentOf({ ...GOOD, Condition: { Bool: {} } })],
    ["an empty value list", documentOf({ ...GOOD, Condition: { Bool: { a: [] } } })],
    ["scalars that are no text", documentOf({ ...GOOD, Condition: { Bool: { a: true }, NumericEquals: { b: 10 } } })],
    ["no statements", { Version: "1", Statement: [] }],
    ["`NotAction` and `NotResource`", documentOf({ Effect: "Deny", NotAction: "a", NotResource: ["b"] })],
  ])("accepts %s", (_, input) => {
    expect(found(input)).toEqual([]);
  });
});

describe("text", () => {
  test("problems carry line and column", () => {
    const text =
      '{\n  "Version": "1",\n  "Statement": [\n    { "Effect": "allow", "Action": "*", "Resource": [] }\n  ]\n}';
    expect(problemsOf(text)).toMatchObject([
      { code: "INVALID_VALUE", pointer: "/Statement/0/Effect", line: 4, column: 17 },
      { code: "EMPTY_LIST", pointer: "/Statement/0/Resource", line: 4, column: 53 },
    ]);
  });

  test("problems come in the order of the text", () => {
    const text =
      '{"Version":"2",\r\n"Statement":[{"Effect":"allow ",\r\n"Action":"ü\u{1f511}","Resource":[],"Effect":"Deny"},\r\n7]}';
    expect(problemsOf(text).map(({ code, line, column }) => `${code} ${line}:${column}`)).toEqual([
      "INVALID_VALUE 1:12",
      "EMPTY_LIST 3:27",
      "DUPLICATE_KEY 3:30",
      "WRONG_TYPE 4:1",
    ]);
  });

  test("messages show what was given", () => {
    const effect = (value: unknown): string => problemsOf(documentOf({ ...GOOD, Effect: value }))[0]?.message ?? "";
    expect(effect("allow ")).toBe("`Effect` must be exactly `Allow` or `Deny`, not `allow `");
    expect(effect(1)).toBe("`Effect` must be exactly `Allow` or `Deny`, not a number");
    expect(problemsOf("\ufeff{}")[0]?.message).toContain("byte order mark");
  });

  test.each([
    ["", 1, 1],
    ["{", 1, 2],
    ['{"Version": "1",}', 1, 17],
    ["{} x", 1, 4],
    ["{\n// comment\n}", 2, 1],
    ['{"a": 01}', 1, 8],
    ['{"a": "\\x"}', 1, 8],
    ['{"a": "\n"}', 1, 8],
    ["{'a': 1}", 1, 2],
    ["[1 2]", 1, 4],
    ["nul", 1, 1],
    ["\ufeff{}", 1, 1],
  ])("%j is not json at line %d, column %d", (text, line, column) => {
    expect(problemsOf(text)).toMatchObject([{ code: "SYNTAX", pointer: "", line, column }]);
  });

  test("duplicate keys are refused at every depth, where JSON.parse keeps the last", () => {
    const text =
      '{"Version":"1","Statement":[{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*",' +
      '"Condition":{"Bool":{"a":"true","a":"false"}}}],"Version":"1"}';
    expect(found(text)).toEqual([
      "DUPLICATE_KEY /Statement/0/Effect",
      "DUPLICATE_KEY /Statement/0/Condition/Bool/a",
      "DUPLICATE_KEY /Version",
    ]);
  });

  test("keys that could reach a prototype are refused", () => {
    for (const key of ["__proto__", "constructor", "prototype"]) {
      const text = `{"Version":"1","Statement":[],"${key}":{"Statement":[]}}`;
      expect(found(text)).toEqual([`FORBIDDEN_KEY /${key}`]);
      expect(found(JSON.parse(text))).toEqual([`FORBIDDEN_KEY /${key}`]);
    }
    const condition =
      '{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"__proto__":{}}}]}';
    expect(found(condition)).toContain("FORBIDDEN_KEY /Statement/0/Condition/__proto__");
  });

  test("escapes are read as JSON reads them", () => {
    const text = '{"Version":"\\u0031","Statement":[]}';
    expect(found(text)).toEqual([]);
    expect(found('{"Version":"1","Statement":[],"\\u005f_proto__":1}')).toEqual(["FORBIDDEN_KEY /__proto__"]);
  });
});

describe("limits", () => {
  test("depth and size are refused before anything else happens", () => {
    expect(found("[".repeat(120_000))).toEqual(["TOO_DEEP "]);
    expect(found(JSON.parse(`${"[".repeat(60)}${"]".repeat(60)}`))).toEqual(["TOO_DEEP "]);
    expect(found(`"${"x".repeat(200_000)}"`)).toEqual(["TOO_LARGE "]);
    expect(found({ Version: "1", Statement: [], pad: "x".repeat(200_000) })).toEqual(["TOO_LARGE "]);
    const cyclic: Record<string, unknown> = { Version: "1" };
    cyclic["Statement"] = [cyclic];
    expect(found(cyclic)).toEqual(["TOO_DEEP "]);
  });

  test("numbers that would lose digits, lone surrogates and U+0000", () => {
    const withValue = (value: string): string =>
      `{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NumericEquals":{"k":${value}}}}]}`;
    expect(found(withValue("12345678901234567890"))).toEqual(["INVALID_NUMBER "]);
    expect(found(withValue(`0.${"0".repeat(100_000)}1`))).toEqual(["INVALID_NUMBER "]);
    expect(found(withValue('"\\ud800"'))).toEqual(["INVALID_CHARACTER /Statement/0/Condition/NumericEquals/k"]);
    expect(found(withValue('"\\u0000"'))).toEqual(["INVALID_CHARACTER /Statement/0/Condition/NumericEquals/k"]);
  });

  test("statements, entries and reported problems are bounded", () => {
    expect(found(documentOf(...Array.from({ length: 1_001 }, () => GOOD)))).toEqual(["TOO_MANY /Statement"]);
    expect(found(documentOf(allow(Array.from({ length: 4_001 }, () => "a"))))).toEqual([
      "TOO_MANY /Statement/0/Action",
    ]);
    expect(found(documentOf(...Array.from({ length: 900 }, () => 1)))).toHaveLength(100);
  });

  test("values that are no json are refused", () => {
    for (const value of [new Date(), new Map(), () => 1, Symbol("x"), 1n, Number.NaN]) {
      expect(found({ Version: value, Statement: [] })).toEqual(["SYNTAX "]);
    }
  });
});
