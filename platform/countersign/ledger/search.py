"""Ledger entries, as search finds them: by index, or by id."""

from __future__ import annotations

from django.urls import reverse

from countersign.actors import Actor
from countersign.ledger.queries import Filters, entries
from countersign.ledger.trail import Line, lines_of
from countersign.permissions import Permission
from countersign.web.formats import instant, thousands
from countersign.web.search import Found, Hit, Kind, Query, register


def find_entries(actor: Actor, query: Query, limit: int) -> Found:
    """The entry of this index or id, then those about the thing or of the act with this id."""
    if not actor.holds_anywhere(Permission.READ_LEDGER):
        return Found()
    wanted: list[Filters] = []
    if (index := query.number_of("entry", "ledger entry", "leaf")) is not None:
        wanted = [Filters(index=index)]
    elif query.uuid:
        wanted = [
            Filters(entry=query.uuid),
            Filters(act=query.uuid),
            Filters(subject_ref=query.uuid),
        ]
    for filters in wanted:
        found = entries(actor=actor, filters=filters, limit=limit).entries
        if found:
            return Found([_hit(line) for line in lines_of(found)], len(found))
    return Found()


def _hit(line: Line) -> Hit:
    entry = line.entry
    name = "Entry, not sealed yet" if entry.index is None else f"Entry {thousands(entry.index)}"
    return Hit(
        name,
        reverse("ledger:entry", args=[entry.id]),
        about=f"{line.actor} {line.said}",
        aside=instant(entry.recorded_at),
        icon="talk",
    )


register(Kind("entries", "Ledger entries", 80, find_entries))
