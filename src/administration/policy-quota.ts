import type { Limits } from "./administration.js";
import type { StoredEntity, StoredPolicy } from "./look-up.js";
import { type UserError, userError } from "./user-error.js";

/**
 * The problem of giving an identity one more policy, if it has all it may have (D30).
 *
 * @param count how many other policies of that type it has; RAM counts them whatever their scope
 */
export function checkPolicyQuota(
  { kind }: Pick<StoredEntity, "kind">,
  { type }: Pick<StoredPolicy, "type">,
  count: number,
  limits: Limits,
  ...field: string[]
): UserError[] {
  const most = type === "SYSTEM" ? limits.systemPoliciesPerIdentity : limits.customPoliciesPerIdentity;
  if (count < most || kind === "ACCOUNT_OWNER") return [];
  const noun = `${kind.toLowerCase()} already has ${count} ${type.toLowerCase()} policies`;
  return [userError(`LIMIT_EXCEEDED_${kind}_POLICY`, `the ${noun}, and at most ${most} are allowed`, ...field)];
}
