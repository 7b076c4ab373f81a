import { actionsOfType, KMS_ACTIONS, parseAction } from "../kms/actions.js";
import { RESOURCE_TYPES } from "../resource.js";
import { foldCase } from "../wildcard.js";

/**
 * The actions of one question, in its order. The sets that are asked for again and again (one action of the catalogue,
 * all actions of a type) are the same object every time, so that what was selected for them can be kept.
 */
export class ActionSet {
  /** In the catalogue's spelling, where the catalogue has them. */
  readonly names: readonly string[];
  readonly folded: readonly string[];
  /** Places of all of them. */
  readonly slots: readonly number[];
  /** Among the sets that are asked for again and again; null: it is none of them. */
  readonly place: number | null;
  /** The service that all of them belong to, in lower case; null when there are several. */
  readonly service: string | null;
  readonly assumesRole: boolean;
  /** Characters of all names. */
  readonly length: number;

  constructor(names: readonly string[], place: number | null) {
    this.names = names;
    this.folded = names.map(foldCase);
    this.slots = names.map((_, slot) => slot);
    this.place = place;
    const services = new Set(this.folded.map((name) => name.slice(0, name.indexOf(":"))));
    this.service = services.size > 1 ? null : ([...services][0] ?? "");
    this.assumesRole = this.folded.includes("sts:assumerole");
    this.length = names.reduce((sum, { length }) => sum + length, 0);
  }

  /** @throws InvalidInputError for a malformed action */
  static of(actions: readonly string[]): ActionSet {
    const only = actions[0];
    if (actions.length === 1 && only !== undefined) return SINGLE.get(only) ?? single(parseAction(only));
    return WHOLE.get(actions) ?? new ActionSet(actions.map(parseAction), null);
  }
}

const SINGLE_NAMES = [...KMS_ACTIONS.keys(), "sts:AssumeRole"];
const SINGLE: ReadonlyMap<string, ActionSet> = new Map(
  SINGLE_NAMES.map((name, place) => [name, new ActionSet([name], place)]),
);
/** By the very lists that `actionsOfType` gives. */
const WHOLE: ReadonlyMap<readonly string[], ActionSet> = new Map(
  RESOURCE_TYPES.map((type, place) => {
    const actions = actionsOfType(type);
    return [actions, new ActionSet(actions, SINGLE_NAMES.length + place)];
  }),
);

function single(name: string): ActionSet {
  return SINGLE.get(name) ?? new ActionSet([name], null);
}
