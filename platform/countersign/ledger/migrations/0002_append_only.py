"""What Django's models cannot say: checks on bytes, triggers that refuse every change, the view of what
waits.

The triggers are ENABLE ALWAYS, so that `session_replication_role = replica` does not walk past them, and fire
once per statement, so that an INSERT pays nothing and even a DELETE of no rows is refused.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

APPEND_ONLY = ("ledger_entry", "ledger_seal", "ledger_node", "ledger_checkpoint")

CHECKS = """
ALTER TABLE ledger_entry ALTER COLUMN id SET GENERATED ALWAYS;
ALTER TABLE ledger_entry ADD CONSTRAINT ledger_entry_size CHECK (octet_length(canonical) BETWEEN 2 AND 65535);
ALTER TABLE ledger_seal ADD CONSTRAINT ledger_seal_leaf CHECK (octet_length(leaf) = 32),
    ADD CONSTRAINT ledger_seal_index CHECK (index >= 0);
ALTER TABLE ledger_node ADD CONSTRAINT ledger_node_hash CHECK (octet_length(hash) = 32),
    ADD CONSTRAINT ledger_node_place CHECK (level BETWEEN 1 AND 7 AND n >= 0);
ALTER TABLE ledger_checkpoint ADD CONSTRAINT ledger_checkpoint_root
    CHECK (octet_length(root) = 32 AND size > 0);
ALTER TABLE ledger_personal ADD CONSTRAINT ledger_personal_salt CHECK (octet_length(salt) = 32);
ALTER TABLE ledger_pending SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
"""

# OFFSET 0 keeps filters out of the inner query: what waits is looked up by id, not searched for.
VIEW = """
CREATE VIEW ledger_unsealed AS
SELECT p.entry_id, (leaf->>'id')::uuid AS uuid, leaf->>'verb' AS verb,
    (leaf#>>'{actor,ref}')::uuid AS actor, (leaf->>'act')::uuid AS act,
    leaf#>>'{subject,type}' AS subject_type,
    (leaf#>>'{subject,ref}')::uuid AS subject_ref, (leaf->>'recorded_at')::timestamptz AS recorded_at
FROM ledger_pending p, LATERAL (
    SELECT convert_from(e.canonical, 'UTF8')::jsonb AS leaf FROM ledger_entry e
    WHERE e.id = p.entry_id OFFSET 0) AS waiting;
"""

FUNCTION = """
CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION '% on % is refused: the ledger is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""

TRIGGER = """
CREATE TRIGGER refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER refuse;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar[list[Any]] = [("ledger", "0001_tables")]

    operations: ClassVar[list[Any]] = [
        migrations.RunSQL(CHECKS, migrations.RunSQL.noop),
        migrations.RunSQL(VIEW, "DROP VIEW ledger_unsealed"),
        migrations.RunSQL(
            FUNCTION + "".join(TRIGGER.format(table=table) for table in APPEND_ONLY),
            "DROP FUNCTION ledger_refuse() CASCADE",
        ),
    ]
