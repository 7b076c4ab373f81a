import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../support/databases.js";
import { ACCOUNT, APOLLO_KEY, APOLLO_SECRET, GEMINI_KEY, policy, user } from "../support/demo.js";
import { type Gateway, startGateway } from "../support/gateway.js";

/**
 * The four example policies of the KMS documentation, each attached to a fresh user and asked, through the API, about
 * every operation of its tables. The expected sets are read off the policies by hand. The key carries Project=apollo.
 */
const ALIAS = `acs:kms:cn-hangzhou:${ACCOUNT}:alias/apollo`;
const CONTAINER = { region: "cn-hangzhou" };
const KEY = { key: APOLLO_KEY };
const SECRET = { secret: APOLLO_SECRET };

const KEY_OPERATIONS = [
  ...["DescribeKey", "UpdateKeyDescription", "EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion"],
  ...["GetParametersForImport", "ImportKeyMaterial", "DeleteKeyMaterial", "ListAliasesByKeyId", "CreateKeyVersion"],
  ...["DescribeKeyVersion", "ListKeyVersions", "UpdateRotationPolicy", "Encrypt", "Decrypt", "GenerateDataKey"],
  ...["GenerateDataKeyWithoutPlaintext", "ExportDataKey", "GenerateAndExportDataKey", "AsymmetricSign"],
  ...["AsymmetricVerify", "AsymmetricEncrypt", "AsymmetricDecrypt", "GetPublicKey"],
  ...["ListResourceTags", "UntagResource", "TagResource"],
];
const SECRET_OPERATIONS = [
  ...["DescribeSecret", "DeleteSecret", "UpdateSecret", "RestoreSecret", "GetSecretValue", "PutSecretValue"],
  ...["ListSecretVersionIds", "UpdateSecretVersionStage"],
];

const TARGETS: Readonly<Record<string, object>> = {
  ...Object.fromEntries(KEY_OPERATIONS.map((name) => [name, KEY])),
  ...Object.fromEntries(SECRET_OPERATIONS.map((name) => [name, SECRET])),
  ...Object.fromEntries(
    ["ListKeys", "CreateKey", "ListAliases", "CreateSecret", "ListSecrets"].map((name) => [name, CONTAINER]),
  ),
  CreateAlias: { key: APOLLO_KEY, alias: ALIAS },
  UpdateAlias: { key: GEMINI_KEY, alias: ALIAS },
  DeleteAlias: { key: APOLLO_KEY, alias: ALIAS },
  ReEncrypt: { sourceKey: APOLLO_KEY, destinationKey: APOLLO_KEY },
  GetRandomPassword: {},
  DescribeRegions: {},
};

const LISTS = [
  "ListKeys",
  "ListAliases",
  "ListAliasesByKeyId",
  "ListKeyVersions",
  "ListSecrets",
  "ListSecretVersionIds",
];
const READS = [...LISTS, "ListResourceTags", "DescribeKey", "DescribeKeyVersion", "DescribeSecret"];

const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  AccessAllKmsResources: Object.keys(TARGETS),
  QueryAndUseKeys: [...READS, "Encrypt", "Decrypt", "GenerateDataKey", "DescribeRegions"],
  UseApolloKeys: ["Encrypt", "Decrypt", "GenerateDataKey", "DescribeRegions"],
  ReadSecrets: [...READS, "GetSecretValue", "Decrypt", "GetRandomPassword", "DescribeRegions"],
};

let database: TestDatabase;
let gateway: Gateway;

beforeAll(async () => {
  database = await createTestDatabase("examples");
  gateway = await startGateway({ DATABASE_URL: database.url, SEED_DEMO: "true" });
});

afterAll(async () => {
  await gateway?.stop();
  await database?.drop();
});

async function change(name: string, input: object): Promise<void> {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  const { data, errors } = await gateway.ask(
    `mutation ($input: ${type}!) { ${name}(input: $input) { changed userErrors { message } } }`,
    { input },
  );
  expect(errors).toBeUndefined();
  expect(data[name]).toEqual({ changed: true, userErrors: [] });
}

/** As many as one operation may ask by name. */
const MAX_ALIASES = 20;

async function outcomes(principal: string, names: readonly string[]): Promise<Record<string, { outcome: string }>> {
  const variables = Object.fromEntries(names.map((operation) => [operation, TARGETS[operation]]));
  const declared = names.map((operation) => `$${operation}: OperationTargetsInput!`).join(" ");
  const fields = names.map(
    (operation) =>
      `${operation}: canPerform(principal: "${principal}", operation: "${operation}", targets: $${operation}) { outcome }`,
  );
  const { data, errors } = await gateway.ask(`query (${declared}) { ${fields.join("\n")} }`, variables);
  expect(errors).toBeUndefined();
  return data;
}

test.each(Object.keys(EXPECTED))("%s gives exactly the operations that its text names", async (name) => {
  const principal = user(`fresh-${name}`);
  await change("createUser", { account: ACCOUNT, name: `fresh-${name}` });
  await change("attachPolicy", { policy: policy(name), principal });
  const names = Object.keys(TARGETS);
  const data: Record<string, { outcome: string }> = {};
  for (let from = 0; from < names.length; from += MAX_ALIASES) {
    Object.assign(data, await outcomes(principal, names.slice(from, from + MAX_ALIASES)));
  }
  const allowed = names.filter((operation) => data[operation]?.outcome === "ALLOW");
  expect(allowed.sort()).toEqual([...(EXPECTED[name] ?? [])].sort());
  for (const operation of names) expect(["ALLOW", "IMPLICIT_DENY"]).toContain(data[operation]?.outcome);
});

test("the table has every operation of the documentation, and the demo account holds the four policies", async () => {
  expect(Object.keys(TARGETS)).toHaveLength(47);
  const snapshot = JSON.parse(await readFile(new URL("../../examples/demo-account.json", import.meta.url), "utf8"));
  const names = snapshot.policies.map(({ name }: { name: string }) => name);
  expect(names).toEqual(expect.arrayContaining(Object.keys(EXPECTED)));
});
