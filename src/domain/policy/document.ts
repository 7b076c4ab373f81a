export type PolicyType = "SYSTEM" | "CUSTOM";
export type Effect = "Allow" | "Deny";

/** Patterns of an `Action`/`NotAction` or `Resource`/`NotResource` block; `negated` for the `Not…` form. */
export interface PatternBlock {
  readonly negated: boolean;
  readonly patterns: readonly string[];
}

/** One `<operator>: { <key>: values }` of a statement, taken apart but not interpreted. */
export interface Condition {
  /** Operator exactly as written, without its set prefix. */
  readonly operator: string;
  readonly setPrefix: "ForAllValues" | "ForAnyValue" | null;
  readonly key: string;
  readonly values: readonly string[];
}

/** Who a statement of a trust policy speaks about. */
export interface PrincipalBlock {
  readonly ram: readonly string[];
  readonly service: readonly string[];
  readonly federated: readonly string[];
}

/** A statement of a parsed policy document. */
export interface Statement {
  readonly effect: Effect;
  readonly actions: PatternBlock;
  /** Null only in trust policies. */
  readonly resources: PatternBlock | null;
  /** Null in identity and session policies. */
  readonly principal: PrincipalBlock | null;
  readonly conditions: readonly Condition[];
  readonly sid: string | null;
}

/** A parsed, well-formed policy document. */
export interface PolicyDocument {
  readonly version: "1";
  readonly statements: readonly Statement[];
}

/** `identity` also covers session policies; `trust` needs `Principal` and takes no resource block. */
export type DocumentKind = "identity" | "trust";

/** One reason why a document is malformed. `line` and `column` are 1-based and known for text input only. */
export interface DocumentProblem {
  readonly code: string;
  readonly message: string;
  /** JSON pointer (RFC 6901) into the document; empty for the whole of it. */
  readonly pointer: string;
  readonly line?: number;
  readonly column?: number;
}
