"""What the serving role may do to the tables beside the ledger's: everything but change their shape, and less
where rows are written once. The ledger grants its own (`ledger.roles`)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connection
from psycopg import sql

WRITTEN_ONCE = ("governance_signoff", "governance_remark", "governance_comparison")
"""Tables whose rows are never rewritten, by nobody who serves."""


def grant_after_migrate(**_: Any) -> None:
    """Receiver of `post_migrate`: grant the serving role what it needs on every table but the ledger's."""
    role = str(settings.SERVING_ROLE)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s), current_user = %s", [role, role]
        )
        exists, is_owner = cursor.fetchone()
        if not exists or is_owner:
            return
        cursor.execute(
            r"SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'ledger\_%%'"
        )
        for (table,) in cursor.fetchall():
            allowed = "SELECT, INSERT" if table in WRITTEN_ONCE else "SELECT, INSERT, UPDATE, DELETE"
            cursor.execute(
                sql.SQL("GRANT {} ON {} TO {}").format(
                    sql.SQL(allowed), sql.Identifier(table), sql.Identifier(role)
                )
            )
        cursor.execute(
            sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}").format(
                sql.Identifier(role)
            )
        )
