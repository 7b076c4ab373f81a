import type { Model, Step } from "./checker.js";
import {
  ACCOUNT,
  ALLOW,
  acknowledge,
  apply,
  beginning,
  bits,
  CHANGES,
  type Change,
  DENY,
  encodeTruth,
  mapParts,
  nameOf,
  ONE_ACCOUNT,
  type Parts,
  QUESTIONS,
  type Question,
  rightAnswers,
  succeed,
  type Truth,
} from "./world.js";

/** Caches that somebody must tell of changes: the schemes that the design was chosen over. The caches do as told. */
export interface PurgingScheme {
  /** One cache for all in Redis, or one in each instance. */
  readonly cache: "shared" | "local";
  /** What a writer does about the entries: deletes them, moves a number in Redis that keys hold, or tells instances. */
  readonly purge: "delete" | "delete before and after" | "move number" | "publish";
  /** Redis loses the last moves of numbers, or an instance misses messages; how often. */
  readonly faults: number;
}

export interface PurgingScenario {
  readonly links: Parts<boolean>;
  readonly writers: readonly { readonly commits: number; readonly changes: readonly Change[] }[];
  readonly readers: readonly { readonly instance: number; readonly requests: number }[];
}

interface Writer {
  readonly name: string;
  readonly commits: number;
  readonly changes: readonly Change[];
  readonly at: "idle" | "deleted" | "committed" | "purged";
  readonly version: number;
  readonly change: Change;
}

interface Reader {
  readonly name: string;
  readonly instance: number;
  readonly requests: number;
  readonly at: "idle" | "asked" | "keyed" | "missed" | "loaded";
  readonly question: Question;
  readonly right: number;
  readonly key: string;
  readonly answer: number;
}

interface State {
  readonly links: Parts<boolean>;
  readonly truth: Truth;
  readonly faults: number;
  readonly writers: readonly Writer[];
  readonly readers: readonly Reader[];
  /** In Redis, and as its replica has them. */
  readonly numbers: Parts<number>;
  readonly replicated: Parts<number>;
  /** Answers by key; local ones are kept under the instance as well. */
  readonly entries: ReadonlyMap<string, number>;
  /** Instances that hear no messages. */
  readonly deaf: readonly number[];
}

type Next = Step<State>;

export function createPurgingModel(scheme: PurgingScheme, scenario: PurgingScenario): Model<State> {
  return {
    initial: begin(scheme, scenario),
    steps: (state) => [
      ...state.writers.flatMap((writer) => writerSteps(scheme, state, writer)),
      ...faultSteps(scheme, state),
      ...state.readers.flatMap((reader) => readerSteps(scheme, state, reader)),
    ],
    encode,
  };
}

function begin({ faults }: PurgingScheme, { links, writers, readers }: PurgingScenario): State {
  const nothing = { at: "idle", question: 0, right: 0, key: "", answer: 0 } as const;
  return {
    links,
    truth: beginning(links),
    faults,
    writers: writers.map((plan, index) => ({
      ...plan,
      name: `W${index}`,
      at: "idle",
      version: 0,
      change: CHANGES.touch,
    })),
    readers: readers.map((plan, index) => ({ ...plan, name: `R${index}`, ...nothing })),
    numbers: [1, 1, 1],
    replicated: [1, 1, 1],
    entries: new Map(),
    deaf: [],
  };
}

// Writers

function writerSteps(scheme: PurgingScheme, state: State, writer: Writer): Next[] {
  switch (writer.at) {
    case "idle":
      if (writer.commits === 0) return [];
      return writer.changes.map((change) =>
        scheme.purge === "delete before and after"
          ? deleteBefore(state, { ...writer, change }, writer)
          : commit(state, { ...writer, change }, writer),
      );
    case "deleted":
      return [commit(state, writer, writer)];
    case "committed":
      return [purge(scheme, state, writer)];
    case "purged":
      return [
        {
          label: `${writer.name} acknowledges`,
          state: {
            ...state,
            truth: acknowledge(state.truth, writer.version),
            writers: exchange(state.writers, writer, { ...writer, at: "idle", version: 0, change: CHANGES.touch }),
          },
        },
      ];
  }
}

function deleteBefore(state: State, writer: Writer, old: Writer): Next {
  const writers = exchange<Writer>(state.writers, old, { ...writer, at: "deleted" });
  return { label: `${writer.name} deletes the entries`, state: { ...state, writers, entries: new Map() } };
}

function commit(state: State, writer: Writer, old: Writer): Next {
  const links = apply(state.links, writer.change);
  const truth = succeed(state.truth, links, "acknowledged");
  const readers = state.readers.map((reader) =>
    reader.at === "idle" ? reader : { ...reader, right: reader.right | answerIn(links, reader.question) },
  );
  const done = { ...writer, at: "committed", version: truth.version, commits: writer.commits - 1 } as const;
  return {
    label: `${writer.name} commits (${bits(links)})`,
    state: { ...state, links, truth, readers, writers: exchange(state.writers, old, done) },
  };
}

function purge({ purge: how }: PurgingScheme, state: State, writer: Writer): Next {
  const next = { ...state, writers: exchange(state.writers, writer, { ...writer, at: "purged" as const }) };
  if (how === "move number") {
    const numbers = mapParts(state.numbers, (number, part) =>
      writer.change.moves.includes(part) ? number + 1 : number,
    );
    return {
      label: `${writer.name} moves the numbers in Redis`,
      state: { ...next, numbers, replicated: state.numbers },
    };
  }
  if (how === "publish") {
    const kept = [...state.entries].filter(([key]) => state.deaf.some((instance) => key.startsWith(`${instance}:`)));
    return { label: `${writer.name} publishes the change`, state: { ...next, entries: new Map(kept) } };
  }
  return { label: `${writer.name} deletes the entries`, state: { ...next, entries: new Map() } };
}

function faultSteps({ purge: how }: PurgingScheme, state: State): Next[] {
  if (state.faults === 0) return [];
  const faults = state.faults - 1;
  if (how === "move number") {
    return [
      { label: "Redis fails over and loses the last move", state: { ...state, faults, numbers: state.replicated } },
    ];
  }
  const instances = new Set(state.readers.map(({ instance }) => instance));
  return [...instances].map((instance) => ({
    label: `G${instance} loses its subscription`,
    state: { ...state, faults, deaf: [...state.deaf, instance] },
  }));
}

// Readers

function readerSteps(scheme: PurgingScheme, state: State, reader: Reader): Next[] {
  switch (reader.at) {
    case "idle":
      return reader.requests === 0 ? [] : QUESTIONS.map((question) => ask(state, reader, question));
    case "asked":
      return [move(state, reader, { at: "keyed", key: keyOf(scheme, state, reader) }, "makes its key")];
    case "keyed": {
      const entry = state.entries.get(reader.key);
      if (entry !== undefined) return [answer(state, reader, entry, "hits")];
      return [move(state, reader, { at: "missed" }, "misses")];
    }
    case "missed": {
      const loaded = { ...reader, at: "loaded", answer: answerIn(state.links, reader.question) } as const;
      const next = { ...state, readers: exchange(state.readers, reader, loaded) };
      // a local cache can guard against its own late writes; what it cannot guard against are messages that do not come
      if (scheme.cache === "local") return [keep(next, loaded)];
      return [{ label: `${reader.name} loads ${nameOf(loaded.answer)}`, state: next }];
    }
    case "loaded":
      return [keep(state, reader)];
  }
}

function ask(state: State, reader: Reader, question: Question): Next {
  const asked = {
    at: "asked",
    requests: reader.requests - 1,
    question,
    right: rightAnswers(ONE_ACCOUNT, state.truth, question),
  } as const;
  return move(state, reader, asked, `asks about principal ${question}`);
}

function keyOf({ cache, purge: how }: PurgingScheme, { numbers }: State, { question, instance }: Reader): string {
  const place = cache === "local" ? `${instance}:` : "";
  return how === "move number" ? `${question}:${numbers[question]}.${numbers[ACCOUNT]}` : `${place}${question}`;
}

function keep(state: State, reader: Reader): Next {
  const entries = new Map(state.entries).set(reader.key, reader.answer);
  return answer({ ...state, entries }, reader, reader.answer, "keeps and answers");
}

function answer(state: State, reader: Reader, value: number, how: string): Next {
  const step = move(
    state,
    reader,
    { at: "idle", question: 0, right: 0, key: "", answer: 0 },
    `${how} ${nameOf(value)}`,
  );
  if ((value & reader.right) !== 0) return step;
  return { ...step, violation: `${nameOf(value)} about principal ${reader.question} was not right at any time` };
}

function move(state: State, reader: Reader, to: Partial<Reader>, label: string): Next {
  const readers = exchange(state.readers, reader, { ...reader, ...to });
  return { label: `${reader.name} ${label}`, state: { ...state, readers } };
}

const answerIn = (links: Parts<boolean>, question: Question): number =>
  ONE_ACCOUNT.isAllowed(links, question) ? ALLOW : DENY;

function exchange<T>(list: readonly T[], from: T, to: T): T[] {
  return list.map((item) => (item === from ? to : item));
}

function encode(state: State): string {
  const writer = ({ commits, at, version, change }: Writer) =>
    `${commits}${at}${at === "idle" ? "" : state.truth.version - version}${change.moves.join("")}`;
  const reader = ({ instance, requests, at, question, right, key, answer: value }: Reader) =>
    `${instance}${requests}${at}${question}${right}${key}=${value}`;
  return [
    bits(state.links),
    encodeTruth(state.truth),
    state.faults,
    ...state.writers.map(writer),
    ...state.readers.map(reader).sort(),
    state.numbers.join("."),
    state.replicated.join("."),
    [...state.entries]
      .map(([key, value]) => `${key}=${value}`)
      .sort()
      .join(),
    [...state.deaf].sort().join(),
  ].join("|");
}
