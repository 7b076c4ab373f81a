import { foldCase } from "../../domain/wildcard.js";
import type { Transaction } from "../../store/prisma-client.js";

/** Rows as the database spells them, so that whole tables travel as JSON. */
export interface ResourceGroupRow {
  readonly account_id: string;
  readonly id: string;
  readonly name: string;
}
export interface PrincipalRow {
  readonly id: string;
  readonly account_id: string;
  readonly kind: "USER" | "GROUP" | "ROLE" | "ACCOUNT_OWNER";
  readonly name: string;
  readonly arn: string;
  readonly arn_key: string;
  readonly display_name: string | null;
  readonly comments: string | null;
  readonly role_kind: "REGULAR" | "SERVICE" | "SERVICE_LINKED" | null;
  readonly service: string | null;
  readonly trust_policy: string | null;
  readonly max_session_duration: number | null;
}
export interface MembershipRow {
  readonly group_id: string;
  readonly user_id: string;
  readonly account_id: string;
}
export interface PrincipalTagRow {
  readonly principal_id: string;
  readonly key: string;
  readonly value: string;
}
export interface PolicyRow {
  readonly id: string;
  readonly account_id: string;
  readonly type: "SYSTEM" | "CUSTOM";
  readonly name: string;
  readonly name_key: string;
  readonly arn: string;
  readonly description: string | null;
  readonly last_version: number;
}
export interface VersionRow {
  readonly id: string;
  readonly policy_id: string;
  readonly number: number;
  readonly document: string;
  readonly is_default: boolean;
}
export interface AttachmentRow {
  readonly id: string;
  readonly account_id: string;
  readonly policy_id: string;
  readonly principal_id: string;
  readonly resource_group_id: string | null;
  /** RFC 3339 in UTC with milliseconds. */
  readonly not_before: string | null;
  readonly expires_at: string | null;
}
export interface ResourceRow {
  readonly id: string;
  readonly account_id: string;
  readonly type: "KEY" | "SECRET" | "ALIAS";
  readonly region: string;
  readonly name: string;
  readonly arn: string;
  readonly resource_group_id: string | null;
  readonly key_id: string | null;
  readonly key_state: "ENABLED" | "DISABLED" | "PENDING_DELETION" | "PENDING_IMPORT" | null;
  readonly key_spec: string | null;
  readonly key_usage: string | null;
  readonly origin: string | null;
  readonly secret_type: string | null;
}
export interface ResourceTagRow {
  readonly resource_id: string;
  readonly key: string;
  readonly value: string;
}

/** All that an import can change in an account, each table by its natural key. */
export interface AccountState {
  /** By id. */
  readonly resourceGroups: Map<string, ResourceGroupRow>;
  /** By ARN key. */
  readonly principals: Map<string, PrincipalRow>;
  /** By {@link rowKey} of group and user id. */
  readonly memberships: Map<string, MembershipRow>;
  /** By {@link rowKey} of principal id and tag key. */
  readonly principalTags: Map<string, PrincipalTagRow>;
  /** By {@link policyKey}. */
  readonly policies: Map<string, PolicyRow>;
  /** By {@link rowKey} of policy id and number. */
  readonly versions: Map<string, VersionRow>;
  /** By {@link rowKey} of principal id, policy key and resource group id. */
  readonly attachments: Map<string, AttachmentRow>;
  /** By ARN. */
  readonly resources: Map<string, ResourceRow>;
  /** By {@link rowKey} of resource id and tag key. */
  readonly resourceTags: Map<string, ResourceTagRow>;
}

interface StoredAttachment extends Omit<AttachmentRow, "not_before" | "expires_at"> {
  readonly not_before: number | null;
  readonly expires_at: number | null;
  readonly policy_type: "SYSTEM" | "CUSTOM";
  readonly policy_name: string;
}

export function emptyState(): AccountState {
  return {
    resourceGroups: new Map(),
    principals: new Map(),
    memberships: new Map(),
    principalTags: new Map(),
    policies: new Map(),
    versions: new Map(),
    attachments: new Map(),
    resources: new Map(),
    resourceTags: new Map(),
  };
}

/** Joins the parts of a natural key without ambiguity. */
export function rowKey(...parts: readonly (string | number | null)[]): string {
  return JSON.stringify(parts);
}

/** Policies are known by type and name; a system policy and a custom one may share a name. */
export function policyKey(type: "SYSTEM" | "CUSTOM", name: string): string {
  return `${type} ${foldCase(name)}`;
}

/** Reads what the account holds now, as the transaction sees it. */
export async function readAccountState(tx: Transaction, account: string): Promise<AccountState> {
  return {
    ...(await readIdentities(tx, account)),
    ...(await readPolicies(tx, account)),
    ...(await readResources(tx, account)),
  };
}

async function readIdentities(tx: Transaction, account: string) {
  const resourceGroups = await tx.$queryRaw<ResourceGroupRow[]>`
    SELECT account_id, id, name FROM resource_group WHERE account_id = ${account}`;
  const principals = await tx.$queryRaw<PrincipalRow[]>`
    SELECT id::text, account_id, kind::text, name, arn, arn_key, display_name, comments, role_kind::text, service,
      trust_policy, max_session_duration
    FROM principal WHERE account_id = ${account}`;
  const memberships = await tx.$queryRaw<MembershipRow[]>`
    SELECT group_id::text, user_id::text, account_id FROM group_membership WHERE account_id = ${account}`;
  const principalTags = await tx.$queryRaw<PrincipalTagRow[]>`
    SELECT t.principal_id::text, t.key, t.value FROM principal_tag t JOIN principal p ON p.id = t.principal_id
    WHERE p.account_id = ${account}`;
  return {
    resourceGroups: keyed(resourceGroups, ({ id }) => id),
    principals: keyed(principals, ({ arn_key }) => arn_key),
    memberships: keyed(memberships, ({ group_id, user_id }) => rowKey(group_id, user_id)),
    principalTags: keyed(principalTags, ({ principal_id, key }) => rowKey(principal_id, key)),
  };
}

async function readPolicies(tx: Transaction, account: string) {
  const policies = await tx.$queryRaw<PolicyRow[]>`
    SELECT id::text, account_id, type::text, name, name_key, arn, description, last_version
    FROM policy WHERE account_id = ${account}`;
  const versions = await tx.$queryRaw<VersionRow[]>`
    SELECT v.id::text, v.policy_id::text, v.number, v.document, v.is_default
    FROM policy_version v JOIN policy p ON p.id = v.policy_id WHERE p.account_id = ${account}`;
  const attachments = await tx.$queryRaw<StoredAttachment[]>`
    SELECT a.id::text, a.account_id, a.policy_id::text, a.principal_id::text, a.resource_group_id,
      (extract(epoch FROM a.not_before) * 1000)::float8 AS not_before,
      (extract(epoch FROM a.expires_at) * 1000)::float8 AS expires_at, p.type::text AS policy_type, p.name AS policy_name
    FROM attachment a JOIN policy p ON p.id = a.policy_id WHERE a.account_id = ${account}
    ORDER BY p.account_id NULLS LAST`;
  return {
    policies: keyed(policies, ({ type, name }) => policyKey(type, name)),
    versions: keyed(versions, ({ policy_id, number }) => rowKey(policy_id, number)),
    attachments: keyAttachments(attachments),
  };
}

async function readResources(tx: Transaction, account: string) {
  const resources = await tx.$queryRaw<ResourceRow[]>`
    SELECT id::text, account_id, type::text, region, name, arn, resource_group_id, key_id::text, key_state::text,
      key_spec, key_usage, origin, secret_type
    FROM kms_resource WHERE account_id = ${account}`;
  const resourceTags = await tx.$queryRaw<ResourceTagRow[]>`
    SELECT t.resource_id::text, t.key, t.value FROM resource_tag t JOIN kms_resource r ON r.id = t.resource_id
    WHERE r.account_id = ${account}`;
  return {
    resources: keyed(resources, ({ arn }) => arn),
    resourceTags: keyed(resourceTags, ({ resource_id, key }) => rowKey(resource_id, key)),
  };
}

function keyed<Row>(rows: readonly Row[], keyOf: (row: Row) => string): Map<string, Row> {
  return new Map(rows.map((row) => [keyOf(row), row]));
}

/** An override and the built-in of one name share a key; should both be attached, the second keeps a key of its own. */
function keyAttachments(rows: readonly StoredAttachment[]): Map<string, AttachmentRow> {
  const keyedRows = new Map<string, AttachmentRow>();
  for (const { policy_type, policy_name, not_before, expires_at, ...row } of rows) {
    const key = rowKey(row.principal_id, policyKey(policy_type, policy_name), row.resource_group_id);
    const window = { not_before: instantOf(not_before), expires_at: instantOf(expires_at) };
    keyedRows.set(keyedRows.has(key) ? rowKey(key, row.id) : key, { ...row, ...window });
  }
  return keyedRows;
}

function instantOf(milliseconds: number | null): string | null {
  return milliseconds === null ? null : new Date(milliseconds).toISOString();
}
