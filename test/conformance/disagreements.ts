import { isDeepStrictEqual } from "node:util";
import { type Answer, expectedAnswer } from "./answer.js";
import type { Expectation } from "./case.js";

export const WAYS = ["evaluator", "cold API", "warm API", "batch"] as const;
export type Way = (typeof WAYS)[number];
export type Answers = Readonly<Record<Way, Answer>>;

/** Where an answer is not what the case expects, or not what another way says; each names its way. */
export function disagreements(expected: Expectation, answers: Answers): string[] {
  return WAYS.flatMap((way) => [
    ...wrongMembers(expectedOf(way, expected), answers[way]).map((text) => `${way}: ${text}`),
    ...unmentioned(expected, answers[way]).map((text) => `${way}: ${text}`),
    ...otherwise(answers.evaluator, answers[way]).map((text) => `${way}: ${text}, which the evaluator does not say`),
  ]);
}

/** Key states stand beside permissions, and a batch asks about these only. */
function expectedOf(way: Way, expectation: Expectation): Answer {
  const { usableNow: _usable, blockedByKeyState: _blocked, ...permission } = expectedAnswer(expectation);
  return way === "batch" ? permission : expectedAnswer(expectation);
}

function wrongMembers(expected: Answer, answer: Answer): string[] {
  const said = answer as Record<string, unknown>;
  const wanted = Object.entries({ refused: undefined, ...expected });
  const wrong = wanted.filter(([name, value]) => !isDeepStrictEqual(value, said[name]));
  return wrong.map(([name, value]) => described(name, said[name], value));
}

function described(name: string, said: unknown, wanted: unknown): string {
  return `\`${name}\` is ${JSON.stringify(said)}, not ${JSON.stringify(wanted)}`;
}

/** Each place in a malformed document must be named. */
function unmentioned({ problems = [] }: Expectation, { message = "" }: Answer): string[] {
  return problems
    .filter((pointer) => !message.includes(`\`${pointer}\``))
    .map((pointer) => `nothing is said about \`${pointer}\``);
}

/** Words may differ between ways, nothing else. */
function otherwise({ message: _, ...evaluator }: Answer, answer: Answer): string[] {
  const said = answer as Record<string, unknown>;
  const common = Object.entries(evaluator).filter(([name]) => name in said);
  const other = common.filter(([name, value]) => !isDeepStrictEqual(value, said[name]));
  return other.map(([name, value]) => described(name, said[name], value));
}
