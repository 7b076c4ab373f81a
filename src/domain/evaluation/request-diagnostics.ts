import { excerpt } from "../arn.js";
import { actionAppliesTo, KMS_ACTIONS } from "../kms/actions.js";
import { isContainer, type ResourceType } from "../resource.js";
import { didYouMean } from "../suggest.js";
import { foldCase } from "../wildcard.js";
import type { Diagnostic } from "./decision.js";
import type { Evaluation } from "./evaluation.js";
import type { Weighing } from "./weigh-stages.js";

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

/** Well formed, but unknown to the gateway. */
export function unregisteredResource(arn: string): Diagnostic {
  const message = `\`${excerpt(arn)}\` is not registered: decided without tags and resource group`;
  return { code: "RESOURCE_NOT_REGISTERED", message };
}

/** C27: a KMS action asked on something it does not apply to. `action` in the catalogue's spelling. */
export function inapplicableAction(action: string, type: ResourceType | null): Diagnostic | null {
  if (type !== null && actionAppliesTo(action, type)) return null;
  if (!foldCase(action).startsWith("kms:")) return null;
  if (!KMS_ACTIONS.has(action)) {
    const message = `\`${action}\` is no action of KMS${didYouMean(action, KMS_ACTIONS.keys())}`;
    return { code: "ACTION_NOT_APPLICABLE", message };
  }
  const words = type === null ? "a resource of another service" : TYPE_WORDS[type];
  return { code: "ACTION_NOT_APPLICABLE", message: `\`${action}\` does not apply to ${words}` };
}

/** D9, C24: an Allow that was read names the container's action, but only items of the container. */
export function containerArnRequired(
  { actions, resource, request, results }: Evaluation,
  slot: number,
  { reads }: Weighing,
): Diagnostic | null {
  const [action = "", folded = ""] = [actions.names[slot], actions.folded[slot]];
  const { type } = resource;
  if (type === null || !isContainer(type) || !actionAppliesTo(action, type)) return null;
  const read = results
    .map(({ policies }) => policies)
    .filter(({ stage }) => stage !== "ROLE_TRUST" && reads.has(stage));
  const statements = read.flatMap((policies) => policies.statements);
  const missed = statements.some(
    ({ statement }) =>
      statement?.effect === "Allow" &&
      statement.actions.matches(folded) &&
      statement.resources.matches(request.target) !== "true" &&
      statement.resources.matchesItemOf(request.target),
  );
  const message = `\`${action}\` needs the container \`${excerpt(resource.arn.text)}\`, not its items`;
  return missed ? { code: "CONTAINER_ARN_REQUIRED", message } : null;
}

/** D1: the two readings of account level against resource-group level differ. */
export const RESOURCE_GROUP_DENY_SHADOWED: Diagnostic = {
  code: "RESOURCE_GROUP_DENY_SHADOWED",
  message:
    "a resource-group-level Deny meets an account-level Allow: the setting SCOPE_PRECEDENCE decides which counts",
};
