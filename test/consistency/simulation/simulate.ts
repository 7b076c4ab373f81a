import { type Answer, createDecisions, type Decisions, type Question } from "../../../src/decisions/decide-many.js";
import { createPolicyCompiler } from "../../../src/store/compiled-policies.js";
import { createTokens } from "../../../src/store/revision-token.js";
import {
  ACTIONS,
  KEYS,
  type KeyId,
  keyArn,
  principalScope,
  type Revision,
  START,
  USERS,
  type User,
  userArn,
} from "./account.js";
import { anyChange } from "./changes.js";
import { Dice } from "./dice.js";
import { createHostileCache, HostileRedis } from "./hostile-cache.js";
import { Machine, settle } from "./machine.js";
import { Oracle } from "./oracle.js";
import { SimulatedPostgres } from "./postgres.js";

/** What came of one seed. */
export interface Outcome {
  /** What was wrong; null: nothing. */
  readonly violation: string | null;
  /** Everything that happened, in order. */
  readonly trace: readonly string[];
  readonly answers: number;
  readonly hits: number;
  readonly errors: number;
}

const STEPS = 150;
const MOST_STEPS_TO_FINISH = 2_000;
const CLIENTS = 8;
const LOSSY = 0.02;
export const MAX_STALENESS = 200;

type Kind = "full" | "minimizeLatency" | "atLeast";

const MOSTLY_BOUNDED: readonly Kind[] = ["full", ...Array<Kind>(5).fill("minimizeLatency")];

const KINDS: readonly (readonly Kind[])[] = [
  ["full"],
  ["full", "full", "full", "minimizeLatency", "minimizeLatency", "atLeast"],
  MOSTLY_BOUNDED,
];

interface Rush {
  readonly kinds: readonly Kind[];
  readonly local: number;
  readonly slow: string;
  readonly fragility: number;
}

/** Where what goes wrong seldom goes wrong more often: all want the same, and one thing takes long. */
const RUSHES: readonly Rush[] = [
  { kinds: ["full"], local: 0, slow: "rows of ramgate_evaluation_input", fragility: 0.1 },
  { kinds: ["full"], local: 0, slow: "nothing", fragility: 0.03 },
  { kinds: MOSTLY_BOUNDED, local: 30, slow: "rows of ramgate_revisions", fragility: 0.1 },
];

const KEY = Buffer.alloc(32, 7);
const tokens = createTokens({ environment: "simulated", key: KEY });
const compile = createPolicyCompiler();

/** A gateway until it crashes. */
interface Instance {
  readonly name: string;
  readonly decisions: Decisions;
}

interface Token {
  readonly text: string;
  /** What whoever has it has seen. */
  readonly floor: ReadonlyMap<string, number>;
}

interface Client {
  readonly name: string;
  /** What it waits for; null: nothing. */
  waitsFor: object | null;
  token: Token | null;
}

/** Runs gateways and clients through one order of events. Globals must be simulated, see `simulated-globals`. */
export async function simulate(seed: number, install: (machine: Machine, dice: Dice) => void): Promise<Outcome> {
  const dice = new Dice(seed);
  const machine = new Machine(dice, START);
  install(machine, dice);
  const simulation = new Simulation(machine, dice);
  await simulation.run();
  return simulation.outcome();
}

class Simulation {
  private readonly machine: Machine;
  private readonly dice: Dice;
  private readonly postgres: SimulatedPostgres;
  private readonly oracle: Oracle;
  private readonly redis = new HostileRedis();
  private readonly instances: Instance[];
  private readonly clients: Client[];
  private failovers = 4;
  /** Share of what happens that is a failover, while there are any left. */
  private readonly fragility: number;
  /** Answers that a gateway keeps, unless it keeps none. */
  private readonly local: number;
  /** Share of the questions that are about the same. */
  private readonly heat: number;
  /** What the clients want; what comes more than once is wanted as much more often. */
  private readonly kinds: readonly Kind[];
  /** Share of the clients' doings that are changes. */
  private readonly busyness: number;
  private violation: string | null = null;
  private readonly counted = { answers: 0, hits: 0, errors: 0 };

  constructor(machine: Machine, dice: Dice) {
    this.machine = machine;
    this.dice = dice;
    const rush = dice.pick([null, null, ...RUSHES]);
    this.busyness = rush ? 0.15 : dice.pick([0.08, 0.3]);
    this.fragility = rush?.fragility ?? dice.pick([0, 0.035, 0.1]);
    this.kinds = rush?.kinds ?? dice.pick(KINDS);
    this.heat = rush ? 0.95 : dice.pick([0.5, 0.9]);
    this.local = rush?.local ?? 30;
    if (rush) machine.slow = rush.slow;
    this.postgres = new SimulatedPostgres(machine, dice);
    this.oracle = new Oracle(this.postgres.moments, MAX_STALENESS);
    this.instances = [this.startInstance("G0"), this.startInstance("G1")];
    this.clients = Array.from({ length: CLIENTS }, (_, index) => ({ name: `C${index}`, waitsFor: null, token: null }));
  }

  outcome(): Outcome {
    return { violation: this.violation, trace: this.machine.trace, ...this.counted };
  }

  async run(): Promise<void> {
    for (let step = 0; step < STEPS && this.violation === null; step += 1) await this.step(() => this.anything());
    this.postgres.down = false;
    for (let step = 0; this.violation === null && (await this.finish()); step += 1) {
      if (step > MOST_STEPS_TO_FINISH) this.violation = "there is no end to it";
    }
    if (this.clients.some(({ waitsFor }) => waitsFor !== null)) this.violation ??= "somebody waits for ever";
  }

  /** False: there is nothing left to wait for. */
  private async finish(): Promise<boolean> {
    const { machine } = this;
    let went = true;
    await this.step(() => {
      if (machine.idle) went = machine.advanceToTimer();
      else machine.deliver(0);
    });
    return went;
  }

  private async step(happen: () => void): Promise<void> {
    happen();
    this.postgres.note();
    await settle();
  }

  private anything(): void {
    const { machine, dice } = this;
    const what = dice.next();
    if (what < 0.1) machine.advance(1 + dice.upTo(60));
    else if (what < 0.11) machine.advance(dice.upTo(1_200));
    else if (what < 0.12) this.crash(dice.upTo(this.instances.length));
    else if (what < (this.postgres.down ? 0.22 : 0.125)) this.turnDatabase();
    else if (what < 0.125 + this.fragility && this.failovers > 0) this.failOver();
    else if (!this.somebodyBegins()) machine.deliver(LOSSY);
  }

  private somebodyBegins(): boolean {
    const idle = this.clients.filter(({ waitsFor }) => waitsFor === null);
    if (idle.length === 0 || !(this.machine.idle || this.dice.chance(0.3))) return false;
    this.begin(this.dice.pick(idle));
    return true;
  }

  // Faults

  private failOver(): void {
    this.failovers -= 1;
    this.machine.trace.push("postgres fails over and loses the last commits");
    this.postgres.failOver();
  }

  private turnDatabase(): void {
    this.postgres.down = !this.postgres.down;
    this.machine.trace.push(`postgres is ${this.postgres.down ? "down" : "up"}`);
  }

  private crash(index: number): void {
    const old = this.instances[index];
    if (old === undefined) return;
    this.machine.trace.push(`${old.name} crashes`);
    this.machine.forget(old);
    for (const client of this.clients) if (client.waitsFor === old) client.waitsFor = null;
    this.instances[index] = this.startInstance(old.name);
  }

  private startInstance(name: string): Instance {
    const { machine, dice, postgres } = this;
    const owner = { name } as { name: string; decisions?: Decisions };
    const pool = postgres.poolFor(owner) as never;
    const booted = dice.upTo(1_000_000);
    const skew = dice.upTo(10_000) - 5_000;
    owner.decisions = createDecisions({
      pool,
      loadPool: pool,
      cache: createHostileCache(this.redis, machine, dice, owner),
      localAnswers: dice.pick([0, this.local, this.local]),
      tokens,
      cacheKey: KEY,
      environment: "simulated",
      engineVersion: "simulated",
      scopePrecedence: "staged",
      compile,
      maxStaleness: MAX_STALENESS,
      verifiedShare: 0.1,
      clocks: { monotonic: () => machine.now - START + booted, wall: () => machine.now + skew },
    });
    return owner as Instance;
  }

  // Clients

  private begin(client: Client): void {
    if (this.dice.chance(this.busyness)) void this.change(client);
    else void this.ask(client, this.dice.pick(this.instances));
  }

  private async change(client: Client): Promise<void> {
    const { machine, postgres } = this;
    client.waitsFor = postgres;
    try {
      const moved = await machine.later(`${client.name} commits`, null, () => this.commit(), breaks);
      const hints = [...moved].map(([scope, { rev }]) => ({ scope, rev }));
      for (const { decisions, name } of this.instances) {
        void machine.later(`${name} hears of it`, null, () => decisions.forgetRevisions(hints));
      }
      await machine.later(`${client.name} is told that it is done`, null, () => {}, breaks);
      client.token = { text: tokens.issue(moved, machine.now), floor: floorOf(moved) };
    } catch {
      // it does not know whether it was done
    }
    client.waitsFor = null;
  }

  private commit(): Map<string, Revision> {
    const { machine, postgres } = this;
    if (postgres.down) breaks();
    const change = anyChange(this.dice, postgres.account, machine.now);
    machine.trace.push(`  ${change.name}`);
    const { revisions } = postgres.commit(change);
    return new Map(change.moves.map((scope) => [scope, revisions.get(scope) ?? { rev: 0, tag: "" }]));
  }

  private async ask(client: Client, instance: Instance): Promise<void> {
    const { dice, machine, oracle } = this;
    client.waitsFor = instance;
    const asked = Array.from({ length: 1 + dice.upTo(2) }, () => this.anyQuestion(client));
    const since = oracle.moment;
    const what = asked.map(({ user, key, question }) => `${user} ${key} ${question.consistency?.kind}`).join(", ");
    machine.trace.push(`${client.name} asks ${instance.name}: ${what}`);
    const answers = await instance.decisions.decideMany(asked.map(({ question }) => question));
    if (client.waitsFor !== instance) return; // it crashed
    client.waitsFor = null;
    for (const [place, one] of asked.entries()) this.hear(client, one, since, answers[place]);
    if (instance.decisions.counts().mismatches > 0) this.violation ??= "the verifier found a mismatch";
  }

  private anyQuestion({ token }: Client): Asked {
    const { dice } = this;
    const [user, key] = dice.chance(this.heat) ? (["ann", "k1"] as const) : [dice.pick(USERS), dice.pick(KEYS)];
    const kind = dice.pick(this.kinds);
    const atLeast = kind === "atLeast" && token !== null ? token : null;
    const bounded = kind === "minimizeLatency";
    const consistency = atLeast ? ({ kind: "atLeast", token: atLeast.text } as const) : null;
    const question: Question = {
      principal: userArn(user),
      resource: keyArn(key),
      actions: ACTIONS,
      detail: "OUTCOME",
      consistency: consistency ?? { kind: bounded ? "minimizeLatency" : "full" },
    };
    return { user, key, question, bounded, floor: atLeast?.floor ?? new Map() };
  }

  private hear(client: Client, asked: Asked, since: number, answer: Answer | Error | undefined): void {
    const told = answer instanceof Error ? answer.name : textOf(answer);
    this.machine.trace.push(`${client.name} is told: ${told}`);
    if (answer === undefined || answer instanceof Error) {
      this.counted.errors += 1;
      const excused = answer?.name === "UnavailableError" || this.oracle.lacks(asked.floor, since);
      if (!excused) this.violation ??= `${client.name} was told ${told}: ${answer?.stack}`;
      return;
    }
    this.counted.answers += 1;
    if (answer.cache === "HIT") this.counted.hits += 1;
    if (!this.oracle.confirms(asked, told, answer.vector, since)) {
      this.violation ??= `${client.name} was told ${told}, which was not right at any time`;
    }
    const floor = floorOf(answer.vector);
    if (floor.has(principalScope(asked.user))) client.token = { text: answer.revision(), floor };
  }
}

interface Asked {
  readonly user: User;
  readonly key: KeyId;
  readonly question: Question;
  readonly bounded: boolean;
  readonly floor: ReadonlyMap<string, number>;
}

function textOf(answer: Answer | undefined): string {
  return `${answer?.decisions.map(({ outcome }) => outcome).join(" ")} ${answer?.resource.keyState}`;
}

function floorOf(vector: ReadonlyMap<string, { readonly rev: number } | null>): Map<string, number> {
  return new Map([...vector].map(([scope, revision]) => [scope, revision?.rev ?? 0]));
}

function breaks(): never {
  throw new Error("the connection breaks");
}
