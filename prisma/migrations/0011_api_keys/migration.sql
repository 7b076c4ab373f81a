-- API keys can be rotated: the secret before stays good for a while beside the new one. When a key was last used is kept
-- in a table of its own, without triggers: it decides nothing, and on `credential` it would move `cred:` of the key, which
-- gives up its sign-ins on every gateway.

-- AlterTable
ALTER TABLE "credential" ADD COLUMN "previous_digest" BYTEA,
ADD COLUMN "previous_until" TIMESTAMPTZ(3),
ADD COLUMN "rotated_at" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "credential_use" (
    "credential_id" TEXT NOT NULL,
    "last_used_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "credential_use_pkey" PRIMARY KEY ("credential_id")
);

-- CreateIndex
CREATE INDEX "credential_principal_id_id_idx" ON "credential"("principal_id", "id");

-- AddForeignKey
ALTER TABLE "credential_use" ADD CONSTRAINT "credential_use_credential_id_fkey" FOREIGN KEY ("credential_id") REFERENCES "credential"("id") ON DELETE CASCADE ON UPDATE CASCADE;

ALTER TABLE "credential" ADD CONSTRAINT "credential_previous_secret" CHECK (
  ("previous_digest" IS NULL) = ("previous_until" IS NULL) AND octet_length("previous_digest") = 32);
