import { type Marking, markedBy, splitKey } from "./keys.js";
import type { Marks, Reader, State, Vector, Writer } from "./state.js";
import { ACCOUNT, bits, encodeTruth, type Part, type Question, type Truth } from "./world.js";

/** The same text only for states from which the same can happen. */
export function encodeState(state: State, marking: Marking): string {
  const names = new MarkNames(marking === "tags");
  const { database, replica, cache } = state;
  const parts = [
    state.clock,
    state.failovers,
    state.trail.join(""),
    encodeTruth(state.truth),
    ...state.writers.map((writer) => encodeWriter(writer, state.truth)),
    bits(database.halves) + names.all(markedBy(marking, database)),
    replica === null ? "" : bits(replica.halves) + names.all(markedBy(marking, replica)),
    ...state.instances.map(({ sent, known }) => encodeVector(sent, names) + encodeVector(known, names)),
    ...inOneOrder(state.readers).map(({ reader, signature }) => signature + encodeMarks(reader, names)),
    [...cache]
      .flatMap(([key, values]) => encodeEntry(key, values, names))
      .sort()
      .join(","),
  ];
  return parts.join("|");
}

/**
 * Names for the marks of a state in the order in which they are met. Which tag is which does not matter, and neither
 * does what is kept under a tag that nobody holds: it never comes again. Numbers do come again.
 */
class MarkNames {
  private readonly unique: boolean;
  private readonly known = [new Map<number, number>(), new Map<number, number>(), new Map<number, number>()];

  constructor(unique: boolean) {
    this.unique = unique;
  }

  of(part: Part, mark: number): number {
    const names = this.known[part];
    if (!this.unique || names === undefined) return mark;
    const name = names.get(mark) ?? names.size;
    names.set(mark, name);
    return name;
  }

  all(marks: Marks): string {
    return `${this.of(0, marks[0])}.${this.of(1, marks[1])}.${this.of(2, marks[2])}`;
  }

  two(question: Question, marks: Marks): string {
    return `${this.of(question, marks[question])}.${this.of(ACCOUNT, marks[ACCOUNT])}`;
  }

  isHeld(part: Part, mark: number): boolean {
    return !this.unique || this.known[part]?.has(mark) === true;
  }
}

const encodeWriter = ({ commits, committed }: Writer, { version }: Truth): string =>
  `${commits}${committed === null ? "" : `w${version - committed}`}`;

function encodeVector(vector: Vector | null, names: MarkNames): string {
  return vector === null ? "-" : `${names.all(vector.marks)}@${vector.now}@${vector.since}`;
}

/** Readers of one kind are interchangeable. */
function inOneOrder(readers: readonly Reader[]): { reader: Reader; signature: string }[] {
  const signed = readers.map((reader) => ({ reader, signature: signatureOf(reader) }));
  return signed.sort((left, right) =>
    left.signature < right.signature ? -1 : left.signature > right.signature ? 1 : 0,
  );
}

function signatureOf(reader: Reader): string {
  const { instance, staleness = "", questions, requests, at } = reader;
  const kind = `${instance}${staleness}${questions.length}${requests}${at.slice(0, 1)}${at.length}`;
  if (reader.at === "idle") return kind;
  const asked = `${kind}${reader.question}${reader.right}`;
  if (reader.at !== "ready" && reader.at !== "loading") return asked;
  const ready = `${asked}@${reader.vector.now}`;
  if (reader.at === "ready") return ready;
  const { part, found } = reader;
  return `${ready}${part.slice(0, 1)}${found.half ?? ""}${found.value ?? ""}`;
}

function encodeMarks(reader: Reader, names: MarkNames): string {
  if (reader.at !== "ready" && reader.at !== "loading") return "";
  const held = names.two(reader.question, reader.vector.marks);
  if (reader.at === "ready" || reader.found.marks === null) return held;
  return `${held}/${names.two(reader.question, reader.found.marks)}`;
}

function encodeEntry(key: number, values: number, names: MarkNames): string[] {
  const { question, own, account } = splitKey(key);
  if (!names.isHeld(question, own) || !names.isHeld(ACCOUNT, account)) return [];
  return [`${question}:${names.of(question, own)}.${names.of(ACCOUNT, account)}=${values}`];
}
