-- Sessions of roles that assumeRole issued.

-- CreateTable
CREATE TABLE "role_session" (
    "id" UUID NOT NULL,
    "account_id" TEXT NOT NULL,
    "role_id" UUID NOT NULL,
    "arn" TEXT NOT NULL,
    "session_name" TEXT NOT NULL,
    "token_digest" BYTEA NOT NULL,
    "session_policy" TEXT,
    "issued_to" TEXT NOT NULL,
    "issued_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "role_session_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "role_session_arn_expires_at_idx" ON "role_session"("arn", "expires_at");

-- CreateIndex
CREATE INDEX "role_session_role_id_id_idx" ON "role_session"("role_id", "id");

-- CreateIndex
CREATE INDEX "role_session_account_id_arn_idx" ON "role_session"("account_id", "arn");

-- AddForeignKey
ALTER TABLE "role_session" ADD CONSTRAINT "role_session_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "role_session" ADD CONSTRAINT "role_session_role_id_account_id_fkey" FOREIGN KEY ("role_id", "account_id") REFERENCES "principal"("id", "account_id") ON DELETE CASCADE ON UPDATE CASCADE;

ALTER TABLE "role_session"
  ADD CONSTRAINT "role_session_window" CHECK ("issued_at" < "expires_at"),
  ADD CONSTRAINT "role_session_token_digest_is_sha256" CHECK (octet_length("token_digest") = 32),
  ADD CONSTRAINT "role_session_arn_is_canonical" CHECK (
    starts_with("arn", 'acs:ram::' || "account_id" || ':assumed-role/')
    AND split_part("arn", '/', 2) = lower(split_part("arn", '/', 2) COLLATE "C")
    AND split_part("arn", '/', 3) = "session_name" AND split_part("arn", '/', 4) = '');

-- A session moves its own scope. A revocation also moves its role's: the answer to it names one scope, not all sessions.
CREATE FUNCTION authz_bump_role_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM authz_bump(ARRAY(
    SELECT 'prin:' || c.arn FROM changed c
    UNION ALL
    SELECT 'prin:' || p.arn_key FROM changed c JOIN principal p ON p.id = c.role_id WHERE c.revoked_at IS NOT NULL));
  RETURN NULL;
END
$$;
CREATE TRIGGER authz_insert AFTER INSERT ON role_session REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_role_session();
CREATE TRIGGER authz_update_old AFTER UPDATE ON role_session REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_role_session();
CREATE TRIGGER authz_update_new AFTER UPDATE ON role_session REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_role_session();
CREATE TRIGGER authz_delete AFTER DELETE ON role_session REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION authz_bump_role_session();
CREATE TRIGGER authz_truncate BEFORE TRUNCATE ON role_session FOR EACH STATEMENT EXECUTE FUNCTION authz_forbid();
ALTER TABLE role_session
  ENABLE ALWAYS TRIGGER authz_insert,
  ENABLE ALWAYS TRIGGER authz_update_old,
  ENABLE ALWAYS TRIGGER authz_update_new,
  ENABLE ALWAYS TRIGGER authz_delete,
  ENABLE ALWAYS TRIGGER authz_truncate;
