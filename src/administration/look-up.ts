import { excerpt, parseArn } from "../domain/arn.js";
import { InvalidInputError } from "../domain/errors.js";
import { type PrincipalName, parsePrincipalArn } from "../domain/principal.js";
import { parseKmsResource } from "../domain/resource.js";
import { foldCase } from "../domain/wildcard.js";
import type { Transaction } from "../store/prisma-client.js";
import { Refusal, refuse, refuseIfAny, type UserError, type UserErrorCode, userError } from "./user-error.js";
import { isStorable } from "./validation.js";

export type EntityKind = "USER" | "GROUP" | "ROLE";
export type RegisteredType = "KEY" | "SECRET" | "ALIAS";

/** A user, group or role as a change names it. */
export interface EntityName extends PrincipalName {
  readonly kind: EntityKind;
}

/** A policy as a change names it. */
export interface PolicyName {
  readonly type: "SYSTEM" | "CUSTOM";
  /** Null for system policies. */
  readonly account: string | null;
  readonly name: string;
  readonly nameKey: string;
  readonly arn: string;
}

/** A policy that its account made, and may change. */
export interface CustomPolicyName extends PolicyName {
  readonly account: string;
}

/** A key, secret or alias as a change names it. */
export interface ResourceName {
  readonly type: RegisteredType;
  readonly region: string;
  readonly account: string;
  readonly name: string;
  readonly arn: string;
}

/** A user, group or role as it is stored. */
export interface StoredEntity {
  readonly id: string;
  readonly kind: "USER" | "GROUP" | "ROLE" | "ACCOUNT_OWNER";
  readonly name: string;
  readonly arn: string;
  readonly roleKind: "REGULAR" | "SERVICE" | "SERVICE_LINKED" | null;
  readonly service: string | null;
}

const POLICY = /^policy\/([^/]+)$/;

/**
 * Reads the ARN of a user, group or role.
 * @throws InvalidInputError when it is no principal's, Refusal when it is of another kind
 */
export function entityName(arn: string, kinds: readonly EntityKind[], field: string): EntityName {
  const name = parsePrincipalArn(arn);
  const { kind } = name;
  if (kind === "ROLE_SESSION" || kind === "ACCOUNT_OWNER" || !kinds.includes(kind)) {
    const wanted = kinds.map((wantedKind) => wantedKind.toLowerCase()).join(" or ");
    refuse("INVALID_PARAMETER_PRINCIPAL_TYPE", `\`${excerpt(arn)}\` is not the arn of a ${wanted}`, field);
  }
  return { ...name, kind };
}

/**
 * Reads the ARN of a policy, `acs:ram::<account>:policy/<name>` or `acs:ram::system:policy/<name>`.
 * @throws InvalidInputError when it is none
 */
export function policyName(text: string): PolicyName {
  const { service, region, account, relativeId } = parseArn(text);
  const name = POLICY.exec(relativeId)?.[1];
  const system = account === "system";
  if (
    service !== "ram" ||
    (region !== "" && region !== "*") ||
    name === undefined ||
    !(system || /^\d+$/.test(account))
  ) {
    throw new InvalidInputError(
      `\`${excerpt(text)}\` is not a valid arn of a policy: it needs the form ` +
        "`acs:ram::<account>:policy/<name>` or `acs:ram::system:policy/<name>`",
    );
  }
  const type = system ? "SYSTEM" : "CUSTOM";
  return { type, account: system ? null : account, name, nameKey: foldCase(name), arn: policyArn(type, account, name) };
}

/**
 * Reads the ARN of a policy that is to be changed. System policies belong to Alibaba Cloud (D27).
 * @throws InvalidInputError when it is none, Refusal SYSTEM_POLICY_IMMUTABLE
 */
export function customPolicyName(text: string, field: string): CustomPolicyName {
  const name = policyName(text);
  if (name.account !== null) return { ...name, account: name.account };
  const service = /KMS/.test(name.name) ? "KMS (`kms.aliyuncs.com`) of Alibaba Cloud" : "Alibaba Cloud";
  const message = `\`${excerpt(name.name)}\` is a system policy: only ${service} may change it`;
  refuse("SYSTEM_POLICY_IMMUTABLE", message, field);
}

/** The ARN under which a policy is known. */
export function policyArn(type: "SYSTEM" | "CUSTOM", account: string, name: string): string {
  return `acs:ram::${type === "SYSTEM" ? "system" : account}:policy/${name}`;
}

/**
 * Reads the ARN of a key, secret or alias.
 * @throws InvalidInputError when it is malformed, Refusal when it names something else
 */
export function resourceName(text: string, types: readonly RegisteredType[], field: string): ResourceName {
  const arn = parseArn(text);
  const named = parseKmsResource(arn);
  const type = types.find((wanted) => wanted === named?.type);
  if (named === null || type === undefined) {
    const wanted = types.map((one) => one.toLowerCase()).join(" or ");
    refuse("INVALID_PARAMETER_RESOURCE_TYPE", `\`${excerpt(text)}\` is not the arn of a ${wanted}`, field);
  }
  return { type, region: arn.region, account: arn.account, name: named.name, arn: arn.text };
}

/** @throws Refusal ENTITY_NOT_EXIST_USER, …_GROUP or …_ROLE */
export async function findEntity(
  tx: Transaction,
  { arnKey, kind, arn }: EntityName,
  field: string,
): Promise<StoredEntity> {
  const entity = await tx.principal.findUnique({
    where: { arnKey },
    select: { id: true, kind: true, name: true, arn: true, roleKind: true, service: true },
  });
  if (entity === null) throw new Refusal([noSuchEntity({ kind, arn }, field)]);
  return entity;
}

export function noSuchEntity({ kind, arn }: Pick<EntityName, "kind" | "arn">, ...field: string[]): UserError {
  const message = `the ${kind.toLowerCase()} \`${excerpt(arn)}\` does not exist`;
  return userError(`ENTITY_NOT_EXIST_${kind}`, message, ...field);
}

/** A policy as it is stored. */
export interface StoredPolicy {
  readonly id: string;
  readonly type: "SYSTEM" | "CUSTOM";
  readonly name: string;
  readonly accountId: string | null;
}

/**
 * Finds a policy as `account` sees it: its own, or for system policies its override before the built-in.
 * @throws Refusal ENTITY_NOT_EXIST_POLICY
 */
export async function findPolicies(
  tx: Transaction,
  account: string,
  policy: PolicyName,
  field: string,
): Promise<[StoredPolicy, ...StoredPolicy[]]> {
  const found = await tx.policy.findMany({
    where: { type: policy.type, nameKey: policy.nameKey, OR: [{ accountId: account }, { accountId: null }] },
    select: { id: true, type: true, name: true, accountId: true },
    orderBy: { accountId: { sort: "asc", nulls: "last" } },
  });
  const [first, ...others] = found;
  const foreign = policy.account !== null && policy.account !== account;
  if (first === undefined || foreign) throw new Refusal([noSuchPolicy(policy, account, field)]);
  return [first, ...others];
}

export function noSuchPolicy(policy: PolicyName, account: string, ...field: string[]): UserError {
  const foreign = policy.account !== null && policy.account !== account;
  const place = foreign ? ` in the account \`${account}\`` : "";
  return userError("ENTITY_NOT_EXIST_POLICY", `the policy \`${excerpt(policy.arn)}\` does not exist${place}`, ...field);
}

/** @throws Refusal ENTITY_NOT_EXIST_RESOURCE_GROUP */
export async function requireResourceGroup(
  tx: Transaction,
  accountId: string,
  id: string | null | undefined,
  field = "resourceGroup",
): Promise<string | null> {
  if (id === null || id === undefined) return null;
  return (await findResourceGroup(tx, accountId, id, field)).id;
}

/** @throws Refusal ENTITY_NOT_EXIST_RESOURCE_GROUP */
export async function findResourceGroup(tx: Transaction, accountId: string, id: string, field = "resourceGroup") {
  const group = isStorable(id)
    ? await tx.resourceGroup.findUnique({
        where: { accountId_id: { accountId, id } },
        select: { id: true, name: true },
      })
    : null;
  if (group === null) throw new Refusal([noSuchResourceGroup(accountId, id, field)]);
  return group;
}

export function noSuchResourceGroup(accountId: string, id: string, ...field: string[]): UserError {
  const message = `the resource group \`${excerpt(id)}\` does not exist in the account \`${accountId}\``;
  return userError("ENTITY_NOT_EXIST_RESOURCE_GROUP", message, ...field);
}

/** @throws Refusal ENTITY_NOT_EXIST_KEY, …_SECRET or …_ALIAS */
export async function findResource(tx: Transaction, { arn, type }: ResourceName, field: string) {
  const resource = await tx.kmsResource.findUnique({
    where: { arn },
    select: { id: true, type: true, arn: true, resourceGroupId: true },
  });
  const code: UserErrorCode = `ENTITY_NOT_EXIST_${type}`;
  if (resource === null) refuse(code, `the ${type.toLowerCase()} \`${excerpt(arn)}\` does not exist`, field);
  return resource;
}

/**
 * Service-linked roles belong to their service (D27).
 * @throws Refusal SERVICE_LINKED_ROLE_IMMUTABLE
 */
export function refuseServiceLinkedRole(entity: StoredEntity, field: string): void {
  refuseIfAny(checkServiceLinkedRole(entity, field));
}

/** The problem of changing a service-linked role, if the entity is one (D27). */
export function checkServiceLinkedRole(entity: StoredEntity, ...field: string[]): UserError[] {
  if (entity.roleKind !== "SERVICE_LINKED") return [];
  const owner = entity.service === null ? "its service" : `the service \`${excerpt(entity.service)}\``;
  const message = `\`${entity.name}\` is a service-linked role: only ${owner} may change it`;
  return [userError("SERVICE_LINKED_ROLE_IMMUTABLE", message, ...field)];
}
