import { excerpt } from "../domain/arn.js";
import type { Transaction } from "../store/prisma-client.js";
import type { Tag } from "./administration.js";
import type { Effect } from "./change-account.js";
import { resourceGroupArn } from "./create-resource-group.js";
import { findResource, type RegisteredType, type ResourceName, resourceName } from "./look-up.js";
import { tagsByKey } from "./tag-change.js";
import { refuse, refuseIfAny, userError } from "./user-error.js";
import { checkResourceName, isRegion } from "./validation.js";

/** Columns in which keys, secrets and aliases differ. */
export interface ResourceDetails {
  readonly resourceGroupId?: string | null;
  readonly keyId?: string | null;
  readonly keyState?: "ENABLED" | "DISABLED" | "PENDING_DELETION" | "PENDING_IMPORT";
  readonly keySpec?: string | null;
  readonly keyUsage?: string | null;
  readonly origin?: string | null;
  readonly secretType?: string | null;
}

/** Reads the ARN of a key, secret or alias that is to be registered: it must name one thing in one region. */
export function newResourceName(arn: string, type: RegisteredType): ResourceName {
  const resource = resourceName(arn, [type], "arn");
  const region = isRegion(resource.region)
    ? []
    : [userError("INVALID_PARAMETER", `\`${excerpt(arn)}\` names no region`, "arn")];
  refuseIfAny([...region, ...checkResourceName(type, resource.name, "arn")]);
  return resource;
}

/** What tagging and moving would take: tags and resource group decide who may use a thing. */
export function placing(
  { account, arn }: ResourceName,
  {
    tags,
    resourceGroup,
  }: { readonly tags?: readonly Tag[] | null | undefined; readonly resourceGroup?: string | null | undefined },
) {
  return {
    "kms:TagResource": tags && tags.length > 0 ? [arn] : [],
    "resourcemanager:MoveResources": resourceGroup ? [arn, resourceGroupArn(account, resourceGroup)] : [],
  };
}

/**
 * Writes a key, secret or alias with its tags.
 *
 * @param keyArn names the key of `details` in the audit trail
 * @throws Refusal ENTITY_ALREADY_EXISTS_KEY, …_SECRET or …_ALIAS
 */
export async function insertResource(
  tx: Transaction,
  { type, account, region, name, arn }: ResourceName,
  details: ResourceDetails,
  tags: readonly Tag[],
  keyArn: string | null = null,
): Promise<Effect<{ resourceId: string }>> {
  if ((await tx.kmsResource.findUnique({ where: { arn }, select: { id: true } })) !== null) {
    refuse(`ENTITY_ALREADY_EXISTS_${type}`, `the ${type.toLowerCase()} \`${excerpt(arn)}\` already exists`, "arn");
  }
  const data = { accountId: account, type, region, name, arn, ...details };
  const { id } = await tx.kmsResource.create({ data, select: { id: true } });
  if (tags.length > 0) {
    await tx.resourceTag.createMany({ data: tags.map(({ key, value }) => ({ resourceId: id, key, value })) });
  }
  const after = { arn, type, ...factsOf(details, keyArn), tags: tagsByKey(tags) };
  return { value: { resourceId: id }, changed: true, created: true, after };
}

/** The columns as the audit trail names them: like the API. */
function factsOf({ resourceGroupId, keyState, keySpec, keyUsage, ...others }: ResourceDetails, keyArn: string | null) {
  const { origin, secretType, keyId } = others;
  const key = { state: keyState, spec: keySpec, usage: keyUsage, origin };
  return { resourceGroup: resourceGroupId, ...key, secretType, ...(keyId ? { key: keyArn } : {}) };
}

/**
 * Finds the key that a secret is encrypted with or an alias points to: it must lie where they lie.
 * @throws Refusal ENTITY_NOT_EXIST_KEY or INVALID_PARAMETER_KEY
 */
export async function findKeyFor(
  tx: Transaction,
  owner: ResourceName,
  key: ResourceName,
  field: string,
): Promise<string> {
  if (key.account !== owner.account || key.region !== owner.region) {
    const noun = owner.type.toLowerCase();
    refuse("INVALID_PARAMETER_KEY", `the key must lie in the account and region of the ${noun}`, field);
  }
  return (await findResource(tx, key, field)).id;
}
