-- For questions about whole accounts: all revisions of an account, whose scopes begin with its name, and the sessions of an
-- account that are open. Sessions that are over stay for a while, and their scopes for good, so neither is gone through.

-- CreateIndex
CREATE INDEX "role_session_account_id_expires_at_idx" ON "role_session"("account_id", "expires_at");

-- By code points, whatever the collation of the database: so ranges are beginnings of names. With a condition that always
-- holds, because Prisma leaves alone what it cannot describe, and takes an index without one for its own.
CREATE INDEX "scope_revision_by_name" ON "scope_revision"("scope" text_pattern_ops) WHERE "scope" IS NOT NULL;
