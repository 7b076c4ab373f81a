import type { AccountState } from "./account-state.js";
import { KINDS, type PlannedKind, type Row, type RowChanges, TABLES, type TableName } from "./plan-import.js";

/** One thing that an import makes, changes or removes. */
export interface PlannedChange {
  readonly action: "CREATE" | "UPDATE" | "DELETE";
  readonly kind: PlannedKind;
  /** ARN; of resource groups the id. For what belongs to something, that of its owner. */
  readonly name: string;
  /** What of the owner: a tag key, a version, a group, a policy and perhaps its scope. */
  readonly detail: string | null;
}

/** What an import does one by one, as far as it is listed. */
export interface ListedChanges {
  readonly changes: readonly PlannedChange[];
  /** How many others there are. */
  readonly unlistedChanges: number;
}

interface RowChange {
  readonly action: PlannedChange["action"];
  readonly table: TableName;
  readonly row: Row;
}

/** Finds the ARN that goes with the id of a row. */
type ArnOf = (id: Row[string] | undefined) => string;

/**
 * Lists at most `most` changes: what is removed first, then what changes, then what is new.
 *
 * @param states what the account holds, before and after
 * @param builtIns ARNs of built-in policies by id
 */
export function listChanges(
  changes: RowChanges,
  states: readonly AccountState[],
  builtIns: ReadonlyMap<string, string>,
  most: number,
): ListedChanges {
  const rows = [...rowsOf(changes, "DELETE"), ...rowsOf(changes, "UPDATE"), ...rowsOf(changes, "CREATE")];
  const arns = rows.length === 0 ? builtIns : arnsOf(states, builtIns);
  const arnOf: ArnOf = (id) => arns.get(String(id)) ?? String(id);
  const listed = rows.slice(0, most).map((change) => describe(change, arnOf));
  return { changes: listed, unlistedChanges: rows.length - listed.length };
}

function rowsOf(changes: RowChanges, action: PlannedChange["action"]): RowChange[] {
  const which = action.toLowerCase() as "create" | "update" | "delete";
  return TABLES.flatMap((table) => changes[table][which].map((row) => ({ action, table, row })));
}

function arnsOf(states: readonly AccountState[], builtIns: ReadonlyMap<string, string>): Map<string, string> {
  const arns = new Map(builtIns);
  for (const { principals, policies, resources } of states) {
    for (const table of [principals, policies, resources]) for (const { id, arn } of table.values()) arns.set(id, arn);
  }
  return arns;
}

function describe({ action, table, row }: RowChange, arnOf: ArnOf): PlannedChange {
  const [name, detail = null] = NAMES[table](row, arnOf);
  return { action, kind: KINDS[table], name, detail };
}

const NAMES: Readonly<Record<TableName, (row: Row, arnOf: ArnOf) => [name: string, detail?: string]>> = {
  resourceGroups: ({ id }) => [String(id)],
  principals: ({ arn }) => [String(arn)],
  memberships: ({ user_id, group_id }, arnOf) => [arnOf(user_id), arnOf(group_id)],
  principalTags: ({ principal_id, key }, arnOf) => [arnOf(principal_id), String(key)],
  policies: ({ arn }) => [String(arn)],
  versions: ({ policy_id, number }, arnOf) => [arnOf(policy_id), `v${number}`],
  attachments: ({ principal_id, policy_id, resource_group_id: group }, arnOf) => [
    arnOf(principal_id),
    `${arnOf(policy_id)}${typeof group === "string" ? ` for ${group}` : ""}`,
  ],
  resources: ({ arn }) => [String(arn)],
  resourceTags: ({ resource_id, key }, arnOf) => [arnOf(resource_id), String(key)],
};
