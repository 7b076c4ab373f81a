import { HARD_LIMITS, RAM_LIMITS } from "../domain/limits.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { checkDuration } from "./create-role.js";
import { policyText } from "./policy-text.js";
import { updatePrincipalChange } from "./update-principal.js";
import { refuseIfAny } from "./user-error.js";
import { checkText } from "./validation.js";

export interface UpdateRoleInput {
  /** ARN of the role; not of a service-linked one. */
  readonly role: string;
  /** Null: none; left out: as it was. */
  readonly description?: string | null | undefined;
  /** Who may assume the role, as in createRole; null or left out: as it was. */
  readonly trustPolicy?: unknown;
  /** Seconds, 3,600 to 43,200; null: 3,600; left out: as it was. */
  readonly maxSessionDuration?: number | null | undefined;
}

/** Changes a role. RAM gives roles no new names. */
export function updateRole(
  administration: Administration,
  input: UpdateRoleInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ principalId: string }>> {
  const { role, description: comments } = input;
  return changeAccount(administration, request, () => {
    const maxSessionDuration = durationOf(input);
    refuseIfAny([
      ...checkText(comments, 1_024, "description"),
      ...(maxSessionDuration === undefined ? [] : checkDuration(maxSessionDuration)),
    ]);
    const columns = { comments, maxSessionDuration, trustPolicy: trustOf(input) };
    return updatePrincipalChange({ action: "updateRole", kind: "ROLE", arn: role, field: "role", input, columns });
  });
}

function durationOf({ maxSessionDuration }: UpdateRoleInput): number | undefined {
  return maxSessionDuration === null ? RAM_LIMITS.roleMaxSessionMinSeconds : maxSessionDuration;
}

function trustOf({ trustPolicy }: UpdateRoleInput): string | undefined {
  if (trustPolicy === null || trustPolicy === undefined) return undefined;
  return policyText(trustPolicy, "trust", HARD_LIMITS.documentBytes, "trustPolicy");
}
