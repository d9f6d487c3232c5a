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
class Sort:
    """An order of the list of models. `name` stands in the URL; `expression()` gives what PostgreSQL sorts by:
    whole numbers or text, never null. `rising` and `falling` say the rule; `falls`: the first click asks for the
    falling order. `leads`: the list comes in this order when nobody asks for one."""

    name: str
    expression: Callable[[], Any]
    rising: str
    falling: str
    falls: bool = False
    leads: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """`cells(rows)` gives the HTML of each row's cell by the row's id, with a bounded number of queries for
    all; a row without one shows `absent`. `numeric`: the cells stand on the right."""

    title: str
    order: int
    cells: Cells
    sort: Sort | None = None
    numeric: bool = False
    absent: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell as a template draws it."""

    content: SafeString | str
    column: Column

    @property
    def empty(self) -> bool:
        """Whether the row has nothing in this column."""
        return not self.content


_columns: dict[Table, dict[str, Column]] = {"models": {}, "versions": {}}


def register(table: Table, column: Column) -> None:
    """Add a column; the same title registered again replaces the first."""
    _columns[table][column.title] = column


def columns_of(table: Table) -> list[Column]:
    """The added columns, in order."""
    return sorted(_columns[table].values(), key=lambda column: (column.order, column.title))


def cells(table: Table, rows: Sequence[Any]) -> list[tuple[Any, list[Cell]]]:
    """Each row with the cells of the added columns, in order."""
    drawn = [(column, column.cells(rows)) for column in columns_of(table)]
    return [(row, [Cell(found.get(row.pk, ""), column) for column, found in drawn]) for row in rows]
