import type { Outcome } from "../evaluation/decision.js";
import { AssumeSearch, type AssumeSearchOptions } from "./assume-search.js";
import type { Worst } from "./ways.js";

/** How somebody gets to what it may not do itself. */
export interface Way {
  readonly outcome: Worst;
  /** To be assumed one after the other, by places; the last one may do it. */
  readonly roles: readonly number[];
}

/**
 * The best that assuming roles can add, for each principal: a way on which everything is allowed, where it is not allowed
 * the thing itself; else, if conditional ones are wanted, one that depends on context, where it could not do it at all.
 * In steps, as {@link AssumeSearch}.
 *
 * @param outcomes of the principals themselves, in their order
 * @returns by the places of the principals
 * @throws TooMuchWorkError, InvalidInputError as `QuestionToAll`
 */
export function* findWays(
  options: AssumeSearchOptions,
  outcomes: readonly Outcome[],
  includeConditional: boolean,
): Generator<void, ReadonlyMap<number, Way>> {
  const search = new AssumeSearch(options);
  yield* search.prepare();
  const ways = new Map<number, Way>();
  for (const worst of includeConditional ? BOTH : CERTAIN) {
    const isGood = (place: number) => outcomes[place] === "ALLOW" || outcomes[place] === worst;
    const ends = [...outcomes.keys()].filter((place) => isGood(place) && options.principals[place]?.kind === "ROLE");
    const needsWay = (place: number) => !isGood(place) && !ways.has(place);
    const found = yield* search.findWays({ ends, worst, needsWay });
    for (const [place, roles] of found) if (needsWay(place)) ways.set(place, { outcome: worst, roles });
  }
  return ways;
}

const CERTAIN = ["ALLOW"] as const;
/** What is certain comes before what is shorter. */
const BOTH = ["ALLOW", "CONDITIONAL"] as const;
