-- Foreign keys say that a row is there, not of what kind it is: groups have users as members, sessions are of roles, and
-- what encrypts a secret, or what an alias points to, is a key.

CREATE FUNCTION require_kinds() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wrong text;
BEGIN
  CASE TG_TABLE_NAME
    WHEN 'group_membership' THEN
      SELECT p.arn INTO wrong FROM changed c JOIN principal p
        ON (p.id = c.group_id AND p.kind <> 'GROUP') OR (p.id = c.user_id AND p.kind <> 'USER') LIMIT 1;
    WHEN 'role_session' THEN
      SELECT p.arn INTO wrong FROM changed c JOIN principal p ON p.id = c.role_id AND p.kind <> 'ROLE' LIMIT 1;
    WHEN 'kms_resource' THEN
      SELECT k.arn INTO wrong FROM changed c JOIN kms_resource k ON k.id = c.key_id AND k.type <> 'KEY' LIMIT 1;
  END CASE;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION '% refers to %, which is of another kind', TG_TABLE_NAME, wrong USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER require_kinds_insert AFTER INSERT ON group_membership REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION require_kinds();
CREATE TRIGGER require_kinds_update AFTER UPDATE ON group_membership REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION require_kinds();
CREATE TRIGGER require_kinds_insert AFTER INSERT ON role_session REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION require_kinds();
CREATE TRIGGER require_kinds_update AFTER UPDATE ON role_session REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION require_kinds();
CREATE TRIGGER require_kinds_insert AFTER INSERT ON kms_resource REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION require_kinds();
CREATE TRIGGER require_kinds_update AFTER UPDATE ON kms_resource REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION require_kinds();

-- Else the kind could change under the reference.
CREATE FUNCTION keep_kind() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the kind of % is for good', OLD.arn USING ERRCODE = 'check_violation';
END
$$;
CREATE TRIGGER keep_kind BEFORE UPDATE ON principal FOR EACH ROW WHEN (OLD.kind <> NEW.kind) EXECUTE FUNCTION keep_kind();
CREATE TRIGGER keep_kind BEFORE UPDATE ON kms_resource FOR EACH ROW WHEN (OLD.type <> NEW.type) EXECUTE FUNCTION keep_kind();
