import type { LoadEvaluationInput } from "../store/evaluation-input.js";
import {
  type Foundation,
  MOST_LISTS,
  type ModelState,
  RememberedScopes,
  type RevisionReader,
} from "../store/revisions.js";
import type { RevisionFloor } from "./consistency.js";
import type { PreparedQuestion } from "./prepare-question.js";
import type { Question } from "./question.js";

/** A question with how fresh its answer must be. */
export interface Asked {
  readonly question: PreparedQuestion;
  readonly consistency: Question["consistency"];
  readonly floor: RevisionFloor;
}

/** Reads the state of the model that questions are answered in, as far as they depend on it. */
export interface StateReader {
  /** @throws UnavailableError */
  read(asked: readonly Asked[]): Promise<ModelState>;
  /** The same loader; what principals follow is remembered from its loads. */
  remembering(load: LoadEvaluationInput): LoadEvaluationInput;
}

const MAX_STALENESS_MS = 1_000;

/**
 * Creates a reader. What principals follow is what they followed last time; where nothing is remembered, or something has
 * moved that it rests on, it is looked up along with the revisions.
 *
 * @param maxStaleness in milliseconds, for questions that permit an older state
 */
export function createStateReader(revisions: RevisionReader, maxStaleness = MAX_STALENESS_MS): StateReader {
  const remembered = new RememberedScopes();

  /** One question that permits no older state is enough for all to be answered from the newest. */
  function readRevisions(asked: readonly Asked[], scopes: string[], unknown: string[], known: readonly Foundation[]) {
    const bounded = asked.every(({ consistency }) => consistency?.kind === "minimizeLatency");
    if (bounded && unknown.length === 0) return revisions.readBounded(scopes, maxStaleness);
    return revisions.readFresh(scopes, unknown, known);
  }

  return {
    async read(asked) {
      const principals = new Set(asked.map(({ question }) => question.follows));
      const { followed, foundations, unknown } = remembered.recall(principals);
      const scopes = scopesOfAll(asked);
      for (const list of followed.values()) for (const scope of list) scopes.add(scope);
      const state = await readRevisions(asked, [...scopes], unknown.slice(0, MOST_LISTS), foundations);
      remembered.remember(state);
      for (const [arnKey, list] of state.followed) followed.set(arnKey, list);
      return { ...state, followed };
    },
    remembering: (load) => async (request) => {
      const input = await load(request);
      remembered.remember(input);
      return input;
    },
  };
}

/** Where nothing is kept, nobody wants to know what principals follow. */
export function createPlainStateReader(revisions: RevisionReader): StateReader {
  return {
    read: (asked) => revisions.readFresh([...scopesOfAll(asked)]),
    remembering: (load) => load,
  };
}

/** The floor's own scopes are read too: a token may come from a change to something else. */
function scopesOfAll(asked: readonly Asked[]): Set<string> {
  const scopes = new Set<string>();
  for (const { question, floor } of asked) {
    for (const scope of question.scopes) scopes.add(scope);
    for (const scope of floor.keys()) scopes.add(scope);
  }
  return scopes;
}
