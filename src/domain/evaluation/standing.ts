import type { CompiledCondition } from "../condition/evaluate-conditions.js";
import { resolveUnknown, type Truth } from "../condition/truth.js";
import { InvalidInputError } from "../errors.js";
import { HARD_LIMITS } from "../limits.js";
import type { CompiledStatement } from "../policy/compile-policy.js";
import type { ScopePrecedence } from "./access-request.js";
import type { ActionSet } from "./action-set.js";
import type { Verdict } from "./decision.js";
import { Diagnostics } from "./diagnostics.js";
import { isSettled } from "./evaluate-policies.js";
import type { EvaluationRequest } from "./evaluation-request.js";
import { matchConditions, matchScope } from "./match-statement.js";
import { mark } from "./outcome-set.js";
import type { PolicyClass } from "./policy-class.js";
import type { RequestedResource } from "./requested-resource.js";
import type { SelectedStatement } from "./selected-statement.js";
import type { Validity } from "./validity.js";

/** What is kept for all principals together, before all of it is forgotten: 20,000 standings, or more notes. */
const MOST_KEPT = 100_000;
const WEIGHT = { note: 1, standing: 5 };
/** Answers of one standing and detail, before they are forgotten. */
const MOST_ANSWERS = 16;
/** Conditions whose truth one key can hold, two bits each. */
const MOST_CONDITIONS = 14;
/** Where it takes more than this to find out whether an answer is known, it is worked out. */
const LOOK_UP_WORK = HARD_LIMITS.evaluationWork / 10;

let kept = 0;

/** True when it is time to forget all standings; once. */
export function tooManyStandings(): boolean {
  if (kept <= MOST_KEPT) return false;
  kept = 0;
  return true;
}

/** The standings of the policies that are in force together. */
export class Standings {
  private readonly byResource = new Map<RequestedResource, Map<ActionSet, Standing | null>>();

  /** Undefined: nobody has asked yet; null: somebody has, and one question does not pay for a standing. */
  get(resource: RequestedResource, actions: ActionSet): Standing | null | undefined {
    return this.byResource.get(resource)?.get(actions);
  }

  set(resource: RequestedResource, actions: ActionSet, standing: Standing | null): void {
    kept += standing === null ? WEIGHT.note : WEIGHT.standing;
    const known = this.byResource.get(resource);
    if (known === undefined) this.byResource.set(resource, new Map([[actions, standing]]));
    else known.set(actions, standing);
  }
}

/**
 * What policies come to for one resource and some actions. Everything but the context and the time is the same for all
 * questions about them: so there is one answer for every way in which the conditions on the context come out, and it
 * holds until the next instant that some condition looks at. Null: there are too many ways.
 */
export class Standing {
  readonly outcome: Answers | null = null;
  readonly reasons: Answers | null = null;

  /** @param request any request about the resource: its context and its time are not looked at */
  constructor(classes: readonly PolicyClass[], actions: ActionSet, request: EvaluationRequest) {
    const conditions = withLittleWork(request, () => conditionsOf(classes, actions, request));
    if (conditions === null) return;
    const { decisive, told } = conditions;
    if (decisive.size <= MOST_CONDITIONS) this.outcome = new Answers([...decisive], false);
    if (told.size <= MOST_CONDITIONS) this.reasons = new Answers([...told], true);
  }
}

/** The conditions on the context: those that may change an outcome, and all that are told about. */
function conditionsOf(classes: readonly PolicyClass[], actions: ActionSet, request: EvaluationRequest) {
  const told = new Set<CompiledCondition>();
  const decisive = new Set<CompiledCondition>();
  for (const policyClass of classes) {
    const { inOrder } = policyClass.select(actions, request).candidates(request.target);
    const matching = inOrder.filter((selected) => scopeOf(selected, request) !== "false");
    addAll(told, matching, request);
    addAll(decisive, undecided(matching, actions, request), request);
  }
  return { decisive, told };
}

/** Null when it would take too long. */
function withLittleWork<T>(request: EvaluationRequest, run: () => T): T | null {
  request.limit(LOOK_UP_WORK);
  try {
    return run();
  } catch (error) {
    if (error instanceof InvalidInputError) return null;
    throw error;
  }
}

function scopeOf({ statement }: SelectedStatement, request: EvaluationRequest): Truth {
  return statement === null ? "true" : matchScope(statement, request);
}

function addAll(
  conditions: Set<CompiledCondition>,
  statements: readonly SelectedStatement[],
  request: EvaluationRequest,
): void {
  for (const { statement } of statements) {
    for (const condition of statement?.conditions ?? [])
      if (readsContext(condition, request)) conditions.add(condition);
  }
}

function readsContext({ reads }: CompiledCondition, { tags }: EvaluationRequest): boolean {
  return reads === "context" || (reads === "resource-tag" && tags === null);
}

/** The matching statements that may change an outcome, depending on the context. */
function undecided(
  matching: readonly SelectedStatement[],
  actions: ActionSet,
  request: EvaluationRequest,
): SelectedStatement[] {
  const applying = actions.slots.map(() => 0);
  const open = matching.filter((selected) => {
    const { statement, effect, slots } = selected;
    if (statement === null || resolveUnknown(scopeOf(selected, request), effect) === "false") return false;
    const fixed = fixedPart(statement, request);
    const asked = statement.readsAction ? request.withAction(actions.names[slots[0] ?? 0] ?? "") : request;
    const applies = matchConditions(fixed, asked, null);
    if (fixed.conditions.length < statement.conditions.length) return applies !== "false";
    if (applies !== "false") mark(applying, slots, effect, applies);
    return false;
  });
  return open.filter(({ slots, effect }) => !isSettled(applying, slots, effect));
}

/** The statement with those conditions only that neither context nor time can change. */
function fixedPart(statement: CompiledStatement, request: EvaluationRequest): CompiledStatement {
  const isFixed = (condition: CompiledCondition) =>
    condition.reads !== "current-time" && !readsContext(condition, request);
  return { ...statement, conditions: statement.conditions.filter(isFixed) };
}

interface Answer {
  readonly verdicts: readonly Verdict[];
  /** Milliseconds since the epoch: `from ≤ now < until`. */
  readonly from: number;
  readonly until: number;
}

const TRUTHS: readonly Truth[] = ["false", "true", "unknown", "residual"];

/** The answers of a standing, by what the conditions come to that read the context. */
export class Answers {
  /** Nothing has to be asked of the context. */
  readonly unconditional: boolean;
  private readonly conditions: readonly CompiledCondition[];
  private readonly explained: boolean;
  private readonly known: Readonly<Record<ScopePrecedence, Map<number, Answer>>> = {
    staged: new Map(),
    "deny-overrides": new Map(),
  };

  constructor(conditions: readonly CompiledCondition[], explained: boolean) {
    this.unconditional = conditions.length === 0;
    this.conditions = conditions;
    this.explained = explained;
  }

  /** Where the answers to requests like this one are kept; null: nowhere. */
  keyOf(request: EvaluationRequest): number | null {
    return withLittleWork(request, () => this.combine(request));
  }

  find(key: number, precedence: ScopePrecedence, now: number): readonly Verdict[] | null {
    const answer = this.known[precedence].get(key);
    return answer !== undefined && answer.from <= now && now < answer.until ? answer.verdicts : null;
  }

  keep(
    key: number,
    precedence: ScopePrecedence,
    verdicts: readonly Verdict[],
    { validFrom, validUntil }: Validity,
  ): void {
    const known = this.known[precedence];
    if (known.size >= MOST_ANSWERS) known.clear();
    const from = validFrom ?? Number.NEGATIVE_INFINITY;
    known.set(key, { verdicts, from, until: validUntil ?? Number.POSITIVE_INFINITY });
  }

  private combine(request: EvaluationRequest): number | null {
    const notes = this.explained ? new Diagnostics() : null;
    let key = 0;
    for (const condition of this.conditions) key = (key << 2) | TRUTHS.indexOf(condition.evaluate(request, notes));
    return notes === null || notes.empty ? key : null; // what is noted depends on more than the truth of a condition
  }
}
