import { parseArn } from "../arn.js";
import { actionsOfType } from "../kms/actions.js";
import { kmsResourceType } from "../resource.js";

/**
 * The rows of `effectivePermissions` for a resource: canonical names of the actions its type has.
 * Empty for ARNs of other services; `*` has the actions that name no resource.
 * @throws InvalidInputError when `resourceArn` is malformed
 */
export function permissionActions(resourceArn: string): readonly string[] {
  const type = kmsResourceType(parseArn(resourceArn));
  return type === null ? [] : actionsOfType(type);
}
