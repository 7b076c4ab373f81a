import type { PrincipalFacts, ResourceFacts, ScopePrecedence } from "../evaluation/access-request.js";

/** Somebody whose rights a change touches. */
export interface Receiver {
  readonly before: PrincipalFacts;
  readonly after: PrincipalFacts;
  /** What its holders have beside it is not known: a group, or a policy that is attached. */
  readonly shared: boolean;
}

/** A change, as far as it gives rights. */
export interface Grant {
  /** Who makes it, with the rights of before. */
  readonly grantor: PrincipalFacts;
  readonly receivers: readonly Receiver[];
  /** The roles of the account, with their trust policies. */
  readonly roles: readonly ResourceFacts[];
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly scopePrecedence: ScopePrecedence;
}

/** Something that a receiver comes to have, and its maker may not have: what an action and a resource pattern match. */
export interface Escalation {
  /**
   * `BEYOND`: the maker has no right that covers it. `UNKNOWN_POLICY`: a policy without a known document may give
   * anything. `TOO_LARGE`: there is too much to compare. Of both `action` and `resource` are `*`.
   */
  readonly kind: "BEYOND" | "UNKNOWN_POLICY" | "TOO_LARGE";
  readonly action: string;
  readonly resource: string;
}
