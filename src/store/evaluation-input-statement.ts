import { followedScopes, REVISIONS_OF_ALL } from "./followed-scopes.js";

/** Milliseconds since the epoch within the range of a JavaScript date; `infinity` becomes the end of that range. */
export function milliseconds(column: string): string {
  return `CASE WHEN ${column} IS NOT NULL THEN
    least(greatest(extract(epoch FROM ${column}) * 1000, -8640000000000000), 8640000000000000)::int8 END`;
}

/**
 * What those in `holder (id, arn)` hold. A built-in system policy is replaced by the account's own policy of that name where
 * it has one.
 */
export const ATTACHED = `attached AS MATERIALIZED (
  SELECT h.id AS holder_id, h.arn, a.account_id, coalesce(o.id, p.id) AS policy_id, coalesce(o.name_key, p.name_key) AS policy_name,
         a.resource_group_id, a.not_before, a.expires_at
  FROM holder h
  JOIN attachment a ON a.principal_id = h.id
  JOIN policy p ON p.id = a.policy_id
  LEFT JOIN policy o ON p.account_id IS NULL AND o.account_id = a.account_id AND o.type = 'SYSTEM' AND o.name_key = p.name_key
)`;

export const ATTACHMENTS_AND_POLICIES = `
  coalesce((SELECT json_agg(json_build_array(holder_id, arn, account_id, policy_id, resource_group_id,
      ${milliseconds("not_before")}, ${milliseconds("expires_at")})
      ORDER BY policy_name COLLATE "C", policy_id, resource_group_id COLLATE "C")
    FROM attached), '[]') AS attachments,
  coalesce((SELECT json_agg(json_build_array(p.id, p.account_id, p.arn, p.name, p.type, v.number, v.document))
    FROM policy p LEFT JOIN policy_version v ON v.policy_id = p.id AND v.is_default
    WHERE p.id IN (SELECT policy_id FROM attached)), '[]') AS policies`;

export const resourcesWhere = (condition: string): string => `
  coalesce((SELECT json_agg(json_build_array(r.arn, r.type, r.resource_group_id, r.key_state, k.arn,
      coalesce((SELECT json_agg(json_build_array(t.key, t.value) ORDER BY t.key COLLATE "C")
        FROM resource_tag t WHERE t.resource_id = r.id), '[]')) ORDER BY r.arn COLLATE "C")
    FROM kms_resource r LEFT JOIN kms_resource k ON k.id = r.key_id
    WHERE ${condition}), '[]') AS resources`;

/**
 * One statement, hence one snapshot: the revisions and everything they stand for.
 *
 * $1 scopes, $2 `arn_key` of principals, $4 `arn_key` of roles asked as resources, $5 ARNs of role sessions.
 * A session that went with an earlier role of the name is one that has always been over.
 *
 * @param resources which of the resources `r`
 */
const loadInput = (resources: string): string => `
WITH ${followedScopes("arn_key = ANY($2::text[])")}, holder AS (
  SELECT id, arn FROM asked UNION SELECT group_id, arn FROM membership
), ${ATTACHED}
SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now,
  pg_is_in_recovery() AS standby,
  ${REVISIONS_OF_ALL},
  coalesce((SELECT json_agg(json_build_array(id, account_id, kind, arn, arn_key,
      coalesce((SELECT json_agg(m.group_id ORDER BY m.arn COLLATE "C") FROM membership m WHERE m.user_id = asked.id), '[]')))
    FROM asked), '[]') AS principals,
  ${ATTACHMENTS_AND_POLICIES},
  ${resourcesWhere(resources)},
  coalesce((SELECT json_agg(json_build_array(arn_key, trust_policy))
    FROM principal WHERE arn_key = ANY($4::text[]) AND kind = 'ROLE'), '[]') AS roles,
  coalesce((SELECT json_agg(json_build_array(i.arn, i.issued_at, i.expires_at, i.revoked_at, i.session_policy) ORDER BY i.id)
    FROM (
      SELECT s.id, s.arn, ${milliseconds("s.issued_at")} AS issued_at, ${milliseconds("s.expires_at")} AS expires_at,
        ${milliseconds("s.revoked_at")} AS revoked_at, s.session_policy
      FROM role_session s JOIN asked ON asked.id = s.role_id WHERE s.arn = ANY($5::text[])
      UNION ALL SELECT NULL, e.arn, 0, 0, NULL, NULL FROM ended_session e WHERE e.arn = ANY($5::text[])) i), '[]') AS sessions`;

/** $3 ARNs of KMS resources. */
export const LOAD_EVALUATION_INPUT = loadInput("r.arn = ANY($3::text[])");

/** $3 types of resources, $6 the account whose resources of these types are wanted. */
export const LOAD_WITH_ALL_RESOURCES = loadInput(`r.account_id = $6 AND r.type = ANY($3::"ResourceType"[])`);
