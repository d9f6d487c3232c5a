"""Search: what one box finds. Each layer registers the kinds of things it owns; nobody below knows them.

    register(Kind("models", "Models", order=10, find=find_models))

`find(actor, query, limit)` gives the hits the actor may see, best first. What people wrote is found by kinds of its
own, which come last.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from countersign.actors import Actor
from countersign.identifiers import fold

LONGEST = 200
SHORTEST_IN_PROSE = 3
PROSE = 90
"""The order of kinds that look into what people wrote: after every name."""
COUNTED = 1_000
"""Beyond so many hits of a kind nobody counts."""
DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{6,64})")
NUMBERED = re.compile(r"(?:(.+?)\s+)?(?:#|no\.?\s*)?([0-9]{1,3}(?:,[0-9]{3})*|[0-9]{1,15})", re.IGNORECASE)


@dataclass(frozen=True)
class Query:
    """What somebody typed, as kinds read it."""

    text: str

    @cached_property
    def folded(self) -> str:
        """As names are compared."""
        return fold(self.text)

    @cached_property
    def digest(self) -> str | None:
        """The beginning of a SHA-256 in hex, at least six digits."""
        found = DIGEST.fullmatch(self.text.strip().lower())
        return found[1] if found else None

    @cached_property
    def uuid(self) -> UUID | None:
        """An id, whole."""
        try:
            return UUID(self.text.strip())
        except ValueError:
            return None

    @cached_property
    def numbered(self) -> tuple[str, int] | None:
        """“credit-default 14”, “review 62”, “entry 48,209”, “62”: the folded words before, and the number."""
        found = NUMBERED.fullmatch(self.text.strip())
        return (fold(found[1] or ""), int(found[2].replace(",", ""))) if found else None

    def number_of(self, *words: str) -> int | None:
        """The number, where nothing or one of these words stands before it."""
        numbered = self.numbered
        return numbered[1] if numbered and numbered[0] in ("", *words) else None

    def marked(self, text: str) -> SafeString:
        """The text, escaped, with what was looked for marked."""
        wanted = self.text.strip()
        at = text.casefold().find(wanted.casefold()) if wanted else -1
        if at < 0 or len(text.casefold()) != len(text):
            return escape(text)
        end = at + len(wanted)
        # Each part is escaped by itself.
        return mark_safe(f"{escape(text[:at])}<mark>{escape(text[at:end])}</mark>{escape(text[end:])}")  # noqa: S308


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing found: its name and page, a line about it, a word at the end; its digest is drawn as a
    fingerprint, else an icon stands for it."""

    title: str
    url: str
    about: str = ""
    aside: str = ""
    digest: str = ""
    icon: str = "to"


@dataclass(frozen=True, slots=True)
class Found:
    """Hits of a kind, at most as many as were asked for, and how many there are (COUNTED: at least so many)."""

    hits: Sequence[Hit] = field(default_factory=tuple)
    total: int = 0

    @classmethod
    def of(cls, rows: QuerySet[Any], limit: int, draw: Callable[[Any], Hit]) -> Found:
        """The first `limit` rows of a queryset, drawn, in two queries (one where they are all)."""
        listed = list(rows[: limit + 1])
        total = len(listed) if len(listed) <= limit else rows.order_by()[:COUNTED].count()
        return cls([draw(row) for row in listed[:limit]], total)


Find = Callable[[Actor, Query, int], Found]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing search finds."""

    name: str
    label: str
    order: int
    find: Find


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Have search find a kind of thing; the same name registered again replaces the first."""
    _kinds[kind.name] = kind


def kinds() -> list[Kind]:
    """Every kind in order."""
    return sorted(_kinds.values(), key=lambda kind: (kind.order, kind.name))


def find(actor: Actor, query: Query, *, limit: int) -> list[tuple[Kind, Found]]:
    """What the actor may know of that fits, by kind; kinds with nothing are left out."""
    found = [(kind, kind.find(actor, query, limit)) for kind in kinds()]
    return [(kind, hits) for kind, hits in found if hits.hits]


def by_name(rows: QuerySet[Any], query: Query, *, name: str) -> QuerySet[Any]:
    """Rows whose folded name holds what was typed: exact names first, then beginnings, then names that hold it;
    within these by name."""
    if not query.folded:
        return rows.none()
    ranks = [
        When(**{name: query.folded}, then=Value(0)),
        When(**{f"{name}__startswith": query.folded}, then=Value(1)),
    ]
    found = rows.filter(**{f"{name}__contains": query.folded})
    ranked = found.annotate(rank=Case(*ranks, default=Value(2), output_field=IntegerField()))
    ordered: QuerySet[Any] = ranked.order_by("rank", name, "pk")
    return ordered


def by_prose(rows: QuerySet[Any], query: Query, *, prose: str, name: str) -> QuerySet[Any]:
    """Rows in whose prose the words stand, and not in their name: what search shows after every name."""
    text = query.text.strip()
    if len(text) < SHORTEST_IN_PROSE:
        return rows.none()
    return rows.filter(**{f"{prose}__icontains": text}).exclude(**{f"{name}__contains": query.folded})
