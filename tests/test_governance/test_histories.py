"""`verify` compares the history tables with the ledger: what as-of pages read cannot be rewritten unseen."""

from __future__ import annotations

import os

import psycopg
import pytest
from django.db import connection

from countersign.ledger.verification import verify
from registry.versions.actions import delete_alias, set_alias
from registry.versions.models import AliasPeriod
from tests import databases
from tests.factories.registry import make_makers, make_model, make_version
from tests.test_core.ledger_kit import begin

pytestmark = pytest.mark.django_db(transaction=True)


def moved() -> None:
    """An alias that was set, moved, deleted and set again."""
    begin()
    team, actor = make_makers("fraud")
    model = make_model(team, actor=actor)
    first, second = make_version(model, actor=actor), make_version(model, actor=actor)
    set_alias(model=model, name="challenger", version=first, actor=actor)
    set_alias(model=model, name="challenger", version=second, actor=actor)
    delete_alias(model=model, name="challenger", actor=actor)
    set_alias(model=model, name="Challenger", version=first, actor=actor)


def about_histories() -> list[str]:
    report = verify(anchors=[])
    assert report.pending, "the entries were read"
    return [line for line in report.lines() if "history of aliases" in line]


def as_superuser(statement: str) -> None:
    name = str(connection.settings_dict["NAME"])
    url = databases.url_of(os.environ["DATABASE_SUPERUSER_URL"], name)
    with psycopg.connect(url, autocommit=True) as past:
        past.execute("SET session_replication_role = replica")
        past.execute(statement)  # type: ignore[call-overload]


def test_a_history_that_follows_from_its_entries_holds() -> None:
    moved()
    assert AliasPeriod.objects.count() == 3
    assert about_histories() == []


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE registry_aliasperiod SET during = tstzrange(lower(during) + interval '1 millisecond', upper(during))"
        " WHERE upper_inf(during)",
        "DELETE FROM registry_aliasperiod WHERE upper_inf(during)",
        "UPDATE registry_aliasperiod SET version_id ="
        " (SELECT id FROM registry_modelversion WHERE number = 2) WHERE upper_inf(during)",
    ],
    ids=["later", "gone", "another version"],
)
def test_a_history_changed_by_sql_is_named(forgery: str) -> None:
    moved()
    as_superuser(forgery)
    found = about_histories()
    assert found
    assert all("registry_aliasperiod" in line for line in found)
