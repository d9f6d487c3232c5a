"""How actors are called. The ledger knows no user table: the layer that does registers how refs become names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from uuid import UUID

from countersign.actors import ActorKind
from countersign.ledger.queries import ReadEntry

Namer = Callable[[Iterable[UUID]], Mapping[UUID, str]]
Finder = Callable[[str], Collection[UUID]]
_namer: list[Namer] = []
_finder: list[Finder] = []


def register(namer: Namer) -> None:
    """Name who turns refs of people and service accounts into names; the last one registered counts."""
    _namer[:] = [namer]


def register_finder(finder: Finder) -> None:
    """Name who turns what somebody typed into refs of people and service accounts; the last one counts."""
    _finder[:] = [finder]


def called(said: str) -> Collection[UUID]:
    """Refs of those who are called so."""
    return _finder[0](said) if _finder else ()


def name_of(ref: UUID) -> str:
    """The name of one ref, “somebody” where nobody is known."""
    return _namer[0]([ref]).get(ref, "somebody") if _namer else "somebody"


def names_of(entries: Iterable[ReadEntry]) -> dict[UUID, str]:
    """Entry id → the name of its actor: “Countersign” for the system, “somebody” where nobody is known."""
    listed = list(entries)
    refs = {entry.id: UUID(ref) for entry in listed if (ref := entry.leaf["actor"]["ref"])}
    known = _namer[0](set(refs.values())) if _namer and refs else {}
    return {
        entry.id: "Countersign"
        if entry.leaf["actor"]["kind"] == ActorKind.SYSTEM
        else known.get(refs[entry.id], "somebody")
        for entry in listed
    }
