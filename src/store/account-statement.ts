import { ATTACHED, ATTACHMENTS_AND_POLICIES, milliseconds, resourcesWhere } from "./evaluation-input-statement.js";

/** Scopes that begin with the name of an account, in a range by code points. `;` follows `:`, `0` follows `/`. */
const scopesFrom = (start: string, end: string): string =>
  `SELECT rev, tag FROM scope_revision WHERE scope ~>=~ (${start}) AND scope ~<~ (${end})`;

/**
 * Moves whenever a principal, group, membership, attachment, policy or built-in policy changes, whoever changes it: a
 * revision that moves is larger, and has another tag, which tells histories apart. Without the revisions of sessions:
 * these are for good, and the sessions themselves are read each time.
 */
const REVISION_OF_ACCOUNT = `(
  SELECT concat_ws('.', count(*), sum(rev), sum(uuid_hash_extended(tag, 0))) FROM (
    SELECT rev, tag FROM scope_revision WHERE scope IN ('glob', 'acct:' || $1)
    UNION ALL ${scopesFrom("'prin:acs:ram::' || $1 || ':assumed-role0'", "'prin:acs:ram::' || $1 || ';'")}
    UNION ALL ${scopesFrom("'grp:acs:ram::' || $1 || ':'", "'grp:acs:ram::' || $1 || ';'")}
    UNION ALL ${scopesFrom("'pol:acs:ram::' || $1 || ':'", "'pol:acs:ram::' || $1 || ';'")}
  ) of_account)`;

/** When it is asked for, or now. */
const INSTANT = "coalesce(to_timestamp($3::float8 / 1000), clock_timestamp())";

/** All issued sessions of the names under which one is open. */
const SESSIONS = `
  coalesce((SELECT json_agg(json_build_array(s.role_id, s.arn, ${milliseconds("s.issued_at")}, ${milliseconds("s.expires_at")},
      ${milliseconds("s.revoked_at")}, s.session_policy) ORDER BY s.arn COLLATE "C", s.id)
    FROM role_session s WHERE s.account_id = $1 AND s.arn IN (
      SELECT o.arn FROM role_session o, (SELECT ${INSTANT} AS at) i
      WHERE o.account_id = $1 AND o.issued_at <= i.at AND o.expires_at > i.at AND (o.revoked_at IS NULL OR o.revoked_at > i.at)
    )), '[]') AS sessions`;

/** Those that are named, and what these point to or are encrypted with. */
const RESOURCES = resourcesWhere(`r.id IN (
      SELECT id FROM kms_resource WHERE arn = ANY($2::text[])
      UNION SELECT key_id FROM kms_resource WHERE arn = ANY($2::text[]))`);

const STATE = `floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now,
  pg_is_in_recovery() AS standby,
  EXISTS (SELECT 1 FROM account WHERE id = $1) AS known,
  ${REVISION_OF_ACCOUNT} AS revision,
  coalesce((SELECT json_agg(json_build_array(scope, rev, tag)) FROM scope_revision WHERE scope = ANY($4::text[])), '[]') AS revisions,
  ${SESSIONS},
  ${RESOURCES}`;

/**
 * What has to be read for each question about an account: its revision, open sessions and resources, of one moment.
 *
 * $1 account, $2 ARNs of KMS resources, $3 instant in milliseconds since the epoch or null, $4 scopes.
 */
export const READ_ACCOUNT_STATE = `SELECT ${STATE}`;

/** Policies of other accounts can only be attached past the gateway. They decide nothing, but are named. */
const FOREIGN_POLICIES = `
  coalesce((SELECT json_agg(json_build_array(r.scope, r.rev, r.tag) ORDER BY r.scope) FROM scope_revision r WHERE r.scope IN (
    SELECT 'pol:acs:ram::' || p.account_id || ':policy/' || p.name_key
    FROM attached t JOIN policy p ON p.id = t.policy_id AND p.account_id <> t.account_id)), '[]') AS foreign_policies`;

/** The same with all principals of the account and everything they hold, in the same snapshot. */
export const LOAD_ACCOUNT = `
WITH holder AS MATERIALIZED (
  SELECT id, account_id, kind, arn, arn_key, trust_policy FROM principal WHERE account_id = $1
), member_of AS MATERIALIZED (
  SELECT m.user_id, json_agg(m.group_id ORDER BY g.arn COLLATE "C") AS groups
  FROM group_membership m JOIN principal g ON g.id = m.group_id WHERE m.account_id = $1 GROUP BY m.user_id
), ${ATTACHED}
SELECT ${STATE},
  coalesce((SELECT json_agg(json_build_array(h.id, h.account_id, h.kind, h.arn, h.arn_key, coalesce(m.groups, '[]'))
      ORDER BY h.arn_key COLLATE "C")
    FROM holder h LEFT JOIN member_of m ON m.user_id = h.id), '[]') AS principals,
  coalesce((SELECT json_agg(json_build_array(arn_key, trust_policy)) FROM holder WHERE kind = 'ROLE'), '[]') AS roles,
  ${ATTACHMENTS_AND_POLICIES},
  ${FOREIGN_POLICIES}`;
