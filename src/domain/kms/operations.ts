import { type Arn, excerpt, parseArn } from "../arn.js";
import { InvalidInputError } from "../errors.js";
import type { ResourceFacts } from "../evaluation/access-request.js";
import { kmsResourceType, type ResourceType } from "../resource.js";
import { didYouMean } from "../suggest.js";
import { foldCase } from "../wildcard.js";
import { KMS_ACTIONS } from "./actions.js";

/** What an operation is about, as a caller names it; every value but `region` and `account` is an ARN. */
export interface OperationTargets {
  /** For `UpdateAlias` the new key. Key operations take an alias's ARN here too (D8). */
  readonly key?: string | null;
  /** `UpdateAlias`: defaults to the key the alias points to. */
  readonly oldKey?: string | null;
  readonly secret?: string | null;
  readonly secrets?: readonly string[] | null;
  readonly alias?: string | null;
  readonly sourceKey?: string | null;
  readonly destinationKey?: string | null;
  /** Operations on a container, such as `CreateKey`. */
  readonly region?: string | null;
  /** Operations on a container; the caller fills in the principal's account. Never counts as superfluous. */
  readonly account?: string | null;
}

/** The targets that are named by ARN, as they were given. */
export function targetArns({ region: _region, account: _account, ...named }: OperationTargets): string[] {
  return Object.values(named)
    .flat()
    .filter((arn) => typeof arn === "string");
}

/** One (action, resource) that an operation needs. */
export interface OperationLeg {
  readonly action: string;
  readonly resource: string;
}

/** What an operation needs: all legs must be allowed, and the keys must be in a state to serve. */
export interface OperationPlan {
  readonly operation: string;
  readonly legs: readonly OperationLeg[];
  /** ARNs of the keys whose state matters to the operation. */
  readonly keysUsed: readonly string[];
}

/** Gives what is known of a resource by its ARN. */
export type FactsOf = (arn: string) => ResourceFacts;

/** Targets as operations are defined on them; a certificate cannot be named in `canPerform`, only asked about by its ARN. */
interface Targets extends OperationTargets {
  readonly certificate?: string;
}

type TargetName = Exclude<keyof Targets, "account">;
type Plan = Omit<OperationPlan, "operation">;

/** How one operation turns its targets into legs. */
interface OperationDefinition {
  /** Any other target is superfluous. */
  readonly accepts: readonly TargetName[];
  readonly plan: (targets: Targets, facts: FactsOf) => Plan;
  /** Kinds of resource whose ARN alone determines all targets. */
  readonly determinedBy: readonly ResourceType[];
}

const TARGET_NAMES: readonly TargetName[] = [
  "key",
  "oldKey",
  "secret",
  "secrets",
  "alias",
  "sourceKey",
  "destinationKey",
  "region",
  "certificate",
];
const SPECIAL_ACTIONS = new Set(["kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GetSecretValue", "kms:PutSecretValue"]);
const OPERATIONS: ReadonlyMap<string, OperationDefinition> = new Map([...plainOperations(), ...specialOperations()]);
const CANONICAL: ReadonlyMap<string, string> = new Map([...OPERATIONS.keys()].map((name) => [foldCase(name), name]));

/** Names of all operations, for documentation and completion. */
export const OPERATION_NAMES: readonly string[] = [...OPERATIONS.keys()];

/**
 * What `operation` needs when called on `targets` (D8, D10).
 * @param facts gives the key an alias points to and the key a secret is encrypted with
 * @throws InvalidInputError for an unknown operation, a missing, superfluous or malformed target
 */
export function planOperation(operation: string, targets: OperationTargets, facts: FactsOf): OperationPlan {
  const name = CANONICAL.get(foldCase(operation.startsWith("kms:") ? operation.slice(4) : operation));
  const definition = name === undefined ? undefined : OPERATIONS.get(name);
  if (name === undefined || definition === undefined) {
    const suggestion = didYouMean(operation, OPERATION_NAMES);
    throw new InvalidInputError(`unknown operation \`${excerpt(operation)}\`${suggestion}`, "/operation");
  }
  refuseSuperfluous(name, definition, targets);
  return { operation: name, ...definition.plan(targets, facts) };
}

/** The operations whose targets `resource` alone determines, each with its legs; empty for other services. */
export function operationsOf(resource: ResourceFacts): readonly OperationPlan[] {
  const arn = parseArn(resource.arn);
  const type = kmsResourceType(arn);
  if (type === null || (type === "ALIAS" && resource.aliasTargetArn === null)) return [];
  const targets = targetsNaming(type, arn);
  return [...OPERATIONS]
    .filter(([, definition]) => definition.determinedBy.includes(type))
    .map(([operation, definition]) => ({ operation, ...definition.plan(targets, () => resource) }));
}

/**
 * What an operation needs on one resource that it is about: an alias stands for its key (D8).
 * @throws InvalidInputError as `planOperation`, and for an operation that is not about such a resource
 */
export function planOperationOn(operation: string, resource: ResourceFacts, facts: FactsOf): OperationPlan {
  const arn = parseArn(resource.arn);
  const type = kmsResourceType(arn);
  const plan = planOperation(operation, type === null ? {} : targetsNaming(type, arn), facts);
  if (plan.legs.length === 0 || plan.legs.some((leg) => leg.resource === arn.text)) return plan;
  throw new InvalidInputError(`operation \`${plan.operation}\` is not about \`${excerpt(arn.text)}\``, "/operation");
}

function targetsNaming(type: ResourceType, arn: Arn): Targets {
  if (type === "KEY") return { key: arn.text };
  if (type === "SECRET") return { secret: arn.text };
  if (type === "ALIAS") return { alias: arn.text };
  if (type === "CERTIFICATE") return { certificate: arn.text };
  return { region: arn.region, account: arn.account };
}

function plainOperations(): [string, OperationDefinition][] {
  return [...KMS_ACTIONS]
    .filter(([action]) => !SPECIAL_ACTIONS.has(action))
    .flatMap(([action, types]) => {
      const definition = plainOperation(action, types);
      return definition === null ? [] : [[action.slice(4), definition] satisfies [string, OperationDefinition]];
    });
}

/** The definition that follows from the kinds of resource an action applies to. */
function plainOperation(action: string, types: readonly ResourceType[]): OperationDefinition | null {
  const [type] = types;
  if (types.includes("ALIAS")) return null;
  if (types.includes("KEY") && types.includes("SECRET")) return keyOrSecretOperation(action);
  if (type === "KEY") return keyOperation(action);
  if (type === "SECRET") return secretOperation(action);
  if (type === "CERTIFICATE") return certificateOperation(action);
  if (type === "NONE") return resourcelessOperation(action);
  return containerOperation(action, type ?? "OTHER");
}

function keyOperation(action: string): OperationDefinition {
  return {
    accepts: ["key", "alias"],
    determinedBy: ["KEY"],
    plan: (targets, facts) => keyUse(action, addressedKey(targets, facts)),
  };
}

function secretOperation(action: string): OperationDefinition {
  return {
    accepts: ["secret"],
    determinedBy: ["SECRET"],
    plan: (targets) => legsOnly([{ action, resource: required(targets, "secret", ["SECRET"]) }]),
  };
}

function keyOrSecretOperation(action: string): OperationDefinition {
  const key = keyOperation(action);
  const secret = secretOperation(action);
  return {
    accepts: ["key", "alias", "secret"],
    determinedBy: ["KEY", "SECRET"],
    plan: (targets, facts) => {
      const named = [targets.key ?? targets.alias, targets.secret].filter((target) => target != null);
      if (named.length !== 1) throw new InvalidInputError("name either a key or a secret", "/targets");
      return (targets.secret == null ? key : secret).plan(targets, facts);
    },
  };
}

function certificateOperation(action: string): OperationDefinition {
  return {
    accepts: ["certificate"],
    determinedBy: ["CERTIFICATE"],
    plan: (targets) => {
      if (targets.certificate !== undefined) return legsOnly([{ action, resource: targets.certificate }]);
      throw new InvalidInputError("operations on a certificate are only answered for the certificate itself");
    },
  };
}

function resourcelessOperation(action: string): OperationDefinition {
  const legs = action === "kms:DescribeRegions" ? [] : [{ action, resource: "*" }];
  return { accepts: ["region"], determinedBy: ["NONE"], plan: () => legsOnly(legs) };
}

function containerOperation(action: string, type: ResourceType): OperationDefinition {
  const container = type.replace("_CONTAINER", "").toLowerCase();
  return {
    accepts: ["region"],
    determinedBy: [type],
    plan: ({ region, account }) => {
      if (region == null) throw new InvalidInputError("target `region` is missing", "/targets/region");
      if (account == null) throw new InvalidInputError("target `account` is missing", "/targets/account");
      return legsOnly([{ action, resource: parseArn(`acs:kms:${region}:${account}:${container}`).text }]);
    },
  };
}

function specialOperations(): [string, OperationDefinition][] {
  return [
    ["ReEncrypt", { accepts: ["sourceKey", "destinationKey"], determinedBy: [], plan: planReEncrypt }],
    ["CreateAlias", { accepts: ["alias", "key"], determinedBy: [], plan: planCreateAlias }],
    ["UpdateAlias", { accepts: ["alias", "key", "oldKey"], determinedBy: [], plan: planUpdateAlias }],
    ["DeleteAlias", { accepts: ["alias", "key"], determinedBy: ["ALIAS"], plan: planDeleteAlias }],
    ["GetSecretValue", secretValueOperation("kms:GetSecretValue", "kms:Decrypt")],
    ["PutSecretValue", secretValueOperation("kms:PutSecretValue", "kms:GenerateDataKey")],
    ["BatchGetSecretValue", { accepts: ["secrets"], determinedBy: [], plan: planBatchGet }],
  ];
}

function planReEncrypt(targets: Targets, facts: FactsOf): Plan {
  const source = keyUse("kms:ReEncryptFrom", resolveKey(required(targets, "sourceKey", ["KEY", "ALIAS"]), facts));
  const target = keyUse("kms:ReEncryptTo", resolveKey(required(targets, "destinationKey", ["KEY", "ALIAS"]), facts));
  return merged([source, target]);
}

function planCreateAlias(targets: Targets): Plan {
  const alias = required(targets, "alias", ["ALIAS"]);
  const key = required(targets, "key", ["KEY"]);
  return { legs: onEach("kms:CreateAlias", [alias, key]), keysUsed: [key] };
}

/** The state of the old key does not matter (D28). */
function planUpdateAlias(targets: Targets, facts: FactsOf): Plan {
  const alias = required(targets, "alias", ["ALIAS"]);
  const key = required(targets, "key", ["KEY"]);
  const named = targets.oldKey == null ? null : required(targets, "oldKey", ["KEY"]);
  refuseOtherKey(alias, facts(alias).aliasTargetArn, named, "oldKey");
  const oldKey = named ?? aliasTarget(alias, facts, "oldKey");
  return { legs: onEach("kms:UpdateAlias", [alias, oldKey, key]), keysUsed: [key] };
}

function planDeleteAlias(targets: Targets, facts: FactsOf): Plan {
  const alias = required(targets, "alias", ["ALIAS"]);
  const known = facts(alias).aliasTargetArn;
  const named = targets.key == null ? null : required(targets, "key", ["KEY"]);
  refuseOtherKey(alias, known, named, "key");
  const key = named ?? aliasTarget(alias, facts, "key");
  return { legs: onEach("kms:DeleteAlias", [alias, key]), keysUsed: [] };
}

/** D10: a secret under a user-managed key also needs that key. */
function secretValueOperation(action: string, keyAction: string): OperationDefinition {
  return {
    accepts: ["secret"],
    determinedBy: ["SECRET"],
    plan: (targets, facts) => secretValueUse(action, keyAction, required(targets, "secret", ["SECRET"]), facts),
  };
}

function planBatchGet(targets: Targets, facts: FactsOf): Plan {
  const secrets = (targets.secrets ?? []).map((secret) => checkedTarget(secret, "secrets", ["SECRET"]));
  if (secrets.length === 0) throw new InvalidInputError("target `secrets` is missing", "/targets/secrets");
  return merged(secrets.map((secret) => secretValueUse("kms:GetSecretValue", "kms:Decrypt", secret, facts)));
}

function secretValueUse(action: string, keyAction: string, secret: string, facts: FactsOf): Plan {
  const key = facts(secret).encryptionKeyArn;
  if (key === null) return legsOnly([{ action, resource: secret }]);
  return {
    legs: [
      { action, resource: secret },
      { action: keyAction, resource: key },
    ],
    keysUsed: [key],
  };
}

/** A key, and the alias it was named by (D8). */
interface AddressedKey {
  readonly key: string;
  readonly alias: string | null;
}

function addressedKey(targets: Targets, facts: FactsOf): AddressedKey {
  if (targets.alias == null) return resolveKey(required(targets, "key", ["KEY", "ALIAS"]), facts);
  const alias = required(targets, "alias", ["ALIAS"]);
  const named = targets.key == null ? null : required(targets, "key", ["KEY"]);
  refuseOtherKey(alias, facts(alias).aliasTargetArn, named, "key");
  return { key: named ?? aliasTarget(alias, facts, "key"), alias };
}

function resolveKey(arn: string, facts: FactsOf): AddressedKey {
  if (kmsResourceType(parseArn(arn)) !== "ALIAS") return { key: arn, alias: null };
  return { key: aliasTarget(arn, facts, "key"), alias: arn };
}

function keyUse(action: string, { key, alias }: AddressedKey): Plan {
  return { legs: onEach(action, alias === null ? [key] : [key, alias]), keysUsed: [key] };
}

function aliasTarget(alias: string, facts: FactsOf, missing: TargetName): string {
  const key = facts(alias).aliasTargetArn;
  if (key !== null) return key;
  throw new InvalidInputError(
    `the key that \`${excerpt(alias)}\` points to is not known: name it as \`${missing}\``,
    `/targets/${missing}`,
  );
}

function refuseOtherKey(alias: string, known: string | null, named: string | null, target: TargetName): void {
  if (known === null || named === null || known === named) return;
  throw new InvalidInputError(`\`${excerpt(alias)}\` points to another key`, `/targets/${target}`);
}

function refuseSuperfluous(name: string, definition: OperationDefinition, targets: Targets): void {
  for (const target of TARGET_NAMES) {
    if (targets[target] == null || definition.accepts.includes(target)) continue;
    throw new InvalidInputError(`operation \`${name}\` takes no target \`${target}\``, `/targets/${target}`);
  }
}

function required(targets: Targets, name: TargetName, types: readonly ResourceType[]): string {
  const value = targets[name];
  if (typeof value !== "string") {
    throw new InvalidInputError(`target \`${name}\` is missing`, `/targets/${name}`);
  }
  return checkedTarget(value, name, types);
}

function checkedTarget(value: string, name: TargetName, types: readonly ResourceType[]): string {
  const arn = parseArn(value);
  const type = kmsResourceType(arn);
  if (type !== null && types.includes(type)) return arn.text;
  const wanted = types.map((expected) => expected.toLowerCase()).join(" or ");
  throw new InvalidInputError(`\`${excerpt(value)}\` is not the arn of a ${wanted}`, `/targets/${name}`);
}

function onEach(action: string, resources: readonly string[]): OperationLeg[] {
  return [...new Set(resources)].map((resource) => ({ action, resource }));
}

function legsOnly(legs: readonly OperationLeg[]): Plan {
  return { legs, keysUsed: [] };
}

function merged(plans: readonly Plan[]): Plan {
  const legs = new Map(plans.flatMap((plan) => plan.legs).map((leg) => [`${leg.action} ${leg.resource}`, leg]));
  return { legs: [...legs.values()], keysUsed: [...new Set(plans.flatMap((plan) => plan.keysUsed))] };
}
