import { setImmediate } from "node:timers/promises";

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

/** Does long work that pauses by itself, and lets other requests have their share meanwhile. */
export async function inSlices<Result>(work: Generator<void, Result>): Promise<Result> {
  const slice = createTimeSlicer();
  for (let step = work.next(); ; step = work.next()) {
    if (step.done) return step.value;
    await slice();
  }
}
