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
