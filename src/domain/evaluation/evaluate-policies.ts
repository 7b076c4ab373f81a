import { resolveUnknown } from "../condition/truth.js";
import type { Effect } from "../policy/document.js";
import type { ActionSet } from "./action-set.js";
import { Diagnostics, MOST_NOTES } from "./diagnostics.js";
import type { EvaluationRequest } from "./evaluation-request.js";
import { type Applies, matchConditions, matchScope } from "./match-statement.js";
import { ALLOWS, DENIES, mark } from "./outcome-set.js";
import type { PolicyClass } from "./policy-class.js";
import type { SelectedStatement } from "./selected-statement.js";

/** What the statements of a class come to for every action of a question. */
export interface ClassResult {
  readonly policies: PolicyClass;
  /** For each action an OR of what applies. */
  readonly applying: readonly number[];
  /** Statements whose conditions on the current time were consulted (C15). */
  readonly timed: readonly SelectedStatement[];
  /** What there is to tell, in the order of the policies; null when nobody asks why. */
  readonly told: readonly WeighedStatement[] | null;
}

/** What became of a statement. */
export interface WeighedStatement {
  readonly selected: SelectedStatement;
  readonly applies: Applies;
  /** What its conditions gave rise to; null: nothing. */
  readonly notes: Diagnostics | null;
}

/** Weighs all statements of a class ("Outcomes" in docs/evaluation.md). */
export function evaluateClass(
  policies: PolicyClass,
  actions: ActionSet,
  request: EvaluationRequest,
  explained: boolean,
): ClassResult {
  const applying = actions.slots.length === 1 ? [0] : actions.slots.map(() => 0);
  const selection = policies.select(actions, request);
  if (explained) {
    const near = selection.nearInOrder(request.target);
    return { policies, applying, ...tellAll(near, applying, actions, request) };
  }
  const timed = weighAll(selection.near(request.target), applying, actions, request);
  return { policies, applying, timed, told: null };
}

const NOTHING: readonly SelectedStatement[] = [];

/** Nobody asks why: a statement that cannot change the answer any more is not looked at. @returns those whose conditions on the time count */
function weighAll(
  near: readonly (readonly SelectedStatement[])[],
  applying: number[],
  actions: ActionSet,
  request: EvaluationRequest,
): readonly SelectedStatement[] {
  const { relativeId } = request.target.folded;
  let timed = NOTHING;
  for (const list of near) {
    for (const selected of list) {
      if (!selected.readsTime && isSettled(applying, selected.slots, selected.effect)) continue;
      if (!selected.mayMatch(relativeId)) continue;
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
  const final = effect === "Deny" ? DENIES : DENIES | ALLOWS;
  if (applying.length === 1) return ((applying[0] ?? 0) & final) !== 0;
  for (const slot of slots) if (((applying[slot] ?? 0) & final) === 0) return false;
  return true;
}

/** Null: resource or caller do not match, so its conditions are not consulted. */
function weigh(selected: SelectedStatement, actions: ActionSet, request: EvaluationRequest): Applies | null {
  const { statement, effect } = selected;
  if (statement === null) return "residual";
  const scope = matchScope(statement, request);
  if (scope === "false") return null;
  return resolveUnknown(scope, effect) === "false" ? "false" : meets(selected, actions, request, null);
}

/** Everything that matches is told, what decides nothing included. */
function tellAll(
  near: readonly SelectedStatement[],
  applying: number[],
  actions: ActionSet,
  request: EvaluationRequest,
): Pick<ClassResult, "timed" | "told"> {
  const { relativeId } = request.target.folded;
  const room = applying.map(() => MOST_NOTES); // each action's own, so that it is told what a question about it alone is
  const told: WeighedStatement[] = [];
  let timed = NOTHING;
  for (const selected of near) {
    if (!selected.mayMatch(relativeId)) continue;
    const scope = selected.statement === null ? "true" : matchScope(selected.statement, request);
    if (scope === "false") {
      if (selected.textNotes !== null) told.push({ selected, applies: "false", notes: null });
      continue;
    }
    if (selected.readsTime) timed = [...timed, selected];
    const notes = selected.unconditional ? null : new Diagnostics(mostOf(room, selected.slots));
    const met = meets(selected, actions, request, notes);
    if (notes !== null && !notes.empty) takeRoom(room, selected.slots, notes.size);
    const applies = resolveUnknown(scope, selected.effect) === "false" ? "false" : met;
    if (applies !== "false") mark(applying, selected.slots, selected.effect, applies);
    told.push({ selected, applies, notes: notes?.empty === false ? notes : null });
  }
  return { timed, told };
}

function mostOf(room: readonly number[], slots: readonly number[]): number {
  let most = 0;
  for (const slot of slots) most = Math.max(most, room[slot] ?? 0);
  return most;
}

function takeRoom(room: number[], slots: readonly number[], taken: number): void {
  for (const slot of slots) room[slot] = Math.max(0, (room[slot] ?? 0) - taken);
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
