import type { Dice } from "./dice.js";

/** Something that is on its way, and may arrive in any order or never. */
interface Pending {
  readonly label: string;
  /** The process it dies with; null: none. */
  readonly owner: object | null;
  readonly arrive: () => void;
  readonly lose: () => void;
}

const SLOW = [
  "nothing",
  "runs ramgate_revisions",
  "rows of ramgate_revisions",
  "rows of ramgate_evaluation_input",
  "redis",
  "told",
];

/** Time and the network of a simulated data centre. Nothing happens unless its turn has come. */
export class Machine {
  readonly trace: string[] = [];
  private readonly dice: Dice;
  private pending: Pending[] = [];
  private timers: { readonly due: number; readonly fire: () => void }[] = [];
  /** What takes longer than all the rest. */
  slow: string;
  now: number;

  constructor(dice: Dice, start: number) {
    this.dice = dice;
    this.slow = dice.pick(SLOW);
    this.now = start;
  }

  get idle(): boolean {
    return this.pending.length === 0;
  }

  /** Settles when the scheduler says so, with what `work` gives or throws at that moment; with `lost` when it got lost. */
  later<T>(label: string, owner: object | null, work: () => T, lost: () => T | Promise<T> = never): Promise<T> {
    return new Promise((resolve, reject) => {
      const attempt = (what: () => T | Promise<T>) => () => {
        try {
          resolve(what());
        } catch (error) {
          reject(error);
        }
      };
      this.pending.push({ label, owner, arrive: attempt(work), lose: attempt(lost) });
    });
  }

  /** One of the things on their way arrives, or is lost. */
  deliver(lossy: number): void {
    let index = this.dice.upTo(this.pending.length);
    if (this.pending[index]?.label.includes(this.slow)) index = this.dice.upTo(this.pending.length);
    if (this.pending[index]?.label.includes(this.slow)) index = this.dice.upTo(this.pending.length);
    const [taken] = this.pending.splice(index, 1);
    if (taken === undefined) return;
    const lost = this.dice.chance(lossy);
    this.trace.push(`${taken.label}${lost ? " is lost" : ""}`);
    if (lost) taken.lose();
    else taken.arrive();
  }

  /** Everything that a process waits for is gone with it. */
  forget(owner: object): void {
    this.pending = this.pending.filter((pending) => pending.owner !== owner);
  }

  setTimer(fire: () => void, ms: number): object {
    const timer = { due: this.now + ms, fire };
    this.timers.push(timer);
    return timer;
  }

  clearTimer(timer: unknown): void {
    this.timers = this.timers.filter((other) => other !== timer);
  }

  /** Whoever waits for something that got lost waits for this long. */
  advanceToTimer(): boolean {
    if (this.timers.length === 0) return false;
    this.advance(Math.min(...this.timers.map(({ due }) => due)) - this.now);
    return true;
  }

  advance(ms: number): void {
    this.now += ms;
    this.trace.push(`${ms} ms pass`);
    const due = this.timers.filter((timer) => timer.due <= this.now).sort((left, right) => left.due - right.due);
    this.timers = this.timers.filter((timer) => timer.due > this.now);
    for (const { fire } of due) fire();
  }
}

const never = <T>(): Promise<T> => new Promise(() => {});

const turn = globalThis.setImmediate;

/** Waits until the code under test waits for the machine again. */
export async function settle(): Promise<void> {
  for (let round = 0; round < 3; round += 1) await new Promise<void>((resolve) => turn(resolve));
}
