import { excerpt } from "../arn.js";
import { InvalidInputError } from "../errors.js";
import { HARD_LIMITS } from "../limits.js";
import type { ResourceType } from "../resource.js";
import { foldCase } from "../wildcard.js";

/** Actions that use key material. */
const CRYPTOGRAPHIC = [
  "Encrypt",
  "Decrypt",
  "ReEncryptFrom",
  "ReEncryptTo",
  "GenerateDataKey",
  "GenerateDataKeyWithoutPlaintext",
  "ExportDataKey",
  "GenerateAndExportDataKey",
  "AsymmetricSign",
  "AsymmetricVerify",
  "AsymmetricEncrypt",
  "AsymmetricDecrypt",
  "GetPublicKey",
  "GenerateMac",
  "VerifyMac",
  "GetManagedDataKey",
];

const KEY_MANAGEMENT = [
  "DescribeKey",
  "UpdateKeyDescription",
  "EnableKey",
  "DisableKey",
  "ScheduleKeyDeletion",
  "CancelKeyDeletion",
  "GetParametersForImport",
  "ImportKeyMaterial",
  "DeleteKeyMaterial",
  "CreateKeyVersion",
  "DescribeKeyVersion",
  "ListKeyVersions",
  "UpdateRotationPolicy",
  "ListAliasesByKeyId",
  "SetDeletionProtection",
  "GetKeyPolicy",
  "SetKeyPolicy",
  "GetKeyDefaultPolicy",
  "ListManagedDataKeyVersions",
];

const SECRET = [
  "DescribeSecret",
  "DeleteSecret",
  "UpdateSecret",
  "RestoreSecret",
  "GetSecretValue",
  "PutSecretValue",
  "ListSecretVersionIds",
  "UpdateSecretVersionStage",
  "RotateSecret",
  "UpdateSecretRotationPolicy",
  "GetSecretPolicy",
  "SetSecretPolicy",
  "GetSecretDefaultPolicy",
];

const CERTIFICATE = [
  "DescribeCertificate",
  "GetCertificate",
  "DeleteCertificate",
  "UpdateCertificateStatus",
  "CertificatePrivateKeySign",
  "CertificatePrivateKeyDecrypt",
  "CertificatePublicKeyVerify",
  "CertificatePublicKeyEncrypt",
];

/** The plane of KMS instances and access points: granted on `*` only. */
const INSTANCE_PLANE = [
  "ConnectKmsInstance",
  "GetKmsInstance",
  "ListKmsInstances",
  "GetDefaultKmsInstance",
  "GetKmsInstanceQuotaInfos",
  "GetKmsInstanceSharedAccounts",
  "GetUploadBackupDataInfo",
  "GetCheckAssociateResourceTaskResults",
  "ListManagedQuotas",
  "ReleaseKmsInstance",
  "UpdateKmsInstanceBindVpc",
  "OpenKmsService",
  "DescribeAccountKmsStatus",
  "CreateNetworkRule",
  "DescribeNetworkRule",
  "UpdateNetworkRule",
  "DeleteNetworkRule",
  "ListNetworkRules",
  "CreatePolicy",
  "DescribePolicy",
  "UpdatePolicy",
  "DeletePolicy",
  "ListPolicies",
  "CreateApplicationAccessPoint",
  "DescribeApplicationAccessPoint",
  "UpdateApplicationAccessPoint",
  "DeleteApplicationAccessPoint",
  "ListApplicationAccessPoints",
  "CreateClientKey",
  "GetClientKey",
  "DeleteClientKey",
  "ListClientKeys",
];

/** The action catalogue, one line per group: which actions exist, and on which kinds of resource they are checked. */
const CATALOGUE: readonly (readonly [readonly string[], readonly ResourceType[]])[] = [
  [["ListKeys", "CreateKey"], ["KEY_CONTAINER"]],
  [KEY_MANAGEMENT, ["KEY"]],
  [CRYPTOGRAPHIC, ["KEY"]],
  [["ListAliases"], ["ALIAS_CONTAINER"]],
  [
    ["CreateAlias", "UpdateAlias", "DeleteAlias"],
    ["ALIAS", "KEY"],
  ],
  [["CreateSecret", "ListSecrets"], ["SECRET_CONTAINER"]],
  [SECRET, ["SECRET"]],
  [
    ["ListResourceTags", "TagResource", "UntagResource", "TagResources", "UntagResources", "ListTagResources"],
    ["KEY", "SECRET"],
  ],
  [["CreateCertificate", "UploadCertificate"], ["CERTIFICATE_CONTAINER"]],
  [CERTIFICATE, ["CERTIFICATE"]],
  [["GetRandomPassword", "DescribeRegions"], ["NONE"]],
  [INSTANCE_PLANE, ["NONE"]],
];

/** Every KMS action in canonical spelling (`kms:Decrypt`) with the kinds of resource it applies to. */
export const KMS_ACTIONS: ReadonlyMap<string, readonly ResourceType[]> = new Map(
  CATALOGUE.flatMap(([names, types]) => names.map((name) => [`kms:${name}`, types] as const)),
);

const OTHER_ACTIONS = ["sts:AssumeRole", "ram:CreateServiceLinkedRole", "ram:DeleteServiceLinkedRole", "ram:PassRole"];
const CANONICAL: ReadonlyMap<string, string> = new Map(
  [...KMS_ACTIONS.keys(), ...OTHER_ACTIONS].map((action) => [foldCase(action), action]),
);
const ACTIONS_BY_TYPE: ReadonlyMap<ResourceType, readonly string[]> = groupByType();
const ACTION_SHAPE = /^[A-Za-z0-9-]+:[A-Za-z0-9_.-]+$/;

/**
 * Reads a requested action: `service:Name`, no wildcards.
 * @returns the catalogue's spelling where the action is known, else `text` itself
 * @throws InvalidInputError for anything of another shape
 */
export function parseAction(text: string): string {
  const known = CANONICAL.get(foldCase(text));
  if (known !== undefined) return known;
  if (text.length <= HARD_LIMITS.actionLength && ACTION_SHAPE.test(text)) return text;
  throw new InvalidInputError(
    `\`${excerpt(text)}\` is not a valid action: it needs the form \`service:Name\` without wildcards`,
  );
}

/** Canonical names of the actions that apply to resources of `type`. */
export function actionsOfType(type: ResourceType): readonly string[] {
  return ACTIONS_BY_TYPE.get(type) ?? [];
}

/** False for an unknown action too. `action` in canonical spelling. */
export function actionAppliesTo(action: string, type: ResourceType): boolean {
  return KMS_ACTIONS.get(action)?.includes(type) ?? false;
}

function groupByType(): Map<ResourceType, string[]> {
  const groups = new Map<ResourceType, string[]>();
  for (const [action, types] of KMS_ACTIONS) {
    for (const type of types) groups.set(type, [...(groups.get(type) ?? []), action]);
  }
  return groups;
}
