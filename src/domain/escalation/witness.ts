import type { PrincipalFacts, ResourceFacts, ScopePrecedence } from "../evaluation/access-request.js";
import { decideActions } from "../evaluation/decide.js";
import { permissionActions } from "../evaluation/effective-permissions.js";
import { GATEWAY_ACTIONS } from "../gateway-actions.js";
import { KMS_ACTIONS } from "../kms/actions.js";
import { coversArnExactly, coversText } from "../policy/cover.js";
import { RAM_ACTIONS } from "../ram-actions.js";
import { hasWildcard } from "../wildcard.js";
import type { Escalation } from "./grant.js";

/** An action on a resource. */
export interface Witness {
  readonly action: string;
  /** An ARN, or the pattern of a policy where nothing registered fits it. */
  readonly resource: string;
}

export interface Grantor {
  readonly facts: PrincipalFacts;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly scopePrecedence: ScopePrecedence;
}

/**
 * Makes what was found concrete: something registered that the grantor is not allowed now, if there is such a thing, else
 * the pattern, with an action that fits.
 */
export function witnessOf(found: Escalation, grantor: Grantor, registered: readonly ResourceFacts[]): Witness {
  if (found.kind !== "BEYOND") return { action: found.action, resource: found.resource };
  for (const resource of registered) {
    if (!coversArnExactly(found.resource, resource.arn)) continue;
    const action = findAction(found, grantor, resource);
    if (action !== undefined) return { action, resource: resource.arn };
  }
  return { action: nameAction(found.action), resource: found.resource };
}

function findAction(
  { action: pattern }: Escalation,
  { facts, now, scopePrecedence }: Grantor,
  resource: ResourceFacts,
) {
  const actions = permissionActions(resource.arn).filter((action) => coversText(pattern, action));
  if (actions.length === 0) return undefined;
  const question = { principal: facts, resource, context: new Map(), now, sessionPolicy: null };
  const verdicts = decideActions(question, actions, { scopePrecedence, detail: "OUTCOME" });
  return verdicts.find(({ outcome }) => outcome !== "ALLOW")?.action;
}

const NAMES = [...KMS_ACTIONS.keys(), ...RAM_ACTIONS, ...Object.keys(GATEWAY_ACTIONS)];

function nameAction(pattern: string): string {
  if (!hasWildcard(pattern)) return pattern;
  return NAMES.find((name) => coversText(pattern, name)) ?? pattern;
}
