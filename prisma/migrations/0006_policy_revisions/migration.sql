-- A custom policy gets a scope of its own: `pol:` and its ARN, name folded. Whatever changes the policy or any of its
-- versions moves it, in the statement that makes the change. Decisions do not depend on it, so nothing cached is given
-- up for a version that nobody evaluates; yet of several changes that expect one revision, one wins.

-- Writers wait, so that none adds a policy under the old function that the last statement does not see.
LOCK TABLE policy IN SHARE ROW EXCLUSIVE MODE;

CREATE OR REPLACE FUNCTION authz_bump_policy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM authz_bump(ARRAY(
    SELECT coalesce('acct:' || c.account_id, 'glob') FROM changed c
    UNION ALL
    SELECT 'pol:acs:ram::' || c.account_id || ':policy/' || c.name_key FROM changed c WHERE c.type = 'CUSTOM'));
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION authz_bump_policy_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM authz_bump(ARRAY(
    SELECT coalesce('acct:' || p.account_id, 'glob') FROM changed c JOIN policy p ON p.id = c.policy_id WHERE c.is_default
    UNION ALL
    SELECT 'pol:acs:ram::' || p.account_id || ':policy/' || p.name_key
    FROM changed c JOIN policy p ON p.id = c.policy_id WHERE p.type = 'CUSTOM'));
  RETURN NULL;
END
$$;

-- Changes lock the scopes that guard them, and a row that is not there cannot be locked.
INSERT INTO authz_revision (scope, rev)
SELECT 'pol:acs:ram::' || account_id || ':policy/' || name_key, 1 FROM policy WHERE type = 'CUSTOM' ORDER BY 1
ON CONFLICT (scope) DO NOTHING;
