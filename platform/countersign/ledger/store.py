"""The tree as PostgreSQL holds it: leaves in `ledger_seal`, roots of complete runs in `ledger_node`."""

from __future__ import annotations

from django.db import connection

from countersign.ledger.proofs import subtree_reader


class BrokenTree(RuntimeError):
    """Stored hashes are missing: the tables were changed behind the application. `manage.py verify` says
    where."""


def read_run(level: int, first: int, count: int) -> list[bytes]:
    """Stored hashes, in order (see proofs.ReadRun). Raises BrokenTree when some are missing."""
    with connection.cursor() as cursor:
        if level == 0:
            cursor.execute(
                "SELECT leaf FROM ledger_seal WHERE index >= %s AND index < %s ORDER BY index",
                [first, first + count],
            )
        else:
            cursor.execute(
                "SELECT hash FROM ledger_node WHERE level = %s AND n >= %s AND n < %s ORDER BY n",
                [level, first, first + count],
            )
        hashes = [bytes(row[0]) for row in cursor.fetchall()]
    if len(hashes) != count:
        raise BrokenTree(
            f"level {level}: {len(hashes)} of {count} hashes from {first} on are stored; run manage.py verify"
        )
    return hashes


subtree = subtree_reader(read_run)
"""Root of any range of the stored tree (see proofs.Subtree)."""


def root_at(size: int) -> bytes:
    """Root of the first `size` (at least 1) leaves."""
    return subtree(0, size)
