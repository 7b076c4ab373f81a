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

/** Rows of one statement: it takes them as one parameter, which must not grow with the account. */
const ROWS_AT_A_TIME = 2_000;

/**
 * Writes the planned rows, thousands with each statement.
 *
 * @param written is told how many rows each statement was about
 */
export async function applyImport(
  tx: Transaction,
  changes: RowChanges,
  written: (rows: number) => void = () => {},
): Promise<void> {
  const write: Write = async (statementFor, table, rows) => {
    for (let start = 0; start < rows.length; start += ROWS_AT_A_TIME) {
      const chunk = rows.slice(start, start + ROWS_AT_A_TIME);
      await tx.$executeRawUnsafe(statementFor(TABLES[table]), JSON.stringify(chunk));
      written(chunk.length);
    }
  };
  for (const table of LEAVES) await write(deleteStatement, table, changes[table].delete);
  for (const table of WRITE_ORDER) {
    // new rows first: an alias that stays may be moved to a new key
    await write(insertStatement, table, changes[table].create);
    await write(updateStatement, table, changes[table].update);
  }
  await writeVersions(write, changes);
  for (const table of ROOTS) await write(deleteStatement, table, usersOfKeysFirst(changes[table].delete));
}

/** Secrets and aliases hang on keys of their own table. */
function usersOfKeysFirst(rows: readonly Row[]): readonly Row[] {
  const isKey = (row: Row): boolean => row["type"] === "KEY";
  return rows.some(isKey) ? [...rows.filter((row) => !isKey(row)), ...rows.filter(isKey)] : rows;
}

type Write = (statementFor: (table: Table) => string, table: TableName, rows: readonly Row[]) => Promise<void>;

/** A policy never has two default versions, not even between two rows: old ones step down first. */
async function writeVersions(write: Write, { versions }: RowChanges): Promise<void> {
  const isDefault = (row: Row): boolean => row["is_default"] === true;
  const steppingDown = versions.update.filter((row) => !isDefault(row));
  await write(updateStatement, "versions", steppingDown);
  await write(updateStatement, "versions", versions.update.filter(isDefault));
  await write(insertStatement, "versions", versions.create);
}

function insertStatement({ name, key, columns }: Table): string {
  const list = quoted([...key, ...columns]).join(", ");
  return `INSERT INTO "${name}" (${list}) SELECT ${list} FROM json_populate_recordset(NULL::"${name}", $1::json)`;
}

function updateStatement({ name, key, columns }: Table): string {
  const set = quoted(columns).map((column) => `${column} = s.${column}`);
  return `UPDATE "${name}" t SET ${set.join(", ")} FROM json_populate_recordset(NULL::"${name}", $1::json) s WHERE ${same(key)}`;
}

function deleteStatement({ name, key }: Table): string {
  return `DELETE FROM "${name}" t USING json_populate_recordset(NULL::"${name}", $1::json) s WHERE ${same(key)}`;
}

function same(key: readonly string[]): string {
  return quoted(key)
    .map((column) => `t.${column} = s.${column}`)
    .join(" AND ");
}

function quoted(columns: readonly string[]): string[] {
  return columns.map((column) => `"${column}"`);
}
