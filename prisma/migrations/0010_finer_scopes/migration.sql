-- A group gets a scope of its own, `grp:` and its ARN, and what changes a custom policy moves `pol:` of it alone. The
-- account's scope moves no more for either: answers name the groups and policies that they followed from, so a change
-- gives up what depends on it, and nothing else of its account.

-- Changes lock their account first: so they are over, or wait, before the rest is locked against other writers. None must
-- change a group or policy under an old function that readers no longer look for.
LOCK TABLE account IN EXCLUSIVE MODE;
LOCK TABLE principal, attachment, policy, policy_version IN SHARE ROW EXCLUSIVE MODE;

-- A gateway of the version before looks for these changes under the account. Under another name it finds no revisions at
-- all, and refuses to answer rather than go on with what is over.
ALTER TABLE authz_revision RENAME TO scope_revision;
ALTER TABLE scope_revision RENAME CONSTRAINT authz_revision_pkey TO scope_revision_pkey;

CREATE OR REPLACE FUNCTION authz_bump(scopes text[]) RETURNS void LANGUAGE sql AS $$
  -- sorted, so that concurrent transactions lock the rows of one statement in the same order
  INSERT INTO scope_revision (scope, rev)
  SELECT scope, 1 FROM (SELECT DISTINCT unnest(scopes) AS scope) s ORDER BY scope
  ON CONFLICT (scope) DO UPDATE SET rev = scope_revision.rev + 1, tag = gen_random_uuid()
$$;

CREATE OR REPLACE FUNCTION authz_bump_principal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM authz_bump(ARRAY(
    SELECT CASE c.kind WHEN 'GROUP' THEN 'grp:' ELSE 'prin:' END || c.arn_key FROM changed c
    UNION ALL
    SELECT 'acct:' || c.account_id FROM changed c WHERE c.kind = 'ROLE'));
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION authz_bump_attachment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM authz_bump(ARRAY(
    SELECT CASE p.kind WHEN 'GROUP' THEN 'grp:' ELSE 'prin:' END || p.arn_key
    FROM changed c JOIN principal p ON p.id = c.principal_id));
  RETURN NULL;
END
$$;

-- An account's own copy of a built-in policy takes its place without being attached: it counts for the whole account, too.
CREATE OR REPLACE FUNCTION authz_bump_policy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM authz_bump(ARRAY(
    SELECT coalesce('acct:' || c.account_id, 'glob') FROM changed c WHERE c.type = 'SYSTEM'
    UNION ALL
    SELECT 'pol:acs:ram::' || c.account_id || ':policy/' || c.name_key FROM changed c WHERE c.account_id IS NOT NULL));
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION authz_bump_policy_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM authz_bump(ARRAY(
    SELECT coalesce('acct:' || p.account_id, 'glob')
    FROM changed c JOIN policy p ON p.id = c.policy_id WHERE p.type = 'SYSTEM' AND c.is_default
    UNION ALL
    SELECT 'pol:acs:ram::' || p.account_id || ':policy/' || p.name_key
    FROM changed c JOIN policy p ON p.id = c.policy_id WHERE p.account_id IS NOT NULL));
  RETURN NULL;
END
$$;

-- Changes lock the scopes that guard them, and a row that is not there cannot be locked.
INSERT INTO scope_revision (scope, rev)
SELECT scope, 1 FROM (
  SELECT 'grp:' || arn_key AS scope FROM principal WHERE kind = 'GROUP'
  UNION
  SELECT 'pol:acs:ram::' || account_id || ':policy/' || name_key FROM policy WHERE account_id IS NOT NULL
) s ORDER BY scope
ON CONFLICT (scope) DO NOTHING;
