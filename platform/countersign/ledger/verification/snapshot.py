"""One unchanging view of the database for the whole verification, while the platform goes on working."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction

Progress = Callable[[float, str], None]
"""Called with a share from 0 to 1 and what is being done."""

BATCH = 4096


@contextmanager
def snapshot(on_progress: Progress) -> Iterator[Progress]:
    """Read everything inside in one REPEATABLE READ transaction on a connection of its own; the yielded
    progress function calls `on_progress` on the caller's connection, so that it may write. Inside a
    transaction of the caller, that transaction is used as it is."""
    if connection.in_atomic_block:
        yield on_progress
        return
    outer, own = connections[DEFAULT_DB_ALIAS], connections.create_connection(DEFAULT_DB_ALIAS)

    def progress(share: float, message: str) -> None:
        connections[DEFAULT_DB_ALIAS] = outer
        try:
            on_progress(share, message)
        finally:
            connections[DEFAULT_DB_ALIAS] = own

    connections[DEFAULT_DB_ALIAS] = own
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield progress
    finally:
        connections[DEFAULT_DB_ALIAS] = outer
        own.close()


@contextmanager
def joins_in_index_order() -> Iterator[None]:
    """Inside, a join of two tables by their indexes streams instead of being built whole first."""
    settings = {"enable_hashjoin": "off", "enable_sort": "off", "cursor_tuple_fraction": "1"}
    with connection.cursor() as cursor:
        for name, value in settings.items():
            cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
        yield
        for name in settings:
            cursor.execute(f"SET LOCAL {name} TO DEFAULT")


def stream(sql: str, parameters: list[Any] | None = None) -> Iterator[tuple[Any, ...]]:
    """Rows of a query through a server-side cursor, in constant memory."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, parameters or [])
        while rows := cursor.fetchmany(BATCH):
            yield from rows
