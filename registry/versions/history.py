"""When which alias pointed at which version, as the ledger tells it: what `verify` compares AliasPeriod with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from countersign.clock import stamp
from countersign.identifiers import fold
from countersign.ledger.verification.histories import History, Leaf, Row, register
from registry.versions.models import AliasPeriod
from registry.versions.verbs import ALIAS_DELETED, ALIAS_SET

OPEN = "now"


def period_start(previous: datetime | None, recorded_at: datetime) -> datetime:
    """Where a period begins: when its entry was recorded, but after the one before it began, so that a clock stepped
    back makes neither an empty nor a reversed period."""
    return recorded_at if previous is None else max(recorded_at, previous + timedelta(microseconds=1))


def expected(leaves: Iterator[Leaf]) -> Iterable[Row]:
    """The periods the entries lead to."""
    last: dict[tuple[str, str], tuple[datetime, Row | None]] = {}
    for leaf in leaves:
        state = leaf["data"]["after"] or leaf["data"]["before"]
        key = (state["model"], fold(state["name"]))
        began, open_row = last.get(key, (None, None))
        start = period_start(began, datetime.fromisoformat(leaf["recorded_at"]))
        if open_row is not None:
            yield (*open_row[:4], stamp(start), open_row[5])
        row: Row | None = None
        if leaf["verb"] == ALIAS_SET.name:
            row = (*key, state["version"], stamp(start), OPEN, leaf["id"])
        last[key] = (start, row)
    for _, row in last.values():
        if row is not None:
            yield row


def found() -> Iterable[Row]:
    """The periods the table holds."""
    rows = AliasPeriod.objects.values_list("model", "name_folded", "version", "during", "entry")
    for model, name, version, during, entry in rows.iterator(chunk_size=1000):
        end = OPEN if during.upper is None else stamp(during.upper)
        yield (str(model), name, str(version), stamp(during.lower), end, str(entry))


register(
    History(
        "the history of aliases (registry_aliasperiod)", (ALIAS_SET.name, ALIAS_DELETED.name), expected, found
    )
)
