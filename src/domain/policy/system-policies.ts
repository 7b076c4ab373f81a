/**
 * System policies of KMS and RAM that the catalogue starts with. Alibaba changes such policies
 * without notice, so a policy that an import brings along wins over this copy for its account.
 */
export interface SystemPolicy {
  readonly name: string;
  readonly description: string;
  readonly defaultVersion: string;
  readonly versions: readonly SystemPolicyVersion[];
}

export interface SystemPolicyVersion {
  readonly id: string;
  /** Day of publication, `YYYY-MM-DD`; null when not known. */
  readonly date: string | null;
  /** The policy document as a plain JSON object. */
  readonly document: SystemPolicyDocument;
}

/** A type, not an interface, so that it is assignable to JSON. */
export type SystemPolicyDocument = {
  readonly Version: "1";
  readonly Statement: readonly SystemStatement[];
};

type SystemStatement = {
  readonly Effect: "Allow";
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Condition?: { readonly StringEquals: { readonly "ram:ServiceName": readonly string[] } };
};

const CRYPTO_V1 = [
  ...named("Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"),
  ...named("AsymmetricEncrypt", "AsymmetricDecrypt", "AsymmetricSign", "AsymmetricVerify", "GetPublicKey"),
];
const READ_ONLY = [
  ...named("List*", "Describe*", "GetPublicKey"),
  ...named("GetKeyPolicy", "GetKeyDefaultPolicy", "GetSecretPolicy", "GetSecretDefaultPolicy"),
  ...named("GetKmsInstance", "GetDefaultKmsInstance", "GetKmsInstanceQuotaInfos", "GetKmsInstanceSharedAccounts"),
  ...named("GetCheckAssociateResourceTaskResults", "GetUploadBackupDataInfo"),
];
const TAGS_OF_KEYS_AND_SECRETS = allow(
  ["ecs:TagResources", "ecs:UntagResources", "ecs:ListTagResources"],
  ["acs:kms:*:*:key/*", "acs:kms:*:*:secret/*"],
);
const RDS_FOR_SECRETS = [
  "rds:DescribeDBInstances",
  "rds:DescribeDBInstanceAttribute",
  "rds:DescribeDBInstanceNetInfo",
  "rds:DescribeDatabases",
  "rds:DescribeAccounts",
  "rds:CreateAccount",
  "rds:GrantAccountPrivilege",
];
const RDS_SECRETS_SERVICE = "secretsmanager-rds.kms.aliyuncs.com";
const ECS_SECRETS_SERVICE = "secretsmanager-ecs.kms.aliyuncs.com";
const KEY_STORE_SERVICE = "keystore.kms.aliyuncs.com";

/** The catalogue, each policy with the versions that are known. */
export const SYSTEM_POLICIES: readonly SystemPolicy[] = [
  policy("AdministratorAccess", "Full access to all services and resources of the account.", [
    version("v1", null, allow(["*"], ["*"])),
  ]),
  policy("AliyunKMSFullAccess", "Full access to Key Management Service.", [
    version("v3", "2021-03-02", allow(["kms:*"], ["*"]), createRoleOf(RDS_SECRETS_SERVICE, KEY_STORE_SERVICE)),
  ]),
  policy("AliyunKMSReadOnlyAccess", "Read-only access to Key Management Service, without the values of secrets.", [
    version("v3", "2025-09-23", allow(READ_ONLY, ["*"])),
  ]),
  policy("AliyunKMSCryptoUserAccess", "Use of the keys in Key Management Service.", [
    version("v1", "2020-03-04", allow(CRYPTO_V1, ["*"])),
    version("v2", "2026-07-09", allow([...CRYPTO_V1, ...named("GenerateMac", "VerifyMac")], ["*"])),
  ]),
  policy("AliyunKMSCryptoAdminAccess", "Management and use of the keys and aliases in Key Management Service.", [
    version("v2", "2023-06-26", allow(["kms:*"], ["acs:kms:*:*:key*", "acs:kms:*:*:alias*"]), TAGS_OF_KEYS_AND_SECRETS),
  ]),
  policy("AliyunKMSSecretUserAccess", "Reading of the secrets in Key Management Service.", [
    version("v1", "2020-03-04", allow(named("GetSecretValue", "DescribeSecret", "ListSecretVersionIds"), ["*"])),
  ]),
  policy("AliyunKMSSecretAdminAccess", "Management of the secrets in Key Management Service.", [
    version(
      "v5",
      "2023-06-26",
      allow(["kms:*"], ["acs:kms:*:*:secret*"]),
      allow(named("GetRandomPassword"), ["*"]),
      allow(RDS_FOR_SECRETS, ["*"]),
      allow(["ecs:DescribeInstances"], ["acs:ecs:*:*:instance/*"]),
      TAGS_OF_KEYS_AND_SECRETS,
      createRoleOf(RDS_SECRETS_SERVICE, ECS_SECRETS_SERVICE),
    ),
  ]),
];

function named(...actions: readonly string[]): string[] {
  return actions.map((action) => `kms:${action}`);
}

function allow(actions: readonly string[], resources: readonly string[]): SystemStatement {
  return { Effect: "Allow", Action: actions, Resource: resources };
}

/** Lets the service-linked roles of `services` be created. */
function createRoleOf(...services: readonly string[]): SystemStatement {
  const condition = { StringEquals: { "ram:ServiceName": services } };
  return { ...allow(["ram:CreateServiceLinkedRole"], ["*"]), Condition: condition };
}

function version(id: string, date: string | null, ...statements: readonly SystemStatement[]): SystemPolicyVersion {
  return { id, date, document: { Version: "1", Statement: statements } };
}

/** The last version is the default. */
function policy(name: string, description: string, versions: readonly SystemPolicyVersion[]): SystemPolicy {
  return { name, description, versions, defaultVersion: versions.at(-1)?.id ?? "v1" };
}
