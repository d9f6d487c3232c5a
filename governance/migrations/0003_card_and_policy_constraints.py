"""What must hold whoever writes: a card revision never changes, a policy's revision only where it stands."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

TRIGGERS = """
CREATE TRIGGER card_revision_is_fixed BEFORE UPDATE OR DELETE ON governance_cardrevision
    FOR EACH STATEMENT EXECUTE FUNCTION registry_refuse('a card changes by a new revision');
CREATE TRIGGER policy_is_fixed BEFORE UPDATE OR DELETE ON governance_policy
    FOR EACH STATEMENT EXECUTE FUNCTION registry_refuse('a policy keeps its name, tier and environment');
CREATE TRIGGER policy_revision_stays BEFORE DELETE ON governance_policyrevision
    FOR EACH STATEMENT EXECUTE FUNCTION registry_refuse('decisions name it');
CREATE TRIGGER policy_revision_only_moves BEFORE UPDATE ON governance_policyrevision
    FOR EACH ROW EXECUTE FUNCTION registry_only_these_change(
        'state', 'approved_by_id', 'in_force_from', 'in_force_until');
"""
DROPS = """
DROP TRIGGER card_revision_is_fixed ON governance_cardrevision;
DROP TRIGGER policy_is_fixed ON governance_policy;
DROP TRIGGER policy_revision_stays ON governance_policyrevision;
DROP TRIGGER policy_revision_only_moves ON governance_policyrevision;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar[list[Any]] = [("governance", "0002_tables"), ("registry", "0002_constraints")]
    operations: ClassVar[list[Any]] = [migrations.RunSQL(TRIGGERS, DROPS)]
