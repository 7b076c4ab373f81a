import { expect, test } from "vitest";
import { compilePolicy } from "../../src/domain/policy/compile-policy.js";
import { parseDocument } from "../../src/domain/policy/parse-document.js";
import { SYSTEM_POLICIES } from "../../src/domain/policy/system-policies.js";
import { ACCOUNT, ask, attached, KEY, KEYS, SECRET } from "./build.js";

const outcome = (name: string, action: string, on: string, version?: string): string => {
  const policy = SYSTEM_POLICIES.find((candidate) => candidate.name === name);
  const id = version ?? policy?.defaultVersion;
  const parsed = parseDocument(policy?.versions.find((candidate) => candidate.id === id)?.document, "identity");
  if (!parsed.ok) throw new Error(`${name} does not parse`);
  return ask([attached(compilePolicy(parsed.document))], { action, on }).outcome;
};

test("every version parses, and the default exists", () => {
  for (const { versions, defaultVersion } of SYSTEM_POLICIES) {
    expect(versions.map(({ id }) => id)).toContain(defaultVersion);
    for (const { document } of versions) expect(parseDocument(document, "identity").ok).toBe(true);
  }
});

test.each([
  ["AdministratorAccess", "ecs:StopInstance", `acs:ecs:cn:${ACCOUNT}:instance/i`, "ALLOW"],
  ["AliyunKMSFullAccess", "kms:DeleteSecret", SECRET, "ALLOW"],
  ["AliyunKMSFullAccess", "ram:CreateServiceLinkedRole", "*", "CONDITIONAL"],
  ["AliyunKMSReadOnlyAccess", "kms:DescribeSecret", SECRET, "ALLOW"],
  ["AliyunKMSReadOnlyAccess", "kms:GetSecretValue", SECRET, "IMPLICIT_DENY"],
  ["AliyunKMSCryptoUserAccess", "kms:GenerateMac", KEY, "ALLOW"],
  ["AliyunKMSCryptoUserAccess", "kms:DescribeKey", KEY, "IMPLICIT_DENY"],
  ["AliyunKMSCryptoAdminAccess", "kms:Decrypt", KEY, "ALLOW"],
  ["AliyunKMSCryptoAdminAccess", "kms:CreateKey", KEYS, "ALLOW"],
  ["AliyunKMSCryptoAdminAccess", "kms:DescribeSecret", SECRET, "IMPLICIT_DENY"],
  ["AliyunKMSSecretUserAccess", "kms:Decrypt", KEY, "IMPLICIT_DENY"],
  ["AliyunKMSSecretAdminAccess", "kms:PutSecretValue", SECRET, "ALLOW"],
  ["AliyunKMSSecretAdminAccess", "kms:GetRandomPassword", "*", "ALLOW"],
])("%s: %s on %s is %s", (name, action, on, expected) => {
  expect(outcome(name, action, on)).toBe(expected);
});

test("the older version of the crypto policy has no MAC", () => {
  expect(outcome("AliyunKMSCryptoUserAccess", "kms:GenerateMac", KEY, "v1")).toBe("IMPLICIT_DENY");
});
