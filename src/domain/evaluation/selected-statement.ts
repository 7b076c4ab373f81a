import type { CompiledStatement } from "../policy/compile-policy.js";
import type { Effect } from "../policy/document.js";
import type { ClassStatement } from "./class-statement.js";
import type { Diagnostic } from "./decision.js";

/** A statement that speaks about some of the actions of a question. */
export class SelectedStatement {
  readonly candidate: ClassStatement;
  readonly statement: CompiledStatement | null;
  readonly effect: Effect;
  /** Places of its actions in the action set; a statement that looks at the action itself stands once for each. */
  readonly slots: readonly number[];
  /** Place in the class, so that what matched can be listed in the order of the policies. */
  readonly order: number;
  readonly readsTime: boolean;
  /** There is nothing to ask the request. */
  readonly unconditional: boolean;
  /** What its resources give rise to whenever it is looked at; null: nothing. */
  readonly textNotes: (() => readonly Diagnostic[]) | null;
  /** What its resources start with: most statements are ruled out by that alone. Null: it has to be tried. */
  private readonly prefixes: readonly string[] | null;

  constructor(candidate: ClassStatement, slots: readonly number[], order: number) {
    this.candidate = candidate;
    this.statement = candidate.statement;
    this.effect = candidate.effect;
    this.slots = slots;
    this.order = order;
    this.readsTime = candidate.statement?.readsTime ?? false;
    this.unconditional = candidate.statement === null || candidate.statement.conditions.length === 0;
    this.textNotes = candidate.statement?.resources.diagnostics ?? null;
    this.prefixes = candidate.statement?.resources.prefixes ?? null;
  }

  /** False when it cannot match a resource with this folded relative id. */
  mayMatch(relativeId: string): boolean {
    if (this.prefixes === null) return true;
    for (const prefix of this.prefixes) if (relativeId.startsWith(prefix)) return true;
    return false;
  }
}
