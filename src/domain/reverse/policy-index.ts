import type { ActionSet } from "../evaluation/action-set.js";
import type { ClassMember } from "../evaluation/class-statement.js";
import { isDecided, weigh } from "../evaluation/evaluate-policies.js";
import type { EvaluationRequest } from "../evaluation/evaluation-request.js";
import { bitOf } from "../evaluation/outcome-set.js";
import { PrefixIndex } from "../evaluation/prefix-index.js";
import type { SelectedStatement } from "../evaluation/selected-statement.js";
import type { CompiledPolicy } from "../policy/compile-policy.js";
import type { Holdings } from "./holdings.js";
import { type Parts, partsOf } from "./parts.js";

const INDEXES = new WeakMap<Holdings, Map<number, PolicyIndex>>();
/** Of one account; each takes some megabytes where there are many policies. */
const MOST_INDEXES = 8;

/** Kept for the actions that were asked for last, for as long as the holdings are. */
export function policyIndexOf(holdings: Holdings, actions: ActionSet): PolicyIndex {
  const { place } = actions;
  if (place === null) return new PolicyIndex(holdings, actions);
  const known = INDEXES.get(holdings) ?? new Map<number, PolicyIndex>();
  INDEXES.set(holdings, known);
  const index = known.get(place) ?? new PolicyIndex(holdings, actions);
  known.delete(place);
  known.set(place, index);
  for (const oldest of [...known.keys()].slice(0, -MOST_INDEXES)) known.delete(oldest);
  return index;
}

/**
 * The statements of all policies of an account that speak about one action, but for those that look at who asks: most are
 * about other resources than the one that is asked about, and are not even looked at.
 */
export class PolicyIndex {
  readonly policies: readonly (CompiledPolicy | null)[];
  private readonly parts: readonly Parts[];
  private readonly numbers = new Map<ClassMember, number>();
  private readonly statements: PrefixIndex<SelectedStatement>;
  private readonly actions: ActionSet;

  constructor({ grants }: Holdings, actions: ActionSet) {
    this.actions = actions;
    this.policies = [...new Set(grants.map(({ policy }) => policy.compiled))];
    this.parts = this.policies.map(partsOf);
    this.statements = new PrefixIndex(this.parts.flatMap(({ fixed }, number) => this.select(fixed, number)));
  }

  /**
   * What each policy comes to: an OR of what applies, whoever asks.
   * @param request of which each policy gets one with a budget of its own
   * @throws InvalidInputError when the request is too large for one of the policies
   */
  weigh(request: EvaluationRequest): Uint8Array {
    const applying = new Uint8Array(this.policies.length);
    const requests: EvaluationRequest[] = [];
    for (const list of this.statements.find(request.target.foldedId)) {
      for (const selected of list) {
        const number = this.numbers.get(selected.candidate.member) ?? 0;
        if (isDecided(applying[number] ?? 0, selected.effect)) continue;
        const own = requests[number] ?? this.beginFor(number, request);
        requests[number] = own;
        const applies = weigh(selected, this.actions, own);
        if (applies === null || applies === "false") continue;
        applying[number] = (applying[number] ?? 0) | bitOf(selected.effect, applies);
      }
    }
    return applying;
  }

  private select(fixed: Parts["fixed"], number: number) {
    const { all } = fixed.selectionFor(this.actions);
    for (const { candidate } of all.slice(0, 1)) this.numbers.set(candidate.member, number);
    return all;
  }

  private beginFor(number: number, request: EvaluationRequest): EvaluationRequest {
    const own = request.anew();
    this.parts[number]?.fixed.select(this.actions, own);
    return own;
  }
}
