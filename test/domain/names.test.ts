import { describe, expect, test } from "vitest";
import { parseArn } from "../../src/domain/arn.js";
import { InvalidInputError } from "../../src/domain/errors.js";
import { parseAction } from "../../src/domain/kms/actions.js";
import { parsePrincipalArn } from "../../src/domain/principal.js";
import { parseKmsResource } from "../../src/domain/resource.js";
import { suggest } from "../../src/domain/suggest.js";
import { ACCOUNT, KEY, OWNER, ROLE, USER } from "./build.js";

describe("parseArn", () => {
  test.each([
    KEY,
    "*",
    "acs:kms:*:*:key/a:b/c",
    "acs:ram::1:role/x",
    "acs:oss:::bucket",
    "acs:ram::system:policy/AdministratorAccess",
    "acs:kms:cn-hangzhou:1:secret/Schlüssel",
  ])("accepts %s", (text) => {
    expect(parseArn(text).text).toBe(text);
  });

  test("writes the service code in lower case, so that one resource has one name", () => {
    expect(parseArn(`acs:KMS:cn-hangzhou:${ACCOUNT}:key/K1`).text).toBe(`acs:kms:cn-hangzhou:${ACCOUNT}:key/K1`);
  });

  test.each([
    "",
    "acs",
    "acs:kms:cn:1",
    "acs:kms:cn:1:",
    "arn:kms:cn:1:key/x",
    "acs::cn:1:key/x",
    "acs:kms:cn:abc:key/x",
    "acs:kms:cn hangzhou:1:key/x",
    "acs:kms:cn:1:key/a b",
    "acs:kms:cn:1:key/a\n",
    "acs:kms:cn:1:key/\u0000",
    "acs:kms:cn:1:key/\ud800",
    "acs:kms:cn:1:key/\u200b",
    "ACS:kms:cn:1:key/x",
    `acs:kms:cn:1:key/${"x".repeat(2048)}`,
    " acs:kms:cn:1:key/x",
  ])("refuses %j", (text) => {
    expect(() => parseArn(text)).toThrow(InvalidInputError);
  });

  test("the message repeats no control characters and no backticks", () => {
    expect(() => parseArn("a`b\nc")).toThrow("`a\ufffdb\ufffdc` is not a valid arn: ");
  });
});

describe("parseKmsResource", () => {
  test.each([
    ["key", "KEY_CONTAINER", ""],
    ["key/k1", "KEY", "k1"],
    ["secret", "SECRET_CONTAINER", ""],
    ["secret/acs/ecs/x", "SECRET", "acs/ecs/x"],
    ["alias", "ALIAS_CONTAINER", ""],
    ["alias/Apollo/WorkKey", "ALIAS", "alias/Apollo/WorkKey"],
    ["certificate", "CERTIFICATE_CONTAINER", ""],
    ["certificate/c1", "CERTIFICATE", "c1"],
    ["key/", "OTHER", "key/"],
    ["keys/x", "OTHER", "keys/x"],
  ])("%s is a %s", (relativeId, type, name) => {
    expect(parseKmsResource(parseArn(`acs:kms:cn:1:${relativeId}`))).toEqual({ type, name });
  });

  test("`*` names nothing, other services have no KMS resource", () => {
    expect(parseKmsResource(parseArn("*"))?.type).toBe("NONE");
    expect(parseKmsResource(parseArn("acs:oss::1:key/x"))).toBeNull();
  });
});

describe("parsePrincipalArn", () => {
  test.each([
    [USER, "USER", USER, null],
    [`acs:ram::${ACCOUNT}:group/Ops`, "GROUP", `acs:ram::${ACCOUNT}:group/ops`, null],
    [ROLE, "ROLE", ROLE.toLowerCase(), ROLE.toLowerCase()],
    [`acs:ram:*:${ACCOUNT}:user/Bob`, "USER", USER, null],
    [OWNER, "ACCOUNT_OWNER", OWNER, null],
  ])("%s is a %s", (text, kind, arnKey, roleArnKey) => {
    expect(parsePrincipalArn(text)).toMatchObject({ kind, account: ACCOUNT, arnKey, roleArnKey, sessionName: null });
  });

  test.each([
    `acs:ram::${ACCOUNT}:assumed-role/Deploy/Ci`,
    `acs:ram::${ACCOUNT}:role/Deploy/Ci`,
    `acs:sts::${ACCOUNT}:assumed-role/Deploy/Ci`,
    `arn:sts::${ACCOUNT}:assumed-role/Deploy/Ci`,
  ])("D25: %s is one session", (text) => {
    expect(parsePrincipalArn(text)).toEqual({
      kind: "ROLE_SESSION",
      account: ACCOUNT,
      name: "Deploy",
      sessionName: "Ci",
      arn: `acs:ram::${ACCOUNT}:assumed-role/deploy/Ci`,
      arnKey: `acs:ram::${ACCOUNT}:assumed-role/deploy/Ci`,
      roleArnKey: `acs:ram::${ACCOUNT}:role/deploy`,
    });
  });

  test.each([
    KEY,
    "*",
    "acs:ram::abc:user/bob",
    `acs:ram::${ACCOUNT}:user/`,
    `acs:ram::${ACCOUNT}:user/a/b`,
    `acs:ram::${ACCOUNT}:user/a b`,
    `acs:ram::${ACCOUNT}:user/*`,
    `acs:ram::${ACCOUNT}:root/x`,
    `acs:ram::${ACCOUNT}:assumed-role/x`,
    `acs:ram::${ACCOUNT}:assumed-role/x/y z`,
    `arn:ram::${ACCOUNT}:user/bob`,
    `acs:ram::${ACCOUNT}:policy/x`,
    `acs:ram::${ACCOUNT}:user/bob\n`,
  ])("refuses %j", (text) => {
    expect(() => parsePrincipalArn(text)).toThrow(InvalidInputError);
  });
});

test.each([
  ["kms:Decrypt", "kms:Decrypt"],
  ["KMS:decrypt", "kms:Decrypt"],
  ["STS:assumerole", "sts:AssumeRole"],
  ["ecs:Foo", "ecs:Foo"],
  ["kms:Decript", "kms:Decript"],
])("parseAction(%s) is %s", (text, expected) => {
  expect(parseAction(text)).toBe(expected);
});

test.each([
  "",
  "Decrypt",
  "kms:",
  ":Decrypt",
  "kms:*",
  "kms:De?rypt",
  "kms:a b",
  "kms:a:b",
  "kms:Decrypt\n",
  "\u212ams:x",
])("parseAction refuses %j", (text) => {
  expect(() => parseAction(text)).toThrow(InvalidInputError);
});

test.each([
  ["kms:Decript", "kms:Decrypt"],
  ["kms:encrypt", "kms:Encrypt"],
  ["zzz", null],
])("suggest(%s) is %s", (name, expected) => {
  expect(suggest(name, ["kms:Decrypt", "kms:Encrypt"])).toBe(expected);
});
