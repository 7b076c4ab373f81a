import type { Protocol } from "./design.js";
import type { Database, Marks } from "./state.js";
import type { List, Part, Question, World } from "./world.js";

const MOST_MARKS = 1_000;
/** What a mark counts for in a key. A scope that is not in the key counts for nothing, and there is no mark of 0. */
const PLACES = [1, MOST_MARKS, MOST_MARKS ** 2, MOST_MARKS ** 3];

/** How many scopes of a list are in keys: groups come before their policies. */
const FOLLOWED = { "groups and policies": 2, groups: 1, nothing: 0 } as const;

/** The keys that answers are kept under, as numbers. */
export class Keys {
  /** Whether a mark never comes again, and only in one scope. */
  readonly unique: boolean;
  private readonly world: World;
  private readonly protocol: Protocol;

  constructor(world: World, protocol: Protocol) {
    this.world = world;
    this.protocol = protocol;
    this.unique = protocol.keys === "tags";
  }

  /** What stands for the states of scopes in keys. */
  marksOf({ tags, numbers }: Database): Marks {
    return this.protocol.keys === "numbers" ? numbers : tags;
  }

  scopesOf(question: Question, list: List): readonly Part[] {
    return [...this.world.fixed(question), ...list.slice(0, FOLLOWED[this.protocol.follows])];
  }

  keyOf(question: Question, list: List, marks: Marks): number {
    const named = this.protocol.keys !== "tags without the names of scopes";
    let key = 0;
    for (const [index, part] of this.scopesOf(question, list).entries()) {
      key += (marks[part] ?? 0) * (PLACES[named ? part : index] ?? 0);
    }
    return key * 2 + question;
  }

  questionIn(key: number): Question {
    return key % 2 === 0 ? 0 : 1;
  }

  /** Of its scopes. */
  marksIn(key: number): { part: Part; mark: number }[] {
    const marks = PLACES.map((place, part) => ({ part, mark: Math.floor(key / 2 / place) % MOST_MARKS }));
    return marks.filter(({ mark }) => mark !== 0);
  }
}
