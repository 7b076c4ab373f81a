import type { ScopePrecedence } from "../domain/evaluation/access-request.js";
import type { EvaluationInput, LoadEvaluationInput } from "../store/evaluation-input.js";
import type { ModelState } from "../store/revisions.js";
import type { InStage } from "../store/stages.js";
import { UnavailableError } from "../store/store-errors.js";
import { createTimeSlicer } from "../store/time-slicer.js";
import { evaluateQuestion } from "./evaluate-question.js";
import { factsOf, type KnownFacts } from "./known-facts.js";
import type { PreparedQuestion } from "./prepare-question.js";
import type { CachedAnswer } from "./sealed-answer.js";

/** An answer with the state it was evaluated in, as far as the question depends on it. */
export interface Loaded extends ModelState {
  readonly answer: CachedAnswer;
}

/** A question that has to be evaluated. */
export interface Wanted {
  /** Holds the question and the revisions that were read after it came; null: nobody shares its evaluation. */
  readonly key: string | null;
  readonly question: PreparedQuestion;
  /** Scopes to read besides its own. */
  readonly scopes: readonly string[];
  /** How many loads had begun when the question came. */
  readonly came: number;
  /** Whether an answer that was perhaps found before the question came is right for it all the same. */
  readonly accepts: (loaded: Loaded) => boolean;
}

export interface AnswerLoader {
  /** Evaluates questions; the place of one that cannot be answered has its error. Never rejects. */
  load(wanted: readonly Wanted[]): Promise<readonly (Loaded | Error)[]>;
  /** How many loads have begun so far. */
  begun(): number;
}

export interface AnswerLoaderOptions {
  readonly load: LoadEvaluationInput;
  readonly scopePrecedence: ScopePrecedence;
  /** Told of all that was loaded; null: nothing is kept. */
  readonly known: KnownFacts | null;
  readonly inStage: InStage;
}

interface Running {
  /** Its place among all loads. */
  readonly number: number;
  readonly answer: Promise<Loaded | Error>;
}

/**
 * Loads one snapshot for all questions of a call and evaluates them in it. Of calls that want the same key at the same
 * time the first one loads for all. Its snapshot may be older than a question that joins it: time has gone on since, and
 * a failover may have lost what it saw. So whoever joins a load that had begun before looks at the answer, and joins only
 * loads that begin later when it is not the right one.
 */
export function createAnswerLoader(options: AnswerLoaderOptions): AnswerLoader {
  const running = new Map<string, Running>();
  let begun = 0;

  function loadAll(wanted: readonly Wanted[]): Promise<readonly (Loaded | Error)[]> {
    const joined = wanted.map(({ key }) => (key === null ? undefined : running.get(key)));
    const own = wanted.filter((_, place) => joined[place] === undefined);
    const evaluated = own.length === 0 ? NOTHING : evaluateAll(own, options);
    const answers = own.map((_, place) => evaluated.then((all) => all[place] ?? leftOut()));
    if (own.length > 0) begun += 1;
    share(running, own, answers, begun);
    const rest = answers.values();
    return Promise.all(
      wanted.map((item, place) => {
        const shared = joined[place];
        return shared === undefined ? (rest.next().value ?? leftOut()) : takeOrLoad(item, shared);
      }),
    );
  }

  async function takeOrLoad(item: Wanted, { number, answer }: Running): Promise<Loaded | Error> {
    const loaded = await answer;
    if (number > item.came || loaded instanceof UnavailableError) return loaded;
    if (!(loaded instanceof Error) && item.accepts(loaded)) return loaded;
    const [later] = await loadAll([{ ...item, accepts: () => true }]);
    return later ?? leftOut();
  }

  return { load: loadAll, begun: () => begun };
}

const leftOut = (): Error => new Error("a question was left out");

const NOTHING: Promise<readonly (Loaded | Error)[]> = Promise.resolve([]);

function share(
  running: Map<string, Running>,
  own: readonly Wanted[],
  answers: readonly Promise<Loaded | Error>[],
  number: number,
): void {
  for (const [place, answer] of answers.entries()) {
    const key = own[place]?.key ?? null;
    if (key === null) continue;
    running.set(key, { number, answer });
    answer.finally(() => running.delete(key));
  }
}

async function evaluateAll(
  wanted: readonly Wanted[],
  options: AnswerLoaderOptions,
): Promise<readonly (Loaded | Error)[]> {
  try {
    const load = options.inStage("load", options.load);
    const input = await load({
      principals: wanted.map(({ question }) => question.principal),
      resources: [...new Set(wanted.flatMap(({ question }) => resourcesOf(question)))],
      scopes: [...new Set(wanted.flatMap(({ question, scopes }) => [...question.scopes, ...scopes]))],
    });
    return await options.inStage("evaluate", evaluateIn)(input, wanted, options);
  } catch (error) {
    return wanted.map(() => asError(error));
  }
}

function resourcesOf({ resource, asStranger }: PreparedQuestion): readonly string[] {
  return asStranger ? [] : [resource];
}

async function evaluateIn(
  input: EvaluationInput,
  wanted: readonly Wanted[],
  { scopePrecedence, known }: AnswerLoaderOptions,
): Promise<(Loaded | Error)[]> {
  const { vector, followed, now, ofOneMoment } = input;
  const slice = createTimeSlicer();
  const loaded: (Loaded | Error)[] = [];
  for (const { question } of wanted) {
    await slice();
    const facts = factsOf(question, input);
    known?.keep(question, facts, input);
    try {
      const answer = evaluateQuestion(question, facts, scopePrecedence, now);
      loaded.push({ answer, vector, followed, now, ofOneMoment });
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
