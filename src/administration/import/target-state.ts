import type { UserError } from "../user-error.js";
import { type AccountState, emptyState } from "./account-state.js";
import { newDraft } from "./draft.js";
import { layIdentities } from "./lay-identities.js";
import { layPolicies } from "./lay-policies.js";
import { layResources } from "./lay-resources.js";
import type { Snapshot } from "./snapshot.js";
import type { ImportWarning } from "./warnings.js";

/** MERGE adds and updates by name, REPLACE leaves exactly the snapshot. */
export type ImportMode = "MERGE" | "REPLACE";

/** What the account is to hold after the import. */
export interface TargetState {
  readonly state: AccountState;
  /** References to things that neither the snapshot nor (in a merge) the account holds. */
  readonly problems: readonly UserError[];
  readonly warnings: readonly ImportWarning[];
}

/**
 * Computes what the account is to hold: in a merge, what it holds with the snapshot laid over it by name; in a
 * replacement, the snapshot alone. Pure but for the ids of new rows.
 */
export function targetState(
  current: AccountState,
  builtIns: ReadonlyMap<string, string>,
  snapshot: Snapshot,
  mode: ImportMode,
): TargetState {
  const base = mode === "MERGE" ? current : emptyState();
  const draft = newDraft(snapshot.account.id, current, base, builtIns);
  layIdentities(draft, snapshot);
  layPolicies(draft, snapshot);
  layResources(draft, snapshot);
  return { state: draft.target, problems: draft.problems, warnings: draft.warnings };
}
