"""Columns that higher layers add to the tables of models and versions: the registry knows nothing of
approval, yet its lists show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from django.utils.safestring import SafeString

Table = Literal["models", "versions"]
Cells = Callable[[Sequence[Any]], Mapping[UUID, SafeString]]


@dataclass(frozen=True, slots=True)
class Column:
    """`cells(rows)` gives the HTML of each row's cell by the row's id, with a bounded number of queries for
    all."""

    title: str
    order: int
    cells: Cells


_columns: dict[Table, dict[str, Column]] = {"models": {}, "versions": {}}


def register(table: Table, column: Column) -> None:
    """Add a column; the same title registered again replaces the first."""
    _columns[table][column.title] = column


def titles(table: Table) -> list[str]:
    """The heads of the added columns, in order."""
    return [column.title for column in _ordered(table)]


def cells(table: Table, rows: Sequence[Any]) -> list[tuple[Any, list[SafeString]]]:
    """Each row with the cells of the added columns, in order."""
    drawn = [column.cells(rows) for column in _ordered(table)]
    return [(row, [column.get(row.pk, SafeString("")) for column in drawn]) for row in rows]


def _ordered(table: Table) -> list[Column]:
    return sorted(_columns[table].values(), key=lambda column: (column.order, column.title))
