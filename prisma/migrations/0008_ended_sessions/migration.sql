-- A role takes its sessions along. Their names are kept: under a new role of the same name, a session that was revoked, or
-- that a policy of its own held back, would otherwise be one that was never issued, and do all that the role may.

-- CreateTable
CREATE TABLE "ended_session" (
    "arn" TEXT NOT NULL,

    CONSTRAINT "ended_session_pkey" PRIMARY KEY ("arn")
);

CREATE FUNCTION authz_bump_ended_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM authz_bump(ARRAY(
    SELECT 'prin:' || c.arn FROM changed c));
  RETURN NULL;
END
$$;
CREATE TRIGGER authz_insert AFTER INSERT ON ended_session REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_ended_session();
CREATE TRIGGER authz_update_old AFTER UPDATE ON ended_session REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_ended_session();
CREATE TRIGGER authz_update_new AFTER UPDATE ON ended_session REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_ended_session();
CREATE TRIGGER authz_delete AFTER DELETE ON ended_session REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_ended_session();
CREATE TRIGGER authz_truncate BEFORE TRUNCATE ON ended_session FOR EACH STATEMENT EXECUTE FUNCTION authz_forbid();
ALTER TABLE ended_session
  ENABLE ALWAYS TRIGGER authz_insert,
  ENABLE ALWAYS TRIGGER authz_update_old,
  ENABLE ALWAYS TRIGGER authz_update_new,
  ENABLE ALWAYS TRIGGER authz_delete,
  ENABLE ALWAYS TRIGGER authz_truncate;

-- For each row and before: afterwards the sessions are gone.
CREATE FUNCTION authz_remember_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ended_session (arn) SELECT DISTINCT arn FROM role_session WHERE role_id = OLD.id ORDER BY arn ON CONFLICT DO NOTHING;
  RETURN OLD;
END
$$;
CREATE TRIGGER authz_remember_sessions BEFORE DELETE ON principal FOR EACH ROW EXECUTE FUNCTION authz_remember_sessions();
ALTER TABLE principal ENABLE ALWAYS TRIGGER authz_remember_sessions;
