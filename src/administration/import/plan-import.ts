import { isDeepStrictEqual } from "node:util";
import type { AccountState } from "./account-state.js";
import type { TargetState } from "./target-state.js";

export type TableName = keyof AccountState;
/** A row as the database spells it. */
export type Row = Readonly<Record<string, string | number | boolean | null>>;

/** Rows of one table that an import writes. */
export interface TableChanges {
  readonly create: readonly Row[];
  readonly update: readonly Row[];
  readonly delete: readonly Row[];
}

/** All that an import writes. */
export type RowChanges = Readonly<Record<TableName, TableChanges>>;

/** How many rows of one table an import makes, changes and removes. */
export interface PlannedCount {
  readonly kind: PlannedKind;
  readonly created: number;
  readonly updated: number;
  readonly deleted: number;
}

export const PLANNED_KINDS = [
  "RESOURCE_GROUP",
  "PRINCIPAL",
  "GROUP_MEMBERSHIP",
  "PRINCIPAL_TAG",
  "POLICY",
  "POLICY_VERSION",
  "ATTACHMENT",
  "RESOURCE",
  "RESOURCE_TAG",
] as const;
export type PlannedKind = (typeof PLANNED_KINDS)[number];

export const KINDS: Readonly<Record<TableName, PlannedKind>> = {
  resourceGroups: "RESOURCE_GROUP",
  principals: "PRINCIPAL",
  memberships: "GROUP_MEMBERSHIP",
  principalTags: "PRINCIPAL_TAG",
  policies: "POLICY",
  versions: "POLICY_VERSION",
  attachments: "ATTACHMENT",
  resources: "RESOURCE",
  resourceTags: "RESOURCE_TAG",
};
export const TABLES = Object.keys(KINDS) as TableName[];

/** What has to be written to bring an account from one state to another. */
export function planImport(current: AccountState, { state }: Pick<TargetState, "state">): RowChanges {
  const entries = TABLES.map((table) => [table, difference(current[table], state[table])]);
  return Object.fromEntries(entries) as Record<TableName, TableChanges>;
}

/** What an import writes, counted; tables without changes are left out. */
export function countsOf(changes: RowChanges): PlannedCount[] {
  return TABLES.map((table) => ({
    kind: KINDS[table],
    created: changes[table].create.length,
    updated: changes[table].update.length,
    deleted: changes[table].delete.length,
  })).filter(({ created, updated, deleted }) => created + updated + deleted > 0);
}

/** How many rows an import writes. */
export function countRows(changes: RowChanges): number {
  return countsOf(changes).reduce((sum, { created, updated, deleted }) => sum + created + updated + deleted, 0);
}

function difference(current: ReadonlyMap<string, object>, target: ReadonlyMap<string, object>): TableChanges {
  const create: Row[] = [];
  const update: Row[] = [];
  for (const [key, row] of target) {
    const stored = current.get(key);
    if (stored === undefined) create.push(row as Row);
    else if (stored !== row && !isDeepStrictEqual(stored, row)) update.push(row as Row);
  }
  const gone = [...current].filter(([key]) => !target.has(key)).map(([, row]) => row as Row);
  return { create, update, delete: gone };
}
