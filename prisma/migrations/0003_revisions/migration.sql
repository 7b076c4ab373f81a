-- The revision vector. Every table that can influence a decision moves the scopes of the questions it can change:
-- in the statement that changes it, whoever runs that statement. The statements below are the whole list; a row that
-- disappears together with its parent is covered by the parent's own trigger.

CREATE FUNCTION authz_bump(scopes text[]) RETURNS void LANGUAGE sql AS $$
  -- sorted, so that concurrent transactions lock the rows of one statement in the same order
  INSERT INTO authz_revision (scope, rev)
  SELECT scope, 1 FROM (SELECT DISTINCT unnest(scopes) AS scope) s ORDER BY scope
  ON CONFLICT (scope) DO UPDATE SET rev = authz_revision.rev + 1, tag = gen_random_uuid()
$$;

CREATE FUNCTION authz_forbid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of table % is forbidden: it would change decisions without moving their revision', lower(TG_OP), TG_TABLE_NAME;
END
$$;

CREATE TRIGGER authz_revision_keep BEFORE DELETE OR TRUNCATE ON authz_revision FOR EACH STATEMENT EXECUTE FUNCTION authz_forbid();
ALTER TABLE authz_revision ENABLE ALWAYS TRIGGER authz_revision_keep;
INSERT INTO authz_revision (scope, rev) VALUES ('glob', 1);

CREATE FUNCTION authz_bump_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM authz_bump(ARRAY(
    SELECT 'acct:' || c.id FROM changed c));
  RETURN NULL;
END
$$;
CREATE TRIGGER authz_insert AFTER INSERT ON account REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_account();
CREATE TRIGGER authz_update_old AFTER UPDATE ON account REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_account();
CREATE TRIGGER authz_update_new AFTER UPDATE ON account REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_account();
CREATE TRIGGER authz_delete AFTER DELETE ON account REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_account();
CREATE TRIGGER authz_truncate BEFORE TRUNCATE ON account FOR EACH STATEMENT EXECUTE FUNCTION authz_forbid();
ALTER TABLE account
  ENABLE ALWAYS TRIGGER authz_insert,
  ENABLE ALWAYS TRIGGER authz_update_old,
  ENABLE ALWAYS TRIGGER authz_update_new,
  ENABLE ALWAYS TRIGGER authz_delete,
  ENABLE ALWAYS TRIGGER authz_truncate;

CREATE FUNCTION authz_bump_resource_group() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM authz_bump(ARRAY(
    SELECT 'acct:' || c.account_id FROM changed c));
  RETURN NULL;
END
$$;
CREATE TRIGGER authz_insert AFTER INSERT ON resource_group REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_resource_group();
CREATE TRIGGER authz_update_old AFTER UPDATE ON resource_group REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_resource_group();
CREATE TRIGGER authz_update_new AFTER UPDATE ON resource_group REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_resource_group();
CREATE TRIGGER authz_delete AFTER DELETE ON resource_group REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_resource_group();
CREATE TRIGGER authz_truncate BEFORE TRUNCATE ON resource_group FOR EACH STATEMENT EXECUTE FUNCTION authz_forbid();
ALTER TABLE resource_group
  ENABLE ALWAYS TRIGGER authz_insert,
  ENABLE ALWAYS TRIGGER authz_update_old,
  ENABLE ALWAYS TRIGGER authz_update_new,
  ENABLE ALWAYS TRIGGER authz_delete,
  ENABLE ALWAYS TRIGGER authz_truncate;

CREATE FUNCTION authz_bump_principal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM authz_bump(ARRAY(
    SELECT 'prin:' || c.arn_key FROM changed c WHERE c.kind <> 'GROUP'
    UNION ALL
    SELECT 'acct:' || c.account_id FROM changed c WHERE c.kind IN ('GROUP', 'ROLE')));
  RETURN NULL;
END
$$;
CREATE TRIGGER authz_insert AFTER INSERT ON principal REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_principal();
CREATE TRIGGER authz_update_old AFTER UPDATE ON principal REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_principal();
CREATE TRIGGER authz_update_new AFTER UPDATE ON principal REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_principal();
CREATE TRIGGER authz_delete AFTER DELETE ON principal REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_principal();
CREATE TRIGGER authz_truncate BEFORE TRUNCATE ON principal FOR EACH STATEMENT EXECUTE FUNCTION authz_forbid();
ALTER TABLE principal
  ENABLE ALWAYS TRIGGER authz_insert,
  ENABLE ALWAYS TRIGGER authz_update_old,
  ENABLE ALWAYS TRIGGER authz_update_new,
  ENABLE ALWAYS TRIGGER authz_delete,
  ENABLE ALWAYS TRIGGER authz_truncate;

CREATE FUNCTION authz_bump_principal_tag() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM authz_bump(ARRAY(
    SELECT 'prin:' || p.arn_key FROM changed c JOIN principal p ON p.id = c.principal_id));
  RETURN NULL;
END
$$;
CREATE TRIGGER authz_insert AFTER INSERT ON principal_tag REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_principal_tag();
CREATE TRIGGER authz_update_old AFTER UPDATE ON principal_tag REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_principal_tag();
CREATE TRIGGER authz_update_new AFTER UPDATE ON principal_tag REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_principal_tag();
CREATE TRIGGER authz_delete AFTER DELETE ON principal_tag REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_principal_tag();
CREATE TRIGGER authz_truncate BEFORE TRUNCATE ON principal_tag FOR EACH STATEMENT EXECUTE FUNCTION authz_forbid();
ALTER TABLE principal_tag
  ENABLE ALWAYS TRIGGER authz_insert,
  ENABLE ALWAYS TRIGGER authz_update_old,
  ENABLE ALWAYS TRIGGER authz_update_new,
  ENABLE ALWAYS TRIGGER authz_delete,
  ENABLE ALWAYS TRIGGER authz_truncate;

CREATE FUNCTION authz_bump_group_membership() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM authz_bump(ARRAY(
    SELECT 'prin:' || p.arn_key FROM changed c JOIN principal p ON p.id = c.user_id));
  RETURN NULL;
END
$$;
CREATE TRIGGER authz_insert AFTER INSERT ON group_membership REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_group_membership();
CREATE TRIGGER authz_update_old AFTER UPDATE ON group_membership REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_group_membership();
CREATE TRIGGER authz_update_new AFTER UPDATE ON group_membership REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_group_membership();
CREATE TRIGGER authz_delete AFTER DELETE ON group_membership REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_group_membership();
CREATE TRIGGER authz_truncate BEFORE TRUNCATE ON group_membership FOR EACH STATEMENT EXECUTE FUNCTION authz_forbid();
ALTER TABLE group_membership
  ENABLE ALWAYS TRIGGER authz_insert,
  ENABLE ALWAYS TRIGGER authz_update_old,
  ENABLE ALWAYS TRIGGER authz_update_new,
  ENABLE ALWAYS TRIGGER authz_delete,
  ENABLE ALWAYS TRIGGER authz_truncate;

CREATE FUNCTION authz_bump_policy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM authz_bump(ARRAY(
    SELECT coalesce('acct:' || c.account_id, 'glob') FROM changed c));
  RETURN NULL;
END
$$;
CREATE TRIGGER authz_insert AFTER INSERT ON policy REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_policy();
CREATE TRIGGER authz_update_old AFTER UPDATE ON policy REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_policy();
CREATE TRIGGER authz_update_new AFTER UPDATE ON policy REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_policy();
CREATE TRIGGER authz_delete AFTER DELETE ON policy REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_policy();
CREATE TRIGGER authz_truncate BEFORE TRUNCATE ON policy FOR EACH STATEMENT EXECUTE FUNCTION authz_forbid();
ALTER TABLE policy
  ENABLE ALWAYS TRIGGER authz_insert,
  ENABLE ALWAYS TRIGGER authz_update_old,
  ENABLE ALWAYS TRIGGER authz_update_new,
  ENABLE ALWAYS TRIGGER authz_delete,
  ENABLE ALWAYS TRIGGER authz_truncate;

CREATE FUNCTION authz_bump_policy_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM authz_bump(ARRAY(
    SELECT coalesce('acct:' || p.account_id, 'glob') FROM changed c JOIN policy p ON p.id = c.policy_id WHERE c.is_default));
  RETURN NULL;
END
$$;
CREATE TRIGGER authz_insert AFTER INSERT ON policy_version REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_policy_version();
CREATE TRIGGER authz_update_old AFTER UPDATE ON policy_version REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_policy_version();
CREATE TRIGGER authz_update_new AFTER UPDATE ON policy_version REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_policy_version();
CREATE TRIGGER authz_delete AFTER DELETE ON policy_version REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_policy_version();
CREATE TRIGGER authz_truncate BEFORE TRUNCATE ON policy_version FOR EACH STATEMENT EXECUTE FUNCTION authz_forbid();
ALTER TABLE policy_version
  ENABLE ALWAYS TRIGGER authz_insert,
  ENABLE ALWAYS TRIGGER authz_update_old,
  ENABLE ALWAYS TRIGGER authz_update_new,
  ENABLE ALWAYS TRIGGER authz_delete,
  ENABLE ALWAYS TRIGGER authz_truncate;

CREATE FUNCTION authz_bump_attachment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM authz_bump(ARRAY(
    SELECT CASE p.kind WHEN 'GROUP' THEN 'acct:' || p.account_id ELSE 'prin:' || p.arn_key END
    FROM changed c JOIN principal p ON p.id = c.principal_id));
  RETURN NULL;
END
$$;
CREATE TRIGGER authz_insert AFTER INSERT ON attachment REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_attachment();
CREATE TRIGGER authz_update_old AFTER UPDATE ON attachment REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_attachment();
CREATE TRIGGER authz_update_new AFTER UPDATE ON attachment REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_attachment();
CREATE TRIGGER authz_delete AFTER DELETE ON attachment REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_attachment();
CREATE TRIGGER authz_truncate BEFORE TRUNCATE ON attachment FOR EACH STATEMENT EXECUTE FUNCTION authz_forbid();
ALTER TABLE attachment
  ENABLE ALWAYS TRIGGER authz_insert,
  ENABLE ALWAYS TRIGGER authz_update_old,
  ENABLE ALWAYS TRIGGER authz_update_new,
  ENABLE ALWAYS TRIGGER authz_delete,
  ENABLE ALWAYS TRIGGER authz_truncate;

CREATE FUNCTION authz_bump_kms_resource() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM authz_bump(ARRAY(
    SELECT 'res:' || c.arn FROM changed c
    UNION ALL
    SELECT 'res:' || u.arn FROM changed c JOIN kms_resource u ON u.key_id = c.id));
  RETURN NULL;
END
$$;
CREATE TRIGGER authz_insert AFTER INSERT ON kms_resource REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_kms_resource();
CREATE TRIGGER authz_update_old AFTER UPDATE ON kms_resource REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_kms_resource();
CREATE TRIGGER authz_update_new AFTER UPDATE ON kms_resource REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_kms_resource();
CREATE TRIGGER authz_delete AFTER DELETE ON kms_resource REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_kms_resource();
CREATE TRIGGER authz_truncate BEFORE TRUNCATE ON kms_resource FOR EACH STATEMENT EXECUTE FUNCTION authz_forbid();
ALTER TABLE kms_resource
  ENABLE ALWAYS TRIGGER authz_insert,
  ENABLE ALWAYS TRIGGER authz_update_old,
  ENABLE ALWAYS TRIGGER authz_update_new,
  ENABLE ALWAYS TRIGGER authz_delete,
  ENABLE ALWAYS TRIGGER authz_truncate;

CREATE FUNCTION authz_bump_resource_tag() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM authz_bump(ARRAY(
    SELECT 'res:' || r.arn FROM changed c JOIN kms_resource r ON r.id = c.resource_id));
  RETURN NULL;
END
$$;
CREATE TRIGGER authz_insert AFTER INSERT ON resource_tag REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_resource_tag();
CREATE TRIGGER authz_update_old AFTER UPDATE ON resource_tag REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_resource_tag();
CREATE TRIGGER authz_update_new AFTER UPDATE ON resource_tag REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_resource_tag();
CREATE TRIGGER authz_delete AFTER DELETE ON resource_tag REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_resource_tag();
CREATE TRIGGER authz_truncate BEFORE TRUNCATE ON resource_tag FOR EACH STATEMENT EXECUTE FUNCTION authz_forbid();
ALTER TABLE resource_tag
  ENABLE ALWAYS TRIGGER authz_insert,
  ENABLE ALWAYS TRIGGER authz_update_old,
  ENABLE ALWAYS TRIGGER authz_update_new,
  ENABLE ALWAYS TRIGGER authz_delete,
  ENABLE ALWAYS TRIGGER authz_truncate;

CREATE FUNCTION authz_bump_credential() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM authz_bump(ARRAY(
    SELECT 'cred:' || c.id FROM changed c));
  RETURN NULL;
END
$$;
CREATE TRIGGER authz_insert AFTER INSERT ON credential REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_credential();
CREATE TRIGGER authz_update_old AFTER UPDATE ON credential REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_credential();
CREATE TRIGGER authz_update_new AFTER UPDATE ON credential REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_credential();
CREATE TRIGGER authz_delete AFTER DELETE ON credential REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_credential();
CREATE TRIGGER authz_truncate BEFORE TRUNCATE ON credential FOR EACH STATEMENT EXECUTE FUNCTION authz_forbid();
ALTER TABLE credential
  ENABLE ALWAYS TRIGGER authz_insert,
  ENABLE ALWAYS TRIGGER authz_update_old,
  ENABLE ALWAYS TRIGGER authz_update_new,
  ENABLE ALWAYS TRIGGER authz_delete,
  ENABLE ALWAYS TRIGGER authz_truncate;

CREATE FUNCTION authz_bump_gateway_secret() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM authz_bump(ARRAY(
    SELECT 'glob' FROM changed c));
  RETURN NULL;
END
$$;
CREATE TRIGGER authz_insert AFTER INSERT ON gateway_secret REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_gateway_secret();
CREATE TRIGGER authz_update_old AFTER UPDATE ON gateway_secret REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_gateway_secret();
CREATE TRIGGER authz_update_new AFTER UPDATE ON gateway_secret REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_gateway_secret();
CREATE TRIGGER authz_delete AFTER DELETE ON gateway_secret REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_gateway_secret();
CREATE TRIGGER authz_truncate BEFORE TRUNCATE ON gateway_secret FOR EACH STATEMENT EXECUTE FUNCTION authz_forbid();
ALTER TABLE gateway_secret
  ENABLE ALWAYS TRIGGER authz_insert,
  ENABLE ALWAYS TRIGGER authz_update_old,
  ENABLE ALWAYS TRIGGER authz_update_new,
  ENABLE ALWAYS TRIGGER authz_delete,
  ENABLE ALWAYS TRIGGER authz_truncate;
