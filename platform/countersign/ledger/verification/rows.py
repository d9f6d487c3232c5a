"""One sealed or waiting entry: its bytes against its leaf, its form, its search columns."""

from __future__ import annotations

from typing import Any

import orjson

from countersign import canonical
from countersign.ledger.tree import leaf_hash
from countersign.ledger.verification.report import Report, Section

SELECT = """
SELECT s.index, s.leaf, e.canonical, s.uuid::text, s.verb, s.actor::text, s.act::text, s.subject_type,
    s.subject_ref::text, to_char(s.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
FROM ledger_seal s LEFT JOIN ledger_entry e ON e.id = s.entry_id ORDER BY s.index"""

KEYS = {
    *("act", "actor", "data", "format", "id", "personal", "recorded_at", "request", "subject", "verb"),
    *("verb_version", "via"),
}


class Seen:
    """The kinds of things the log speaks of, for the check that this release knows them all."""

    def __init__(self) -> None:
        self.verbs: set[tuple[str, int]] = set()
        self.subject_types: set[str] = set()

    def note(self, leaf: dict[str, Any]) -> None:
        self.verbs.add((leaf["verb"], leaf["verb_version"]))
        self.subject_types.add(leaf["subject"]["type"])


def check_sealed(row: tuple[Any, ...], seen: Seen, report: Report) -> bytes:
    """Check one row of SELECT; the hash of its bytes (of the sealed leaf where the bytes are missing)."""
    index, stored, encoded, *columns = row
    place = f"index {index}"
    if encoded is None:
        report.add(Section.ROWS, f"{place}: the entry's bytes are missing")
        return bytes(stored)
    encoded = bytes(encoded)
    computed = leaf_hash(encoded)
    if computed != bytes(stored):
        report.add(Section.ROWS, f"{place}: the bytes do not match the sealed leaf")
    leaf = check_form(encoded, place, report)
    if leaf is not None:
        seen.note(leaf)
        if columns != _columns_of(leaf):
            report.add(Section.ROWS, f"{place}: the search columns differ from the leaf")
    return computed


def check_form(encoded: bytes, place: str, report: Report) -> dict[str, Any] | None:
    """The leaf these bytes write, or None when they are no leaf of format 1 in canonical form."""
    try:
        leaf = orjson.loads(encoded)
        if canonical.canonical(leaf) != encoded:
            raise canonical.NotCanonical
    except ValueError:
        report.add(Section.ROWS, f"{place}: the bytes are not in canonical form")
        return None
    if type(leaf) is not dict or leaf.keys() != KEYS or leaf["format"] != canonical.FORMAT:
        report.add(Section.ROWS, f"{place}: is not an entry of format {canonical.FORMAT}")
        return None
    return leaf


def _columns_of(leaf: dict[str, Any]) -> list[str | None]:
    """The search columns as SELECT writes them."""
    subject = leaf["subject"]
    return [
        leaf["id"],
        leaf["verb"],
        leaf["actor"]["ref"],
        leaf["act"],
        subject["type"],
        subject["ref"],
        leaf["recorded_at"],
    ]
