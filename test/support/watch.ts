import { inspect } from "node:util";
import { InvalidInputError } from "../../src/domain/errors.js";

/** What came of one step on one input: its result, or that the input was refused as it may be. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

/** Collectors and neighbours interrupt whoever happens to run: an offender has to do it again, five times, now and later. */
const RERUNS = 5;
const ROUNDS = 3;
const PAUSE_MILLISECONDS = 100;

/** Lets steps run on input that is meant to hurt, and notes which of them throw something else than refusals, or dawdle. */
export class Watch {
  readonly offences: string[] = [];
  /** How often each step ran, and how often it refused its input. */
  readonly runs = new Map<string, number>();
  readonly refusals = new Map<string, number>();
  /** Milliseconds that the slowest input of a step took, of those that had to run again. */
  readonly slowest = new Map<string, number>();
  private readonly most: number;

  /** @param most milliseconds that a step may take */
  constructor(most: number) {
    this.most = most;
  }

  /**
   * @param prepare makes what the step works on; once for each run, and not timed, so that nothing is remembered
   * @param mayRefuse whether the step documents that it throws `InvalidInputError`
   */
  step<P, T>(name: string, mayRefuse: boolean, prepare: () => P, run: (prepared: P) => T, input: unknown): Result<T> {
    this.runs.set(name, (this.runs.get(name) ?? 0) + 1);
    try {
      const { value, milliseconds } = timed(prepare, run);
      if (milliseconds > this.most) this.again(name, prepare, run, input, milliseconds);
      return { ok: true, value };
    } catch (error) {
      if (mayRefuse && error instanceof InvalidInputError) this.refusals.set(name, (this.refusals.get(name) ?? 0) + 1);
      else this.offences.push(`${name} throws ${String(error)}: ${describe(input)}`);
      return { ok: false, why: String(error) };
    }
  }

  private again<P>(name: string, prepare: () => P, run: (prepared: P) => unknown, input: unknown, first: number): void {
    let shortest = first;
    for (let round = 0; round < ROUNDS && shortest > this.most; round++) {
      if (round > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MILLISECONDS);
      for (let left = RERUNS; left > 0; left--) shortest = Math.min(shortest, timed(prepare, run).milliseconds);
    }
    this.slowest.set(name, Math.max(shortest, this.slowest.get(name) ?? 0));
    if (shortest > this.most) this.offences.push(`${name} takes ${shortest.toFixed(1)} ms: ${describe(input)}`);
  }
}

/** Elapsed, or what the process computed meanwhile if that is less: on a busy machine others run in between. */
function timed<P, T>(prepare: () => P, run: (prepared: P) => T): { readonly value: T; readonly milliseconds: number } {
  const prepared = prepare();
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  const value = run(prepared);
  const elapsed = performance.now() - start;
  if (elapsed < 1) return { value, milliseconds: elapsed };
  const { user, system } = process.cpuUsage(cpu);
  return { value, milliseconds: Math.min(elapsed, (user + system) / 1_000) };
}

function describe(input: unknown): string {
  return inspect(input, {
    depth: 8,
    maxArrayLength: 30,
    maxStringLength: 1_000,
    breakLength: Number.POSITIVE_INFINITY,
  });
}
