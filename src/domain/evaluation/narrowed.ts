import { resolveUnknown } from "../condition/truth.js";
import type { ActionSet } from "./action-set.js";
import type { Diagnostics } from "./diagnostics.js";
import type { EvaluationRequest } from "./evaluation-request.js";
import { type Applies, matchScope } from "./match-statement.js";
import { mark } from "./outcome-set.js";
import type { SelectedStatement } from "./selected-statement.js";

/** What became of a statement. */
export interface WeighedStatement {
  readonly selected: SelectedStatement;
  readonly applies: Applies;
  /** What its conditions gave rise to; null: nothing. */
  readonly notes: Diagnostics | null;
}

/** A statement as a resource leaves it. */
export interface NarrowedStatement {
  readonly selected: SelectedStatement;
  /** Null: its conditions decide. */
  readonly settled: WeighedStatement | null;
  /** False when its conditions are looked at for what there is to tell only (C15). */
  readonly counts: boolean;
}

/**
 * What the statements that speak about some actions come to for one resource: all but the conditions, which depend on
 * the request. Worked out once for all questions about the same resource.
 */
export class Narrowed {
  /** For each action an OR of what applies whatever the request says. */
  readonly applying: number[];
  /** Everything there is to tell when somebody asks why, in the order of the policies. */
  readonly statements: readonly NarrowedStatement[];
  /** Those whose conditions decide, denies first. */
  readonly open: readonly SelectedStatement[];
  /** Those whose conditions on the current time are consulted (C15). */
  readonly timed: readonly SelectedStatement[];
  /** Work that it took. */
  readonly work: number;
  /** What is told in the end, where no condition has a say. */
  readonly weighed: readonly WeighedStatement[] | null;
  private bySlot: readonly (readonly number[])[] | null = null;

  constructor(near: readonly SelectedStatement[], actions: ActionSet, request: EvaluationRequest) {
    const before = request.workLeft;
    const { relativeId } = request.target.folded;
    const told = near.flatMap((selected) => (selected.mayMatch(relativeId) ? (narrow(selected, request) ?? []) : []));
    this.applying = actions.slots.map(() => 0);
    for (const { settled } of told) {
      if (settled !== null && settled.applies !== "false") {
        mark(this.applying, settled.selected.slots, settled.selected.effect, settled.applies);
      }
    }
    const consulted = told.filter(({ settled }) => settled === null);
    this.open = consulted.filter(({ counts }) => counts).map(({ selected }) => selected);
    this.timed = consulted.map(({ selected }) => selected).filter(({ readsTime }) => readsTime);
    this.statements = told.sort((left, right) => left.selected.order - right.selected.order);
    this.weighed = consulted.length > 0 ? null : this.statements.flatMap(({ settled }) => settled ?? []);
    this.work = before - request.workLeft;
  }

  /** Places in `statements` of those that speak about one action; null: all of them do. */
  about(slot: number): readonly number[] | null {
    if (this.applying.length === 1) return null;
    this.bySlot ??= this.applying.map((_, wanted) =>
      this.statements.flatMap(({ selected }, place) => (selected.slots.includes(wanted) ? place : [])),
    );
    return this.bySlot[slot] ?? [];
  }
}

/** Null: there is nothing to tell about it. */
function narrow(selected: SelectedStatement, request: EvaluationRequest): NarrowedStatement | null {
  const { statement, effect } = selected;
  if (statement === null) return settledAs(selected, "residual");
  const scope = matchScope(statement, request);
  if (scope === "false") return selected.textNotes === null ? null : settledAs(selected, scope);
  const counts = resolveUnknown(scope, effect) !== "false";
  if (statement.conditions.length === 0) return settledAs(selected, counts ? "true" : "false");
  return { selected, settled: null, counts };
}

function settledAs(selected: SelectedStatement, applies: Applies): NarrowedStatement {
  return { selected, settled: { selected, applies, notes: null }, counts: true };
}
