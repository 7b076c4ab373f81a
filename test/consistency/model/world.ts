/**
 * The smallest worlds in which every known mistake shows. A grant is a chain of links, each of which belongs to a part
 * of the world with a scope of its own. A principal is allowed when all links of its grant are there, so an answer
 * follows from several scopes, and a change can take one link away and put another one there.
 */
export type Question = 0 | 1;
export type Part = number;
/** One for each part of a world. */
export type Parts<T> = readonly T[];
/** The scopes that a question follows. */
export type List = readonly Part[];

export const QUESTIONS: readonly Question[] = [0, 1];
export const ACCOUNT = 2;
export const GROUP = 2;
export const OTHER_GROUP = 3;
export const POLICY = 3;

export interface World {
  /** Their names. */
  readonly parts: Parts<string>;
  /** The scopes of a question in every state. */
  fixed(question: Question): List;
  /** The scopes that it has besides in this state. They become others only when one of them moves, or a fixed one. */
  followed(links: Parts<boolean>, question: Question): List;
  /** All that may be followed. */
  readonly lists: readonly List[];
  isAllowed(links: Parts<boolean>, question: Question): boolean;
}

const NONE: List = [];
const has = (links: Parts<boolean>, ...parts: Part[]): boolean => parts.every((part) => links[part] === true);

/** Principals and their account. */
export const ONE_ACCOUNT: World = {
  parts: ["principal 0", "principal 1", "the account"],
  fixed: (question) => [question, ACCOUNT],
  followed: () => NONE,
  lists: [NONE],
  isAllowed: (links, question) => has(links, question, ACCOUNT),
};

/** A principal's link is its membership, a group's is the attachment of the policy that allows or does not. */
export const GROUP_AND_POLICY: World = {
  parts: ["principal 0", "principal 1", "the group", "the policy"],
  fixed: (question) => [question],
  followed: (links, question) => (!has(links, question) ? NONE : !has(links, GROUP) ? [GROUP] : [GROUP, POLICY]),
  lists: [NONE, [GROUP], [GROUP, POLICY]],
  isAllowed: (links, question) => has(links, question, GROUP, POLICY),
};

/** A principal's link says in which of them it is. */
export const TWO_GROUPS: World = {
  parts: ["principal 0", "principal 1", "the group", "the other group"],
  fixed: (question) => [question],
  followed: (links, question) => [groupOf(links, question)],
  lists: [[GROUP], [OTHER_GROUP]],
  isAllowed: (links, question) => has(links, groupOf(links, question)),
};

const groupOf = (links: Parts<boolean>, question: Question): Part => (has(links, question) ? GROUP : OTHER_GROUP);

/** A transaction: the scopes whose revision it moves, and the links that it puts there or takes away. */
export interface Change {
  readonly moves: readonly Part[];
  readonly turns: readonly Part[];
}

const turn = (...parts: Part[]): Change => ({ moves: parts, turns: parts });

export const CHANGES = {
  principal: turn(0),
  otherPrincipal: turn(1),
  account: turn(ACCOUNT),
  group: turn(GROUP),
  policy: turn(POLICY),
  /** From having the one link to having the other: neither state allows. */
  swap: turn(0, ACCOUNT),
  /** Alters something else in the account. */
  touch: { moves: [ACCOUNT], turns: [] },
} as const satisfies Record<string, Change>;

export const mapParts = <T, R>(parts: Parts<T>, map: (value: T, part: Part) => R): Parts<R> => parts.map(map);

export const apply = (links: Parts<boolean>, change: Change): Parts<boolean> =>
  mapParts(links, (link, part) => link !== change.turns.includes(part));

/** Answers as a set of bits: which ones are right. */
export const DENY = 1;
export const ALLOW = 2;
export const NEITHER = 0;

export const nameOf = (answer: number): string => (answer === ALLOW ? "ALLOW" : "DENY");

/**
 * When a change binds readers: `commit` is more than anybody is promised, and the design is held to it; `acknowledged`
 * is what everybody may rely on, and a protocol that breaks that is broken.
 */
export type Binding = "commit" | "acknowledged";

/** States that an answer may still be right for: the newest, and older ones that no binding change has replaced. */
export interface Truth {
  readonly version: number;
  readonly standing: readonly { readonly version: number; readonly links: Parts<boolean> }[];
}

export const beginning = (links: Parts<boolean>): Truth => ({ version: 0, standing: [{ version: 0, links }] });

export function succeed({ version, standing }: Truth, links: Parts<boolean>, binding: Binding): Truth {
  const newest = { version: version + 1, links };
  return { version: version + 1, standing: binding === "commit" ? [newest] : [...standing, newest] };
}

export function acknowledge(truth: Truth, version: number): Truth {
  return { ...truth, standing: truth.standing.filter((state) => state.version >= version) };
}

/** The answers that are right for some standing state. */
export function rightAnswers(world: World, { standing }: Truth, question: Question, granting = true): number {
  let answers = NEITHER;
  for (const { links } of standing) answers |= granting && world.isAllowed(links, question) ? ALLOW : DENY;
  return answers;
}

export function encodeTruth({ version, standing }: Truth): string {
  return standing.map((state) => `${version - state.version}${bits(state.links)}`).join("");
}

export const bits = (links: Parts<boolean>): string => links.map((link) => (link ? "+" : "-")).join("");
