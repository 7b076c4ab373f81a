import { resolveUnknown } from "../condition/truth.js";
import type { Effect } from "../policy/document.js";
import type { ActionSet } from "./action-set.js";
import { Diagnostics, MOST_NOTES } from "./diagnostics.js";
import type { EvaluationRequest } from "./evaluation-request.js";
import { type Applies, matchConditions, matchScope } from "./match-statement.js";
import type { Narrowed, WeighedStatement } from "./narrowed.js";
import { ALLOWS, combineGates, DENIES, mark, type OutcomeSet, outcomesOf } from "./outcome-set.js";
import type { PolicyClass } from "./policy-class.js";
import type { SelectedStatement } from "./selected-statement.js";
import type { Selection } from "./selection.js";

/** What the statements of a class come to for every action of a question. */
export interface ClassResult {
  readonly policies: PolicyClass;
  /** For each action an OR of what applies. */
  readonly applying: readonly number[];
  /** Statements whose conditions on the current time were consulted (C15). */
  readonly timed: readonly SelectedStatement[];
  /** Null when nobody asks why. */
  readonly told: Told | null;
}

/** What there is to tell, in the order of the policies. */
export interface Told {
  readonly narrowed: Narrowed;
  /** For each statement of `narrowed` what became of it. */
  readonly weighed: readonly WeighedStatement[];
}

/** Weighs all statements of a class ("Outcomes" in docs/evaluation.md). */
export function evaluateClass(
  policies: PolicyClass,
  actions: ActionSet,
  request: EvaluationRequest,
  explained: boolean,
): ClassResult {
  const selection = policies.select(actions, request);
  if (!explained && !request.target.lasting) {
    const applying = actions.slots.map(() => 0);
    return { policies, applying, timed: weighNear(selection, applying, actions, request), told: null };
  }
  const narrowed = selection.narrow(request);
  const applying = narrowed.applying.slice();
  const told = explained ? { narrowed, weighed: weighAll(narrowed, applying, actions, request) } : null;
  if (!explained) weighOpen(narrowed, applying, actions, request);
  return { policies, applying, timed: narrowed.timed, told };
}

const NOTHING: readonly SelectedStatement[] = [];

/** In one go, since nothing about the resource is worth keeping. @returns those whose conditions on the time count */
function weighNear(
  selection: Selection,
  applying: number[],
  actions: ActionSet,
  request: EvaluationRequest,
): readonly SelectedStatement[] {
  const { relativeId } = request.target.folded;
  let timed = NOTHING;
  for (const list of selection.near(request)) {
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

/** Null: resource or caller do not match, so its conditions are not consulted. */
function weigh(selected: SelectedStatement, actions: ActionSet, request: EvaluationRequest): Applies | null {
  const { statement, effect } = selected;
  if (statement === null) return "residual";
  const scope = matchScope(statement, request);
  if (scope === "false") return null;
  return resolveUnknown(scope, effect) === "false" ? "false" : meets(selected, actions, request, null);
}

/** Nobody asks why: a statement that cannot change the answer any more is not looked at. */
function weighOpen({ open }: Narrowed, applying: number[], actions: ActionSet, request: EvaluationRequest): void {
  for (const selected of open) {
    if (isSettled(applying, selected.slots, selected.effect)) continue;
    const applies = meets(selected, actions, request, null);
    if (applies !== "false") mark(applying, selected.slots, selected.effect, applies);
  }
}

function isSettled(applying: readonly number[], slots: readonly number[], effect: Effect): boolean {
  const final = effect === "Deny" ? DENIES : DENIES | ALLOWS;
  if (applying.length === 1) return ((applying[0] ?? 0) & final) !== 0;
  for (const slot of slots) if (((applying[slot] ?? 0) & final) === 0) return false;
  return true;
}

function weighAll(
  { statements, weighed }: Narrowed,
  applying: number[],
  actions: ActionSet,
  request: EvaluationRequest,
): readonly WeighedStatement[] {
  if (weighed !== null) return weighed;
  const room = applying.map(() => MOST_NOTES); // each action's own, so that it is told what a question about it alone is
  return statements.map(({ selected, settled, counts }) => {
    if (settled !== null) return settled;
    const notes = new Diagnostics(mostOf(room, selected.slots));
    const met = meets(selected, actions, request, notes);
    for (const slot of selected.slots) room[slot] = Math.max(0, (room[slot] ?? 0) - notes.size);
    const applies = counts ? met : "false";
    if (applies !== "false") mark(applying, selected.slots, selected.effect, applies);
    return { selected, applies, notes: notes.empty ? null : notes };
  });
}

function mostOf(room: readonly number[], slots: readonly number[]): number {
  return slots.reduce((most, slot) => Math.max(most, room[slot] ?? 0), 0);
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

/** Every outcome that one action of the question can have in all gates together; 0 where there is none. */
export function outcomesOfGates(gates: readonly ClassResult[], slot: number): OutcomeSet {
  let set: OutcomeSet = 0;
  for (const gate of gates) set = combineGates(set, outcomesIn(gate, slot));
  return set;
}

/** Every outcome that one action of the question can have in the class; 0 where there is no class. */
export function outcomesIn(result: ClassResult | null, slot: number): OutcomeSet {
  return result === null ? 0 : outcomesOf(result.applying[slot] ?? 0);
}
