-- For questions about whole accounts: all revisions of an account, whose scopes begin with its name, and the sessions of an
-- account that are open. Sessions that are over stay for a while, and their scopes for good, so neither is gone through.

-- CreateIndex
CREATE INDEX "role_session_account_id_expires_at_idx" ON "role_session"("account_id", "expires_at");

-- In the order of code points, whatever the collation of the database: ranges are beginnings of names then.
CREATE INDEX "scope_revision_by_name" ON "scope_revision"("scope" COLLATE "C");
