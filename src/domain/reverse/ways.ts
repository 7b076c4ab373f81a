import type { Holder } from "./holdings.js";

/** What each step of a way has to be at least. */
export type Worst = "ALLOW" | "CONDITIONAL";

/** Where ways lead, and who needs one. By the places of principals. */
export interface WaysWanted {
  /** The roles at which they end, in order. */
  readonly ends: readonly number[];
  readonly worst: Worst;
  /** Not asked for roles: ways lead through these in any case. */
  readonly needsWay: (place: number) => boolean;
}

/** The ways to some roles, as they grow from their ends. */
export class Ways {
  readonly worst: Worst;
  /** For whoever has one, the roles to assume one after the other. */
  readonly found = new Map<number, readonly number[]>();
  /** The roles that were got to last, in order: by whom they can be assumed is the next step. */
  targets: readonly number[];
  private readonly principals: readonly Holder[];
  /** Those who have no way yet and need one, or who others may go by. */
  readonly open: Set<number>;
  private roles: number[] = [];

  constructor({ ends, worst, needsWay }: WaysWanted, principals: readonly Holder[]) {
    this.worst = worst;
    this.targets = ends;
    this.principals = principals;
    this.open = new Set([...principals.keys()].filter((place) => this.isRole(place) || needsWay(place)));
    for (const end of ends) this.open.delete(end);
  }

  /** @param target the role that this principal can assume */
  add(place: number, target: number): void {
    this.found.set(place, [target, ...(this.found.get(target) ?? [])]);
    this.open.delete(place);
    if (this.isRole(place)) this.roles.push(place);
  }

  /** Goes on to the roles that were found. */
  stepBack(): void {
    this.targets = this.roles.sort((one, other) => one - other);
    this.roles = [];
  }

  private isRole(place: number): boolean {
    return this.principals[place]?.kind === "ROLE";
  }
}
