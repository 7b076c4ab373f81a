import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, it } from "vitest";
import { OPERATION_NAMES } from "../../src/domain/kms/operations.js";
import { type Case, readCaseFiles } from "./case.js";

const FILES = readCaseFiles();
const CASES = FILES.flatMap(({ content }) => content.cases);
const SCHEMA = JSON.parse(readFileSync(new URL("case.schema.json", import.meta.url), "utf8"));

/** The operations in the tables of the KMS documentation on access control. */
const DOCUMENTED = `
  ListKeys CreateKey DescribeKey UpdateKeyDescription EnableKey DisableKey ScheduleKeyDeletion CancelKeyDeletion
  GetParametersForImport ImportKeyMaterial DeleteKeyMaterial ListAliases CreateAlias UpdateAlias DeleteAlias
  ListAliasesByKeyId CreateKeyVersion DescribeKeyVersion ListKeyVersions UpdateRotationPolicy Encrypt Decrypt ReEncrypt
  GenerateDataKey GenerateDataKeyWithoutPlaintext ExportDataKey GenerateAndExportDataKey AsymmetricSign AsymmetricVerify
  AsymmetricEncrypt AsymmetricDecrypt GetPublicKey
  CreateSecret ListSecrets DescribeSecret DeleteSecret UpdateSecret RestoreSecret GetSecretValue PutSecretValue
  ListSecretVersionIds UpdateSecretVersionStage GetRandomPassword
  ListResourceTags UntagResource TagResource
  DescribeRegions
`;

/** Newer operations, from the API's own reference. */
const NEWER = `
  SetDeletionProtection GetKeyPolicy SetKeyPolicy GetKeyDefaultPolicy GetSecretPolicy SetSecretPolicy
  GetSecretDefaultPolicy RotateSecret UpdateSecretRotationPolicy BatchGetSecretValue TagResources UntagResources
  ListTagResources GenerateMac VerifyMac GetManagedDataKey ListManagedDataKeyVersions
  CreateCertificate UploadCertificate DescribeCertificate GetCertificate DeleteCertificate UpdateCertificateStatus
  CertificatePrivateKeySign CertificatePrivateKeyDecrypt CertificatePublicKeyVerify CertificatePublicKeyEncrypt
  ConnectKmsInstance GetKmsInstance ListKmsInstances GetDefaultKmsInstance GetKmsInstanceQuotaInfos
  GetKmsInstanceSharedAccounts GetUploadBackupDataInfo GetCheckAssociateResourceTaskResults ListManagedQuotas
  ReleaseKmsInstance UpdateKmsInstanceBindVpc OpenKmsService DescribeAccountKmsStatus
  CreateNetworkRule DescribeNetworkRule UpdateNetworkRule DeleteNetworkRule ListNetworkRules
  CreatePolicy DescribePolicy UpdatePolicy DeletePolicy ListPolicies
  CreateApplicationAccessPoint DescribeApplicationAccessPoint UpdateApplicationAccessPoint DeleteApplicationAccessPoint
  ListApplicationAccessPoints CreateClientKey GetClientKey DeleteClientKey ListClientKeys
`;

/** Not supported yet: they have no answer to compare with. */
const UNSUPPORTED = ["D11", "D23"];
/** About what only `assumeRole` makes, which no snapshot holds: the tests of decisions hold them. */
const ABOUT_SESSIONS = ["D32"];
/** About changes, which no question shows: the tests of the administration hold them. */
const ABOUT_CHANGES = ["D27", "D30"];

const namesIn = (list: string): string[] => list.trim().split(/\s+/);

/** The rules that docs/evaluation.md numbers. */
const RULES = [
  ...readFileSync(new URL("../../docs/evaluation.md", import.meta.url), "utf8").matchAll(/<a id="([dc]\d+)">/g),
]
  .map(([, id = ""]) => id.toUpperCase())
  .filter((rule) => ![...UNSUPPORTED, ...ABOUT_SESSIONS, ...ABOUT_CHANGES].includes(rule));
const LABELS = [
  ...RULES,
  ...namesIn(DOCUMENTED).map((operation) => `seed:${operation}`),
  ...namesIn(NEWER).map((operation) => `kms:${operation}`),
  "outcomes",
  "stages",
];

const missing = (wanted: readonly string[], shown: readonly string[]): string[] => {
  const known = new Set(shown);
  return wanted.filter((label) => !known.has(label));
};

const validate = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: true }).compile(
  SCHEMA,
);

it.each(FILES.map(({ name, content }) => [name, content]))("%s is as the schema describes", (_name, content) => {
  validate(content);
  expect(validate.errors ?? []).toEqual([]);
});

it.each([
  ["an unknown member", { nmae: "x" }],
  ["an action and an operation", { operation: "Encrypt" }],
  ["the legs of an action", { expect: { outcome: "ALLOW", legs: {} } }],
  ["a label of no kind", { shows: ["d5"] }],
  ["an outcome that does not exist", { expect: { outcome: "DENY" } }],
])("the schema refuses %s", (_what, change) => {
  const sound = { name: "x", shows: ["D5"], resource: "key/k1", action: "kms:Decrypt", expect: { outcome: "ALLOW" } };
  expect(validate({ about: "x", cases: [sound] })).toBe(true);
  expect(validate({ about: "x", cases: [{ ...sound, ...change }] })).toBe(false);
});

it("the schema describes every member", () => {
  expect(undescribed(SCHEMA, "#")).toEqual([]);
});

/** Members of objects that have no description; `false` forbids a member and needs none. */
function undescribed(schema: unknown, place: string): string[] {
  if (typeof schema !== "object" || schema === null) return [];
  const { properties = {}, additionalProperties } = schema as { properties?: object; additionalProperties?: unknown };
  const own = additionalProperties === false ? Object.entries(properties) : [];
  const bare = own.filter(([, member]) => !("description" in member)).map(([name]) => `${place}/properties/${name}`);
  return [...bare, ...Object.entries(schema).flatMap(([name, part]) => undescribed(part, `${place}/${name}`))];
}

it("every name is used once", () => {
  const names = CASES.map(({ name }) => name);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

it("policies of one case have different names", () => {
  const namesOf = ({ policies = [] }: Case) => policies.map(({ name }, index) => name ?? `P${index + 1}`);
  expect(CASES.filter((each) => new Set(namesOf(each)).size !== namesOf(each).length)).toEqual([]);
});

it("every label is known", () => {
  const shown = [...new Set(CASES.flatMap(({ shows }) => shows))];
  expect(missing(shown, LABELS)).toEqual([]);
});

it("every rule and every operation has a case", () => {
  expect(RULES).toHaveLength(27 + 28);
  expect(
    missing(
      LABELS,
      CASES.flatMap(({ shows }) => shows),
    ),
  ).toEqual([]);
});

it("every rule has a case that is about it before all", () => {
  const rules = FILES.filter(({ name }) => name.startsWith("rules-")).flatMap(({ content }) => content.cases);
  expect(
    missing(
      RULES,
      rules.map(({ shows: [first = ""] }) => first),
    ),
  ).toEqual([]);
});

it("every operation that can be asked about is in the lists", () => {
  expect(missing(OPERATION_NAMES, [...namesIn(DOCUMENTED), ...namesIn(NEWER)])).toEqual([]);
});

it("there are many cases, and many from real policies", () => {
  const realWorld = FILES.filter(({ name }) => name.startsWith("real-world-")).flatMap(({ content }) => content.cases);
  expect(CASES.length).toBeGreaterThanOrEqual(250);
  expect(realWorld.length).toBeGreaterThanOrEqual(40);
});
