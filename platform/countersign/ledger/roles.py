"""What the serving role may do to the ledger's tables: read and add, never rewrite.

The owner migrates. Where one role does both, PostgreSQL cannot keep the application from rewriting, and
`doctor` says so.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connection
from psycopg import sql

GRANTS: dict[str, tuple[str, ...]] = {
    "ledger_entry": ("SELECT", "INSERT"),
    "ledger_seal": ("SELECT", "INSERT"),
    "ledger_node": ("SELECT", "INSERT"),
    "ledger_checkpoint": ("SELECT", "INSERT"),
    "ledger_pending": ("SELECT", "INSERT", "DELETE"),
    "ledger_personal": ("SELECT", "INSERT", "DELETE"),
    "ledger_tree": ("SELECT", "INSERT", "UPDATE"),
    "ledger_unsealed": ("SELECT",),
}
"""Every table and view of the ledger, and all that the serving role may do to it."""


def grant_after_migrate(**_: Any) -> None:
    """Receiver of `post_migrate`: grant exactly GRANTS to `settings.SERVING_ROLE`, revoking what is more."""
    role = str(settings.SERVING_ROLE)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s), current_user = %s", [role, role]
        )
        exists, is_owner = cursor.fetchone()
        if not exists or is_owner:
            return
        for table, privileges in GRANTS.items():
            names = {"table": sql.Identifier(table), "role": sql.Identifier(role)}
            cursor.execute(sql.SQL("REVOKE ALL ON {table} FROM {role}").format(**names))
            allowed = sql.SQL(", ").join(sql.SQL(privilege) for privilege in privileges)
            cursor.execute(sql.SQL("GRANT {allowed} ON {table} TO {role}").format(allowed=allowed, **names))


def excess_privileges() -> list[str]:
    """Sentences naming what the connected role may do beyond GRANTS; empty when it is bound as it should
    be."""
    excess: list[str] = []
    with connection.cursor() as cursor:
        for table, privileges in GRANTS.items():
            for privilege in ("UPDATE", "DELETE", "TRUNCATE"):
                cursor.execute("SELECT has_table_privilege(%s, %s)", [table, privilege])
                if cursor.fetchone()[0] and privilege not in privileges:
                    excess.append(f"the serving role may {privilege} {table}")
    return excess
