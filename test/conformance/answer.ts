import type { Decision, MatchedStatement } from "../../src/domain/evaluation/decision.js";
import type { Expectation } from "./case.js";
import { type Accounts, shorten } from "./situation.js";

/** What one way in says to a case, in comparable form. A member that the way cannot say is left out. */
export interface Answer {
  readonly outcome?: string;
  readonly principal?: string;
  readonly decidedBy?: string;
  /** `<policy>/<index>`, sorted. */
  readonly matched?: readonly string[];
  /** The same with the whole path to each statement. */
  readonly paths?: readonly string[];
  readonly missingContextKeys?: readonly string[];
  /** Codes, each once. */
  readonly diagnostics?: readonly string[];
  readonly certainty?: string;
  readonly validUntil?: string | null;
  /** Outcomes by `<action> <resource>`. */
  readonly legs?: Readonly<Record<string, string>>;
  readonly legAnswers?: Readonly<Record<string, Answer>>;
  readonly usableNow?: boolean | null;
  readonly blockedByKeyState?: string | null;
  readonly refused?: string;
  /** Why it was refused. */
  readonly message?: string;
}

/** A matched statement, whichever way it came. */
export interface ToldStatement extends Pick<MatchedStatement, "source" | "effect" | "index" | "sid" | "residual"> {
  readonly policy: string | null;
  readonly version: string | null;
  readonly attachedTo: string | null;
  readonly resourceGroup: string | null;
}

/** A decision, whichever way it came. */
export interface Told
  extends Pick<
    Decision,
    "action" | "resource" | "principal" | "outcome" | "decidedBy" | "certainty" | "missingContextKeys"
  > {
  readonly statements: readonly ToldStatement[];
  readonly codes: readonly string[];
  readonly validUntil: number | null;
}

export function answerOf(told: Told, accounts: Accounts): Answer {
  return {
    outcome: told.outcome,
    principal: shorten(told.principal, accounts),
    decidedBy: told.decidedBy,
    matched: told.statements.map((statement) => `${sourceOf(statement)}/${statement.index}`).sort(),
    paths: told.statements.map((statement) => shorten(pathOf(statement), accounts)).sort(),
    missingContextKeys: [...told.missingContextKeys].sort(),
    diagnostics: [...new Set(told.codes)].sort(),
    certainty: told.certainty,
    validUntil: told.validUntil === null ? null : new Date(told.validUntil).toISOString(),
  };
}

const WORST_FIRST = ["EXPLICIT_DENY", "IMPLICIT_DENY", "CONDITIONAL", "ALLOW"];

/** What separate checks of the legs of an operation come to (C16). */
export function answerOfLegs(legs: readonly Told[], accounts: Accounts): Answer {
  const answers = legs.map(
    (leg) => [`${leg.action} ${shorten(leg.resource, accounts)}`, answerOf(leg, accounts)] as const,
  );
  return {
    outcome: WORST_FIRST.find((outcome) => legs.some((leg) => leg.outcome === outcome)) ?? "ALLOW",
    legs: Object.fromEntries(answers.map(([leg, { outcome = "" }]) => [leg, outcome])),
    legAnswers: Object.fromEntries(answers),
  };
}

function sourceOf({ source, policy }: ToldStatement): string {
  if (source === "SESSION_POLICY") return "session";
  return source === "TRUST_POLICY" ? "trust" : (policy ?? "");
}

function pathOf(told: ToldStatement): string {
  const { effect, index, sid, residual, version, attachedTo, resourceGroup } = told;
  return JSON.stringify([sourceOf(told), version, index, sid, effect, residual, attachedTo, resourceGroup]);
}

/** An expectation in the form of answers. */
export function expectedAnswer({ problems: _, ...expected }: Expectation): Answer {
  const { matched, missingContextKeys, diagnostics, validUntil } = expected;
  return {
    ...expected,
    ...(matched && { matched: [...matched].sort() }),
    ...(missingContextKeys && { missingContextKeys: [...missingContextKeys].sort() }),
    ...(diagnostics && { diagnostics: [...diagnostics].sort() }),
    ...(validUntil && { validUntil: new Date(validUntil).toISOString() }),
  };
}
