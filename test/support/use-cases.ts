import { addUserToGroup } from "../../src/administration/add-user-to-group.js";
import type { assumeRole } from "../../src/administration/assume-role.js";
import { attachPolicies } from "../../src/administration/attach-policies.js";
import { attachPolicy } from "../../src/administration/attach-policy.js";
import { createAccount } from "../../src/administration/create-account.js";
import { createGroup } from "../../src/administration/create-group.js";
import { createPolicy } from "../../src/administration/create-policy.js";
import { createPolicyVersion } from "../../src/administration/create-policy-version.js";
import { createResourceGroup } from "../../src/administration/create-resource-group.js";
import { createRole } from "../../src/administration/create-role.js";
import { createUser } from "../../src/administration/create-user.js";
import { deleteGroup } from "../../src/administration/delete-group.js";
import { deletePolicy } from "../../src/administration/delete-policy.js";
import { deletePolicyVersion } from "../../src/administration/delete-policy-version.js";
import { deleteResourceGroup } from "../../src/administration/delete-resource-group.js";
import { deleteRole } from "../../src/administration/delete-role.js";
import { deleteUser } from "../../src/administration/delete-user.js";
import { deregisterAlias } from "../../src/administration/deregister-alias.js";
import { deregisterKey } from "../../src/administration/deregister-key.js";
import { deregisterSecret } from "../../src/administration/deregister-secret.js";
import { detachPolicies } from "../../src/administration/detach-policies.js";
import { detachPolicy } from "../../src/administration/detach-policy.js";
import { moveToResourceGroup } from "../../src/administration/move-to-resource-group.js";
import { registerAlias } from "../../src/administration/register-alias.js";
import { registerKey } from "../../src/administration/register-key.js";
import { registerSecret } from "../../src/administration/register-secret.js";
import { removeUserFromGroup } from "../../src/administration/remove-user-from-group.js";
import { setDefaultPolicyVersion } from "../../src/administration/set-default-policy-version.js";
import { tagResource } from "../../src/administration/tag-resource.js";
import { untagResource } from "../../src/administration/untag-resource.js";
import { updateAccount } from "../../src/administration/update-account.js";
import { updateAlias } from "../../src/administration/update-alias.js";
import { updateGroup } from "../../src/administration/update-group.js";
import { updateKey } from "../../src/administration/update-key.js";
import { updatePolicy } from "../../src/administration/update-policy.js";
import { updateResourceGroup } from "../../src/administration/update-resource-group.js";
import { updateRole } from "../../src/administration/update-role.js";
import { updateSecret } from "../../src/administration/update-secret.js";
import { updateUser } from "../../src/administration/update-user.js";
import type { Mutation } from "./mutation.js";

/** The changes of an account by name; what tests run, so that broken ones can take their place. */
export const USE_CASES = {
  addUserToGroup,
  attachPolicies,
  attachPolicy,
  createAccount,
  createGroup,
  createPolicy,
  createPolicyVersion,
  createResourceGroup,
  createRole,
  createUser,
  deleteGroup,
  deletePolicy,
  deletePolicyVersion,
  deleteResourceGroup,
  deleteRole,
  deleteUser,
  deregisterAlias,
  deregisterKey,
  deregisterSecret,
  detachPolicies,
  detachPolicy,
  moveToResourceGroup,
  registerAlias,
  registerKey,
  registerSecret,
  removeUserFromGroup,
  setDefaultPolicyVersion,
  tagResource,
  untagResource,
  updateAccount,
  updateAlias,
  updateGroup,
  updateKey,
  updatePolicy,
  updateResourceGroup,
  updateRole,
  updateSecret,
  updateUser,
} as const;

export type UseCases = typeof USE_CASES;
export type UseCaseName = keyof UseCases;

/** The use cases with a slip in a file of `src/administration`, loaded beside the right ones. */
export async function brokenUseCases(mutation: Mutation): Promise<UseCases> {
  const query = Buffer.from(JSON.stringify(mutation)).toString("base64url");
  const module = (await import(/* @vite-ignore */ `./use-cases.js?mutant=${query}`)) as { USE_CASES: UseCases };
  return module.USE_CASES;
}

export type AssumeRole = typeof assumeRole;

/** `assumeRole` with such a slip. */
export async function brokenAssumeRole(mutation: Mutation): Promise<AssumeRole> {
  const query = Buffer.from(JSON.stringify(mutation)).toString("base64url");
  const path = `../../src/administration/assume-role.js?mutant=${query}`;
  const module = (await import(/* @vite-ignore */ path)) as { assumeRole: AssumeRole };
  return module.assumeRole;
}
