"""Sealed entries as a bundle needs them: by what they are about, with the personal values that are still
held."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

import orjson

from countersign.ledger.models import PersonalValue
from countersign.ledger.verbs import Effect, known
from countersign.ledger.verification.snapshot import stream

_SELECT = "SELECT s.index, e.canonical FROM ledger_seal s JOIN ledger_entry e ON e.id = s.entry_id WHERE "
_AT_ONCE = 1_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A sealed entry: its place in the tree and what it says."""

    index: int
    data: dict[str, Any]

    @property
    def id(self) -> str:
        """The id of the entry."""
        return str(self.data["id"])

    @property
    def verb(self) -> str:
        """What was done."""
        return str(self.data["verb"])

    @property
    def ref(self) -> str:
        """The id of what it is about."""
        return str(self.data["subject"]["ref"])

    @property
    def tells_state(self) -> bool:
        """Whether it tells the whole state of what it is about; a refused attempt, say, tells none."""
        verb = known(self.verb)
        return verb is not None and verb.effect is Effect.STATE

    @property
    def after(self) -> dict[str, Any]:
        """The state it tells; empty where it tells none."""
        return self.data["data"]["after"] or {}

    @property
    def details(self) -> dict[str, Any]:
        """What else belongs to the act."""
        return self.after.get("details") or {}


def leaves_where(condition: str, parameters: list[Any]) -> Iterator[Leaf]:
    """Entries that meet an SQL condition on the columns of `ledger_seal` (named `s`), in the order of the
    log."""
    for index, canonical in stream(f"{_SELECT}{condition} ORDER BY s.index", parameters):
        yield Leaf(index, orjson.loads(bytes(canonical)))


def leaves_about(kinds: Collection[str], refs: Iterable[UUID]) -> Iterator[Leaf]:
    """Entries about things of these ledger types with these ids; for each thing in the order of the log."""
    for some in in_parts(refs):
        yield from leaves_where("s.subject_type = ANY(%s) AND s.subject_ref = ANY(%s)", [list(kinds), some])


def first_about(kind: str, ref: UUID) -> Leaf:
    """The entry by which a thing began. Raises LookupError where there is none."""
    for leaf in leaves_about([kind], [ref]):
        return leaf
    raise LookupError(f"no sealed entry tells of {kind} {ref}; run manage.py verify")


def personal(leaf: Leaf, field: str) -> dict[str, str | None]:
    """A personal value with its salt, so that whoever reads the bundle can check it against the commitment
    in the leaf. Value and salt are None once erased, and where the entry commits to no such field."""
    held = PersonalValue.objects.filter(entry=leaf.id, field=field).first()
    return {
        "entry": leaf.id,
        "field": field,
        "salt": bytes(held.salt).hex() if held else None,
        "value": held.value if held else None,
    }


def in_parts(items: Iterable[T], size: int = _AT_ONCE) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
