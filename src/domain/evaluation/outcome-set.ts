/** What one policy class, or one combination of them, can come to. */
export type DefiniteOutcome = "ALLOW" | "EXPLICIT_DENY" | "IMPLICIT_DENY";

/** A set of definite outcomes as bits; 0 where there is no class at all. */
export type OutcomeSet = number;

const ALLOW = 1;
const EXPLICIT_DENY = 2;
const IMPLICIT_DENY = 4;

/** What a class that says nothing comes to. */
export const SILENT: OutcomeSet = IMPLICIT_DENY;

/** What the statements of a class that apply, or may apply, have been: an OR of these. */
export const ALLOWS = 1;
export const DENIES = 2;
export const MAY_ALLOW = 4;
export const MAY_DENY = 8;

/** Adds that a statement with `effect` applies, or may apply, to the actions in `slots`. */
export function mark(
  applying: number[],
  slots: readonly number[],
  effect: "Allow" | "Deny",
  applies: "true" | "residual",
): void {
  const bit = bitOf(effect, applies);
  for (const slot of slots) applying[slot] = (applying[slot] ?? 0) | bit;
}

/** That a statement with `effect` applies, or may apply. */
export function bitOf(effect: "Allow" | "Deny", applies: "true" | "residual"): number {
  if (effect === "Deny") return applies === "true" ? DENIES : MAY_DENY;
  return applies === "true" ? ALLOWS : MAY_ALLOW;
}

/** Possible outcomes by what applies ("Outcomes" in docs/evaluation.md). */
const POSSIBLE: readonly OutcomeSet[] = Array.from({ length: 16 }, (_, applying) => possibleOutcomes(applying));

/** Every outcome of a class, depending on context that was not supplied. `applying`: an OR of the constants above. */
export function outcomesOf(applying: number): OutcomeSet {
  return POSSIBLE[applying] ?? SILENT;
}

/** Each residual statement may or may not apply, independently of the others (C28). */
function possibleOutcomes(applying: number): OutcomeSet {
  if ((applying & DENIES) !== 0) return EXPLICIT_DENY;
  const denied = (applying & MAY_DENY) === 0 ? 0 : EXPLICIT_DENY;
  if ((applying & ALLOWS) !== 0) return denied | ALLOW;
  return denied | IMPLICIT_DENY | ((applying & MAY_ALLOW) === 0 ? 0 : ALLOW);
}

/** By both sets, three bits each. */
const BOTH_GATES: readonly OutcomeSet[] = Array.from({ length: 64 }, (_, sets) => throughBoth(sets >> 3, sets & 7));

/** What two gates come to together; a gate can only withhold. 0 stands for no gate. */
export function combineGates(one: OutcomeSet, other: OutcomeSet): OutcomeSet {
  return BOTH_GATES[(one << 3) | other] ?? EXPLICIT_DENY;
}

function throughBoth(one: OutcomeSet, other: OutcomeSet): OutcomeSet {
  if (one === 0 || other === 0) return one | other;
  let both = one & other & ALLOW;
  if (((one | other) & EXPLICIT_DENY) !== 0) both |= EXPLICIT_DENY;
  const silent = (one & IMPLICIT_DENY && other & ~EXPLICIT_DENY) || (other & IMPLICIT_DENY && one & ~EXPLICIT_DENY);
  return silent ? both | IMPLICIT_DENY : both;
}

/** The set as a list, denies first. */
export function listOutcomes(set: OutcomeSet): readonly DefiniteOutcome[] {
  const has: readonly (readonly [number, DefiniteOutcome])[] = [
    [EXPLICIT_DENY, "EXPLICIT_DENY"],
    [ALLOW, "ALLOW"],
    [IMPLICIT_DENY, "IMPLICIT_DENY"],
  ];
  return has.filter(([bit]) => (set & bit) !== 0).map(([, outcome]) => outcome);
}
