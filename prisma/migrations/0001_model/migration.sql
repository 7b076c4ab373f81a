
-- CreateEnum
CREATE TYPE "PrincipalKind" AS ENUM ('USER', 'GROUP', 'ROLE', 'ACCOUNT_OWNER');

-- CreateEnum
CREATE TYPE "RoleKind" AS ENUM ('REGULAR', 'SERVICE', 'SERVICE_LINKED');

-- CreateEnum
CREATE TYPE "PolicyType" AS ENUM ('SYSTEM', 'CUSTOM');

-- CreateEnum
CREATE TYPE "ResourceType" AS ENUM ('KEY', 'SECRET', 'ALIAS');

-- CreateEnum
CREATE TYPE "KeyState" AS ENUM ('ENABLED', 'DISABLED', 'PENDING_DELETION', 'PENDING_IMPORT');

-- CreateEnum
CREATE TYPE "CredentialKind" AS ENUM ('OPERATOR', 'PRINCIPAL');

-- CreateTable
CREATE TABLE "account" (
    "id" TEXT NOT NULL,
    "alias" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "imported_at" TIMESTAMPTZ(3),

    CONSTRAINT "account_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "resource_group" (
    "account_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "resource_group_pkey" PRIMARY KEY ("account_id","id")
);

-- CreateTable
CREATE TABLE "principal" (
    "id" UUID NOT NULL,
    "account_id" TEXT NOT NULL,
    "kind" "PrincipalKind" NOT NULL,
    "name" TEXT NOT NULL,
    "arn" TEXT NOT NULL,
    "arn_key" TEXT NOT NULL,
    "display_name" TEXT,
    "comments" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "role_kind" "RoleKind",
    "service" TEXT,
    "trust_policy" TEXT,
    "max_session_duration" INTEGER,

    CONSTRAINT "principal_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "group_membership" (
    "group_id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "account_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "group_membership_pkey" PRIMARY KEY ("group_id","user_id")
);

-- CreateTable
CREATE TABLE "principal_tag" (
    "principal_id" UUID NOT NULL,
    "key" TEXT NOT NULL,
    "value" TEXT NOT NULL,

    CONSTRAINT "principal_tag_pkey" PRIMARY KEY ("principal_id","key")
);

-- CreateTable
CREATE TABLE "policy" (
    "id" UUID NOT NULL,
    "account_id" TEXT,
    "type" "PolicyType" NOT NULL,
    "name" TEXT NOT NULL,
    "name_key" TEXT NOT NULL,
    "arn" TEXT NOT NULL,
    "description" TEXT,
    "last_version" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "policy_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "policy_version" (
    "id" UUID NOT NULL,
    "policy_id" UUID NOT NULL,
    "number" INTEGER NOT NULL,
    "document" TEXT NOT NULL,
    "is_default" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "policy_version_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "attachment" (
    "id" UUID NOT NULL,
    "account_id" TEXT NOT NULL,
    "policy_id" UUID NOT NULL,
    "principal_id" UUID NOT NULL,
    "resource_group_id" TEXT,
    "not_before" TIMESTAMPTZ(3),
    "expires_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "attachment_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "kms_resource" (
    "id" UUID NOT NULL,
    "account_id" TEXT NOT NULL,
    "type" "ResourceType" NOT NULL,
    "region" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "arn" TEXT NOT NULL,
    "resource_group_id" TEXT,
    "key_id" UUID,
    "key_state" "KeyState",
    "key_spec" TEXT,
    "key_usage" TEXT,
    "origin" TEXT,
    "secret_type" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "kms_resource_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "resource_tag" (
    "resource_id" UUID NOT NULL,
    "key" TEXT NOT NULL,
    "value" TEXT NOT NULL,

    CONSTRAINT "resource_tag_pkey" PRIMARY KEY ("resource_id","key")
);

-- CreateTable
CREATE TABLE "credential" (
    "id" TEXT NOT NULL,
    "kind" "CredentialKind" NOT NULL,
    "secret_digest" BYTEA NOT NULL,
    "principal_id" UUID,
    "description" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "credential_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "gateway_secret" (
    "name" TEXT NOT NULL,
    "value" BYTEA NOT NULL,

    CONSTRAINT "gateway_secret_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "authz_revision" (
    "scope" TEXT NOT NULL,
    "rev" BIGINT NOT NULL,
    "tag" UUID NOT NULL DEFAULT gen_random_uuid(),

    CONSTRAINT "authz_revision_pkey" PRIMARY KEY ("scope")
);

-- CreateTable
CREATE TABLE "audit_event" (
    "id" BIGSERIAL NOT NULL,
    "account_id" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "actor" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "targets" TEXT[],
    "reason" TEXT,
    "request_id" TEXT,
    "input" JSONB NOT NULL,

    CONSTRAINT "audit_event_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "idempotency_record" (
    "caller" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "response" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "idempotency_record_pkey" PRIMARY KEY ("caller","key")
);

-- CreateIndex
CREATE UNIQUE INDEX "principal_arn_key_key" ON "principal"("arn_key");

-- CreateIndex
CREATE INDEX "principal_account_id_kind_idx" ON "principal"("account_id", "kind");

-- CreateIndex
CREATE UNIQUE INDEX "principal_id_account_id_key" ON "principal"("id", "account_id");

-- CreateIndex
CREATE INDEX "group_membership_user_id_idx" ON "group_membership"("user_id");

-- CreateIndex
CREATE INDEX "policy_arn_idx" ON "policy"("arn");

-- CreateIndex
CREATE UNIQUE INDEX "policy_account_id_type_name_key_key" ON "policy"("account_id", "type", "name_key");

-- CreateIndex
CREATE UNIQUE INDEX "policy_version_policy_id_number_key" ON "policy_version"("policy_id", "number");

-- CreateIndex
CREATE INDEX "attachment_policy_id_idx" ON "attachment"("policy_id");

-- CreateIndex
CREATE INDEX "attachment_account_id_resource_group_id_idx" ON "attachment"("account_id", "resource_group_id");

-- CreateIndex
CREATE UNIQUE INDEX "attachment_principal_id_policy_id_resource_group_id_key" ON "attachment"("principal_id", "policy_id", "resource_group_id");

-- CreateIndex
CREATE UNIQUE INDEX "kms_resource_arn_key" ON "kms_resource"("arn");

-- CreateIndex
CREATE INDEX "kms_resource_account_id_type_idx" ON "kms_resource"("account_id", "type");

-- CreateIndex
CREATE INDEX "kms_resource_account_id_resource_group_id_idx" ON "kms_resource"("account_id", "resource_group_id");

-- CreateIndex
CREATE INDEX "kms_resource_key_id_idx" ON "kms_resource"("key_id");

-- CreateIndex
CREATE UNIQUE INDEX "kms_resource_id_account_id_region_key" ON "kms_resource"("id", "account_id", "region");

-- CreateIndex
CREATE INDEX "resource_tag_key_value_idx" ON "resource_tag"("key", "value");

-- CreateIndex
CREATE INDEX "audit_event_account_id_id_idx" ON "audit_event"("account_id", "id");

-- AddForeignKey
ALTER TABLE "resource_group" ADD CONSTRAINT "resource_group_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "principal" ADD CONSTRAINT "principal_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "group_membership" ADD CONSTRAINT "group_membership_group_id_account_id_fkey" FOREIGN KEY ("group_id", "account_id") REFERENCES "principal"("id", "account_id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "group_membership" ADD CONSTRAINT "group_membership_user_id_account_id_fkey" FOREIGN KEY ("user_id", "account_id") REFERENCES "principal"("id", "account_id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "principal_tag" ADD CONSTRAINT "principal_tag_principal_id_fkey" FOREIGN KEY ("principal_id") REFERENCES "principal"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "policy" ADD CONSTRAINT "policy_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "policy_version" ADD CONSTRAINT "policy_version_policy_id_fkey" FOREIGN KEY ("policy_id") REFERENCES "policy"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "attachment" ADD CONSTRAINT "attachment_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "attachment" ADD CONSTRAINT "attachment_policy_id_fkey" FOREIGN KEY ("policy_id") REFERENCES "policy"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "attachment" ADD CONSTRAINT "attachment_principal_id_account_id_fkey" FOREIGN KEY ("principal_id", "account_id") REFERENCES "principal"("id", "account_id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "attachment" ADD CONSTRAINT "attachment_account_id_resource_group_id_fkey" FOREIGN KEY ("account_id", "resource_group_id") REFERENCES "resource_group"("account_id", "id") ON DELETE NO ACTION ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "kms_resource" ADD CONSTRAINT "kms_resource_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "kms_resource" ADD CONSTRAINT "kms_resource_account_id_resource_group_id_fkey" FOREIGN KEY ("account_id", "resource_group_id") REFERENCES "resource_group"("account_id", "id") ON DELETE NO ACTION ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "kms_resource" ADD CONSTRAINT "kms_resource_key_id_account_id_region_fkey" FOREIGN KEY ("key_id", "account_id", "region") REFERENCES "kms_resource"("id", "account_id", "region") ON DELETE NO ACTION ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "resource_tag" ADD CONSTRAINT "resource_tag_resource_id_fkey" FOREIGN KEY ("resource_id") REFERENCES "kms_resource"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "credential" ADD CONSTRAINT "credential_principal_id_fkey" FOREIGN KEY ("principal_id") REFERENCES "principal"("id") ON DELETE CASCADE ON UPDATE CASCADE;


