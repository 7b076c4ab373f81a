-- The newest decisions that were not ALLOW, for `decisionLog`. No decision depends on them, so there are no triggers.

-- CreateTable
CREATE TABLE "decision_log" (
    "id" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "account_id" TEXT NOT NULL,
    "principal" TEXT NOT NULL,
    "action" TEXT,
    "resource" TEXT NOT NULL,
    "outcome" TEXT,
    "decided_by" TEXT,
    "error" TEXT,
    "caller" TEXT NOT NULL,
    "request_id" TEXT NOT NULL,

    CONSTRAINT "decision_log_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "decision_log_account_id_id_idx" ON "decision_log"("account_id", "id");

ALTER TABLE "decision_log" ADD CONSTRAINT "decision_log_outcome_or_error" CHECK (
  ("outcome" IS NULL) = ("error" IS NOT NULL) AND ("outcome" IS NULL) = ("decided_by" IS NULL) AND "outcome" <> 'ALLOW');
