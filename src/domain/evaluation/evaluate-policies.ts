import { resolveUnknown } from "../condition/truth.js";
import type { Effect } from "../policy/document.js";
import type { ActionSet } from "./action-set.js";
import { Diagnostics, MOST_NOTES } from "./diagnostics.js";
import type { EvaluationRequest } from "./evaluation-request.js";
import { type Applies, matchConditions, matchScope } from "./match-statement.js";
import { ALLOWS, DENIES, mark } from "./outcome-set.js";
import type { PolicyClass } from "./policy-class.js";
import type { SelectedStatement, WeighedStatement } from "./selected-statement.js";
import type { Candidates } from "./selection.js";

/** What the statements of a class come to for every action of a question. */
export interface ClassResult {
  readonly policies: PolicyClass;
  /** For each action an OR of what applies. */
  readonly applying: readonly number[];
  /** Statements whose conditions on the current time were consulted (C15). */
  readonly timed: readonly SelectedStatement[];
  /** In the order of the policies, null for those about which there is nothing to tell; null when nobody asks why. */
  readonly told: readonly (WeighedStatement | null)[] | null;
}

/** Weighs all statements of a class ("Outcomes" in docs/evaluation.md). */
export function evaluateClass(
  policies: PolicyClass,
  actions: ActionSet,
  request: EvaluationRequest,
  explained: boolean,
): ClassResult {
  const applying = actions.slots.length === 1 ? [0] : actions.slots.map(() => 0);
  const candidates = policies.select(actions, request).candidates(request.target);
  if (!explained) {
    return { policies, applying, timed: weighAll(candidates, applying, actions, request), told: null };
  }
  const teller = new Teller(applying, actions, request);
  const told = candidates.inOrder.map((selected) => teller.tell(selected));
  return { policies, applying, timed: teller.timed, told };
}

const NOTHING: readonly SelectedStatement[] = [];

/** Nobody asks why: a statement that cannot change the answer any more is not looked at. @returns those whose conditions on the time count */
function weighAll(
  { lists }: Candidates,
  applying: number[],
  actions: ActionSet,
  request: EvaluationRequest,
): readonly SelectedStatement[] {
  let timed = NOTHING;
  for (const list of lists) {
    for (const selected of list) {
      if (!selected.readsTime && isSettled(applying, selected.slots, selected.effect)) continue;
      const applies = weigh(selected, actions, request);
      if (applies === null) continue;
      if (selected.readsTime) timed = [...timed, selected];
      if (applies !== "false") mark(applying, selected.slots, selected.effect, applies);
    }
  }
  return timed;
}

/** True when a statement with this effect cannot change the outcome of these actions any more. */
export function isSettled(applying: readonly number[], slots: readonly number[], effect: Effect): boolean {
  if (applying.length === 1) return isDecided(applying[0] ?? 0, effect);
  for (const slot of slots) if (!isDecided(applying[slot] ?? 0, effect)) return false;
  return true;
}

/** The same for one action. */
export function isDecided(applying: number, effect: Effect): boolean {
  return (applying & (effect === "Deny" ? DENIES : DENIES | ALLOWS)) !== 0;
}

/** Null: resource or caller do not match, so its conditions are not consulted. */
export function weigh(selected: SelectedStatement, actions: ActionSet, request: EvaluationRequest): Applies | null {
  const { statement, effect } = selected;
  if (statement === null) return "residual";
  const scope = matchScope(statement, request);
  if (scope === "false") return null;
  return resolveUnknown(scope, effect) === "false" ? "false" : meets(selected, actions, request, null);
}

/** Everything that matches is told, what decides nothing included. */
class Teller {
  /** Statements whose conditions on the time count. */
  timed = NOTHING;
  private readonly applying: number[];
  private readonly actions: ActionSet;
  private readonly request: EvaluationRequest;
  /** Notes that each action may still have: its own, so that it is told what a question about it alone is. */
  private room: number[] | null = null;
  /** For the next statement, since most have nothing to note. */
  private unused: Diagnostics | null = null;

  constructor(applying: number[], actions: ActionSet, request: EvaluationRequest) {
    this.applying = applying;
    this.actions = actions;
    this.request = request;
  }

  /** Null: there is nothing to tell. */
  tell(selected: SelectedStatement): WeighedStatement | null {
    const { statement, effect, slots } = selected;
    const scope = statement === null ? "true" : matchScope(statement, this.request);
    if (scope === "false") return selected.textNotes === null ? null : { selected, applies: scope, notes: null };
    if (selected.readsTime) this.timed = [...this.timed, selected];
    const notes = selected.unconditional ? null : (this.unused ?? this.notesFor(slots));
    const met = meets(selected, this.actions, this.request, notes);
    const applies = resolveUnknown(scope, effect) === "false" ? "false" : met;
    if (applies !== "false") mark(this.applying, slots, effect, applies);
    if (notes === null || notes.empty)
      return applies === "true" ? selected.certain : { selected, applies, notes: null };
    this.takeRoom(slots, notes.size);
    return { selected, applies, notes };
  }

  private notesFor(slots: readonly number[]): Diagnostics {
    const { room } = this;
    return new Diagnostics(room === null ? MOST_NOTES : Math.max(...slots.map((slot) => room[slot] ?? 0)));
  }

  private takeRoom(slots: readonly number[], taken: number): void {
    this.unused = null;
    this.room ??= this.applying.map(() => MOST_NOTES);
    for (const slot of slots) this.room[slot] = Math.max(0, (this.room[slot] ?? 0) - taken);
  }
}

/** Whether the request meets the conditions. */
function meets(
  { statement, slots }: SelectedStatement,
  actions: ActionSet,
  request: EvaluationRequest,
  notes: Diagnostics | null,
): Applies {
  if (statement === null) return "residual";
  if (!statement.readsAction) return matchConditions(statement, request, notes);
  return matchConditions(statement, request.withAction(actions.names[slots[0] ?? 0] ?? ""), notes);
}
