"""What the ledger's tests share: a subject to write about, and a clock that lets checkpoints follow each
other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import transaction

from countersign import clock
from countersign.accounts.models import Team
from countersign.actors import Actor, ActorKind
from countersign.ledger.actions import create_ledger
from countersign.ledger.append import AppendedEntry, append_entry
from countersign.ledger.keys import ledger_key
from countersign.ledger.models import Entry, Tree
from countersign.ledger.note import VerifierKey
from countersign.ledger.sealer import SealReport, seal
from countersign.ledger.verbs import Effect, Verb, register

SAVED = register(Verb("tests.team.saved"))
REMOVED = register(Verb("tests.team.removed", effect=Effect.GONE))
NOTICED = register(Verb("tests.team.noticed", effect=Effect.NONE))

SYSTEM = Actor.system(via="tests")


def person(**changes: Any) -> Actor:
    """Somebody signed in."""
    given = {"kind": ActorKind.PERSON, "ref": uuid4(), "label": "Ada Byron", "via": "page", "request": "r-1"}
    return Actor(**(given | changes))


def begin() -> Tree:
    """The ledger of the settings' name and key."""
    vkey = VerifierKey.of(settings.LEDGER_ORIGIN, ledger_key())
    return create_ledger(actor=SYSTEM, origin=settings.LEDGER_ORIGIN, vkey=str(vkey))


def new_team(name: str = "Scoring", **entry: Any) -> Team:
    """A team whose row and entry agree."""
    with transaction.atomic():
        team = Team.objects.create(name=name, slug=f"team-{uuid4()}", created_at=clock.now())
        record(team, **entry)
    return team


def rename(team: Team, name: str) -> None:
    """Change a team as an action does."""
    with transaction.atomic():
        before = Team.objects.select_for_update().get(pk=team.pk).ledger_state()
        team.name = name
        team.save()
        record(team, before=before)


def record(team: Team, **entry: Any) -> AppendedEntry:
    """Append an entry about a team."""
    return append_entry(**({"verb": SAVED, "subject": team, "actor": SYSTEM} | entry))


def newest() -> bytes:
    """The bytes of the entry appended last."""
    return bytes(Entry.objects.order_by("-pk")[0].canonical)


class Sealing:
    """Seals into a folder, a second later each time."""

    def __init__(self, folder: Path, move_clock: Callable[[float], None]) -> None:
        self.folder, self._move_clock = folder, move_clock
        self.key: Ed25519PrivateKey = ledger_key()

    def __call__(self) -> SealReport:
        self._move_clock(1.0)
        return seal(key=self.key, anchor_folder=self.folder, origin=settings.LEDGER_ORIGIN)
