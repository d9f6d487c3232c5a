"""What the tests of bad input share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from countersign.api.views import error_codes
from tests.test_core.accounts_kit import leaves

REFUSED = "accounts.attempt.refused"
_TABLES = "^(accounts|api|blobs|governance|jobs|ledger|registry)_"


def rows() -> dict[str, int]:
    """How many rows each table of the product has, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ %s ORDER BY 1", [_TABLES]
        )
        tables = [name for (name,) in cursor.fetchall()]
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}', count(*) FROM \"{name}\"" for name in tables))
        return dict(cursor.fetchall())


@contextmanager
def nothing_written() -> Iterator[None]:
    """No table has another row afterwards."""
    before = rows()
    yield
    assert rows() == before


@contextmanager
def one_refusal_told(attempted: str, *codes: str) -> Iterator[None]:
    """The attempt of a known person stands in the ledger, once, and nothing else was written."""
    before, told = rows(), len(leaves())
    yield
    changed = {name for name, count in rows().items() if count != before[name]}
    assert changed <= {"ledger_entry", "ledger_pending"}
    new = leaves(told)
    assert [leaf["verb"] for leaf in new] == [REFUSED]
    said = new[0]["data"]["after"]["details"]
    assert (said["attempted"], tuple(said["reasons"])) == (attempted, codes)


def explained(problem: Any, status: int) -> bool:
    """Whether docs/api.md says what to do about this answer."""
    return any(row["code"] == problem["code"] and row["status"] == str(status) for row in error_codes())
