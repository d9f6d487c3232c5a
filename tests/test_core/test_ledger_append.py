"""Appending: the entry and the change it tells of are one, and the leaf says exactly what was promised."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
from django.conf import settings
from django.db import ProgrammingError, connection, transaction

from countersign import clock
from countersign.accounts.models import Team
from countersign.actors import Actor, ActorKind
from countersign.canonical import NotCanonical, is_canonical
from countersign.errors import Conflict, Invalid
from countersign.ledger import actions, reactions, requests
from countersign.ledger.actions import create_ledger, publish_verifier
from countersign.ledger.append import OutsideTransaction, append_entry
from countersign.ledger.keys import ledger_key
from countersign.ledger.models import Entry, Pending, PersonalValue, Tree
from countersign.ledger.note import VerifierKey
from countersign.ledger.verbs import UnknownVerb, Verb, register
from tests import databases
from tests.test_core.ledger_kit import (
    NOTICED,
    REMOVED,
    SAVED,
    SYSTEM,
    begin,
    new_team,
    newest,
    person,
    record,
)


@pytest.mark.django_db
def test_the_leaf_has_exactly_the_promised_keys() -> None:
    ada = person()
    with transaction.atomic():
        team = Team.objects.create(name="Scoring", slug="scoring", created_at=clock.now())
        appended = append_entry(
            verb=SAVED,
            subject=team,
            actor=ada,
            before={"name": "Old"},
            details={"reason": "it moved"},
            personal={"actor.name": "Ada Byron"},
        )
    leaf = json.loads(newest())
    assert is_canonical(newest())
    personal = PersonalValue.objects.get()
    salted = hashlib.sha256(bytes(personal.salt) + b"Ada Byron").hexdigest()
    assert leaf == {
        "act": str(ada.act),
        "actor": {"kind": "person", "ref": str(ada.ref)},
        "data": {
            "after": {"name": "Scoring", "slug": "scoring", "details": {"reason": "it moved"}},
            "before": {"name": "Old"},
        },
        "format": 1,
        "id": str(appended.id),
        "personal": {"actor.name": f"sha256:{salted}"},
        "recorded_at": clock.stamp(appended.recorded_at),
        "request": "r-1",
        "subject": {"ref": str(team.id), "type": "accounts.team"},
        "verb": "tests.team.saved",
        "verb_version": 1,
        "via": "page",
    }
    assert (personal.entry, personal.field, personal.value) == (appended.id, "actor.name", "Ada Byron")
    assert Pending.objects.filter(entry_id=Entry.objects.latest("pk").pk).exists()
    assert b"Ada" not in newest(), "a personal value enters the leaf only as a commitment"


@pytest.mark.django_db
def test_what_is_none_is_written_as_null() -> None:
    team = new_team()
    record(team, verb=NOTICED, actor=Actor(ActorKind.SYSTEM, None, "Countersign", "beat"))
    leaf = json.loads(newest())
    assert leaf["actor"] == {"kind": "system", "ref": None}
    assert leaf["data"] == {"after": None, "before": None}
    assert (leaf["personal"], leaf["request"]) == ({}, None)
    record(team, verb=NOTICED, details={"code": "too_many"})
    assert json.loads(newest())["data"]["after"] == {"details": {"code": "too_many"}}
    record(team, verb=REMOVED, before=team.ledger_state())
    assert json.loads(newest())["data"] == {"after": None, "before": team.ledger_state()}


@pytest.mark.django_db
def test_one_statement_writes_it_all(django_assert_num_queries: Any) -> None:
    team = new_team()
    with django_assert_num_queries(1):
        record(team)
    with django_assert_num_queries(1):
        record(team, personal={"a": "one", "b": "two"})
    assert PersonalValue.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_it_is_refused() -> None:
    team = Team.objects.create(name="Scoring", slug="scoring", created_at=clock.now())
    with pytest.raises(OutsideTransaction):
        record(team)
    assert not Entry.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({"verb": Verb("tests.never.registered")}, UnknownVerb),
        ({"verb": Verb("tests.team.saved", version=2)}, UnknownVerb),
        ({"details": {"share": 0.5}}, NotCanonical),
        ({"details": {"text": "x" * 70_000}}, NotCanonical),
        ({"details": {"at": datetime(2026, 3, 3, tzinfo=UTC)}}, NotCanonical),
        ({"before": {"id": UUID(int=1)}}, NotCanonical),
        ({"personal": {"name": "nul\0"}}, NotCanonical),
    ],
)
def test_if_the_entry_cannot_be_written_nothing_happened(
    entry: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        new_team(**entry)
    assert not Team.objects.exists()
    assert not Entry.objects.exists()
    assert not Pending.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_if_the_database_refuses_the_entry_nothing_happened() -> None:
    with databases.owner(connection.settings_dict["NAME"]) as owner:
        owner.execute(f"REVOKE INSERT ON ledger_pending FROM {settings.SERVING_ROLE}")
    with pytest.raises(ProgrammingError, match="ledger_pending"):
        new_team()
    assert not Team.objects.exists()
    assert not Entry.objects.exists()


@pytest.mark.django_db
def test_a_state_may_not_use_the_key_of_details(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Team, "ledger_state", lambda team: {"details": team.name})
    with pytest.raises(ValueError, match="details"):
        new_team()


def test_a_verb_is_registered_once() -> None:
    with pytest.raises(ValueError, match="already"):
        register(Verb("tests.team.saved"))


@pytest.mark.django_db(transaction=True)
def test_reactions_run_after_commit_and_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reactions, "_handlers", defaultdict(list))
    heard: list[dict[str, Any]] = []

    def fails(leaf: dict[str, Any]) -> None:
        raise RuntimeError("a handler that fails harms nobody")

    reactions.subscribe(SAVED.name, fails)
    reactions.subscribe(SAVED.name, heard.append)
    with pytest.raises(NotCanonical):
        new_team(details={"share": 0.5})
    with transaction.atomic():
        new_team()
        transaction.set_rollback(True)
    assert heard == []
    team = new_team()
    assert [leaf["subject"]["ref"] for leaf in heard] == [str(team.id)]
    record_removed = [leaf["verb"] for leaf in heard]
    with transaction.atomic():
        record(team, verb=NOTICED)
    assert [leaf["verb"] for leaf in heard] == record_removed, "only the verb that was subscribed to"


@pytest.mark.django_db(transaction=True)
def test_the_ledger_begins_with_its_own_name_and_key() -> None:
    with pytest.raises(Invalid, match="bears the log's name"):
        create_ledger(
            actor=SYSTEM, origin="other.example/ledger", vkey=str(VerifierKey.of("x", ledger_key()))
        )
    tree = begin()
    leaf = json.loads(newest())
    assert leaf["verb"] == "ledger.created"
    assert leaf["data"]["after"] == {"origin": tree.origin, "vkey": tree.vkey}
    assert begin() == tree
    assert Entry.objects.count() == 1, "asking twice changes nothing"
    other = VerifierKey.of("other.example/ledger", ledger_key())
    with pytest.raises(Conflict, match="never renamed"):
        create_ledger(actor=SYSTEM, origin=other.name, vkey=str(other))


@pytest.mark.django_db(transaction=True)
def test_no_entry_comes_before_the_first() -> None:
    new_team()
    with pytest.raises(Conflict, match="first act"):
        begin()
    assert not Tree.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_verifier_is_published_once_for_each_release(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(Conflict):
        publish_verifier(actor=SYSTEM)
    begin()
    digest = publish_verifier(actor=SYSTEM)
    assert digest == "sha256:" + hashlib.sha256(actions.VERIFIER.read_bytes()).hexdigest()
    assert publish_verifier(actor=SYSTEM) == digest
    assert Entry.objects.count() == 2
    changed = tmp_path / "verify.py"
    changed.write_text("print('another release')")
    monkeypatch.setattr(actions, "VERIFIER", changed)
    assert publish_verifier(actor=SYSTEM) != digest
    assert Entry.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_sealing_is_asked_for_after_commit_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "_asking", requests._Asking())
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.delete(requests.QUEUE)
    new_team()
    new_team()
    queued = [json.loads(message) for message in client.lrange(requests.QUEUE, 0, -1)]
    assert [message["headers"]["task"] for message in queued] == [requests.TASK]
    client.delete(requests.QUEUE)
    client.close()
