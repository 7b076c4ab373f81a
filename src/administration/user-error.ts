import type { DocumentProblem } from "../domain/policy/document.js";

/** Why a change can be refused: RAM's own codes in upper snake case where RAM has one (`EntityNotExist.User`). */
export const USER_ERROR_CODES = [
  "API_KEY_INACTIVE",
  "CONFLICT",
  "DELETE_CONFLICT_GROUP_POLICY",
  "DELETE_CONFLICT_GROUP_USER",
  "DELETE_CONFLICT_KEY_ALIAS",
  "DELETE_CONFLICT_KEY_SECRET",
  "DELETE_CONFLICT_POLICY_GROUP",
  "DELETE_CONFLICT_POLICY_ROLE",
  "DELETE_CONFLICT_POLICY_USER",
  "DELETE_CONFLICT_POLICY_VERSION",
  "DELETE_CONFLICT_POLICY_VERSION_DEFAULT",
  "DELETE_CONFLICT_RESOURCE_GROUP_POLICY",
  "DELETE_CONFLICT_RESOURCE_GROUP_RESOURCE",
  "DELETE_CONFLICT_ROLE_POLICY",
  "DELETE_CONFLICT_USER_GROUP",
  "DELETE_CONFLICT_USER_POLICY",
  "ENTITY_ALREADY_EXISTS_ACCOUNT",
  "ENTITY_ALREADY_EXISTS_ALIAS",
  "ENTITY_ALREADY_EXISTS_GROUP",
  "ENTITY_ALREADY_EXISTS_KEY",
  "ENTITY_ALREADY_EXISTS_POLICY",
  "ENTITY_ALREADY_EXISTS_RESOURCE_GROUP",
  "ENTITY_ALREADY_EXISTS_ROLE",
  "ENTITY_ALREADY_EXISTS_SECRET",
  "ENTITY_ALREADY_EXISTS_USER",
  "ENTITY_NOT_EXIST_ACCOUNT",
  "ENTITY_NOT_EXIST_ALIAS",
  "ENTITY_NOT_EXIST_API_KEY",
  "ENTITY_NOT_EXIST_GROUP",
  "ENTITY_NOT_EXIST_KEY",
  "ENTITY_NOT_EXIST_POLICY",
  "ENTITY_NOT_EXIST_POLICY_VERSION",
  "ENTITY_NOT_EXIST_RESOURCE_GROUP",
  "ENTITY_NOT_EXIST_ROLE",
  "ENTITY_NOT_EXIST_SECRET",
  "ENTITY_NOT_EXIST_USER",
  "IDEMPOTENCY_KEY_REUSED",
  "INVALID_PARAMETER",
  "INVALID_PARAMETER_ACCOUNT",
  "INVALID_PARAMETER_ALIAS_NAME",
  "INVALID_PARAMETER_DURATION_SECONDS",
  "INVALID_PARAMETER_EXPIRES_AT",
  "INVALID_PARAMETER_GROUP_NAME_INVALID_CHARS",
  "INVALID_PARAMETER_GROUP_NAME_LENGTH",
  "INVALID_PARAMETER_KEY",
  "INVALID_PARAMETER_KEY_ID",
  "INVALID_PARAMETER_MAX_SESSION_DURATION",
  "INVALID_PARAMETER_POLICY_DOCUMENT_LENGTH",
  "INVALID_PARAMETER_POLICY_NAME_INVALID_CHARS",
  "INVALID_PARAMETER_POLICY_NAME_LENGTH",
  "INVALID_PARAMETER_OVERLAP_SECONDS",
  "INVALID_PARAMETER_PRINCIPAL_TYPE",
  "INVALID_PARAMETER_RESOURCE_GROUP",
  "INVALID_PARAMETER_RESOURCE_TYPE",
  "INVALID_PARAMETER_ROLE_NAME_INVALID_CHARS",
  "INVALID_PARAMETER_ROLE_NAME_LENGTH",
  "INVALID_PARAMETER_ROLE_SESSION_NAME",
  "INVALID_PARAMETER_SECRET_NAME",
  "INVALID_PARAMETER_TAG_KEY",
  "INVALID_PARAMETER_TAG_VALUE",
  "INVALID_PARAMETER_TEXT",
  "INVALID_PARAMETER_USER_NAME_INVALID_CHARS",
  "INVALID_PARAMETER_USER_NAME_LENGTH",
  "INVALID_PARAMETER_WINDOW",
  "INVALID_SNAPSHOT",
  "LIMIT_EXCEEDED_API_KEY",
  "LIMIT_EXCEEDED_GROUP",
  "LIMIT_EXCEEDED_GROUP_POLICY",
  "LIMIT_EXCEEDED_POLICY",
  "LIMIT_EXCEEDED_POLICY_VERSION",
  "LIMIT_EXCEEDED_ROLE",
  "LIMIT_EXCEEDED_ROLE_POLICY",
  "LIMIT_EXCEEDED_ROLE_SESSION",
  "LIMIT_EXCEEDED_TAG",
  "LIMIT_EXCEEDED_USER",
  "LIMIT_EXCEEDED_USER_GROUP",
  "LIMIT_EXCEEDED_USER_POLICY",
  "MALFORMED_POLICY_DOCUMENT",
  "NO_PERMISSION",
  "SERVICE_LINKED_ROLE_IMMUTABLE",
  "SYSTEM_POLICY_IMMUTABLE",
  "WOULD_ESCALATE",
] as const;

export type UserErrorCode = (typeof USER_ERROR_CODES)[number];

/** One reason why a change was refused. */
export interface UserError {
  readonly code: UserErrorCode;
  readonly message: string;
  /** Path of the input field, e.g. `["document"]`. */
  readonly field?: readonly string[];
  /** JSON pointer into a document or snapshot. */
  readonly pointer?: string;
  /** 1-based; known for documents sent as text. */
  readonly line?: number;
  readonly column?: number;
  /** With CONFLICT: a token of the revision that is current. */
  readonly currentRevision?: string;
  /** With WOULD_ESCALATE: something that the change would give and its maker does not have. */
  readonly witness?: { readonly action: string; readonly resource: string };
}

/** Leaves a use case without changing anything; becomes `userErrors`. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly errors: readonly UserError[];

  constructor(errors: readonly UserError[]) {
    super(errors[0]?.message ?? "refused");
    this.errors = errors;
  }
}

/** Refuses the change for one reason. */
export function refuse(code: UserErrorCode, message: string, ...field: string[]): never {
  throw new Refusal([userError(code, message, ...field)]);
}

/** Refuses the change when there is a reason to. */
export function refuseIfAny(errors: readonly UserError[]): void {
  if (errors.length > 0) throw new Refusal(errors);
}

export function userError(code: UserErrorCode, message: string, ...field: string[]): UserError {
  return { code, message, ...(field.length > 0 ? { field } : {}) };
}

/** Every problem of a policy document as a user error on the input field that held it. */
export function documentErrors(problems: readonly DocumentProblem[], ...field: string[]): UserError[] {
  return problems.map(({ message, pointer, line, column }) => ({
    ...userError("MALFORMED_POLICY_DOCUMENT", message, ...field),
    pointer,
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
  }));
}
