import { isDeepStrictEqual } from "node:util";
import type { ScopePrecedence } from "../domain/evaluation/access-request.js";
import type { Verdict } from "../domain/evaluation/decision.js";
import type { LoadEvaluationInput } from "../store/evaluation-input.js";
import type { ModelState } from "../store/revisions.js";
import { revisionsOf } from "./decision-key.js";
import { evaluateQuestion } from "./evaluate-question.js";
import { factsOf } from "./known-facts.js";
import type { PreparedQuestion } from "./prepare-question.js";
import type { CachedAnswer } from "./sealed-answer.js";

/** `moved`: the state has changed meanwhile, so nothing can be said; `skipped`: it could not be looked at. */
export type Verification = "same" | "different" | "moved" | "skipped";

/** Loads and evaluates answers from what was kept once more, beside the requests. Never rejects. */
export interface Verifier {
  /**
   * @param state in which the answer was found
   * @returns null: it is not looked at
   */
  check(question: PreparedQuestion, answer: CachedAnswer, state: ModelState): Promise<Verification> | null;
}

export interface VerifierOptions {
  readonly load: LoadEvaluationInput;
  /** Of the answers, 0 to 1; less than 1: of at most {@link MOST_A_SECOND} in a second. */
  readonly share: number;
  readonly scopePrecedence: ScopePrecedence;
}

/** More at a time would take the database away from those who wait for it. */
const MOST_RUNNING = 2;

/** A share of very many answers would be as much work as the answers are. */
const MOST_A_SECOND = 2;

export function createVerifier(options: VerifierOptions): Verifier {
  const { share } = options;
  let running = 0;
  let next = 0;

  async function check(checked: Checked): Promise<Verification> {
    running += 1;
    try {
      return await compare(options, checked);
    } catch {
      return "skipped"; // the database does not answer, which the requests are told
    } finally {
      running -= 1;
    }
  }

  /** Whether there is time for one more. */
  function hasTurn(): boolean {
    const now = performance.now();
    if (running >= MOST_RUNNING || now < next) return false;
    next = now + 1_000 / MOST_A_SECOND;
    return true;
  }

  return {
    check(question, answer, state) {
      if (Math.random() >= share || (share < 1 && !hasTurn())) return null;
      return check({ question, answer, state });
    },
  };
}

interface Checked {
  readonly question: PreparedQuestion;
  readonly answer: CachedAnswer;
  readonly state: ModelState;
}

async function compare({ load, scopePrecedence }: VerifierOptions, checked: Checked): Promise<Verification> {
  const { question, answer, state } = checked;
  const { principal, resource } = question;
  const before = revisionsOf(question, state); // by what it was found: with a scope that is followed only now, nothing need have moved
  const input = await load({ principals: [principal], resources: [resource], scopes: [...before.keys()] });
  if ([...before].some(([scope, revision]) => input.vector.get(scope)?.tag !== revision?.tag)) return "moved";
  const facts = factsOf(question, input);
  const isSameAt = (instant: number, shown: (verdict: Verdict) => unknown) => {
    const { decisions, resource: summary } = evaluateQuestion(question, facts, scopePrecedence, instant);
    return isDeepStrictEqual([decisions.map(shown), summary], [answer.decisions.map(shown), answer.resource]);
  };
  try {
    const holds = isSameAt(state.now, withoutNearMisses);
    const all = holds && (question.detail !== "NEAR_MISSES" || isSameAt(answer.evaluatedAt, (verdict) => verdict));
    return all ? "same" : "different";
  } catch {
    return "different"; // there was an answer, and now there is none in the same state
  }
}

/** Near misses show the instant at which they were found. */
function withoutNearMisses(verdict: Verdict): unknown {
  return "nearMisses" in verdict ? { ...verdict, nearMisses: null } : verdict;
}
