import type { Pool } from "pg";

/** Every table that can change a decision, and every way to change it. */
const DECISION_TABLES = [
  "account",
  "attachment",
  "credential",
  "ended_session",
  "gateway_secret",
  "group_membership",
  "kms_resource",
  "policy",
  "policy_version",
  "principal",
  "principal_tag",
  "resource_group",
  "resource_tag",
  "role_session",
] as const;

/** `pg_trigger.tgtype`; of statement-level triggers but for the last. */
const AFTER_INSERT = 4;
const AFTER_DELETE = 8;
const AFTER_UPDATE = 16;
const BEFORE_TRUNCATE = 2 + 32;
const BEFORE_DELETE_OR_TRUNCATE = 2 + 8 + 32;
const BEFORE_DELETE_OF_ROW = 1 + 2 + 8;

interface TriggerRow {
  readonly table: string;
  readonly name: string;
  readonly function: string;
  readonly type: number;
  readonly always: boolean;
  readonly whole: boolean;
  readonly old_table: string | null;
  readonly new_table: string | null;
}

const READ_TRIGGERS = `
  SELECT c.relname AS table, t.tgname AS name, p.proname AS function, t.tgtype::int AS type, t.tgenabled = 'A' AS always,
         t.tgqual IS NULL AND t.tgattr::text = '' AS whole, t.tgoldtable AS old_table, t.tgnewtable AS new_table
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
  WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace`;

/**
 * Checks that each change that can alter a decision moves the revision vector: all triggers exist, watch the whole
 * statement, and fire always. Without them cached decisions would outlive what they were made from.
 *
 * @throws Error that names every missing, altered or disabled trigger
 */
export async function assertRevisionTriggers(pool: Pool): Promise<void> {
  const { rows } = await pool.query<TriggerRow>(READ_TRIGGERS);
  const found = new Set(rows.map(describe));
  const missing = expectedTriggers().filter((trigger) => !found.has(describe(trigger)));
  if (missing.length === 0) return;
  const names = missing.map((trigger) => `\`${trigger.name}\` on \`${trigger.table}\``);
  throw new Error(`revision triggers are missing, altered or not enabled always: ${names.join(", ")}`);
}

function describe(trigger: TriggerRow): string {
  const { table, name, type, always, whole } = trigger;
  return JSON.stringify([table, name, trigger.function, type, always, whole, trigger.old_table, trigger.new_table]);
}

function expectedTriggers(): TriggerRow[] {
  return [
    trigger("scope_revision", "authz_revision_keep", "authz_forbid", BEFORE_DELETE_OR_TRUNCATE, null, null),
    trigger("principal", "authz_remember_sessions", "authz_remember_sessions", BEFORE_DELETE_OF_ROW, null, null),
    ...DECISION_TABLES.flatMap((table) => [
      trigger(table, "authz_insert", `authz_bump_${table}`, AFTER_INSERT, null, "changed"),
      trigger(table, "authz_update_old", `authz_bump_${table}`, AFTER_UPDATE, "changed", null),
      trigger(table, "authz_update_new", `authz_bump_${table}`, AFTER_UPDATE, null, "changed"),
      trigger(table, "authz_delete", `authz_bump_${table}`, AFTER_DELETE, "changed", null),
      trigger(table, "authz_truncate", "authz_forbid", BEFORE_TRUNCATE, null, null),
    ]),
  ];
}

function trigger(
  table: string,
  name: string,
  functionName: string,
  type: number,
  oldTable: string | null,
  newTable: string | null,
): TriggerRow {
  return {
    table,
    name,
    function: functionName,
    type,
    always: true,
    whole: true,
    old_table: oldTable,
    new_table: newTable,
  };
}
