-- The audit trail becomes a hash chain for each account; docs/adr/0006-audit-chain.md says why and what it catches.
-- Events that are there already are chained here, in the order of their ids, by the encoding of
-- src/administration/audit-record.ts. Their heads stay without seal until the next start: the key may lie elsewhere.

-- AlterTable
ALTER TABLE "audit_event"
ADD COLUMN     "sequence" INTEGER,
ADD COLUMN     "target_keys" TEXT[],
ADD COLUMN     "before" JSONB,
ADD COLUMN     "after" JSONB,
ADD COLUMN     "revision" JSONB,
ADD COLUMN     "previous_hash" BYTEA,
ADD COLUMN     "hash" BYTEA,
ALTER COLUMN "at" DROP DEFAULT;

-- CreateTable
CREATE TABLE "audit_head" (
    "account_id" TEXT NOT NULL,
    "sequence" INTEGER NOT NULL,
    "hash" BYTEA NOT NULL,
    "seal" BYTEA,

    CONSTRAINT "audit_head_pkey" PRIMARY KEY ("account_id")
);

CREATE FUNCTION audit_field(field text) RETURNS text LANGUAGE sql AS $$
  SELECT coalesce(octet_length(convert_to(field, 'UTF8')) || ':' || field || ',', '-,')
$$;

DO $$
DECLARE
  e record;
  account text;
  n integer;
  previous bytea;
  keys text[];
  digest bytea;
BEGIN
  FOR e IN SELECT * FROM audit_event ORDER BY account_id, id LOOP
    IF account IS DISTINCT FROM e.account_id THEN
      account := e.account_id;
      n := 0;
      previous := decode(repeat('00', 32), 'hex');
    END IF;
    n := n + 1;
    keys := ARRAY(
      SELECT CASE WHEN t LIKE 'acs:ram:%' AND t NOT LIKE '%:assumed-role/%' THEN lower(t COLLATE "C") ELSE t END
      FROM unnest(e.targets) WITH ORDINALITY AS targets (t, place) ORDER BY place);
    digest := sha256(previous || convert_to(
      audit_field('ramgate-audit-1') || audit_field(e.account_id) || audit_field(n::text) ||
      audit_field(trunc(extract(epoch FROM e.at) * 1000)::text) || audit_field(e.actor) || audit_field(e.action) ||
      audit_field(array_to_json(e.targets)::text) || audit_field(array_to_json(keys)::text) ||
      audit_field(e.reason) || audit_field(e.request_id) || audit_field(e.input::text) ||
      audit_field(NULL) || audit_field(NULL) || audit_field(NULL), 'UTF8'));
    UPDATE audit_event SET sequence = n, target_keys = keys, previous_hash = previous, hash = digest WHERE id = e.id;
    previous := digest;
  END LOOP;
END
$$;
DROP FUNCTION audit_field(text);

INSERT INTO audit_head (account_id, sequence, hash)
SELECT DISTINCT ON (account_id) account_id, sequence, hash FROM audit_event ORDER BY account_id, sequence DESC;

-- DropIndex
DROP INDEX "audit_event_account_id_id_idx";

-- AlterTable
ALTER TABLE "audit_event" DROP CONSTRAINT "audit_event_pkey",
DROP COLUMN "id",
ALTER COLUMN "sequence" SET NOT NULL,
ALTER COLUMN "previous_hash" SET NOT NULL,
ALTER COLUMN "hash" SET NOT NULL,
ADD CONSTRAINT "audit_event_pkey" PRIMARY KEY ("account_id", "sequence");

-- CreateIndex
CREATE INDEX "audit_event_target_keys_idx" ON "audit_event" USING GIN ("target_keys");

ALTER TABLE "audit_event"
  ADD CONSTRAINT "audit_event_sequence_is_positive" CHECK ("sequence" >= 1),
  ADD CONSTRAINT "audit_event_hashes" CHECK (octet_length("previous_hash") = 32 AND octet_length("hash") = 32);
ALTER TABLE "audit_head"
  ADD CONSTRAINT "audit_head_hashes" CHECK (octet_length("hash") = 32 AND octet_length("seal") = 32);

-- Only added to: whoever wants more has to switch the triggers off first, and the chain still tells.
CREATE FUNCTION audit_forbid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of table % is forbidden: the audit trail is only added to', lower(TG_OP), TG_TABLE_NAME;
END
$$;

CREATE FUNCTION audit_advance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.account_id = OLD.account_id AND (NEW.sequence = OLD.sequence + 1
    OR (OLD.seal IS NULL AND NEW.sequence = OLD.sequence AND NEW.hash = OLD.hash)) THEN RETURN NEW;
  END IF;
  RAISE EXCEPTION 'update of table % is forbidden: the head of an audit trail moves from one event to the next', TG_TABLE_NAME;
END
$$;

CREATE TRIGGER audit_keep BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event FOR EACH STATEMENT EXECUTE FUNCTION audit_forbid();
CREATE TRIGGER audit_keep BEFORE DELETE OR TRUNCATE ON audit_head FOR EACH STATEMENT EXECUTE FUNCTION audit_forbid();
CREATE TRIGGER audit_advance BEFORE UPDATE ON audit_head FOR EACH ROW EXECUTE FUNCTION audit_advance();
ALTER TABLE audit_event ENABLE ALWAYS TRIGGER audit_keep;
ALTER TABLE audit_head
  ENABLE ALWAYS TRIGGER audit_keep,
  ENABLE ALWAYS TRIGGER audit_advance;
