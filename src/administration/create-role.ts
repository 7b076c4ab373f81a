import { HARD_LIMITS, RAM_LIMITS } from "../domain/limits.js";
import type { Administration, ChangeRequest, ChangeResult } from "./administration.js";
import { changeAccount } from "./change-account.js";
import { insertPrincipal, type NewPrincipal, principalArn, principalScopes } from "./create-principal.js";
import { needs } from "./permissions.js";
import { policyText } from "./policy-text.js";
import { refuseIfAny, type UserError, userError } from "./user-error.js";
import { checkName, checkText } from "./validation.js";

export interface CreateRoleInput {
  readonly account: string;
  /** 1 to 64 letters, digits, `.` and `-`; unique whatever its case. */
  readonly name: string;
  /** Who may assume the role: a policy document with `Principal` and without `Resource`, as JSON value or text. */
  readonly trustPolicy: unknown;
  readonly description?: string | null | undefined;
  /** Seconds, 3,600 (default) to 43,200. */
  readonly maxSessionDuration?: number | null | undefined;
  /** REGULAR (default) or SERVICE; services make their service-linked roles themselves. SERVICE when `service` is given. */
  readonly kind?: "REGULAR" | "SERVICE" | null | undefined;
  /** Service that a SERVICE role is for: `ecs.aliyuncs.com`. */
  readonly service?: string | null | undefined;
}

/** Makes a RAM role without any policy. */
export function createRole(
  administration: Administration,
  input: CreateRoleInput,
  request: ChangeRequest,
): Promise<ChangeResult<{ principalId: string }>> {
  const { account, name, description, service } = input;
  const maxSessionDuration = input.maxSessionDuration ?? RAM_LIMITS.roleMaxSessionMinSeconds;
  const roleKind = input.kind ?? (service ? "SERVICE" : "REGULAR");
  const role: NewPrincipal = { accountId: account, kind: "ROLE", name };
  return changeAccount(administration, request, () => {
    refuseIfAny([
      ...checkName("ROLE", name, "name"),
      ...checkText(description, 1_024, "description"),
      ...checkText(service, 255, "service"),
      ...checkDuration(maxSessionDuration),
    ]);
    const trustPolicy = policyText(input.trustPolicy, "trust", HARD_LIMITS.documentBytes, "trustPolicy");
    const details = { comments: description, service, maxSessionDuration, roleKind, trustPolicy };
    return {
      action: "createRole",
      requires: needs("createRole", { "ram:CreateRole": [principalArn(role)] }),
      account,
      lock: "counted",
      targets: [principalArn(role)],
      scopes: principalScopes(role),
      input,
      run: (tx) => insertPrincipal(tx, role, details, administration.limits.rolesPerAccount),
    };
  });
}

/** Problems of a role's longest session, in seconds. */
export function checkDuration(seconds: number): UserError[] {
  const { roleMaxSessionMinSeconds: least, roleMaxSessionMaxSeconds: most } = RAM_LIMITS;
  if (Number.isInteger(seconds) && seconds >= least && seconds <= most) return [];
  const message = `the longest session must be ${least} to ${most} seconds`;
  return [userError("INVALID_PARAMETER_MAX_SESSION_DURATION", message, "maxSessionDuration")];
}
