"""How much room what is kept takes, as PostgreSQL counts it (tables with their indexes and long values)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection
from psycopg import sql

GROWING = (
    ("ledger entries", "ledger_entry", ("ledger_entry", "ledger_seal", "ledger_node", "ledger_personal")),
    ("checkpoints", "ledger_checkpoint", ("ledger_checkpoint",)),
    ("model versions", "registry_modelversion", ("registry_modelversion", "registry_manifestfile")),
    ("evaluations", "governance_evaluation", ("governance_evaluation",)),
    ("runs with telemetry", "registry_run", ("registry_run", "registry_runmetric", "registry_runparameter")),
    ("jobs with their lines", "jobs_job", ("jobs_job", "jobs_jobline")),
)
"""Name, the table whose rows are counted, the tables whose bytes are."""


@dataclass(frozen=True, slots=True)
class Size:
    """So many of something, in so many bytes."""

    name: str
    count: int
    size: int

    @property
    def each(self) -> int:
        """Bytes of one, rounded; 0 where there is none."""
        return round(self.size / self.count) if self.count else 0


def measure() -> Iterator[Size]:
    """The tables that grow, the blobs, and the whole database."""
    with connection.cursor() as cursor:
        for name, counted, tables in GROWING:
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(counted)))
            count = cursor.fetchone()[0]
            cursor.execute(
                "SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest(%s::text[]) AS name",
                [list(tables)],
            )
            yield Size(name, count, int(cursor.fetchone()[0]))
        cursor.execute("SELECT count(*), coalesce(sum(size), 0) FROM blobs_blob")
        count, size = cursor.fetchone()
        yield Size("blobs, on their disk", count, int(size))
        cursor.execute("SELECT pg_database_size(current_database())")
        yield Size("the whole database", 1, int(cursor.fetchone()[0]))
