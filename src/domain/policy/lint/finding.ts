/** `ERROR`: it does not do what it says; `SECURITY_WARNING`: it may give away more than was meant. */
export type FindingSeverity = "ERROR" | "SECURITY_WARNING" | "WARNING" | "SUGGESTION";

/** Every code of the linter itself, with its severity; problems of parsing are ERRORs under the parser's codes. */
export const FINDING_SEVERITIES = {
  UNKNOWN_OPERATOR: "ERROR",
  UNPARSEABLE_VALUE: "ERROR",
  UNSUPPORTED_ELEMENT: "ERROR",
  POLICY_VARIABLE_UNSUPPORTED: "ERROR",
  SUSPICIOUS_RESOURCE: "ERROR",
  SUSPICIOUS_PRINCIPAL: "ERROR",
  ALLOW_EVERYTHING: "SECURITY_WARNING",
  ALLOW_NOT_ACTION: "SECURITY_WARNING",
  DESTRUCTIVE_WILDCARD: "SECURITY_WARNING",
  PRINCIPAL_WILDCARD: "SECURITY_WARNING",
  UNKNOWN_ACTION: "WARNING",
  ACTION_NOT_APPLICABLE: "WARNING",
  CONTAINER_ARN_REQUIRED: "WARNING",
  ITEM_ARN_REQUIRED: "WARNING",
  RESOURCE_NOT_SUPPORTED: "WARNING",
  MASKED_ID: "WARNING",
  CONDITION_KEY_NOT_POPULATED: "WARNING",
  KEY_TYPE_MISMATCH: "WARNING",
  SOURCE_VPC_ACTIONS: "WARNING",
  EMPTY_VALUE_LIST: "WARNING",
  NON_STRING_VALUE: "WARNING",
  WILDCARD_IN_EQUALS: "WARNING",
  DEAD_STATEMENT: "WARNING",
  TOO_LONG_FOR_RAM: "WARNING",
  ACTION_CASE: "SUGGESTION",
  DUPLICATE_ENTRY: "SUGGESTION",
  DUPLICATE_STATEMENT: "SUGGESTION",
} as const satisfies Record<string, FindingSeverity>;
export type LintCode = keyof typeof FINDING_SEVERITIES;

/** Something about a policy document that its author should know. */
export interface PolicyFinding {
  readonly severity: FindingSeverity;
  /** A `LintCode`, or the code of a problem that makes the document malformed. */
  readonly code: string;
  readonly message: string;
  /** JSON pointer (RFC 6901) into the document; empty for the whole of it. */
  readonly pointer: string;
  /** 1-based; null unless the document came as text. */
  readonly line: number | null;
  readonly column: number | null;
}

/** A finding before its place is looked up. */
export interface Remark {
  readonly code: LintCode;
  readonly message: string;
  /** Ends the message; it takes time to find, so only findings that are shown have it. */
  readonly suggestion?: () => string;
  readonly pointer: string;
  /** The place of the member's name is meant, not of its value. */
  readonly atName?: boolean;
}
