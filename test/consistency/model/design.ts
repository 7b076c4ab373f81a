/** How gateways answer: the design, or the design with one thing done otherwise. */
export interface Protocol {
  /** What stands for a state in the key of an answer. */
  readonly keys: "tags" | "numbers";
  /** Which vector reads a question may wait for. */
  readonly joins: "unsent" | "sent";
  /** What is read after a miss, and under what the answer is kept. */
  readonly loads: "one snapshot" | "data, then vector" | "data" | "data in two statements";
  /** Questions that miss the same key wait for one load; when those that came later take what it found. */
  readonly sharedLoads: "same vector, still holds" | "same vector" | "always";
  readonly bumps: "every scope" | "all but the account";
  readonly ageFrom: "start" | "end";
  readonly windows: "kept" | "ignored";
}

export const DESIGN: Protocol = {
  keys: "tags",
  joins: "unsent",
  loads: "one snapshot",
  sharedLoads: "same vector, still holds",
  bumps: "every scope",
  ageFrom: "start",
  windows: "kept",
};
