import type { Dice } from "./dice.js";
import type { Machine } from "./machine.js";
import { type Outcome, simulate } from "./simulate.js";

export interface SeedsRun {
  readonly seeds: number;
  readonly answers: number;
  readonly hits: number;
  readonly errors: number;
  /** The first seed under which something went wrong; null: none. */
  readonly failure: { readonly seed: number; readonly violation: string; readonly trace: readonly string[] } | null;
}

/** Simulates one seed after the other until one fails. Takes over the clocks and timers of its thread. */
export async function runSeeds(first: number, count: number): Promise<SeedsRun> {
  const sum = { answers: 0, hits: 0, errors: 0 };
  for (let seed = first; seed < first + count; seed += 1) {
    const outcome = await simulate(seed, takeOver).catch(crashed);
    for (const name of ["answers", "hits", "errors"] as const) sum[name] += outcome[name];
    const { violation, trace } = outcome;
    if (violation !== null) return { seeds: seed - first + 1, ...sum, failure: { seed, violation, trace } };
  }
  return { seeds: count, ...sum, failure: null };
}

function crashed(error: unknown): Outcome {
  const violation = `the simulation broke: ${error instanceof Error ? error.stack : error}`;
  return { violation, trace: [], answers: 0, hits: 0, errors: 0 };
}

function takeOver(machine: Machine, dice: Dice): void {
  const simulated = {
    setTimeout: (fire: () => void, ms = 0) => machine.setTimer(fire, ms),
    clearTimeout: (timer: unknown) => machine.clearTimer(timer),
  };
  Object.assign(globalThis, simulated);
  Object.assign(performance, { now: () => machine.now });
  Date.now = () => machine.now;
  Math.random = () => dice.next();
}
