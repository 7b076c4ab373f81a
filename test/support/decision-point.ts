import { createDecisions } from "../../src/decisions/decide-many.js";
import { decisionKey } from "../../src/decisions/decision-key.js";
import { prepareQuestion } from "../../src/decisions/prepare-question.js";
import type { Mutation } from "./mutation.js";

/** The decision point as tests use it, so that a broken one can take its place. */
export const DECISION_POINT = { createDecisions, decisionKey, prepareQuestion } as const;

export type DecisionPoint = typeof DECISION_POINT;

/** The decision point with a slip in a file of `src/decisions` or `src/store`, loaded beside the right one. */
export async function brokenDecisionPoint(mutation: Mutation): Promise<DecisionPoint> {
  const query = Buffer.from(JSON.stringify(mutation)).toString("base64url");
  const module = (await import(/* @vite-ignore */ `./decision-point.js?mutant=${query}`)) as {
    DECISION_POINT: DecisionPoint;
  };
  return module.DECISION_POINT;
}
