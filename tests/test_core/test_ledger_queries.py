"""Reading the ledger: who may read what, in which order, and how it reads to people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.checks import run_checks
from django.db import transaction
from django.utils.html import conditional_escape

from countersign import clock
from countersign.accounts.models import Team
from countersign.actors import Actor
from countersign.errors import Invalid, NotFound
from countersign.ledger import presenters, queries, reactions, visibility
from countersign.ledger.checks import check_recorded
from countersign.ledger.models import Checkpoint, PersonalValue, Seal, Unsealed
from countersign.ledger.presenters import Link, Sentence, sentence
from countersign.ledger.queries import EntryPage, Filters
from countersign.permissions import Grant, Role
from tests.test_core.ledger_kit import (
    NOTICED,
    REMOVED,
    SAVED,
    SYSTEM,
    Sealing,
    begin,
    new_team,
    person,
    record,
    rename,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def sealing(tmp_path: Path, settings: Any) -> Sealing:
    settings.LEDGER_ANCHOR_FOLDER = tmp_path

    def move_clock(seconds: float) -> None:
        settings.CLOCK_OFFSET_SECONDS += seconds

    return Sealing(tmp_path, move_clock)


def places(page: EntryPage) -> list[int | None]:
    return [entry.index for entry in page.entries]


def pages(**given: Any) -> Iterator[EntryPage]:
    cursor: str | None = None
    while True:
        page = queries.entries(actor=SYSTEM, cursor=cursor, **given)
        yield page
        cursor = page.next
        if cursor is None:
            return


def test_newest_first_and_unsealed_before_sealed(sealing: Sealing) -> None:
    begin()
    for _ in range(4):
        new_team()
    sealing()
    for _ in range(3):
        new_team()
    listed = [entry for page in pages(limit=2) for entry in page.entries]
    assert [entry.index for entry in listed] == [None, None, None, 4, 3, 2, 1, 0]
    assert [entry.sealed for entry in listed] == [False] * 3 + [True] * 5
    waiting = [entry.entry_id for entry in listed if not entry.sealed]
    assert waiting == sorted(waiting, reverse=True)
    assert [len(page.entries) for page in pages(limit=3)] == [3, 3, 2]
    assert [len(page.entries) for page in pages(limit=8)] == [8]
    for cursor in ("x", "", "p", "-1", "1; DROP"):
        with pytest.raises(Invalid):
            queries.entries(actor=SYSTEM, cursor=cursor)


def test_an_entry_sealed_between_two_pages_is_not_lost(sealing: Sealing) -> None:
    begin()
    for _ in range(3):
        new_team()
    first = queries.entries(actor=SYSTEM, limit=2)
    sealing()
    seen = {entry.id for entry in first.entries}
    cursor = first.next
    while cursor is not None:
        page = queries.entries(actor=SYSTEM, limit=2, cursor=cursor)
        seen |= {entry.id for entry in page.entries}
        cursor = page.next
    assert len(seen) == 4


def test_filters_find_sealed_and_unsealed_alike(sealing: Sealing) -> None:
    begin()
    ada = person()
    team = new_team(actor=ada)
    sealing()
    between = clock.now()
    with transaction.atomic():
        record(team, verb=NOTICED, actor=ada)
    other = new_team()

    def found(**wanted: Any) -> list[str]:
        page = queries.entries(actor=SYSTEM, filters=Filters(**wanted))
        return [entry.leaf["verb"].removeprefix("tests.team.") for entry in page.entries]

    assert found(actor=ada.ref) == ["noticed", "saved"]
    assert found(act=ada.act, verb="tests.team.saved") == ["saved"]
    assert found(subject_type="accounts.team", subject_ref=team.id) == ["noticed", "saved"]
    assert found(subject_ref=other.id) == ["saved"]
    assert found(verb="tests.team.") == ["saved", "noticed", "saved"]
    assert found(verb="tests.team") == []
    assert found(since=between) == ["saved", "noticed"]
    assert found(until=between, verb="tests.team.") == ["saved"]
    assert found(since=between + timedelta(hours=1)) == []


def test_one_reads_only_entries_about_what_one_may_see(
    sealing: Sealing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visibility, "_visible", {})
    begin()
    ours, theirs = new_team("Ours"), new_team("Theirs")
    sealing()
    rename(ours, "Still ours")
    viewer = person(grants=frozenset({Grant(Role.VIEWER, ours.id)}))
    auditor = person(grants=frozenset({Grant(Role.AUDITOR, None)}))
    assert queries.entries(actor=viewer).entries == [], "a kind nobody registered is not shown"

    def visible_teams(actor: Actor) -> Any:
        return Team.objects.filter(id__in=[grant.team for grant in actor.grants]).values("id")

    visibility.register("accounts.team", visible_teams)
    with pytest.raises(ValueError, match="already"):
        visibility.register("accounts.team", visible_teams)
    assert [entry.leaf["subject"]["ref"] for entry in queries.entries(actor=viewer).entries] == [
        str(ours.id)
    ] * 2
    assert len(queries.entries(actor=auditor).entries) == 4
    about_theirs = Seal.objects.get(subject_ref=theirs.id).uuid
    assert queries.proven_entry(actor=auditor, entry=about_theirs).checkpoint is not None
    for unseen in (about_theirs, uuid4()):
        with pytest.raises(NotFound):
            queries.proven_entry(actor=viewer, entry=unseen)


def test_an_unsealed_entry_has_no_proof_yet(sealing: Sealing) -> None:
    begin()
    sealing()
    new_team()
    proven = queries.proven_entry(actor=SYSTEM, entry=Unsealed.objects.get().uuid)
    assert (proven.checkpoint, proven.path, proven.tlog_proof()) == (None, (), None)
    assert json.loads(proven.canonical) == proven.entry.leaf
    with pytest.raises(Invalid, match="2 is not among"):
        queries.consistency_proof(old=2)


def test_lag_is_the_age_of_the_oldest_that_waits(sealing: Sealing, settings: Any) -> None:
    begin()
    sealing()
    assert queries.lag_seconds() == 0
    new_team()
    settings.CLOCK_OFFSET_SECONDS += 90
    new_team()
    assert 90 <= queries.lag_seconds() < 95
    tree = queries.tree()
    assert tree is not None
    assert tree.size == 1


def test_sealing_all_covers_what_was_committed(sealing: Sealing) -> None:
    begin()
    sealing()
    assert queries.seal_all() == Checkpoint.objects.get(), "nothing waits: the newest checkpoint covers all"
    new_team()
    assert queries.seal_all().size == 2, "waits until a checkpoint may be signed again"


def test_the_newest_leaf_of_a_verb(sealing: Sealing) -> None:
    assert queries.newest_leaf(SAVED.name) is None
    begin()
    first = new_team()
    sealing()
    second = new_team()
    newest = queries.newest_leaf(SAVED.name)
    older = queries.newest_leaf(SAVED.name, subject_ref=first.id)
    assert newest is not None
    assert older is not None
    assert (newest["subject"]["ref"], older["subject"]["ref"]) == (str(second.id), str(first.id))
    ids = [row.uuid for row in Seal.objects.all()] + [Unsealed.objects.get().uuid, uuid4()]
    assert len(queries.entries_by_id(ids)) == 3


def test_sentences_escape_and_show_personal_values_while_they_are_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(presenters, "_presenters", {})

    @sentence(SAVED.name)
    def saved(leaf: dict[str, Any]) -> Sentence:
        name = leaf["data"]["after"]["name"]
        return Sentence.of(leaf["personal"]["actor.name"], " saved ", Link(name, f"/teams/?q={name}"))

    with pytest.raises(ValueError, match="already"):
        sentence(SAVED.name)(saved)
    team = new_team("<Scoring>", personal={"actor.name": "Ada & Co"})
    entry = queries.entries(actor=SYSTEM).entries[0]
    assert str(entry.sentence()) == "Ada & Co saved <Scoring>"
    assert conditional_escape(entry.sentence()) == (
        'Ada &amp; Co saved <a href="/teams/?q=&lt;Scoring&gt;">&lt;Scoring&gt;</a>'
    )
    PersonalValue.objects.all().delete()
    assert str(queries.entries(actor=SYSTEM).entries[0].sentence()) == "(erased) saved <Scoring>"
    with transaction.atomic():
        record(team, verb=REMOVED)
    assert str(queries.entries(actor=SYSTEM).entries[0].sentence()) == "Team removed"


def test_the_ledgers_own_entries_read_well() -> None:
    tree = begin()
    assert str(queries.entries(actor=SYSTEM).entries[0].sentence()) == f"Began the ledger {tree.origin}"


def test_system_checks_name_what_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [error for error in run_checks() if error.id and error.id.startswith("ledger.")] == []
    monkeypatch.setattr(reactions, "_handlers", {"tests.nobody.registered": [print]})
    assert [error.id for error in run_checks() if error.id and error.id.startswith("ledger.")] == [
        "ledger.E003"
    ]
    monkeypatch.setattr(Team, "ledger_type", "ledger.tree")
    assert "ledger.E002" in [error.id for error in check_recorded()]
    monkeypatch.setattr(Team, "ledger_type", "")
    assert "ledger.E001" in [error.id for error in check_recorded()]
