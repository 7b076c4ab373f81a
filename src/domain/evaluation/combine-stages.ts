import type { ScopePrecedence } from "./access-request.js";
import type { DecisionStage, Outcome } from "./decision.js";
import type { DefiniteOutcome } from "./outcome-set.js";

/** Where one combination of definite class outcomes ends. */
export interface Ending {
  readonly outcome: DefiniteOutcome;
  readonly stage: DecisionStage;
}

/** A stage that was read, with everything it can come to. */
export interface StageOutcomes {
  readonly stage: DecisionStage;
  readonly possible: readonly DefiniteOutcome[];
}

const ACCOUNT = "ACCOUNT_LEVEL_IDENTITY_BASED_POLICY";
const RESOURCE_GROUP = "RESOURCE_GROUP_LEVEL_IDENTITY_BASED_POLICY";

/** The identity step for every combination of account-level and resource-group-level outcomes (D1). */
export function identityEndings(
  account: readonly DefiniteOutcome[],
  resourceGroup: readonly DefiniteOutcome[],
  precedence: ScopePrecedence,
): Ending[] {
  const ending = precedence === "staged" ? stagedEnding : denyOverridesEnding;
  return account.flatMap((own) => resourceGroup.map((group) => ending(own, group)));
}

/** The account level ends the step unless it is silent; silence of both is the account level's (C14). */
function stagedEnding(account: DefiniteOutcome, resourceGroup: DefiniteOutcome): Ending {
  if (account !== "IMPLICIT_DENY" || resourceGroup === "IMPLICIT_DENY") return { outcome: account, stage: ACCOUNT };
  return { outcome: resourceGroup, stage: RESOURCE_GROUP };
}

function denyOverridesEnding(account: DefiniteOutcome, resourceGroup: DefiniteOutcome): Ending {
  if (account === "EXPLICIT_DENY" || resourceGroup !== "EXPLICIT_DENY") return stagedEnding(account, resourceGroup);
  return { outcome: "EXPLICIT_DENY", stage: RESOURCE_GROUP };
}

/** Another account's resource: the caller's own Deny counts, nothing else can allow (C21). */
export function crossAccountEnding(ending: Ending): Ending {
  return ending.outcome === "EXPLICIT_DENY" ? ending : { outcome: "IMPLICIT_DENY", stage: "CROSS_ACCOUNT" };
}

/** `sts:AssumeRole`: both sides must allow; a Deny of either is final; a silent trust policy decides (C22). */
export function trustEndings(identity: readonly Ending[], trust: readonly DefiniteOutcome[]): Ending[] {
  return identity.flatMap((ending) => trust.map((outcome) => trustEnding(ending, outcome)));
}

function trustEnding(identity: Ending, trust: DefiniteOutcome): Ending {
  if (identity.outcome === "EXPLICIT_DENY") return identity;
  if (trust !== "ALLOW") return { outcome: trust, stage: "ROLE_TRUST" };
  return identity.outcome === "ALLOW" ? { outcome: "ALLOW", stage: "ROLE_TRUST" } : identity;
}

/** A session policy only withholds: its own refusal is final, otherwise the rest decides. */
export function gateEndings(session: readonly DefiniteOutcome[], rest: readonly Ending[]): Ending[] {
  return session.flatMap((outcome) => (outcome === "ALLOW" ? rest : [{ outcome, stage: "SESSION_POLICY" as const }]));
}

/** The answer for a set of endings ("Outcomes" in docs/evaluation.md): only the single outcome ALLOW or EXPLICIT_DENY is certain. */
export function outcomeOf(endings: readonly Ending[]): Outcome {
  const outcomes = new Set(endings.map((ending) => ending.outcome));
  if (outcomes.size === 1) return endings[0]?.outcome ?? "IMPLICIT_DENY";
  return outcomes.has("ALLOW") ? "CONDITIONAL" : "IMPLICIT_DENY";
}

/** The stage all endings with the answer's outcome share; else the first stage that can come to several (C14). */
export function decidingStage(
  outcome: Outcome,
  endings: readonly Ending[],
  stages: readonly StageOutcomes[],
): DecisionStage {
  const relevant = endings.filter((ending) => outcome === "CONDITIONAL" || ending.outcome === outcome);
  const ends = new Set(relevant.map((ending) => ending.stage));
  const [only] = ends;
  if (only !== undefined && ends.size === 1) return only;
  return stages.find(({ possible }) => possible.length > 1)?.stage ?? only ?? ACCOUNT;
}
