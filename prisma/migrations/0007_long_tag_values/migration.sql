-- Imports take tag values of any length, and an entry of an index ends at 2,704 bytes.

-- DropIndex
DROP INDEX "resource_tag_key_value_idx";

-- CreateIndex
CREATE INDEX "resource_tag_key_idx" ON "resource_tag"("key");
