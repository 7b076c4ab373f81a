import { excerpt } from "../arn.js";
import { actionAppliesTo, actionsOfType, KMS_ACTIONS } from "../kms/actions.js";
import { isContainer, type ResourceType } from "../resource.js";
import { didYouMean } from "../suggest.js";
import type { AttachedPolicy, ResourceFacts } from "./access-request.js";
import type { Diagnostic } from "./decision.js";
import type { PolicyClass } from "./evaluate-policies.js";
import type { EvaluationRequest } from "./evaluation-request.js";

const TYPE_WORDS: Readonly<Record<ResourceType, string>> = {
  KEY: "a key",
  KEY_CONTAINER: "the key container",
  SECRET: "a secret",
  SECRET_CONTAINER: "the secret container",
  ALIAS: "an alias",
  ALIAS_CONTAINER: "the alias container",
  CERTIFICATE: "a certificate",
  CERTIFICATE_CONTAINER: "the certificate container",
  NONE: "`*`",
  OTHER: "this resource",
};

/** D4: policies in force whose document is not known. */
export function incompletePolicies(active: readonly AttachedPolicy[]): Diagnostic[] {
  return active
    .filter(({ policy }) => policy.compiled === null)
    .map(({ policy }) => ({
      code: "INCOMPLETE_POLICY_SET",
      message: `the document of policy \`${policy.reference.name}\` is not known: it may allow or deny anything`,
    }));
}

/** The contract: well formed, but unknown to the gateway. Containers and `*` need no registration. */
export function unregisteredResource(request: EvaluationRequest, facts: ResourceFacts): Diagnostic[] {
  const type = request.resource?.type;
  if (facts.registered || type === "NONE" || (type !== undefined && isContainer(type))) return [];
  const message = `\`${excerpt(request.target.arn.text)}\` is not registered: decided without tags and resource group`;
  return [{ code: "RESOURCE_NOT_REGISTERED", message }];
}

/** C27: a KMS action asked on something it does not apply to. */
export function inapplicableAction({ action, foldedAction, resource }: EvaluationRequest): Diagnostic[] {
  if (!foldedAction.startsWith("kms:")) return [];
  if (!KMS_ACTIONS.has(action)) {
    const message = `\`${action}\` is no action of KMS${didYouMean(action, KMS_ACTIONS.keys())}`;
    return [{ code: "ACTION_NOT_APPLICABLE", message }];
  }
  if (resource !== null && actionAppliesTo(action, resource.type)) return [];
  const words = resource === null ? "a resource of another service" : TYPE_WORDS[resource.type];
  return [{ code: "ACTION_NOT_APPLICABLE", message: `\`${action}\` does not apply to ${words}` }];
}

/** D9, C24: an Allow that was read names the container's action, but only items of the container. */
export function containerArnRequired(request: EvaluationRequest, read: readonly PolicyClass[]): Diagnostic[] {
  const type = request.resource?.type;
  if (type === undefined || !isContainer(type) || !actionsOfType(type).includes(request.action)) return [];
  const statements = read.flatMap(({ members }) => members.flatMap(({ compiled }) => compiled?.statements ?? []));
  const missed = statements.some(
    ({ effect, matchesAction, resources }) =>
      effect === "Allow" &&
      matchesAction(request.foldedAction) &&
      resources.matches(request.target) !== "true" &&
      resources.matchesItemOf(request.target),
  );
  const message = `\`${request.action}\` needs the container \`${excerpt(request.target.arn.text)}\`, not its items`;
  return missed ? [{ code: "CONTAINER_ARN_REQUIRED", message }] : [];
}

/** D1: the two readings of account level against resource-group level differ. */
export const RESOURCE_GROUP_DENY_SHADOWED: Diagnostic = {
  code: "RESOURCE_GROUP_DENY_SHADOWED",
  message:
    "a resource-group-level Deny meets an account-level Allow: the setting SCOPE_PRECEDENCE decides which counts",
};
