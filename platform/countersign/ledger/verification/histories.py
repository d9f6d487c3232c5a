"""History tables against the ledger: what as-of pages read is what the entries tell, no more and no less.

The layer that owns a history says which verbs it follows from and how: `expected` makes the rows from the leaves, in
the order of the log, `found` reads the table. Both give rows as text, compared as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from countersign.ledger.verification.report import Report, Section
from countersign.ledger.verification.snapshot import stream

Row = tuple[str, ...]
Leaf = dict[str, Any]

_TOLD = """
SELECT e.canonical FROM (
    SELECT entry_id, false AS waits, index AS place FROM ledger_seal WHERE verb = ANY (%s)
    UNION ALL SELECT entry_id, true, entry_id FROM ledger_unsealed WHERE verb = ANY (%s)) AS told
JOIN ledger_entry e ON e.id = told.entry_id ORDER BY waits, place"""


@dataclass(frozen=True, slots=True)
class History:
    """A history table: its name for people, the verbs it follows from, and both sides of the comparison."""

    name: str
    verbs: tuple[str, ...]
    expected: Callable[[Iterator[Leaf]], Iterable[Row]]
    found: Callable[[], Iterable[Row]]


_histories: dict[str, History] = {}


def register(history: History) -> None:
    """Have a history compared by every verification; the same name registered again replaces the first."""
    _histories[history.name] = history


def check_histories(report: Report) -> None:
    """Every registered history holds exactly the rows its entries tell."""
    for history in _histories.values():
        verbs = list(history.verbs)
        leaves = (orjson.loads(bytes(encoded)) for (encoded,) in stream(_TOLD, [verbs, verbs]))
        expected, found = set(history.expected(leaves)), set(history.found())
        for row in sorted(expected - found):
            report.add(
                Section.TABLES, f"{history.name}: the ledger tells of {_shown(row)}, the table does not"
            )
        for row in sorted(found - expected):
            report.add(Section.TABLES, f"{history.name}: holds {_shown(row)}, the ledger does not tell of it")


def _shown(row: Row) -> str:
    return " ".join(row)
