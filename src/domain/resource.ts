import type { Arn } from "./arn.js";

/** Kinds of things KMS actions are about (see KMS in docs/evaluation.md); `NONE` is `*`, `OTHER` a KMS ARN of no known kind. */
export const RESOURCE_TYPES = [
  "KEY",
  "KEY_CONTAINER",
  "SECRET",
  "SECRET_CONTAINER",
  "ALIAS",
  "ALIAS_CONTAINER",
  "CERTIFICATE",
  "CERTIFICATE_CONTAINER",
  "NONE",
  "OTHER",
] as const;
export type ResourceType = (typeof RESOURCE_TYPES)[number];

/** A KMS resource, taken from its ARN. */
export interface KmsResourceName {
  readonly type: ResourceType;
  /** Key id, secret name, certificate id, or alias name with its `alias/`; empty for containers and `*`. */
  readonly name: string;
}

const CONTAINERS: ReadonlyMap<string, ResourceType> = new Map([
  ["key", "KEY_CONTAINER"],
  ["secret", "SECRET_CONTAINER"],
  ["alias", "ALIAS_CONTAINER"],
  ["certificate", "CERTIFICATE_CONTAINER"],
]);
const CONTAINER_TYPES: ReadonlySet<ResourceType> = new Set(CONTAINERS.values());

/** What comes before the `/`. A switch, because every question asks. */
function itemType(prefix: string): ResourceType | null {
  switch (prefix) {
    case "key":
      return "KEY";
    case "secret":
      return "SECRET";
    case "alias":
      return "ALIAS";
    case "certificate":
      return "CERTIFICATE";
    default:
      return null;
  }
}

/** The kind of KMS resource that `arn` names; null for ARNs of other services. */
export function kmsResourceType(arn: Arn): ResourceType | null {
  if (arn.text === "*") return "NONE";
  if (arn.service !== "kms") return null;
  const { relativeId } = arn;
  const slash = relativeId.indexOf("/");
  if (slash < 0) return CONTAINERS.get(relativeId) ?? "OTHER";
  return slash + 1 === relativeId.length ? "OTHER" : (itemType(relativeId.slice(0, slash)) ?? "OTHER");
}

/** What KMS resource `arn` names; null for ARNs of other services. */
export function parseKmsResource(arn: Arn): KmsResourceName | null {
  const type = kmsResourceType(arn);
  if (type === null) return null;
  if (type === "NONE" || isContainer(type)) return { type, name: "" };
  const whole = type === "OTHER" || type === "ALIAS";
  return { type, name: whole ? arn.relativeId : arn.relativeId.slice(arn.relativeId.indexOf("/") + 1) };
}

/** True for `key`, `secret`, `alias` and `certificate` without a name. */
export function isContainer(type: ResourceType): boolean {
  return CONTAINER_TYPES.has(type);
}

/** True for the two kinds that carry tags and lie in a resource group (D7, C19). */
export function isTaggable(type: ResourceType): boolean {
  return type === "KEY" || type === "SECRET";
}
