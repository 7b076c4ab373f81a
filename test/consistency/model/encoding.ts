import type { Keys } from "./keys.js";
import type { Database, Instance, Known, Marks, Read, Reader, State, Writer } from "./state.js";
import { bits, encodeTruth, type List, type Part, type Parts, type Truth } from "./world.js";

/** The same text only for states from which the same can happen. */
export function encodeState(state: State, keys: Keys): string {
  const names = new MarkNames(keys.unique);
  const { database, replicas, cache } = state;
  const parts = [
    state.clock,
    state.failovers,
    state.trail.join(""),
    encodeTruth(state.truth),
    ...state.writers.map((writer) => encodeWriter(writer, state.truth)),
    encodeDatabase(database, keys, names),
    replicas.map((replica) => encodeDatabase(replica, keys, names)).join("/"),
    ...state.instances.map((instance) => encodeInstance(instance, names)),
    ...inOneOrder(state.readers).map(({ reader, signature }) => signature + encodeMarks(reader, keys, names)),
    [...cache]
      .flatMap(([key, values]) => encodeEntry(key, values, keys, names))
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
  private readonly known: Map<number, number>[] = [];

  constructor(unique: boolean) {
    this.unique = unique;
  }

  of(part: Part, mark: number): number {
    if (!this.unique) return mark;
    this.known[part] ??= new Map();
    const names = this.known[part];
    const name = names.get(mark) ?? names.size;
    names.set(mark, name);
    return name;
  }

  all(scopes: readonly Part[], marks: Marks): string {
    return scopes.map((part) => this.of(part, marks[part] ?? 0)).join(".");
  }

  isHeld(part: Part, mark: number): boolean {
    return this.known[part]?.has(mark) === true;
  }
}

const encodeWriter = ({ commits, committed }: Writer, { version }: Truth): string =>
  `${commits}${committed === null ? "" : `w${version - committed}`}`;

function encodeDatabase(database: Database, keys: Keys, names: MarkNames): string {
  return bits(database.links) + names.all([...database.links.keys()], keys.marksOf(database));
}

function encodeInstance({ sent, known, lists }: Instance, names: MarkNames): string {
  return `${encodeRead(sent, names)}${encodeKnown(known, names)}${lists.map(encodeList).join("")}`;
}

const encodeList = (list: List | null): string => (list === null ? "?" : `[${list.join("")}]`);

function encodeRead(read: Read | null, names: MarkNames): string {
  if (read === null) return "-";
  const { marks, now, since, history, scopes, later } = read;
  return `${scopes.join("")}:${later.join("")}:${names.all(scopes, marks)}@${now}@${since}@${history}`;
}

function encodeKnown(known: Parts<Known | null>, names: MarkNames): string {
  const encode = ({ mark, now, since, history }: Known, part: Part) =>
    `${names.of(part, mark)}@${now}@${since}@${history}`;
  return known.map((entry, part) => (entry === null ? "-" : encode(entry, part))).join("");
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
  const asked = `${kind}${reader.question}${reader.right}${encodeList(reader.list)}`;
  if (reader.at !== "ready" && reader.at !== "loading") return asked;
  const ready = `${asked}@${reader.vector.now}`;
  if (reader.at === "ready") return ready;
  const { part, found } = reader;
  return `${ready}${part.slice(0, 1)}${found.half ?? ""}${found.value ?? ""}${encodeList(found.list)}`;
}

function encodeMarks(reader: Reader, keys: Keys, names: MarkNames): string {
  if (reader.at !== "ready" && reader.at !== "loading") return "";
  const scopes = keys.scopesOf(reader.question, reader.list);
  const held = names.all(scopes, reader.vector.marks);
  if (reader.at === "ready" || reader.found.marks === null) return held;
  const { marks, list } = reader.found;
  const found = list === null ? [...marks.keys()] : keys.scopesOf(reader.question, list);
  return `${held}/${names.all([...new Set([...scopes, ...found])], marks)}`;
}

function encodeEntry(key: number, values: number, keys: Keys, names: MarkNames): string[] {
  if (!keys.unique) return [`${key}=${values}`];
  const marks = keys.marksIn(key);
  if (!marks.every(({ part, mark }) => names.isHeld(part, mark))) return [];
  const named = marks.map(({ part, mark }) => `${part}:${names.of(part, mark)}`);
  return [`${keys.questionIn(key)}${named.join(".")}=${values}`];
}
