import type { CompiledPolicy, CompiledStatement } from "../policy/compile-policy.js";
import type { AttachmentScope, MatchedStatement, PolicyReference, StatementSource } from "./decision.js";

/** A policy inside a class, with the path it came by. */
export interface ClassMember {
  readonly source: StatementSource;
  /** Null when the document is not known: the policy may hold anything (D4). */
  readonly compiled: CompiledPolicy | null;
  readonly policy: PolicyReference | null;
  readonly version: string | null;
  readonly attachedTo: string | null;
  readonly scope: AttachmentScope | null;
}

/** A statement inside a class. */
export class ClassStatement {
  readonly member: ClassMember;
  /** Null: stands for whatever an unknown document may hold with this effect. */
  readonly statement: CompiledStatement | null;
  readonly effect: "Allow" | "Deny";
  private certain: MatchedStatement | null = null;
  private open: MatchedStatement | null = null;

  constructor(member: ClassMember, statement: CompiledStatement | null, effect: "Allow" | "Deny") {
    this.member = member;
    this.statement = statement;
    this.effect = effect;
  }

  /** How the statement is listed in a decision. */
  matched(residual: boolean): MatchedStatement {
    if (residual) this.open ??= this.describe(true);
    else this.certain ??= this.describe(false);
    return (residual ? this.open : this.certain) ?? this.describe(residual);
  }

  private describe(residual: boolean): MatchedStatement {
    const { source, policy, version, attachedTo, scope } = this.member;
    const { index, sid } = this.statement ?? { index: 0, sid: null };
    return { source, effect: this.effect, index, sid, residual, policy, version, attachedTo, scope };
  }
}
