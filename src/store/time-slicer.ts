import { setImmediate } from "node:timers/promises";
import { TooMuchWorkError } from "../domain/errors.js";
import { UnavailableError } from "./store-errors.js";

const SLICE_MS = 20;

/** For long loops: call and await it in each turn, and other requests get their share of the event loop. */
export function createTimeSlicer(): () => Promise<void> {
  let started = performance.now();
  return async () => {
    if (performance.now() - started < SLICE_MS) return;
    await setImmediate();
    started = performance.now();
  };
}

/**
 * Does long work that pauses by itself, and lets other requests have their share meanwhile.
 *
 * @param most milliseconds that the work itself may take
 * @param tooMuch what to say when it takes more
 * @throws TooMuchWorkError then
 */
export async function inSlices<Result>(work: Generator<void, Result>, most: number, tooMuch: string): Promise<Result> {
  for (let left = most; ; await setImmediate()) {
    const began = performance.now();
    let worked = 0;
    while (worked < SLICE_MS) {
      const step = work.next();
      if (step.done) return step.value;
      worked = performance.now() - began;
    }
    left -= worked;
    if (left < 0) throw new TooMuchWorkError(tooMuch);
  }
}

/**
 * Lets work have its turn one after the other.
 *
 * @param patience milliseconds; whoever has waited for longer has given up
 * @returns rejects with UnavailableError then
 */
export function createTurns(patience: number): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const came = performance.now();
    const turn = last.then(() => {
      if (performance.now() - came > patience) throw new UnavailableError("too many wait for the same kind of work");
      return work();
    });
    last = turn.catch(() => {});
    return turn;
  };
}
