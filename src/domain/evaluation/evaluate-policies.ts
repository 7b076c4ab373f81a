import type { ActionSet } from "./action-set.js";
import { Diagnostics, MOST_NOTES } from "./diagnostics.js";
import type { EvaluationRequest } from "./evaluation-request.js";
import { type Applies, matchScope, matchStatement } from "./match-statement.js";
import { ALLOWS, DENIES, MAY_ALLOW, MAY_DENY, type OutcomeSet, outcomesOf } from "./outcome-set.js";
import type { ClassStatement, PolicyClass } from "./policy-class.js";

/** A statement that speaks about some actions of a question, and what became of it. */
export interface WeighedStatement {
  readonly candidate: ClassStatement;
  /** Places of its actions in the action set. */
  readonly slots: readonly number[];
  readonly applies: Applies;
  /** Null: nothing to say. */
  readonly notes: Diagnostics | null;
  /** What it was matched against. */
  readonly request: EvaluationRequest;
}

/** What the statements of a class come to for every action of a question. */
export interface ClassResult {
  readonly policies: PolicyClass;
  /** For each action an OR of what applies. */
  readonly applying: readonly number[];
  /** Statements whose conditions on the current time were consulted (C15). */
  readonly timed: readonly Pick<WeighedStatement, "candidate" | "slots">[];
  /** Everything there is to tell, in the order of the policies; empty when nobody asks why. */
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
  const result = new Result(policies, actions, explained);
  const near = selection.near(request.target);
  for (const places of near) {
    for (const place of places) {
      const candidate = selection.statements[place];
      if (candidate !== undefined) result.weigh(candidate, selection.slots[place] ?? [], request);
    }
  }
  if (near.length > 1) result.weighed.sort((left, right) => left.candidate.order - right.candidate.order);
  return result;
}

class Result implements ClassResult {
  readonly policies: PolicyClass;
  readonly applying: number[];
  readonly timed: ClassResult["timed"][number][] = [];
  readonly weighed: WeighedStatement[] = [];
  private readonly actions: ActionSet;
  /** Receives what the next statement has to say. */
  private notes: Diagnostics | null;
  private roomForNotes = MOST_NOTES;

  constructor(policies: PolicyClass, actions: ActionSet, explained: boolean) {
    this.policies = policies;
    this.actions = actions;
    this.notes = explained ? new Diagnostics() : null;
    this.applying = actions.names.map(() => 0);
  }

  weigh(candidate: ClassStatement, slots: readonly number[], asked: EvaluationRequest): void {
    const { statement } = candidate;
    const request = statement?.readsAction ? asked.withAction(this.actions.names[slots[0] ?? 0] ?? "") : asked;
    const applies = statement === null ? "residual" : matchStatement(statement, request, this.notes);
    if (applies !== "false") mark(this.applying, slots, bitOf(candidate.effect, applies));
    if (statement?.readsTime && matchScope(statement, request) !== "false") this.timed.push({ candidate, slots });
    if (this.notes === null || (applies === "false" && this.notes.empty)) return;
    this.roomForNotes -= this.notes.size;
    this.weighed.push({ candidate, slots, applies, notes: this.notes.empty ? null : this.notes, request });
    if (!this.notes.empty) this.notes = new Diagnostics(this.roomForNotes);
  }
}

function mark(applying: number[], slots: readonly number[], bit: number): void {
  for (const slot of slots) applying[slot] = (applying[slot] ?? 0) | bit;
}

function bitOf(effect: "Allow" | "Deny", applies: Applies): number {
  if (effect === "Deny") return applies === "true" ? DENIES : MAY_DENY;
  return applies === "true" ? ALLOWS : MAY_ALLOW;
}

/** Every outcome that one action of the question can have in the class; 0 where there is no class. */
export function outcomesIn(result: ClassResult | null, slot: number): OutcomeSet {
  return result === null ? 0 : outcomesOf(result.applying[slot] ?? 0);
}
