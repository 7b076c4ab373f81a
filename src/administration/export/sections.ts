import type { Snapshot } from "../import/snapshot.js";

/** The lists of a snapshot, in its order. */
export type SectionName = Exclude<keyof Snapshot, "version" | "account">;
export type Item = Snapshot[SectionName][number];

interface Section<Row, Its extends Item> {
  /** Takes the account number. */
  readonly statement: string;
  /** All members written out: what there is none of is null, or empty. */
  itemOf(row: Row): Its;
}

type Sections = { readonly [Name in SectionName]: Section<never, Snapshot[Name][number]> };

const section = <Row, Its extends Item>(statement: string, itemOf: (row: Row) => Its): Section<never, Its> => ({
  statement,
  itemOf,
});
const asItIs = <Its extends Item>(row: Its): Its => row;

const PRINCIPAL_TAGS = `(SELECT coalesce(json_object_agg(t.key, t.value ORDER BY t.key COLLATE "C"), '{}')
  FROM principal_tag t WHERE t.principal_id = r.id) AS tags`;
const RESOURCE_TAGS = `(SELECT coalesce(json_object_agg(t.key, t.value ORDER BY t.key COLLATE "C"), '{}')
  FROM resource_tag t WHERE t.resource_id = r.id) AS tags`;
const principals = (kind: string, columns: string) => `SELECT ${columns} FROM principal r
  WHERE r.account_id = $1 AND r.kind = '${kind}' ORDER BY r.arn_key COLLATE "C"`;
const resources = (type: string, columns: string) => `SELECT ${columns} FROM kms_resource r
  LEFT JOIN kms_resource k ON k.id = r.key_id
  WHERE r.account_id = $1 AND r.type = '${type}' ORDER BY r.region COLLATE "C", r.name COLLATE "C"`;

type Role = Snapshot["roles"][number];
type Policy = Snapshot["policies"][number];
type Attachment = Snapshot["attachments"][number];

interface PolicyRow extends Omit<Policy, "versions" | "defaultVersion"> {
  readonly defaultVersion: number | null;
  readonly versions: readonly { readonly number: number; readonly document: string }[];
}

interface AttachmentRow extends Pick<Attachment, "principal" | "scope">, Pick<Policy, "type" | "name"> {
  readonly notBefore: Date | null;
  readonly expiresAt: Date | null;
}

export const SECTIONS: Sections = {
  resourceGroups: section(
    `SELECT r.id, r.name FROM resource_group r WHERE r.account_id = $1 ORDER BY r.id COLLATE "C"`,
    asItIs<Snapshot["resourceGroups"][number]>,
  ),
  groups: section(principals("GROUP", "r.name, r.comments"), asItIs<Snapshot["groups"][number]>),
  // LIMIT 1 keeps PostgreSQL from hashing all principals for each user when it has no statistics, as after an import
  users: section(
    principals(
      "USER",
      `r.name, r.display_name AS "displayName", r.comments, (
        SELECT coalesce(json_agg(g.name ORDER BY g.arn_key COLLATE "C"), '[]')
        FROM group_membership m
        CROSS JOIN LATERAL (SELECT p.name, p.arn_key FROM principal p WHERE p.id = m.group_id LIMIT 1) g
        WHERE m.user_id = r.id) AS groups, ${PRINCIPAL_TAGS}`,
    ),
    asItIs<Snapshot["users"][number]>,
  ),
  roles: section(
    principals(
      "ROLE",
      `r.name, r.role_kind::text AS kind, r.service, r.comments AS description,
        r.max_session_duration AS "maxSessionDuration", r.trust_policy AS "trustPolicy", ${PRINCIPAL_TAGS}`,
    ),
    ({ trustPolicy, ...role }: Role & { trustPolicy: string }): Role => ({
      ...role,
      trustPolicy: documentOf(trustPolicy),
    }),
  ),
  policies: section(
    `SELECT r.type::text, r.name, r.description,
      (SELECT v.number FROM policy_version v WHERE v.policy_id = r.id AND v.is_default) AS "defaultVersion",
      (SELECT coalesce(json_agg(json_build_object('number', v.number, 'document', v.document) ORDER BY v.number), '[]')
        FROM policy_version v WHERE v.policy_id = r.id) AS versions
    FROM policy r WHERE r.account_id = $1 ORDER BY r.type, r.name_key COLLATE "C"`,
    ({ type, name, description, defaultVersion, versions }: PolicyRow): Policy => ({
      type,
      name,
      description,
      defaultVersion: defaultVersion === null ? null : `v${defaultVersion}`,
      versions: versions.map(({ number, document }) => ({ id: `v${number}`, document: documentOf(document) })),
    }),
  ),
  attachments: section(
    `SELECT p.type::text, p.name, lower(r.kind::text) || '/' || r.name AS principal,
      coalesce(a.resource_group_id, 'ACCOUNT') AS scope, a.not_before AS "notBefore", a.expires_at AS "expiresAt"
    FROM attachment a JOIN policy p ON p.id = a.policy_id JOIN principal r ON r.id = a.principal_id
    WHERE a.account_id = $1
    ORDER BY r.arn_key COLLATE "C", p.type, p.name_key COLLATE "C", a.resource_group_id COLLATE "C" NULLS FIRST`,
    ({ type, name, principal, scope, notBefore, expiresAt }: AttachmentRow): Attachment => ({
      policy: { type, name },
      principal,
      scope,
      notBefore: instant(notBefore),
      expiresAt: instant(expiresAt),
    }),
  ),
  keys: section(
    resources(
      "KEY",
      `r.region, r.name AS id, r.resource_group_id AS "resourceGroup", ${RESOURCE_TAGS}, r.key_state::text AS state,
        r.key_spec AS spec, r.key_usage AS usage, r.origin`,
    ),
    asItIs<Snapshot["keys"][number]>,
  ),
  secrets: section(
    resources(
      "SECRET",
      `r.region, r.name, r.secret_type AS type, k.name AS "encryptionKeyId", r.resource_group_id AS "resourceGroup",
        ${RESOURCE_TAGS}`,
    ),
    asItIs<Snapshot["secrets"][number]>,
  ),
  aliases: section(resources("ALIAS", `r.region, r.name, k.name AS "keyId"`), asItIs<Snapshot["aliases"][number]>),
};

/** In UTC, with milliseconds only where there are any. */
function instant(date: Date | null): string | null {
  return date === null ? null : date.toISOString().replace(".000Z", "Z");
}

/** What is no JSON was put into the database by hand: the text shows what to mend. */
function documentOf(text: string): NonNullable<unknown> {
  try {
    return JSON.parse(text) as NonNullable<unknown>;
  } catch {
    return text;
  }
}
