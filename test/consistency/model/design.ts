import type { Part } from "./world.js";

/** How gateways answer: the design, or the design with one thing done otherwise. */
export interface Protocol {
  /** What stands for a state in the key of an answer. */
  readonly keys: "tags" | "numbers" | "tags without the names of scopes";
  /** Which of the scopes that a question follows are in its key. */
  readonly follows: "groups and policies" | "groups" | "nothing";
  readonly vectors: "one snapshot" | "fixed scopes, then followed ones";
  /** Which vector reads a question may wait for. */
  readonly joins: "unsent" | "sent";
  /** Which list an answer is looked for under. */
  readonly looksUnder: "list that was read" | "newest list";
  /** What is read after a miss, and under what the answer is kept. */
  readonly loads:
    | "one snapshot"
    | "data, then vector"
    | "data"
    | "data in two statements"
    | "data and followed revisions"
    | "list, then data and vector"
    | "data and vector, then list";
  readonly keepsUnder: "list of the load" | "list of the reader";
  /** Questions that miss the same key wait for one load; when those that came later take what it found. */
  readonly sharedLoads:
    | "same vector, still holds"
    | "same vector"
    | "same revisions of the guest's scopes, still holds"
    | "always";
  /** The part whose changes move no revision. */
  readonly unmoved: Part | null;
  /** Known revisions that may stand beside one another. */
  readonly mixes: "reads of any history" | "reads of one history";
  readonly ageFrom: "start" | "end" | "start of the last read";
  readonly windows: "kept" | "ignored";
}

export const DESIGN: Protocol = {
  keys: "tags",
  follows: "groups and policies",
  vectors: "one snapshot",
  joins: "unsent",
  looksUnder: "list that was read",
  loads: "one snapshot",
  keepsUnder: "list of the load",
  sharedLoads: "same vector, still holds",
  unmoved: null,
  mixes: "reads of one history",
  ageFrom: "start",
  windows: "kept",
};
