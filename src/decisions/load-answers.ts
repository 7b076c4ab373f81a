import type { ScopePrecedence } from "../domain/evaluation/access-request.js";
import type { EvaluationInput, LoadEvaluationInput } from "../store/evaluation-input.js";
import type { RevisionVector } from "../store/revisions.js";
import { UnavailableError } from "../store/store-errors.js";
import { evaluateQuestion } from "./evaluate-question.js";
import type { PreparedQuestion } from "./prepare-question.js";
import type { CachedAnswer } from "./sealed-answer.js";
import { createTimeSlicer } from "./time-slicer.js";

/** An answer with the state it was evaluated in. */
export interface Loaded {
  readonly answer: CachedAnswer;
  /** Revisions of that state, of the question's scopes at least. */
  readonly vector: RevisionVector;
  /** Database clock, milliseconds since the epoch. */
  readonly now: number;
}

/** A question that has to be evaluated. */
export interface Wanted {
  /** Holds the question and the revisions that were read after it came; null: nobody shares its evaluation. */
  readonly key: string | null;
  readonly question: PreparedQuestion;
  /** Scopes to read besides its own. */
  readonly scopes: readonly string[];
  /** Whether an answer that was perhaps found before the question came is right for it all the same. */
  readonly accepts: (loaded: Loaded) => boolean;
}

/** Evaluates questions; the place of one that cannot be answered has its error. Never rejects. */
export type LoadAnswers = (wanted: readonly Wanted[]) => Promise<readonly (Loaded | Error)[]>;

/**
 * Loads one snapshot for all questions of a call and evaluates them in it. Of calls that want the same key at the same
 * time the first one loads for all. Its snapshot may be older than a question that joins it: time has gone on since, and
 * a failover may have lost what it saw. So whoever joins looks at the answer, and joins only loads that begin later when
 * it is not the right one.
 */
export function createAnswerLoader(load: LoadEvaluationInput, scopePrecedence: ScopePrecedence): LoadAnswers {
  const running = new Map<string, Promise<Loaded | Error>>();

  function loadAll(wanted: readonly Wanted[]): Promise<readonly (Loaded | Error)[]> {
    const joined = wanted.map(({ key }) => (key === null ? undefined : running.get(key)));
    const own = wanted.filter((_, place) => joined[place] === undefined);
    const evaluated = own.length === 0 ? NOTHING : evaluateAll(load, own, scopePrecedence);
    const answers = own.map((_, place) => evaluated.then((all) => all[place] ?? leftOut()));
    share(running, own, answers);
    const rest = answers.values();
    return Promise.all(
      wanted.map((item, place) => {
        const shared = joined[place];
        return shared === undefined ? (rest.next().value ?? leftOut()) : takeOrLoad(item, shared);
      }),
    );
  }

  async function takeOrLoad(item: Wanted, shared: Promise<Loaded | Error>): Promise<Loaded | Error> {
    const loaded = await shared;
    if (loaded instanceof Error ? loaded instanceof UnavailableError : item.accepts(loaded)) return loaded;
    const [later] = await loadAll([{ ...item, accepts: () => true }]);
    return later ?? leftOut();
  }

  return loadAll;
}

const leftOut = (): Error => new Error("a question was left out");

const NOTHING: Promise<readonly (Loaded | Error)[]> = Promise.resolve([]);

function share<T>(running: Map<string, Promise<T>>, own: readonly Wanted[], answers: readonly Promise<T>[]): void {
  for (const [place, answer] of answers.entries()) {
    const key = own[place]?.key ?? null;
    if (key === null) continue;
    running.set(key, answer);
    answer.finally(() => running.delete(key));
  }
}

async function evaluateAll(
  load: LoadEvaluationInput,
  wanted: readonly Wanted[],
  scopePrecedence: ScopePrecedence,
): Promise<readonly (Loaded | Error)[]> {
  try {
    const input = await load({
      principals: wanted.map(({ question }) => question.principal),
      resources: [...new Set(wanted.map(({ question }) => question.resource))],
      scopes: [...new Set(wanted.flatMap(({ question, scopes }) => [...question.scopes, ...scopes]))],
    });
    return await evaluateIn(input, wanted, scopePrecedence);
  } catch (error) {
    return wanted.map(() => asError(error));
  }
}

async function evaluateIn(
  input: EvaluationInput,
  wanted: readonly Wanted[],
  scopePrecedence: ScopePrecedence,
): Promise<(Loaded | Error)[]> {
  const slice = createTimeSlicer();
  const loaded: (Loaded | Error)[] = [];
  for (const { question } of wanted) {
    await slice();
    try {
      const answer = evaluateQuestion(question, input, scopePrecedence);
      loaded.push({ answer, vector: input.vector, now: input.now });
    } catch (error) {
      loaded.push(asError(error));
    }
  }
  return loaded;
}

/** Anything that was thrown, as an error. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error("an unknown failure", { cause: error });
}
