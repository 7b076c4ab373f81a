import { LRUCache } from "lru-cache";
import { type CanonicalValue, canonicalText } from "./canonical-text.js";

/** What all pages of an answer have in common: the state of the model that it is of, and its instant. */
export interface Moment {
  /** The same for states in which the answer is the same. */
  readonly tag: string;
  /** Milliseconds since the epoch. */
  readonly instant: number;
}

/** The whole answer to a question with a list of rows. */
export interface ListedAnswer<Row> {
  readonly rows: readonly Row[];
  readonly moment: Moment;
}

/** Rows and what they rest on, of all answers together, in principals or resources. */
const MOST_KEPT = 250_000;
const KEPT_FOR_MS = 60_000;

/**
 * Answers of the last minute. Whoever has seen the first page gets the others of the same moment, whatever changes
 * meanwhile; a first page is never taken from here.
 */
export class KeptAnswers<Row> {
  private readonly answers = new LRUCache<string, ListedAnswer<Row>>({ maxSize: MOST_KEPT, ttl: KEPT_FOR_MS });

  find(question: CanonicalValue, moment: Moment): ListedAnswer<Row> | null {
    return this.answers.get(keyOf(question, moment)) ?? null;
  }

  /** @param size what it holds on to */
  keep(question: CanonicalValue, answer: ListedAnswer<Row>, size: number): void {
    this.answers.set(keyOf(question, answer.moment), answer, { size: size + 1 });
  }
}

function keyOf(question: CanonicalValue, { tag, instant }: Moment): string {
  return canonicalText([question, tag, String(instant)]);
}
