import type { CompiledStatement } from "../policy/compile-policy.js";
import type { ActionSet } from "./action-set.js";
import type { ClassStatement } from "./class-statement.js";
import type { ResourceTarget } from "./evaluation-request.js";
import { PrefixIndex } from "./prefix-index.js";
import { SelectedStatement } from "./selected-statement.js";

/** Below this many statements an index by prefixes does not pay. */
const WORTH_AN_INDEX = 48;
const EFFECTS = ["Deny", "Allow"] as const;

/** The statements that could apply to a resource, and maybe some that do not. */
export class Candidates {
  /** In one or several lists, each statement once; denies first in each, because what they settle nothing else can change. */
  readonly lists: readonly (readonly SelectedStatement[])[];
  private ordered: readonly SelectedStatement[] | null = null;

  constructor(lists: readonly (readonly SelectedStatement[])[]) {
    this.lists = lists;
  }

  /** In the order of the policies. */
  get inOrder(): readonly SelectedStatement[] {
    this.ordered ??= this.lists.flat().sort((left, right) => left.order - right.order);
    return this.ordered;
  }
}

/** The statements of a class that speak about some actions. */
export class Selection {
  private readonly deniesFirst: readonly SelectedStatement[];
  private readonly byInitial = new Map<number, Candidates>();
  private index: PrefixIndex<SelectedStatement> | null = null;
  private uses = 0;

  constructor(statements: readonly ClassStatement[], actions: ActionSet) {
    const selected = statements.flatMap((candidate, order) => select(candidate, actions, order));
    this.deniesFirst = EFFECTS.flatMap((wanted) => selected.filter(({ effect }) => effect === wanted));
  }

  /** All of them, denies first. */
  get all(): readonly SelectedStatement[] {
    return this.deniesFirst;
  }

  candidates(target: ResourceTarget): Candidates {
    const relativeId = target.foldedId;
    if (this.deniesFirst.length < WORTH_AN_INDEX || this.uses++ === 0)
      return this.startingWith(relativeId.charCodeAt(0));
    this.index ??= new PrefixIndex(this.deniesFirst);
    return new Candidates(this.index.find(relativeId));
  }

  /** The first code unit alone rules out most of them. */
  private startingWith(initial: number): Candidates {
    const known = this.byInitial.get(initial);
    if (known !== undefined) return known;
    const candidates = new Candidates([this.deniesFirst.filter((selected) => selected.mayStartWith(initial))]);
    if (initial < 128) this.byInitial.set(initial, candidates);
    return candidates;
  }
}

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
