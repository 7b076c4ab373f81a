import { TooMuchWorkError } from "../errors.js";
import type { RequestContext, ResourceFacts, ScopePrecedence } from "../evaluation/access-request.js";
import { ALLOWS, DENIES, MAY_ALLOW, MAY_DENY } from "../evaluation/outcome-set.js";
import { HARD_LIMITS } from "../limits.js";
import { ASSUME_ROLE } from "../ram-actions.js";
import type { Holder } from "./holdings.js";
import { QuestionToAll } from "./question-to-all.js";
import { nameOf, trustedNames } from "./trusted-names.js";
import { Ways, type WaysWanted, type Worst } from "./ways.js";

/** Roles that somebody may assume one after the other on the way. RAM itself knows no bound. */
export const MOST_ASSUMED_ROLES = 5;

/** Against `HARD_LIMITS.assumeSearchWork`: to evaluate a policy for a role, to decide on a principal and a role. */
const WORK = { policy: 100, principal: 15 } as const;

/** Of a search that is given up. */
export const TOO_MUCH_TO_FOLLOW =
  "to follow the trust policies of this account takes more work than one question may: ask without `includeAssumable`";

/** Who may assume whose roles, and under which circumstances. */
export interface AssumeSearchOptions {
  readonly account: string;
  /** All of the account; their places are their names here. */
  readonly principals: readonly Holder[];
  /** A role as what is asked about. */
  readonly resource: (arn: string) => ResourceFacts;
  readonly context: RequestContext;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly scopePrecedence: ScopePrecedence;
  /** Default: `HARD_LIMITS.assumeSearchWork`. */
  readonly mostWork?: number;
}

/**
 * Finds who can assume certain roles by `sts:AssumeRole`, perhaps by way of other roles: each step is what the decision on
 * these two would say. It goes backwards from the roles, and decides only on those who have no way yet and whom the trust
 * policy does not rule out, by what it says to all or by the names in it. Who has assumed a role is decided on as that role.
 *
 * Its methods are long loops, in steps between which others can have their turn.
 */
export class AssumeSearch {
  private readonly options: AssumeSearchOptions;
  private readonly byName = new Map<string, number[]>();
  private left: number;

  constructor(options: AssumeSearchOptions) {
    this.options = options;
    this.left = options.mostWork ?? HARD_LIMITS.assumeSearchWork;
  }

  /** Comes before all searches. */
  *prepare(): Generator<void> {
    for (const [place, { arn }] of this.options.principals.entries()) {
      const name = nameOf(arn);
      this.byName.set(name, [...(this.byName.get(name) ?? []), place]);
      yield;
    }
  }

  /**
   * The shortest ways of at most {@link MOST_ASSUMED_ROLES} steps; of several shortest ones the first, by the places of
   * the roles on it, from the start.
   *
   * @returns the roles to assume, for the place of whoever gets there
   * @throws TooMuchWorkError, InvalidInputError as `QuestionToAll`
   */
  *findWays(wanted: WaysWanted): Generator<void, ReadonlyMap<number, readonly number[]>> {
    const ways = new Ways(wanted, this.options.principals);
    for (let steps = 1; steps <= MOST_ASSUMED_ROLES && ways.targets.length > 0; steps++) {
      for (const target of ways.targets) yield* this.goBack(target, ways);
      ways.stepBack();
    }
    return ways.found;
  }

  private *goBack(target: number, ways: Ways): Generator<void> {
    yield;
    const { principals, resource, context, now, scopePrecedence } = this.options;
    const role = resource(principals[target]?.arn ?? "");
    if (!role.registered) return; // a name that no question could ask about
    const question = new QuestionToAll({ resource: role, context, now }, ASSUME_ROLE, scopePrecedence);
    for (const place of this.candidates(question, role, ways)) {
      yield;
      const holder = principals[place];
      if (holder === undefined || !ways.open.has(place)) continue;
      this.spend(WORK.principal);
      const outcome = question.outcomeFor(holder);
      if (outcome === "ALLOW" || outcome === ways.worst) ways.add(place, target);
    }
    this.spend(WORK.policy * question.policies);
  }

  /** Everybody who may assume the role, and others. */
  private candidates(question: QuestionToAll, { trustPolicy }: ResourceFacts, ways: Ways): Iterable<number> {
    const { account } = this.options;
    const toAll = question.trustOfAll(account);
    if (trustPolicy === null || excludes(toAll, ways.worst)) return [];
    const names = allows(toAll, ways.worst) ? null : trustedNames(trustPolicy, account);
    return names === null ? ways.open : [...names].flatMap((name) => this.byName.get(name) ?? []);
  }

  private spend(units: number): void {
    this.left -= units;
    if (this.left >= 0) return;
    throw new TooMuchWorkError(TOO_MUCH_TO_FOLLOW);
  }
}

/** Whether what applies leaves nobody for whom the outcome is as good as `worst`. */
function excludes(applies: number, worst: Worst): boolean {
  return (applies & (worst === "ALLOW" ? DENIES | MAY_DENY : DENIES)) !== 0;
}

function allows(applies: number, worst: Worst): boolean {
  return (applies & (worst === "ALLOW" ? ALLOWS : ALLOWS | MAY_ALLOW)) !== 0;
}
