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
  /** What is registered in the account. */
  readonly resources: readonly ResourceFacts[];
  /** Milliseconds since the epoch; what begins later is looked at, too. */
  readonly now: number;
  readonly scopePrecedence: ScopePrecedence;
}
