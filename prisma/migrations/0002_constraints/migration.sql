-- What the model cannot say in Prisma's language: checks and partial unique indexes.
-- COLLATE "C" keeps lower() to ASCII, the folding that the evaluator uses.

ALTER TABLE "account" ADD CONSTRAINT "account_id_is_number" CHECK ("id" ~ '^[0-9]{1,32}$');

ALTER TABLE "principal"
  ADD CONSTRAINT "principal_arn_key_is_folded" CHECK ("arn_key" = lower("arn" COLLATE "C")),
  ADD CONSTRAINT "principal_role_fields" CHECK (
    CASE WHEN "kind" = 'ROLE' THEN "role_kind" IS NOT NULL AND "trust_policy" IS NOT NULL
         ELSE "role_kind" IS NULL AND "trust_policy" IS NULL AND "service" IS NULL AND "max_session_duration" IS NULL END);
CREATE UNIQUE INDEX "account_has_one_owner" ON "principal" ("account_id") WHERE "kind" = 'ACCOUNT_OWNER';

ALTER TABLE "policy"
  ADD CONSTRAINT "policy_name_key_is_folded" CHECK ("name_key" = lower("name" COLLATE "C")),
  ADD CONSTRAINT "policy_custom_has_account" CHECK ("type" = 'SYSTEM' OR "account_id" IS NOT NULL);
CREATE UNIQUE INDEX "policy_built_in_name" ON "policy" ("type", "name_key") WHERE "account_id" IS NULL;

ALTER TABLE "policy_version" ADD CONSTRAINT "policy_version_number_is_positive" CHECK ("number" >= 1);
CREATE UNIQUE INDEX "policy_has_one_default" ON "policy_version" ("policy_id") WHERE "is_default";

ALTER TABLE "attachment" ADD CONSTRAINT "attachment_window" CHECK ("not_before" < "expires_at");
CREATE UNIQUE INDEX "attachment_account_scope" ON "attachment" ("principal_id", "policy_id") WHERE "resource_group_id" IS NULL;

ALTER TABLE "kms_resource"
  ADD CONSTRAINT "kms_resource_type_fields" CHECK (
    CASE "type"
      WHEN 'KEY' THEN "key_state" IS NOT NULL AND "key_id" IS NULL AND "secret_type" IS NULL
      WHEN 'SECRET' THEN "key_state" IS NULL AND "key_spec" IS NULL AND "key_usage" IS NULL AND "origin" IS NULL
      ELSE "key_state" IS NULL AND "key_id" IS NOT NULL AND "resource_group_id" IS NULL AND "secret_type" IS NULL END);
