import { LRUCache } from "lru-cache";
import type { RevisionVector } from "../store/revisions.js";
import type { RevisionsIn } from "./decision-key.js";
import { type PreparedQuestion, prepareQuestion } from "./prepare-question.js";
import type { Question } from "./question.js";
import { plainKey } from "./question-key.js";
import type { CachedAnswer } from "./sealed-answer.js";

/** An answer with all that its key is made of beside the question. */
interface Known {
  readonly followed: readonly string[];
  readonly tags: readonly (string | null)[];
  readonly answer: CachedAnswer;
}

const MOST_QUESTIONS = 50_000;
const MOST_BYTES = 64 * 1024 * 1024;
/** About what a question takes in memory that is not its texts, which it has in several forms. */
const BYTES = { question: 800, character: 6 };
const NOTHING: readonly string[] = [];

/**
 * Questions that were asked before, taken apart, each with its last answer. That answer is used where every scope that the
 * question depends on has the tag that it had: just where the question would have the same key. So it can be lost, but
 * never be wrong, and costs neither the key nor looking it up.
 */
export class KnownQuestions {
  readonly #prepared = new LRUCache<string, PreparedQuestion>({
    ...{ max: MOST_QUESTIONS, maxSize: MOST_BYTES },
    sizeCalculation: (_, key) => BYTES.question + key.length * BYTES.character,
  });
  readonly #answers = new WeakMap<PreparedQuestion, Known>();
  readonly #keepsAnswers: boolean;

  /** @param keepsAnswers false: questions are only taken apart */
  constructor(keepsAnswers: boolean) {
    this.#keepsAnswers = keepsAnswers;
  }

  /** @throws InvalidInputError */
  prepare(question: Question): PreparedQuestion {
    const key = plainKey(question);
    const known = key === null ? undefined : this.#prepared.get(key);
    if (known !== undefined) return known;
    const prepared = prepareQuestion(question);
    if (key !== null) this.#prepared.set(key, prepared);
    return prepared;
  }

  recall(question: PreparedQuestion, { vector, followed }: RevisionsIn): CachedAnswer | null {
    const known = this.#answers.get(question);
    if (known === undefined) return null;
    const following = followed.get(question.follows) ?? NOTHING;
    if (!isSameList(following, known.followed)) return null;
    const { tags, answer } = known;
    const { scopes } = question;
    const holds =
      scopes.every((scope, place) => tagIn(vector, scope) === tags[place]) &&
      following.every((scope, place) => tagIn(vector, scope) === tags[scopes.length + place]);
    return holds ? answer : null;
  }

  keep(question: PreparedQuestion, answer: CachedAnswer, { vector, followed }: RevisionsIn): void {
    if (!this.#keepsAnswers) return;
    const following = followed.get(question.follows) ?? NOTHING;
    const tags = [...question.scopes, ...following].map((scope) => tagIn(vector, scope));
    this.#answers.set(question, { followed: following, tags, answer });
  }

  forget(question: PreparedQuestion): void {
    this.#answers.delete(question);
  }
}

function tagIn(vector: RevisionVector, scope: string): string | null {
  return vector.get(scope)?.tag ?? null;
}

function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one === other || (one.length === other.length && one.every((scope, place) => scope === other[place]));
}
