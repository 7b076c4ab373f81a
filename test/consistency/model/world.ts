/**
 * The smallest world in which every known mistake shows: two principals and their account. A principal is allowed when
 * both it and the account have their half of a grant, so an answer follows from two scopes, and a change can move the
 * grant from one to the other.
 */
export type Question = 0 | 1;
export type Part = 0 | 1 | 2;
export type Parts<T> = readonly [T, T, T];

export const QUESTIONS: readonly Question[] = [0, 1];
export const ACCOUNT = 2;

/** A transaction: the scopes whose revision it moves, and the halves that it grants or takes away. */
export interface Change {
  readonly moves: readonly Part[];
  readonly turns: readonly Part[];
}

const turn = (...parts: Part[]): Change => ({ moves: parts, turns: parts });

export const CHANGES = {
  principal: turn(0),
  otherPrincipal: turn(1),
  account: turn(ACCOUNT),
  /** From having the one half to having the other: neither state allows. */
  swap: turn(0, ACCOUNT),
  /** Alters something else in the account. */
  touch: { moves: [ACCOUNT], turns: [] },
} as const satisfies Record<string, Change>;

export function mapParts<T, R>(parts: Parts<T>, map: (value: T, part: Part) => R): Parts<R> {
  return [map(parts[0], 0), map(parts[1], 1), map(parts[2], 2)];
}

export const apply = (halves: Parts<boolean>, change: Change): Parts<boolean> =>
  mapParts(halves, (half, part) => half !== change.turns.includes(part));

/** Answers as a set of bits: which ones are right. */
export const DENY = 1;
export const ALLOW = 2;
export const NEITHER = 0;

export const nameOf = (answer: number): string => (answer === ALLOW ? "ALLOW" : "DENY");

export const isAllowed = (halves: Parts<boolean>, question: Question): boolean => halves[question] && halves[ACCOUNT];

/**
 * When a change binds readers: `commit` is more than anybody is promised, and the design is held to it; `acknowledged`
 * is what everybody may rely on, and a protocol that breaks that is broken.
 */
export type Binding = "commit" | "acknowledged";

/** States that an answer may still be right for: the newest, and older ones that no binding change has replaced. */
export interface Truth {
  readonly version: number;
  readonly standing: readonly { readonly version: number; readonly halves: Parts<boolean> }[];
}

export const beginning = (halves: Parts<boolean>): Truth => ({ version: 0, standing: [{ version: 0, halves }] });

export function succeed({ version, standing }: Truth, halves: Parts<boolean>, binding: Binding): Truth {
  const newest = { version: version + 1, halves };
  return { version: version + 1, standing: binding === "commit" ? [newest] : [...standing, newest] };
}

export function acknowledge(truth: Truth, version: number): Truth {
  return { ...truth, standing: truth.standing.filter((state) => state.version >= version) };
}

/** The answers that are right for some standing state. */
export function rightAnswers({ standing }: Truth, question: Question, granting = true): number {
  let answers = NEITHER;
  for (const { halves } of standing) answers |= granting && isAllowed(halves, question) ? ALLOW : DENY;
  return answers;
}

export function encodeTruth({ version, standing }: Truth): string {
  return standing.map((state) => `${version - state.version}${bits(state.halves)}`).join("");
}

export const bits = (halves: Parts<boolean>): string => halves.map((half) => (half ? "+" : "-")).join("");
