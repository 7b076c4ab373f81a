import type { GatewayAction } from "../domain/gateway-actions.js";
import type { RamAction } from "../domain/ram-actions.js";

type KmsAction = `kms:${string}`;

/** What principals need an Allow for: the action, and of what the ARN is that it is asked on. */
type Needed = { readonly [Action in RamAction | GatewayAction | KmsAction]?: string };

const ON_ATTACHMENT = "the policy, and the holder";
const ATTACH = {
  "ram:AttachPolicyToUser": ON_ATTACHMENT,
  "ram:AttachPolicyToGroup": ON_ATTACHMENT,
  "ram:AttachPolicyToRole": ON_ATTACHMENT,
} as const;
const DETACH = {
  "ram:DetachPolicyFromUser": ON_ATTACHMENT,
  "ram:DetachPolicyFromGroup": ON_ATTACHMENT,
  "ram:DetachPolicyFromRole": ON_ATTACHMENT,
} as const;
const OWN_KEYS = "Principals make, rotate and revoke keys of themselves only, and need no permission for it.";

/**
 * What a principal needs to be allowed for each mutation, in RAM's, KMS's and Resource Manager's own words; a text where
 * no permission decides. Operators need none.
 */
export const PERMISSIONS = {
  addUserToGroup: { "ram:AddUserToGroup": "the user, and the group" },
  assumeRole:
    "`sts:AssumeRole` on the role, by the identity policies of the caller and by the trust policy of the role.",
  attachPolicies: ATTACH,
  attachPolicy: ATTACH,
  createAccount: "Operators only.",
  createApiKey: OWN_KEYS,
  createGroup: { "ram:CreateGroup": "the new group" },
  createPolicy: { "ram:CreatePolicy": "the new policy" },
  createPolicyVersion: {
    "ram:CreatePolicyVersion": "the policy",
    "ram:SetDefaultPolicyVersion": "the policy, with `setAsDefault`",
  },
  createResourceGroup: { "resourcemanager:CreateResourceGroup": "the new resource group" },
  createRole: { "ram:CreateRole": "the new role" },
  createUser: { "ram:CreateUser": "the new user" },
  deleteGroup: { "ram:DeleteGroup": "the group" },
  deletePolicy: { "ram:DeletePolicy": "the policy" },
  deletePolicyVersion: { "ram:DeletePolicyVersion": "the policy" },
  deleteResourceGroup: { "resourcemanager:DeleteResourceGroup": "the resource group" },
  deleteRole: { "ram:DeleteRole": "the role" },
  deleteUser: { "ram:DeleteUser": "the user" },
  deregisterAlias: { "kms:DeleteAlias": "the alias" },
  deregisterKey: { "kms:ScheduleKeyDeletion": "the key" },
  deregisterSecret: { "kms:DeleteSecret": "the secret" },
  detachPolicies: DETACH,
  detachPolicy: DETACH,
  importAccount: {
    "ramgate:ImportAccount": "`acs:ram::<account>:*`",
    "ramgate:GrantBeyondSelf": "`acs:ram::<account>:*`",
  },
  moveToResourceGroup: { "resourcemanager:MoveResources": "the key or secret, and the resource group it is to be in" },
  registerAlias: { "kms:CreateAlias": "the alias, and the key" },
  registerKey: {
    "kms:CreateKey": "the key",
    "kms:TagResource": "the key, with `tags`",
    "resourcemanager:MoveResources": "the key and the resource group, with `resourceGroup`",
  },
  registerSecret: {
    "kms:CreateSecret": "the secret",
    "kms:GenerateDataKey": "the key, with `encryptionKey`",
    "kms:TagResource": "the secret, with `tags`",
    "resourcemanager:MoveResources": "the secret and the resource group, with `resourceGroup`",
  },
  removeUserFromGroup: { "ram:RemoveUserFromGroup": "the user, and the group" },
  revokeApiKey: OWN_KEYS,
  revokeRoleSessions: { "ramgate:RevokeRoleSessions": "the role" },
  rotateApiKey: OWN_KEYS,
  setDefaultPolicyVersion: { "ram:SetDefaultPolicyVersion": "the policy" },
  tagResource: { "kms:TagResource": "the key or secret", "ram:TagResources": "the user or role" },
  untagResource: { "kms:UntagResource": "the key or secret", "ram:UntagResources": "the user or role" },
  updateAccount: { "ramgate:UpdateAccount": "`acs:ram::<account>:*`" },
  updateAlias: { "kms:UpdateAlias": "the alias, and the key it is to point to" },
  updateGroup: { "ram:UpdateGroup": "the group, also under its new name" },
  updateKey: {
    "kms:UpdateKeyDescription": "the key, for anything but its state",
    "kms:EnableKey": "the key, for ENABLED",
    "kms:DisableKey": "the key, for DISABLED",
    "kms:ScheduleKeyDeletion": "the key, for PENDING_DELETION",
    "kms:DeleteKeyMaterial": "the key, for PENDING_IMPORT",
  },
  updatePolicy: { "ram:UpdatePolicyDescription": "the policy" },
  updateResourceGroup: { "resourcemanager:UpdateResourceGroup": "the resource group" },
  updateRole: { "ram:UpdateRole": "the role" },
  updateSecret: { "kms:UpdateSecret": "the secret", "kms:GenerateDataKey": "the key, with `encryptionKey`" },
  updateUser: { "ram:UpdateUser": "the user, also under its new name" },
} as const satisfies Record<string, Needed | string>;

/** Something that has to be allowed. */
export interface Permission {
  readonly action: string;
  readonly resource: string;
}

type Decided = {
  [Mutation in keyof typeof PERMISSIONS]: (typeof PERMISSIONS)[Mutation] extends string ? never : Mutation;
}[keyof typeof PERMISSIONS];

/**
 * What a principal needs for a mutation, as the table has it.
 *
 * @param on ARNs by action; an action without any is not needed
 */
export function needs<Mutation extends Decided>(
  _mutation: Mutation,
  on: { readonly [Action in keyof (typeof PERMISSIONS)[Mutation]]?: readonly string[] },
): readonly Permission[] {
  return Object.entries(on).flatMap(([action, resources]) =>
    ((resources ?? []) as readonly string[]).map((resource) => ({ action, resource })),
  );
}
