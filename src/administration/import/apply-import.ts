import type { Transaction } from "../../store/prisma-client.js";
import type { Row, RowChanges, TableName } from "./plan-import.js";

interface Table {
  readonly name: string;
  readonly key: readonly string[];
  readonly columns: readonly string[];
}

/** Only these words reach the text of a statement; rows travel as one JSON parameter. */
const TABLES: Readonly<Record<TableName, Table>> = {
  resourceGroups: { name: "resource_group", key: ["account_id", "id"], columns: ["name"] },
  principals: {
    name: "principal",
    key: ["id"],
    columns: [
      ...["account_id", "kind", "name", "arn", "arn_key", "display_name", "comments", "role_kind", "service"],
      ...["trust_policy", "max_session_duration"],
    ],
  },
  memberships: { name: "group_membership", key: ["group_id", "user_id"], columns: ["account_id"] },
  principalTags: { name: "principal_tag", key: ["principal_id", "key"], columns: ["value"] },
  policies: {
    name: "policy",
    key: ["id"],
    columns: ["account_id", "type", "name", "name_key", "arn", "description", "last_version"],
  },
  versions: { name: "policy_version", key: ["id"], columns: ["policy_id", "number", "document", "is_default"] },
  attachments: {
    name: "attachment",
    key: ["id"],
    columns: ["account_id", "policy_id", "principal_id", "resource_group_id", "not_before", "expires_at"],
  },
  resources: {
    name: "kms_resource",
    key: ["id"],
    columns: [
      ...["account_id", "type", "region", "name", "arn", "resource_group_id", "key_id", "key_state", "key_spec"],
      ...["key_usage", "origin", "secret_type"],
    ],
  },
  resourceTags: { name: "resource_tag", key: ["resource_id", "key"], columns: ["value"] },
};

/** What hangs on other rows goes first, and comes last. */
const LEAVES = ["attachments", "memberships", "principalTags", "resourceTags", "versions"] as const;
const ROOTS = ["policies", "principals", "resources", "resourceGroups"] as const;
const WRITE_ORDER = [
  ...(["resourceGroups", "principals", "policies", "resources"] as const),
  ...(["memberships", "principalTags", "resourceTags", "attachments"] as const),
];

/** Writes the planned rows: a few statements, however many rows there are. */
export async function applyImport(tx: Transaction, changes: RowChanges): Promise<void> {
  for (const table of LEAVES) await deleteRows(tx, TABLES[table], changes[table].delete);
  for (const table of WRITE_ORDER) {
    // new rows first: an alias that stays may be moved to a new key
    await insertRows(tx, TABLES[table], changes[table].create);
    await updateRows(tx, TABLES[table], changes[table].update);
  }
  await writeVersions(tx, changes);
  for (const table of ROOTS) await deleteRows(tx, TABLES[table], changes[table].delete);
}

/** A policy never has two default versions, not even between two rows: old ones step down first. */
async function writeVersions(tx: Transaction, { versions }: RowChanges): Promise<void> {
  const isDefault = (row: Row): boolean => row["is_default"] === true;
  await updateRows(
    tx,
    TABLES.versions,
    versions.update.filter((row) => !isDefault(row)),
  );
  await updateRows(tx, TABLES.versions, versions.update.filter(isDefault));
  await insertRows(tx, TABLES.versions, versions.create);
}

async function insertRows(tx: Transaction, { name, key, columns }: Table, rows: readonly Row[]): Promise<void> {
  if (rows.length === 0) return;
  const list = quoted([...key, ...columns]).join(", ");
  const sql = `INSERT INTO "${name}" (${list}) SELECT ${list} FROM json_populate_recordset(NULL::"${name}", $1::json)`;
  await tx.$executeRawUnsafe(sql, JSON.stringify(rows));
}

async function updateRows(tx: Transaction, { name, key, columns }: Table, rows: readonly Row[]): Promise<void> {
  if (rows.length === 0) return;
  const set = quoted(columns).map((column) => `${column} = s.${column}`);
  const sql = `UPDATE "${name}" t SET ${set.join(", ")} FROM json_populate_recordset(NULL::"${name}", $1::json) s WHERE ${same(key)}`;
  await tx.$executeRawUnsafe(sql, JSON.stringify(rows));
}

async function deleteRows(tx: Transaction, { name, key }: Table, rows: readonly Row[]): Promise<void> {
  if (rows.length === 0) return;
  const sql = `DELETE FROM "${name}" t USING json_populate_recordset(NULL::"${name}", $1::json) s WHERE ${same(key)}`;
  await tx.$executeRawUnsafe(sql, JSON.stringify(rows));
}

function same(key: readonly string[]): string {
  return quoted(key)
    .map((column) => `t.${column} = s.${column}`)
    .join(" AND ");
}

function quoted(columns: readonly string[]): string[] {
  return columns.map((column) => `"${column}"`);
}
