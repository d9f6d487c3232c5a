"""The audit trail as people read it: lines by day on pages, rows of a CSV file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

import orjson
from django.utils.safestring import SafeString

from countersign import clock
from countersign.actors import Actor
from countersign.ledger import queries
from countersign.ledger.names import names_of
from countersign.ledger.queries import Filters, ReadEntry
from countersign.ledger.verbs import VERIFICATION_PASSED

BATCH = 500
"""Entries of a CSV file that are read at once."""
COLUMNS = (
    "index",
    "entry",
    "sealed",
    "recorded_at",
    "actor",
    "actor_kind",
    "actor_id",
    "verb",
    "sentence",
    "subject_type",
    "subject_id",
    "act",
    "request",
    "via",
    "before",
    "after",
)


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as the trail shows it; `actor_ref` is None where the system acted, `state` the status and word
    beside the sentence; `said` is the
    sentence without its links."""

    entry: ReadEntry
    actor: str
    actor_ref: str | None
    sentence: SafeString
    said: str
    state: tuple[str, str] | None


def lines_of(entries: Iterable[ReadEntry]) -> list[Line]:
    """Entries with their sentences and the names of their actors."""
    listed = list(entries)
    names = names_of(listed)
    return [
        Line(
            entry=entry,
            actor=names[entry.id],
            actor_ref=entry.leaf["actor"]["ref"],
            sentence=said.after_name().__html__(),  # a template would take str() of it, and lose the links
            said=str(said.after_name()),
            state=_state(entry),
        )
        for entry, said in zip(listed, queries.sentences_of(listed), strict=True)
    ]


_STATES = (
    (".refused", ("refused", "Refused")),
    (".failed", ("failed", "Failed")),
    (VERIFICATION_PASSED.name, ("met", "Holds")),
)


def _state(entry: ReadEntry) -> tuple[str, str] | None:
    if not entry.sealed:
        return "waiting", "Not sealed yet"
    return next((state for ending, state in _STATES if entry.leaf["verb"].endswith(ending)), None)


def trail(
    *, actor: Actor, filters: Filters, cursor: str | None = None, limit: int = queries.PAGE_SIZE
) -> dict[str, Any]:
    """What `ledger/lines.html` draws: lines by day, with the newest checkpoint between unsealed and sealed."""
    found = queries.entries(actor=actor, filters=filters, cursor=cursor, limit=limit)
    lines = lines_of(found.entries)
    days = [
        (day, list(group)) for day, group in groupby(lines, key=lambda line: line.entry.recorded_at.date())
    ]
    first_sealed = next((line.entry.id for line in lines if line.entry.sealed), None)
    return {
        "days": days,
        "count": len(lines),
        "next_cursor": found.next,
        "checkpoint": queries.latest_checkpoint() if first_sealed else None,
        "first_sealed": first_sealed,
    }


def rows_of(*, actor: Actor, filters: Filters) -> Iterator[tuple[object, ...]]:
    """Every entry `actor` may read that fits, newest first, as COLUMNS, read in batches. Personal values stand in
    the sentence as they do on the page, and only while they are held; states hold none."""
    cursor: str | None = None
    waited: set[UUID] = set()
    while True:
        found = queries.entries(actor=actor, filters=filters, cursor=cursor, limit=BATCH)
        names = names_of(found.entries)
        for entry, said in zip(found.entries, queries.sentences_of(found.entries), strict=True):
            if entry.id in waited:
                continue  # sealed since it was written out
            if not entry.sealed:
                waited.add(entry.id)
            yield _row(entry, names[entry.id], str(said))
        if found.next is None:
            return
        cursor = found.next


def _row(entry: ReadEntry, actor: str, said: str) -> tuple[object, ...]:
    leaf = entry.leaf
    return (
        entry.index,
        entry.id,
        "yes" if entry.sealed else "no",
        clock.stamp(entry.recorded_at),
        actor,
        leaf["actor"]["kind"],
        leaf["actor"]["ref"],
        leaf["verb"],
        said,
        leaf["subject"]["type"],
        leaf["subject"]["ref"],
        leaf["act"],
        leaf["request"],
        leaf["via"],
        _json(leaf["data"]["before"]),
        _json(leaf["data"]["after"]),
    )


def _json(state: dict[str, Any] | None) -> str | None:
    return None if state is None else orjson.dumps(state).decode()
