import type { Database, Marks } from "./state.js";
import { ACCOUNT, type Question } from "./world.js";

/** What stands for the state of a scope in keys. */
export type Marking = "tags" | "numbers";

export const markedBy = (marking: Marking, { tags, numbers }: Database): Marks => (marking === "tags" ? tags : numbers);

const MOST_MARKS = 1_000;

/** Of the question and only the scopes that it depends on. */
export const keyOf = (question: Question, marks: Marks): number =>
  (marks[question] * MOST_MARKS + marks[ACCOUNT]) * 2 + question;

export const splitKey = (key: number): { question: Question; own: number; account: number } => ({
  question: (key % 2) as Question,
  account: Math.floor(key / 2) % MOST_MARKS,
  own: Math.floor(key / 2 / MOST_MARKS),
});
