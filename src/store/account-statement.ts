import { milliseconds, resourcesWhere } from "./evaluation-input-statement.js";

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

/** The key of a policy's revision, which moves with all that is known of the policy. */
const POLICY_SCOPE = "'pol:acs:ram::' || p.account_id || ':policy/' || p.name_key";

/** What is not `plain` has a resource group or a window; both kinds leave room for one list each. */
const plainOnly = "FILTER (WHERE plain)";
const othersOnly = "FILTER (WHERE NOT plain)";
/** Sixteen bytes each, one behind the other, in base64. */
const ids = (column: string, which = ""): string =>
  `encode(coalesce(string_agg(uuid_send(${column}), '') ${which}, ''), 'base64')`;
const list = (value: string, which = ""): string => `coalesce(json_agg(${value}) ${which}, '[]')`;

/**
 * Everybody, by ARN without regard to case, then the groups in the order in which decisions read their policies; and the
 * trust policies of the roles.
 */
const PRINCIPALS = `
  SELECT ${ids("id")} AS principals, ${list("arn")} AS arns, coalesce(string_agg(left(kind::text, 1), ''), '') AS kinds,
    ${list("json_build_array(arn_key, trust_policy)", "FILTER (WHERE kind = 'ROLE')")} AS roles
  FROM (SELECT id, kind, arn, arn_key, trust_policy FROM principal WHERE account_id = $1
    ORDER BY kind = 'GROUP', CASE WHEN kind = 'GROUP' THEN arn ELSE arn_key END COLLATE "C") p`;

const MEMBERSHIPS = `
  SELECT ${ids("user_id")} AS members, ${ids("group_id")} AS member_of FROM group_membership WHERE account_id = $1`;

const ATTACHMENTS = `
  SELECT ${ids("principal_id", plainOnly)} AS holders, ${ids("policy_id", plainOnly)} AS held,
    ${ids("principal_id", othersOnly)} AS other_holders, ${ids("policy_id", othersOnly)} AS others_held,
    ${list("resource_group_id", othersOnly)} AS resource_groups,
    ${list(milliseconds("not_before"), othersOnly)} AS begins, ${list(milliseconds("expires_at"), othersOnly)} AS ends
  FROM (SELECT *, num_nulls(resource_group_id, not_before, expires_at) = 3 AS plain FROM attachment WHERE account_id = $1) a`;

/**
 * Those that are attached, and those that take the place of a built-in one. The document of a policy that is known by its
 * revision is left out: together they are most of what there is to read.
 */
const POLICIES = `
  SELECT coalesce(json_agg(json_build_array(p.id, p.account_id, p.arn, p.name, p.type, p.name_key, v.number, r.rev, r.tag, k.id IS NOT NULL,
      CASE WHEN k.id IS NULL THEN v.document END) ORDER BY p.name_key COLLATE "C", p.id), '[]') AS policies
  FROM policy p
  LEFT JOIN policy_version v ON v.policy_id = p.id AND v.is_default
  LEFT JOIN scope_revision r ON r.scope = ${POLICY_SCOPE}
  LEFT JOIN unnest($5::uuid[], $6::uuid[]) k (id, tag) ON k.id = p.id AND k.tag = r.tag
  WHERE p.account_id IS NULL OR p.id = ANY($7::uuid[]) OR p.account_id = $1 AND
    (p.type = 'SYSTEM' OR (SELECT true FROM attachment WHERE policy_id = p.id LIMIT 1))`;

/**
 * The same with all principals of the account and everything they hold, in the same snapshot. Rows are found without
 * joins, and put together by those who read them: that takes the database a tenth of the time.
 *
 * $5 and $6 ids of known policies, with the tags of their revisions, $7 ids of policies of other accounts: these can only
 * be attached past the gateway, and decide nothing, but are named.
 */
export const LOAD_ACCOUNT = `
SELECT json_build_object('now', now, 'standby', standby, 'known', known, 'revision', revision, 'revisions', revisions,
    'sessions', sessions, 'resources', resources) AS state,
  p.*, m.*, a.*, f.*
FROM (SELECT ${STATE}) s, (${PRINCIPALS}) p, (${MEMBERSHIPS}) m, (${ATTACHMENTS}) a, (${POLICIES}) f`;
