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

/** What KMS resource `arn` names; null for ARNs of other services. */
export function parseKmsResource(arn: Arn): KmsResourceName | null {
  if (arn.text === "*") return { type: "NONE", name: "" };
  if (arn.service !== "kms") return null;
  const slash = arn.relativeId.indexOf("/");
  const container = slash < 0 ? CONTAINERS.get(arn.relativeId) : undefined;
  if (container !== undefined) return { type: container, name: "" };
  const type = slash < 0 ? null : itemType(arn.relativeId.slice(0, slash));
  const name = arn.relativeId.slice(slash + 1);
  if (type === null || name === "") return { type: "OTHER", name: arn.relativeId };
  return { type, name: type === "ALIAS" ? arn.relativeId : name };
}

/** True for `key`, `secret`, `alias` and `certificate` without a name. */
export function isContainer(type: ResourceType): boolean {
  return CONTAINER_TYPES.has(type);
}

/** True for the two kinds that carry tags and lie in a resource group (D7, C19). */
export function isTaggable(type: ResourceType): boolean {
  return type === "KEY" || type === "SECRET";
}
