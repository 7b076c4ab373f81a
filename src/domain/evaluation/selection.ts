import type { CompiledStatement } from "../policy/compile-policy.js";
import type { ActionSet } from "./action-set.js";
import type { ClassStatement } from "./class-statement.js";
import type { ResourceTarget } from "./evaluation-request.js";
import { SelectedStatement } from "./selected-statement.js";

/** In one or several lists, each statement once, denies first in each. */
export type Near = readonly (readonly SelectedStatement[])[];

/** Below this many statements it costs less to try them all. */
const WORTH_AN_INDEX = 48;

/** The statements of a class that speak about some actions. */
export class Selection {
  private readonly inOrder: readonly SelectedStatement[];
  /** Denies first, because what they settle nothing else can change. */
  private readonly deniesFirst: readonly SelectedStatement[];
  private readonly all: Near;
  private index: ResourceIndex | null = null;
  private uses = 0;

  constructor(statements: readonly ClassStatement[], actions: ActionSet) {
    this.inOrder = statements.flatMap((candidate, order) => select(candidate, actions, order));
    this.deniesFirst = EFFECTS.flatMap((wanted) => this.inOrder.filter(({ effect }) => effect === wanted));
    this.all = [this.deniesFirst];
  }

  /** All statements that could apply to the resource, and maybe some that do not. */
  near(target: ResourceTarget): Near {
    if (this.inOrder.length < WORTH_AN_INDEX || this.uses++ === 0) return this.all; // one use does not pay for an index
    this.index ??= new ResourceIndex(this.deniesFirst);
    return this.index.near(target.folded.relativeId);
  }

  /** The same in the order of the policies. */
  nearInOrder(target: ResourceTarget): readonly SelectedStatement[] {
    const near = this.near(target);
    return near === this.all ? this.inOrder : near.flat().sort((left, right) => left.order - right.order);
  }
}

const EFFECTS = ["Deny", "Allow"] as const;

function select(candidate: ClassStatement, actions: ActionSet, order: number): SelectedStatement | SelectedStatement[] {
  const { statement } = candidate;
  const slots = statement === null ? actions.slots : slotsOf(statement, actions);
  if (slots.length === 0) return [];
  if (!statement?.readsAction) return new SelectedStatement(candidate, slots, order);
  return slots.map((slot) => new SelectedStatement(candidate, [slot], order));
}

function slotsOf({ actions: block }: CompiledStatement, { folded, slots }: ActionSet): readonly number[] {
  const [only] = folded;
  if (folded.length === 1 && only !== undefined) return block.matches(only) ? slots : NO_SLOTS;
  return folded.flatMap((action, slot) => (block.matches(action) ? slot : []));
}

const NO_SLOTS: readonly number[] = [];

/** Finds statements by what the relative ids of their resources start with. */
class ResourceIndex {
  /** Those that have to be tried for every resource. */
  private readonly general: SelectedStatement[] = [];
  private readonly byPrefix = new Map<string, SelectedStatement[]>();
  /** Lengths of the prefixes, each once. */
  private readonly lengths: readonly number[];

  constructor(selected: readonly SelectedStatement[]) {
    for (const one of selected) {
      const prefixes = one.statement?.resources.prefixes ?? null;
      if (prefixes === null) this.general.push(one);
      else for (const prefix of prefixes) this.add(prefix, one);
    }
    this.lengths = [...new Set([...this.byPrefix.keys()].map(({ length }) => length))];
  }

  near(relativeId: string): Near {
    const near = [this.general];
    for (const length of this.lengths) {
      const found = length > relativeId.length ? undefined : this.byPrefix.get(relativeId.slice(0, length));
      if (found !== undefined) near.push(found);
    }
    return near;
  }

  private add(prefix: string, selected: SelectedStatement): void {
    const list = this.byPrefix.get(prefix);
    if (list === undefined) this.byPrefix.set(prefix, [selected]);
    else list.push(selected);
  }
}
