import type { ScopePrecedence } from "./access-request.js";
import {
  crossAccountEnding,
  decidingStage,
  type Ending,
  gateEndings,
  identityEndings,
  outcomeOf,
  type StageOutcomes,
  trustEndings,
} from "./combine-stages.js";
import type { DecisionStage, Outcome } from "./decision.js";
import { listOutcomes, type OutcomeSet, SILENT } from "./outcome-set.js";

/** What the classes of a request can come to; 0 where there is no such class. */
export interface Weights {
  readonly session: OutcomeSet;
  readonly account: OutcomeSet;
  readonly resourceGroup: OutcomeSet;
  readonly trust: OutcomeSet;
  /** The caller owns an account; its policies do not count (D26). */
  readonly owner: boolean;
  /** The resource belongs to another account. */
  readonly foreign: boolean;
  /** The action is answered by the trust policy of the role, too (C22). */
  readonly trusted: boolean;
}

/** How a request is answered, before it is put into words. */
export interface Weighing {
  readonly outcome: Outcome;
  readonly decidedBy: DecisionStage;
  /** The classes that some combination of outcomes reads. */
  readonly reads: ReadonlySet<DecisionStage>;
  /** The two readings of D1 differ. */
  readonly shadowed: boolean;
}

const SESSION = "SESSION_POLICY";
const ACCOUNT = "ACCOUNT_LEVEL_IDENTITY_BASED_POLICY";
const RESOURCE_GROUP = "RESOURCE_GROUP_LEVEL_IDENTITY_BASED_POLICY";
const TRUST = "ROLE_TRUST";

/** `kms:DescribeRegions` is open to everybody (C23). */
export const OPEN_TO_ALL: Weighing = {
  outcome: "ALLOW",
  decidedBy: "NO_AUTHORIZATION_REQUIRED",
  reads: new Set(),
  shadowed: false,
};

/** There are few combinations of weights, and each has one answer: it is worked out once. By `keyOf`, below 2 ** 15. */
const WEIGHINGS: Readonly<Record<ScopePrecedence, Weighing[]>> = { staged: [], "deny-overrides": [] };

/** Gate, identity step, trust policy: in RAM's order, for every combination of possible outcomes. */
export function weighStages(weights: Weights, precedence: ScopePrecedence): Weighing {
  const key = keyOf(weights);
  const known = WEIGHINGS[precedence][key];
  if (known !== undefined) return known;
  const weighing = weigh(weights, precedence);
  WEIGHINGS[precedence][key] = weighing;
  return weighing;
}

function keyOf({ session, account, resourceGroup, trust, owner, foreign, trusted }: Weights): number {
  const flags = (owner ? 1 : 0) | (foreign ? 2 : 0) | (trusted ? 4 : 0);
  return (((((((session << 3) | account) << 3) | resourceGroup) << 3) | trust) << 3) | flags;
}

/** What the identity step, or a step after it, comes to; `alternative`: under the other reading of D1. */
interface Step {
  readonly endings: readonly Ending[];
  readonly alternative: readonly Ending[];
  readonly stages: readonly StageOutcomes[];
}

function weigh(weights: Weights, precedence: ScopePrecedence): Weighing {
  if (weights.session === 0) return weighingOf(behindGate(weights, precedence));
  const session: StageOutcomes = { stage: SESSION, possible: listOutcomes(weights.session) };
  const closed = !session.possible.includes("ALLOW");
  const rest = closed ? { endings: [], alternative: [], stages: [] } : behindGate(weights, precedence);
  return weighingOf({
    endings: gateEndings(session.possible, rest.endings),
    alternative: gateEndings(session.possible, rest.alternative),
    stages: [session, ...rest.stages],
  });
}

function weighingOf({ endings, alternative, stages }: Step): Weighing {
  const outcome = outcomeOf(endings);
  return {
    outcome,
    decidedBy: decidingStage(outcome, endings, stages),
    reads: new Set(stages.map(({ stage }) => stage)),
    shadowed: outcome !== outcomeOf(alternative),
  };
}

function behindGate(weights: Weights, precedence: ScopePrecedence): Step {
  const identity = identityStep(weights, precedence);
  if (!weights.trusted) return weights.foreign ? mapEndings(identity, crossAccountEnding) : identity;
  const possible = listOutcomes(weights.trust === 0 ? SILENT : weights.trust); // nobody may assume a role without a known trust policy
  return {
    endings: trustEndings(identity.endings, possible),
    alternative: trustEndings(identity.alternative, possible),
    stages: weights.trust === 0 ? identity.stages : [...identity.stages, { stage: TRUST, possible }],
  };
}

function mapEndings({ endings, alternative, stages }: Step, change: (ending: Ending) => Ending): Step {
  return { endings: endings.map(change), alternative: alternative.map(change), stages };
}

function identityStep({ account, resourceGroup, owner, foreign }: Weights, precedence: ScopePrecedence): Step {
  if (owner) return ownerStep(foreign);
  const own = listOutcomes(account);
  const ownStage: StageOutcomes = { stage: ACCOUNT, possible: own };
  if (foreign || resourceGroup === 0) {
    const endings = identityEndings(own, listOutcomes(SILENT), precedence);
    return { endings, alternative: endings, stages: [ownStage] };
  }
  const group = listOutcomes(resourceGroup);
  const other: ScopePrecedence = precedence === "staged" ? "deny-overrides" : "staged";
  const groupStage: StageOutcomes = { stage: RESOURCE_GROUP, possible: group };
  return {
    endings: identityEndings(own, group, precedence),
    alternative: identityEndings(own, group, other),
    stages: readsResourceGroup(ownStage, precedence) ? [ownStage, groupStage] : [ownStage],
  };
}

/** D26. */
function ownerStep(foreign: boolean): Step {
  const ending: Ending = foreign
    ? { outcome: "IMPLICIT_DENY", stage: "CROSS_ACCOUNT" }
    : { outcome: "ALLOW", stage: "ACCOUNT_OWNER" };
  return { endings: [ending], alternative: [ending], stages: [] };
}

function readsResourceGroup({ possible }: StageOutcomes, precedence: ScopePrecedence): boolean {
  if (precedence === "staged") return possible.includes("IMPLICIT_DENY");
  return possible.some((outcome) => outcome !== "EXPLICIT_DENY");
}
