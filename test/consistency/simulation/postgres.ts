import { type Account, inputRow, stateRow } from "./account.js";
import { applyChange, type Change, firstAccount } from "./changes.js";
import type { Dice } from "./dice.js";
import type { Machine } from "./machine.js";

/** A state of the database and the clock's reading, at one step of the simulation. */
interface Moment {
  readonly account: Account;
  readonly now: number;
}

interface Statement {
  readonly name?: string;
  readonly values: readonly (readonly string[])[];
}

/** A PostgreSQL with one account in it, and the memory of an oracle. */
export class SimulatedPostgres {
  /** One for each step, so that whatever was true at some time can be told. */
  readonly moments: Moment[] = [];
  private readonly machine: Machine;
  private readonly dice: Dice;
  private tags = 0;
  private current: Account;
  /** What a failover may bring back: as it was before the last commit, or before the last two. */
  private replicas: readonly Account[];
  private servers = 0;
  down = false;

  constructor(machine: Machine, dice: Dice) {
    this.machine = machine;
    this.dice = dice;
    this.current = firstAccount(this.newTag);
    this.replicas = [this.current];
    this.note();
  }

  private readonly newTag = (): string => `tag-${this.tags++}`;

  private get server(): string {
    return `server-${this.servers}`;
  }

  note(): void {
    this.moments.push({ account: this.current, now: this.machine.now });
  }

  get account(): Account {
    return this.current;
  }

  /** Tags are new, also where numbers come a second time. */
  commit(change: Change): Account {
    this.replicas = [this.current, ...this.replicas.slice(0, 1)];
    this.current = applyChange(change, this.newTag);
    return this.current;
  }

  /** The last commit is lost, or the last two. */
  failOver(): void {
    this.current = this.dice.pick(this.replicas);
    this.replicas = [this.current];
    this.servers += 1;
  }

  /** What a gateway sees of it. Each statement is on its way there, and its rows on their way back. */
  poolFor(owner: object) {
    const { machine } = this;
    const query = async (statement: Statement) => {
      const { name } = statement;
      const row = await machine.later(`postgres runs ${name}`, owner, () => this.run(statement), this.breakOff);
      return machine.later(`rows of ${name} arrive`, owner, () => ({ rows: [row] }), this.breakOff);
    };
    return { query };
  }

  /** A connection that breaks says so at once, or never. */
  private readonly breakOff = (): Promise<never> => {
    if (this.dice.chance(0.5)) throw Object.assign(new Error("connection reset"), { code: "ECONNRESET" });
    return new Promise(() => {});
  };

  /** Now and then a standby is asked, which is behind and says that it is one. */
  private run({ name, values }: Statement): unknown {
    if (this.down) throw Object.assign(new Error("connection refused"), { code: "ECONNREFUSED" });
    const { now } = this.machine;
    const standby = this.dice.chance(0.02);
    const account = standby ? this.dice.pick(this.moments).account : this.current;
    if (name === "ramgate_revisions") return { now, standby, server: this.server, ...stateRow(account, values) };
    const input = { ...stateRow(account, values.slice(0, 2)), ...inputRow(account) };
    if (name === "ramgate_evaluation_input") return { now, standby, ...input };
    throw new Error(`the simulation knows no statement \`${name}\``);
  }
}
