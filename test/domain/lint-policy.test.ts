// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policy variables are written like that
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { FINDING_SEVERITIES } from "../../src/domain/policy/lint/finding.js";
import { lintPolicy } from "../../src/domain/policy/lint/lint-policy.js";
import { SYSTEM_POLICIES } from "../../src/domain/policy/system-policies.js";
import { allow, deny, OWNER } from "./build.js";

const KEYS = "acs:kms:*:*:key/*";
const SECRETS = "acs:kms:*:*:secret/*";

const documentOf = (...statements: readonly unknown[]): unknown => ({ Version: "1", Statement: statements });
/** `CODE pointer` of every finding. */
const found = (...statements: readonly unknown[]): string[] =>
  lintPolicy(documentOf(...statements)).map(({ code, pointer }) => `${code} ${pointer.replace("/Statement/", "")}`);
const messages = (...statements: readonly unknown[]): string[] =>
  lintPolicy(documentOf(...statements)).map(({ message }) => message);
const when = (condition: unknown): string[] => found(allow("kms:Decrypt", KEYS, condition));

describe("actions", () => {
  test.each([
    ["a typo", allow("kms:ListeAliases"), ["UNKNOWN_ACTION 0/Action"]],
    ["a pattern nothing answers to", allow(["kms:Decrpt*"], KEYS), ["UNKNOWN_ACTION 0/Action/0"]],
    ["ReEncrypt", allow("kms:ReEncrypt", KEYS), ["UNKNOWN_ACTION 0/Action"]],
    ["ReEncrypt*", allow("kms:ReEncrypt*", KEYS), []],
    ["a variable", allow("kms:${Action}", KEYS), ["POLICY_VARIABLE_UNSUPPORTED 0/Action"]],
    ["a batch of secrets", allow("kms:BatchGetSecretValue", SECRETS), ["UNKNOWN_ACTION 0/Action"]],
    ["no service", allow(["Decrypt", "kms:Encrypt"], KEYS), ["UNKNOWN_ACTION 0/Action/0"]],
    ["white space", allow("Oss: GetObject"), ["UNKNOWN_ACTION 0/Action"]],
    [
      "an excluded action without service",
      { Effect: "Deny", NotAction: "ListKeys", Resource: "*" },
      ["UNKNOWN_ACTION 0/NotAction"],
    ],
    ["other services", allow(["ecs:Foo", "*:Describe*", "yundun-*:*", "ecs*", "*"], "acs:ecs:*:*:*"), []],
    ["another case", allow("kms:decrypt", KEYS), ["ACTION_CASE 0/Action"]],
    ["one twice", allow(["kms:Decrypt", "kms:Decrypt"], KEYS), ["DUPLICATE_ENTRY 0/Action/1"]],
    [
      "a wrong one twice",
      allow(["kms:Decrypt", "kms:Decrypt"], SECRETS),
      ["ACTION_NOT_APPLICABLE 0/Action/0", "DUPLICATE_ENTRY 0/Action/1"],
    ],
    [
      "Decrypt on a secret",
      allow(["kms:GetSecretValue", "kms:Decrypt"], SECRETS),
      ["ACTION_NOT_APPLICABLE 0/Action/1"],
    ],
    ["Decrypt on both", allow("kms:Decrypt", [SECRETS, KEYS]), []],
    ["a Deny that does not apply", deny("kms:Decrypt", SECRETS), ["ACTION_NOT_APPLICABLE 0/Action"]],
    ["an Allow in another case", allow("kms:Decrypt", "acs:kms:*:*:KEY/*"), ["ACTION_NOT_APPLICABLE 0/Action"]],
    ["a Deny in another case", deny(["kms:Decrypt", "kms:ListKeys"], ["acs:kms:*:*:KEY/*", "acs:kms:*:*:Key"]), []],
    ["a Deny of what names no resource", deny("kms:GetRandomPassword", "acs:kms:*:*:*"), []],
    ["a Deny elsewhere", deny("kms:GetRandomPassword", "acs:kms:cn-hangzhou:*:*"), ["RESOURCE_NOT_SUPPORTED 0/Action"]],
    ["CreateKey on items", allow("kms:CreateKey", KEYS), ["CONTAINER_ARN_REQUIRED 0/Action"]],
    ["CreateKey on `key*`", allow("kms:CreateKey", "acs:kms:*:*:key*"), []],
    ["CreateKey on everything in KMS", allow("kms:CreateKey", "acs:kms:*:*:*"), []],
    ["CreateSecret on items", allow("kms:CreateSecret", SECRETS), ["CONTAINER_ARN_REQUIRED 0/Action"]],
    ["Decrypt on the container", allow("kms:Decrypt", "acs:kms:*:*:key"), ["ITEM_ARN_REQUIRED 0/Action"]],
    ["no resource", allow("kms:GetRandomPassword", "acs:kms:*:*:*"), ["RESOURCE_NOT_SUPPORTED 0/Action"]],
    ["no resource, rightly", allow("kms:GetRandomPassword"), []],
    ["a KMS action on another service", allow("kms:Decrypt", "acs:ecs:*:*:*"), ["ACTION_NOT_APPLICABLE 0/Action"]],
    ["a statement about several services", allow(["ecs:*", "kms:Decrypt"], "acs:ecs:*:*:*"), []],
    ["an alias", allow("kms:CreateAlias", ["acs:kms:*:*:alias/*", KEYS]), []],
  ])("%s", (_, statement, expected) => expect(found(statement)).toEqual(expected));

  test("suggest what was meant", () => {
    expect(messages(allow("kms:ListeAliases"))[0]).toContain("did you mean `kms:ListAliases`?");
    expect(messages(allow("kms:ReEncrypt"))[0]).toContain("`kms:ReEncryptFrom` and `kms:ReEncryptTo`");
    expect(messages(allow("kms:Decrypt", SECRETS))[0]).toContain("keys (`key/<id>`)");
    expect(messages(allow("Decrypt", KEYS))[0]).toContain("did you mean `kms:Decrypt`?");
    expect(messages(allow("kms:GetRandomPassword", KEYS))[0]).toContain("is about no resource: pair it with `*`");
  });
});

describe("what gives away too much", () => {
  test.each([
    ["everything", allow(), ["ALLOW_EVERYTHING 0"]],
    ["everything, spelled out", allow("*:*", "acs:*:*:*:*"), ["ALLOW_EVERYTHING 0"]],
    ["every action of one service", allow("*", "acs:ecs:*:*:*"), []],
    [
      "everything, under a condition",
      allow("*", "*", { Bool: { "acs:MFAPresent": "true" } }),
      ["DESTRUCTIVE_WILDCARD 0/Action"],
    ],
    ["all of KMS", allow("kms:*", KEYS), ["DESTRUCTIVE_WILDCARD 0/Action"]],
    ["a part of it", allow(["kms:Encrypt", "kms:Delete*"], KEYS), ["DESTRUCTIVE_WILDCARD 0/Action/1"]],
    ["on secrets only", allow("kms:*", SECRETS), []],
    ["spelled out", allow("kms:ScheduleKeyDeletion", KEYS), []],
    ["a Deny", deny("kms:*", KEYS), []],
    ["NotAction", { Effect: "Allow", NotAction: "ram:*", Resource: "*" }, ["ALLOW_NOT_ACTION 0/NotAction"]],
    ["a Deny with NotAction", { Effect: "Deny", NotAction: "kms:*", Resource: "*" }, []],
  ])("%s", (_, statement, expected) => expect(found(statement)).toEqual(expected));

  test("the destructive actions are named, unless the document denies them", () => {
    const schedule = deny("kms:ScheduleKey*");
    const material = deny("kms:DeleteKeyMaterial", "acs:kms:*:*:key/*");
    expect(messages(allow("kms:*", KEYS))).toEqual([
      "`kms:*` also allows `kms:ScheduleKeyDeletion` and `kms:DeleteKeyMaterial`",
    ]);
    expect(messages(allow("kms:*", KEYS), schedule)).toEqual(["`kms:*` also allows `kms:DeleteKeyMaterial`"]);
    expect(messages(material, allow("kms:*"), schedule)).toEqual([]);
    expect(messages(allow()).join()).toContain("`kms:ScheduleKeyDeletion` and `kms:DeleteKeyMaterial` among them");
  });

  test.each([
    ["has a condition", deny("kms:*", "*", { Bool: { "acs:MFAPresent": "false" } })],
    ["is about some keys", deny("kms:*", "acs:kms:*:*:key/a*")],
    ["is about other actions", deny("kms:Delete*", "acs:kms:*:*:secret/*")],
  ])("a Deny that %s does not help", (_, statement) => {
    expect(found(allow("kms:*"), statement)).toContain("DESTRUCTIVE_WILDCARD 0/Action");
  });
});

describe("resources", () => {
  test.each([
    ["two ARNs in one string", "acs:kms:*:*:key/a,acs:kms:*:*:key/b", "SUSPICIOUS_RESOURCE"],
    ["a region in the place of the service", "acs:cn-hangzhou:*:*:*", "SUSPICIOUS_RESOURCE"],
    ["any region in the place of the service", "acs:cn-*:*:*:*", "SUSPICIOUS_RESOURCE"],
    ["too few parts", "acs:kms:*", "SUSPICIOUS_RESOURCE"],
    ["a part too many", "acs:kms:*:*:*:key/a", "SUSPICIOUS_RESOURCE"],
    ["a slip in `acs`", "asc:kms:*:*:key/a", "SUSPICIOUS_RESOURCE"],
    ["no region", "acs:kms::1234567890123456:key/a", "SUSPICIOUS_RESOURCE"],
    ["a placeholder as region", "acs:kms:<region>:*:key/a", "SUSPICIOUS_RESOURCE"],
    ["a placeholder as id", "acs:kms:*:*:key/<key-id>", "SUSPICIOUS_RESOURCE"],
    ["white space", "acs:kms:*:*:key/a ", "SUSPICIOUS_RESOURCE"],
    ["another cloud", "arn:kms:*:*:key/a", "SUSPICIOUS_RESOURCE"],
    ["an account by name", "acs:kms:*:mycompany:key/a", "SUSPICIOUS_RESOURCE"],
    ["a container with a slash", "acs:kms:*:*:key/", "SUSPICIOUS_RESOURCE"],
    ["a variable", "acs:kms:*:*:key/${id}", "POLICY_VARIABLE_UNSUPPORTED"],
    ["a masked id", "acs:kms:*:*:key/08ec****", "MASKED_ID"],
  ])("%s", (_, resource, code) => {
    expect(found(allow("kms:Decrypt", [KEYS, resource]))).toContain(`${code} 0/Resource/1`);
  });

  test.each([
    "*",
    "acs:kms:*:*:*",
    "acs:*:*cn-beijing*:*:*",
    "acs:ram::system:policy/X",
    "acs:ram::1:role/x",
    "a?s:ecs:*:*:instance/a b",
    "acs:oss:*:*:a/b",
  ])("nothing is wrong with %s", (resource) => expect(found(allow(["oss:GetObject"], resource))).toEqual([]));

  test("upper case in front matters in an Allow only", () => {
    expect(found(allow("kms:Decrypt", "ACS:kms:*:*:key/a"))).toEqual(["SUSPICIOUS_RESOURCE 0/Resource"]);
    expect(found(deny("kms:Decrypt", "ACS:kms:*:*:key/a"))).toEqual([]);
  });

  test("NotResource in an Allow", () => {
    expect(found({ Effect: "Allow", Action: "kms:Decrypt", NotResource: KEYS })).toEqual([
      "UNSUPPORTED_ELEMENT 0/NotResource",
    ]);
    expect(found({ Effect: "Deny", Action: "kms:Decrypt", NotResource: KEYS })).toEqual([]);
  });
});

describe("conditions", () => {
  const at = "0/Condition";
  test.each([
    ["an unknown operator", { Null: { "acs:SourceIp": "true" } }, [`UNKNOWN_OPERATOR ${at}/Null`]],
    [
      "an unknown operator over two keys",
      { Null: { "kms:tag/a": "true", "kms:tag/b": "true" } },
      [`UNKNOWN_OPERATOR ${at}/Null`],
    ],
    [
      "a variable in a key",
      { StringEquals: { "kms:tag/${k}": "x" } },
      [`POLICY_VARIABLE_UNSUPPORTED ${at}/StringEquals/kms:tag~1\${k}`],
    ],
    ["IfExists", { StringEqualsIfExists: { "kms:tag/a": "b" } }, [`UNKNOWN_OPERATOR ${at}/StringEqualsIfExists`]],
    ["an operator in another case", { stringEquals: { "kms:tag/a": "b" } }, [`UNKNOWN_OPERATOR ${at}/stringEquals`]],
    ["a number", { NumericEquals: { "kms:tag/a": "ten" } }, [`UNPARSEABLE_VALUE ${at}/NumericEquals/kms:tag~1a`]],
    [
      "an address",
      { IpAddress: { "acs:SourceIp": ["10.0.0.0/8", "010.0.0.1"] } },
      [`UNPARSEABLE_VALUE ${at}/IpAddress/acs:SourceIp/1`],
    ],
    [
      "a date without a zone",
      { DateLessThan: { "acs:CurrentTime": "2026-01-01T00:00:00" } },
      [`UNPARSEABLE_VALUE ${at}/DateLessThan/acs:CurrentTime`],
    ],
    ["a boolean", { Bool: { "acs:SecureTransport": "yes" } }, [`UNPARSEABLE_VALUE ${at}/Bool/acs:SecureTransport`]],
    ["no string", { Bool: { "acs:SecureTransport": true } }, [`NON_STRING_VALUE ${at}/Bool/acs:SecureTransport`]],
    [
      "a variable",
      { StringEquals: { "kms:tag/a": "${x}" } },
      [`POLICY_VARIABLE_UNSUPPORTED ${at}/StringEquals/kms:tag~1a`],
    ],
    ["no value", { StringEquals: { "kms:tag/a": [] } }, [`EMPTY_VALUE_LIST ${at}/StringEquals/kms:tag~1a`]],
    [
      "a wildcard in equals",
      { StringEquals: { "kms:tag/a": "b*" } },
      [`WILDCARD_IN_EQUALS ${at}/StringEquals/kms:tag~1a`],
    ],
    [
      "text about an address",
      { StringEquals: { "acs:SourceIp": "10.0.0.1" } },
      [`KEY_TYPE_MISMATCH ${at}/StringEquals/acs:SourceIp`],
    ],
    [
      "an address about a tag",
      { IpAddress: { "kms:tag/a": "10.0.0.1" } },
      [`KEY_TYPE_MISMATCH ${at}/IpAddress/kms:tag~1a`],
    ],
    [
      "a tag of the request",
      { StringEquals: { "acs:RequestTag/a": "b" } },
      [`CONDITION_KEY_NOT_POPULATED ${at}/StringEquals/acs:RequestTag~1a`],
    ],
    [
      "another service's key",
      { StringEquals: { "ecs:tag/a": "b" } },
      [`CONDITION_KEY_NOT_POPULATED ${at}/StringEquals/ecs:tag~1a`],
    ],
    [
      "a misspelled key",
      { IpAddress: { "acs:SourceIP4": "10.0.0.1" } },
      [`CONDITION_KEY_NOT_POPULATED ${at}/IpAddress/acs:SourceIP4`],
    ],
    [
      "what is fine",
      {
        "ForAnyValue:StringLike": { "kms:tag/a": ["b*", "c?"] },
        StringEquals: {
          "kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
          "kms:EncryptionContext:a": "b",
          "acs:ResourceTag/a": "b",
          Action: "kms:Decrypt",
        },
      },
      [],
    ],
    ["nothing", {}, []],
  ])("%s", (_, condition, expected) => expect(when(condition)).toEqual(expected));

  test("which keys a request carries depends on its action", () => {
    const on = (action: string | string[], key: string): string[] =>
      found(allow(action, "*", { StringEquals: { [key]: "x" } })).map((line) => line.split(" ")[0] ?? "");
    expect(on("kms:CreateKey", "acs:RequestTag/a")).toEqual([]);
    expect(on("kms:CreateKey", "kms:tag/a")).toEqual(["CONDITION_KEY_NOT_POPULATED"]);
    expect(on("kms:GetSecretValue", "kms:tag/a")).toEqual([]);
    expect(on("kms:ListKeys", "kms:EncryptionAlgorithm")).toEqual(["CONDITION_KEY_NOT_POPULATED"]);
    expect(on("kms:DescribeKey", "kms:EncryptionContext:a")).toEqual(["CONDITION_KEY_NOT_POPULATED"]);
    expect(on(["kms:ListKeys", "ecs:*"], "ecs:tag/a")).toEqual([]);
  });

  test.each([
    ["acs:SourceIpp", "acs:SourceIp"],
    ["kms:tag", "kms:tag/<key>"],
    ["kms:tags/Project", "kms:tag/Project"],
    ["kms:EncryptionContext", "kms:EncryptionContext:<key>"],
    ["aws:ResourceTag/a", "acs:ResourceTag/a"],
  ])("instead of the key %s, %s is suggested", (key, expected) => {
    const condition = { StringEquals: { [key]: "x" } };
    expect(messages(allow("kms:Decrypt", KEYS, condition)).join()).toContain(`did you mean \`${expected}\`?`);
  });

  test("the keys of a VPC want `kms:` actions only", () => {
    const condition = { StringEquals: { "acs:SourceVpc": "vpc-1" } };
    expect(found(allow(["kms:Decrypt", "k*"], KEYS, condition))).toContain(
      "SOURCE_VPC_ACTIONS 0/Condition/StringEquals/acs:SourceVpc",
    );
    expect(found(allow("kms:Decrypt", KEYS, condition))).toEqual([]);
    expect(found(allow("oss:GetObject", "*", condition))).toEqual([]);
  });

  test("operators are suggested", () => {
    expect(messages(allow("kms:Decrypt", KEYS, { stringequals: { "kms:tag/a": "b" } }))[0]).toContain(
      "`StringEquals`?",
    );
    expect(messages(allow("kms:Decrypt", KEYS, { StringEqualsIfExists: { "kms:tag/a": "b" } }))[0]).toContain(
      "`StringEquals`?",
    );
  });
});

describe("statements", () => {
  function denyOthers(NotAction: unknown, Resource: unknown, NotResource?: unknown): unknown {
    const resources = NotResource === undefined ? { Resource } : { NotResource };
    return { Effect: "Deny", NotAction, ...resources };
  }

  test("are dead under a Deny that covers them", () => {
    expect(found(allow("kms:Decrypt", KEYS), deny("kms:De*", "acs:kms:*:*:key*"))).toEqual(["DEAD_STATEMENT 0"]);
    expect(found(deny("KMS:*", "*"), allow(["kms:Decrypt", "kms:Encrypt"], KEYS))).toEqual(["DEAD_STATEMENT 1"]);
    expect(found(denyOthers(["oss:*", "ECS:*"], "*"), allow(["kms:Decrypt*"], KEYS))).toEqual(["DEAD_STATEMENT 1"]);
    expect(found(denyOthers("oss:*", "*", "acs:kms:*:*:key/a*"), allow("kms:Decrypt", "acs:kms:*:*:key/b"))).toEqual([
      "DEAD_STATEMENT 1",
    ]);
  });

  test.each([
    ["the Deny has a condition", [allow("kms:Decrypt", KEYS), deny("*", "*", { Bool: { "acs:MFAPresent": "false" } })]],
    ["an action is left", [allow(["kms:Decrypt", "kms:Encrypt"], KEYS), deny("kms:Decrypt")]],
    ["a resource is left", [allow("kms:Decrypt", KEYS), deny("kms:Decrypt", "acs:kms:cn-hangzhou:*:key/*")]],
    ["`?` does not swallow a star", [allow("kms:Decrypt*", KEYS), deny("kms:Decrypt?", "*")]],
    [
      "the Deny is about other actions",
      [allow("kms:Decrypt", KEYS), { Effect: "Deny", NotAction: "kms:*", Resource: "*" }],
    ],
    ["the Deny spares some of it", [allow(["kms:Decrypt", "kms:*Key*"], KEYS), denyOthers("KMS:Generate*", "*")]],
    ["the Deny spares other spellings", [allow("kms:Decrypt", "acs:kms:*:*:key/A*"), denyOthers("oss:*", "*", KEYS)]],
    ["a Deny is no Allow", [deny("kms:Decrypt", KEYS), deny("kms:De*", KEYS)]],
  ])("are alive when %s", (_, statements) => {
    expect(found(...statements).filter((line) => line.startsWith("DEAD"))).toEqual([]);
  });

  test("are there twice", () => {
    expect(found(allow("kms:Decrypt", KEYS), { ...allow(["kms:Decrypt"], [KEYS]), Sid: "again" })).toEqual([
      "DUPLICATE_STATEMENT 1",
    ]);
  });
});

describe("places", () => {
  const text = `{
  "Version": "1",
  "Statement": [
    { "Effect": "Allow", "Action": ["kms:Encrypt", "kms:Decrpt"], "Resource": "acs:kms:*:*:key/*",
      "Condition": { "Null": { "kms:tag/a": "true" } } }
  ]
}`;

  test("text has lines and columns", () => {
    const places = lintPolicy(text).map(({ code, line, column }) => `${code} ${line}:${column}`);
    expect(places).toEqual(["UNKNOWN_ACTION 4:52", "UNKNOWN_OPERATOR 5:22"]);
  });

  test("findings come in the order of the text, and windows line ends and other scripts move nothing", () => {
    const crlf =
      '{"Version":"1","Statement":[{"Effect":"Allow","Sid":"\u5bc6\u94a5",\r\n' +
      '"Condition":{"Null":{"ü":"true"}},\r\n "Resource":["acs:kms:*:*:secret/*","arn:x"],\r\n\t"Action":"kms:Decrpt"}]}';
    expect(lintPolicy(crlf).map(({ code, line, column }) => `${code} ${line}:${column}`)).toEqual([
      "UNKNOWN_OPERATOR 2:14",
      "CONDITION_KEY_NOT_POPULATED 2:22",
      "SUSPICIOUS_RESOURCE 3:37",
      "UNKNOWN_ACTION 4:11",
    ]);
    const codes = (document: unknown): string[] => lintPolicy(document).map(({ code }) => code);
    expect(codes(JSON.parse(crlf))).toEqual(codes(crlf));
  });

  test("objects have none", () => {
    expect(lintPolicy(JSON.parse(text))).toMatchObject([
      { line: null, column: null },
      { line: null, column: null },
    ]);
  });

  test("what is malformed says so, once for each problem", () => {
    expect(lintPolicy('{"Version":"2",\n "Statement":{}}')).toMatchObject([
      { severity: "ERROR", code: "INVALID_VALUE", pointer: "/Version", line: 1, column: 12 },
      { severity: "ERROR", code: "WRONG_TYPE", pointer: "/Statement", line: 2, column: 14 },
    ]);
  });

  test("a trust policy is read as one", () => {
    const trust = documentOf({ Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM: "acs:ram::1:root" } });
    expect(lintPolicy(trust, "trust")).toEqual([]);
    expect(lintPolicy(trust)).toMatchObject([{ code: "MISSING_MEMBER" }, { code: "CONFLICT" }]);
  });

  test.each([
    ["acs:ram::1234567890123456:root", []],
    ["acs:ram::1234567890123456:user/*", []],
    ["1234567890123456", ["SUSPICIOUS_PRINCIPAL"]],
    ["acs:ram::1:root,acs:ram::2:root", ["SUSPICIOUS_PRINCIPAL"]],
    ["acs:ram::${account}:root", ["POLICY_VARIABLE_UNSUPPORTED"]],
    ["acs:ram::12345678****:root", ["PRINCIPAL_WILDCARD"]],
    ["*", ["PRINCIPAL_WILDCARD"]],
  ])("who is trusted: %s", (name, expected) => {
    const trust = { Effect: "Allow", Action: "sts:AssumeRole", Principal: { RAM: [OWNER, name], Service: ["ecs"] } };
    const codes = (statement: unknown): string[] =>
      lintPolicy(documentOf(statement), "trust").map(({ code, pointer }) => `${code} ${pointer}`);
    expect(codes(trust)).toEqual(expected.map((code) => `${code} /Statement/0/Principal/RAM/1`));
    expect(codes({ ...trust, Principal: { RAM: name } })).toEqual(
      expected.map((code) => `${code} /Statement/0/Principal/RAM`),
    );
    expect(codes({ ...trust, Effect: "Deny" }).join()).not.toContain("PRINCIPAL_WILDCARD");
  });

  test("a long document", () => {
    const long = documentOf(
      { ...allow("kms:Decrypt", KEYS), Sid: "x".repeat(3_000) },
      { ...deny("kms:Encrypt", KEYS), Sid: "y".repeat(3_500) },
    );
    expect(lintPolicy(long)).toMatchObject([{ code: "TOO_LONG_FOR_RAM", pointer: "" }]);
    const wide = "\u{1f511}".repeat(2_000); // two UTF-16 units each
    const characters = documentOf({ ...allow("kms:Decrypt", KEYS), Sid: wide }, { ...deny("ecs:*"), Sid: wide });
    expect(lintPolicy(characters)).toEqual([]);
  });

  test("at most a hundred findings, quickly", () => {
    const statements = Array.from({ length: 230 }, (_, index) =>
      allow(`kms:Nothing${index}`, `acs:kms:*:*:key/${index}****`),
    );
    expect(lintPolicy(documentOf(...statements))).toHaveLength(100);
  });

  test("nothing more of a document that is far too long", () => {
    const statements = Array.from({ length: 400 }, (_, index) => allow(`kms:Nothing${index}`, "acs:kms:*:*:key/****"));
    expect(lintPolicy(documentOf(...statements))).toMatchObject([
      { code: "TOO_LONG_FOR_RAM", message: expect.stringContaining("of more than 24576 nothing else is said") },
    ]);
  });
});

test.each([
  [
    "many conditions on many actions",
    [
      allow(
        Array.from({ length: 900 }, (_, index) => `kms:*e${"*".repeat(index % 7)}`),
        "*",
        { StringEquals: Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`kms:tag/${index}`, "x"])) },
      ),
    ],
  ],
  [
    "many statements to compare",
    Array.from({ length: 250 }, (_, index) => (index % 2 ? allow : deny)("kms:*", `acs:kms:*:*:key/*a*b${index}`)),
  ],
])("%s take no time", (_, statements) => {
  const start = performance.now();
  expect(lintPolicy(documentOf(...statements))).toHaveLength(100);
  expect(performance.now() - start).toBeLessThan(2_000);
});

test("the system policies hold no errors", () => {
  const documents = SYSTEM_POLICIES.flatMap(({ versions }) => versions.map(({ document }) => document));
  expect(documents.length).toBeGreaterThan(5);
  for (const document of documents) {
    expect(lintPolicy(document).filter(({ severity }) => severity === "ERROR")).toEqual([]);
  }
});

describe("the documentation", () => {
  const text = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

  test("lists every code with its severity and what it says", () => {
    const rows = [...text("docs/lint.md").matchAll(/^\| `(\w+)` \| (\w+) \| (.*) \|$/gm)];
    const own = rows.filter(([, code = ""]) => code in FINDING_SEVERITIES);
    expect(Object.fromEntries(own.map(([, code, severity]) => [code, severity]))).toEqual(FINDING_SEVERITIES);
    for (const [, , , meaning = ""] of rows) expect(meaning.length).toBeGreaterThan(20);
  });

  test("lists every code of the parser", () => {
    const sources = [text("src/domain/policy/parse-document.ts"), text("src/domain/policy/json-tree.ts")].join("\n");
    const used = new Set([...sources.matchAll(/\b(?:report|UnreadableJson)\(\s*"([A-Z_]+)"/g)].map(([, code]) => code));
    const rows = [...text("docs/lint.md").matchAll(/^\| `(\w+)` \| ERROR \|/gm)].map(([, code = ""]) => code);
    expect(used.size).toBeGreaterThan(10);
    expect(rows.filter((code) => !(code in FINDING_SEVERITIES)).sort()).toEqual([...used].sort());
  });
});
