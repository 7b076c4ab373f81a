import {
  ALLOW,
  type Binding,
  beginning,
  type Change,
  DENY,
  type List,
  ONE_ACCOUNT,
  type Part,
  type Parts,
  QUESTIONS,
  type Question,
  rightAnswers,
  type Truth,
  type World,
} from "./world.js";

export interface Scenario {
  /** Absent: that of one account. */
  readonly world?: World;
  readonly links: Parts<boolean>;
  readonly writers: readonly WriterPlan[];
  readonly readers: readonly ReaderPlan[];
  readonly binding: Binding;
  /**
   * `hostile`: any value that was ever written may come back, and any may be gone. `faithful`: keeps what it was told
   * last. The design withstands the first, broken variants fall with the second.
   */
  readonly cache: "hostile" | "faithful";
  /**
   * The scopes that a gateway takes for those that a question follows. `hostile`: any that a question may follow, right
   * or wrong. `faithful`: those that were right when it last loaded. Absent: hostile.
   */
  readonly lists?: "hostile" | "faithful";
  /** What faithful gateways remember from before the beginning; absent: nothing. */
  readonly remembered?: List;
  /** How often PostgreSQL loses its last commits. */
  readonly failovers?: number;
  /** How many commits it may lose at once; absent: one. */
  readonly lost?: number;
  readonly ticks?: number;
  /** The tick at which principal 0 loses its grant without anybody changing anything. */
  readonly expiry?: number;
}

export interface WriterPlan {
  readonly commits: number;
  readonly changes: readonly Change[];
}

export interface ReaderPlan {
  readonly instance: number;
  readonly requests: number;
  readonly questions: readonly Question[];
  /** Takes a vector of at most this age in ticks; absent: a fresh one. */
  readonly staleness?: number;
}

export interface Writer extends WriterPlan {
  readonly name: string;
  /** The commit it has not acknowledged yet. */
  readonly committed: number | null;
}

export interface Asker extends ReaderPlan {
  readonly name: string;
}

export interface Asked extends Asker {
  readonly question: Question;
  /** The answers that were right at some time since the question came. */
  readonly right: number;
}

export interface Waiting extends Asked {
  readonly at: "waiting";
  /** The scopes that it takes for those that the question follows; null: the read finds them. */
  readonly list: List | null;
}

export interface Sent extends Asked {
  readonly at: "sent";
  readonly list: List;
}

export interface Ready extends Asked {
  readonly at: "ready";
  readonly list: List;
  readonly vector: Vector;
}

export interface Loading extends Asked {
  readonly at: "loading";
  readonly list: List;
  readonly vector: Vector;
  /** `guest`: of a load that was there when it came; `late guest`: of one that began later. */
  readonly part: "host" | "guest" | "late guest";
  readonly found: Found;
}

/** What a load has read so far. */
export interface Found {
  readonly half: boolean | null;
  readonly value: Value | null;
  /** What the value will be kept under: scopes that the question follows, and what stands for their state. */
  readonly list: List | null;
  readonly marks: Marks | null;
}

export interface Loaded {
  readonly value: Value;
  readonly list: List;
  readonly marks: Marks;
}

export interface Idle extends Asker {
  readonly at: "idle";
}

export type Reader = Idle | Waiting | Sent | Ready | Loading;

export type Marks = Parts<number>;

export interface Vector {
  /** What keys are made of. */
  readonly marks: Marks;
  /** The database's clock when it was read. */
  readonly now: number;
}

export interface Read extends Vector {
  /** The tick in which it was sent. */
  readonly since: number;
  readonly history: number;
  readonly scopes: readonly Part[];
  /** Those of them that are still to be read. */
  readonly later: readonly Part[];
}

export interface Known {
  readonly mark: number;
  readonly now: number;
  /** When its age begins. */
  readonly since: number;
  /** Another one after each failover. */
  readonly history: number;
}

export interface Instance {
  readonly number: number;
  /** The read that is on its way back. */
  readonly sent: Read | null;
  /** What came back last, scope by scope, for readers that take an older vector. */
  readonly known: Parts<Known | null>;
  /** What it remembers that questions follow; null: nothing. */
  readonly lists: readonly (List | null)[];
}

export interface Database {
  readonly links: Parts<boolean>;
  readonly numbers: Marks;
  readonly tags: Marks;
}

/** All scopes have it that nobody has moved yet. */
export const NEVER_MOVED = 1;

export interface State {
  readonly database: Database;
  /** What a failover may bring back, newest first. */
  readonly replicas: readonly Database[];
  readonly nextTag: number;
  readonly truth: Truth;
  /** Right answers by question, in this tick and in those before, as far back as anybody may look. */
  readonly trail: readonly (readonly [number, number])[];
  readonly clock: number;
  readonly failovers: number;
  readonly writers: readonly Writer[];
  readonly readers: readonly Reader[];
  readonly instances: readonly Instance[];
  /** Sets of values by key. */
  readonly cache: ReadonlyMap<number, number>;
}

/** An answer and the time it holds for: always, before the expiry, from the expiry on. */
export type Value = 0 | 1 | 2 | 3 | 4 | 5;
export const VALUES: readonly Value[] = [0, 1, 2, 3, 4, 5];
export const BEFORE = 2;
export const AFTER = 4;

export const answerIn = (value: Value): number => (value % 2 === 0 ? DENY : ALLOW);

export function begin(scenario: Scenario): State {
  const { world = ONE_ACCOUNT, links, writers, readers, failovers = 0 } = scenario;
  const truth = beginning(links);
  const first = links.map(() => NEVER_MOVED);
  return {
    database: { links, numbers: first, tags: first },
    replicas: [],
    nextTag: NEVER_MOVED + 1,
    truth,
    trail: [[rightAnswers(world, truth, 0), rightAnswers(world, truth, 1)]],
    clock: 0,
    failovers,
    writers: writers.map((plan, index) => ({ ...plan, name: `W${index}`, committed: null })),
    readers: readers.map((plan, index) => ({ ...plan, name: `R${index}`, at: "idle" })),
    instances: beginInstances(scenario),
    cache: new Map(),
  };
}

function beginInstances({ links, readers, lists = "hostile", remembered }: Scenario): Instance[] {
  const instances = Math.max(...readers.map(({ instance }) => instance)) + 1;
  return Array.from({ length: instances }, (_, number) => ({
    number,
    sent: null,
    known: links.map(() => null),
    lists: lists === "hostile" ? [] : QUESTIONS.map(() => remembered ?? null),
  }));
}
