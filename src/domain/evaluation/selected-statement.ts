import type { CompiledStatement } from "../policy/compile-policy.js";
import type { Effect } from "../policy/document.js";
import type { ClassStatement } from "./class-statement.js";
import type { Diagnostic } from "./decision.js";
import type { Diagnostics } from "./diagnostics.js";
import type { Applies } from "./match-statement.js";

/** What became of a statement. */
export interface WeighedStatement {
  readonly selected: SelectedStatement;
  readonly applies: Applies;
  /** What its conditions gave rise to; null: nothing. */
  readonly notes: Diagnostics | null;
}

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
  /** What the folded relative ids of its resources start with; null: nothing in particular. */
  readonly prefixes: readonly string[] | null;
  /** It applies, and that is all. */
  readonly certain: WeighedStatement = { selected: this, applies: "true", notes: null };
  /** First code unit of all prefixes; -1: nothing in particular. */
  private readonly initial: number;

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
    const initials = new Set(this.prefixes?.map((prefix) => prefix.charCodeAt(0)));
    this.initial = initials.size === 1 ? ([...initials][0] ?? -1) : -1;
  }

  /** False when it cannot match a resource whose folded relative id starts with this code unit. */
  mayStartWith(initial: number): boolean {
    return this.initial < 0 || this.initial === initial;
  }
}
