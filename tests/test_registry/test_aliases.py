"""Aliases move by one road, with every gate asked, and their history cannot be lost."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import IntegrityError

from countersign import clock
from countersign.actors import Actor
from countersign.errors import Invalid, NotFound, Refused
from countersign.verdicts import Verdict
from registry import gates
from registry.gates import Act, Question
from registry.versions import actions
from registry.versions.models import Alias, AliasPeriod, ModelVersion, RegisteredModel
from registry.versions.queries import live_aliases, version_at_alias, version_at_alias_then
from tests.factories import registry as make
from tests.test_registry.kit import (
    as_serving_role,
    assert_entry,
    broken_ledger,
    leaves,
    nothing_changes,
    outsider,
    viewer,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def maker() -> Actor:
    """Somebody who makes and owns models."""
    return make.make_makers()[1]


@pytest.fixture
def model(maker: Actor) -> RegisteredModel:
    """A model with three versions."""
    (team,) = {grant.team for grant in maker.grants}
    from countersign.accounts.models import Team

    model = make.make_model(Team.objects.get(pk=team), actor=maker)
    for _ in range(3):
        make.make_version(model, actor=maker)
    return model


def version(model: RegisteredModel, number: int) -> ModelVersion:
    """A version by its number."""
    found: ModelVersion = model.versions.get(number=number)
    return found


def test_setting_and_moving_are_told_with_both_states(model: RegisteredModel, maker: Actor) -> None:
    alias = actions.set_alias(model=model, name="Challenger", version=version(model, 1), actor=maker)
    first = {"model": str(model.pk), "name": "Challenger", "version": str(version(model, 1).pk)}
    assert_entry(leaves()[-1], verb="registry.alias.set", subject=alias, actor=maker, after=first)
    opened = leaves()[-1]["id"]
    moved = actions.set_alias(model=model, name="CHALLENGER", version=version(model, 2), actor=maker)
    assert moved.pk == alias.pk
    second = first | {"version": str(version(model, 2).pk)}
    assert_entry(
        leaves()[-1], verb="registry.alias.set", subject=alias, actor=maker, before=first, after=second
    )
    one, two = AliasPeriod.objects.order_by("during")
    assert (str(one.entry), str(two.entry)) == (opened, leaves()[-1]["id"])
    assert (one.version, two.version) == (version(model, 1), version(model, 2))
    assert one.during.upper == two.during.lower
    assert two.during.upper is None
    assert [live.name for live in live_aliases(version(model, 2))] == ["Challenger"]
    assert not live_aliases(version(model, 1)).exists()


def test_where_it_points_already_nothing_changes(model: RegisteredModel, maker: Actor) -> None:
    alias = actions.set_alias(model=model, name="challenger", version=version(model, 1), actor=maker)
    with nothing_changes():
        assert (
            actions.set_alias(model=model, name="challenger", version=version(model, 1), actor=maker) == alias
        )


def test_deleting_keeps_the_history(model: RegisteredModel, maker: Actor) -> None:
    alias = actions.set_alias(model=model, name="challenger", version=version(model, 1), actor=maker)
    before = alias.ledger_state()
    actions.delete_alias(model=model, name="challenger", actor=maker)
    assert_entry(
        leaves()[-1], verb="registry.alias.deleted", subject=alias, actor=maker, before=before, after=None
    )
    assert AliasPeriod.objects.get().during.upper is not None
    assert version_at_alias(model, "challenger") is None
    with nothing_changes(), pytest.raises(NotFound):
        actions.delete_alias(model=model, name="challenger", actor=maker)
    actions.set_alias(model=model, name="challenger", version=version(model, 2), actor=maker)
    assert AliasPeriod.objects.count() == 2


def test_what_it_pointed_at_then(model: RegisteredModel, maker: Actor, settings: Any) -> None:
    start = clock.now()
    actions.set_alias(model=model, name="challenger", version=version(model, 1), actor=maker)
    settings.CLOCK_OFFSET_SECONDS = 3_600
    actions.set_alias(model=model, name="challenger", version=version(model, 2), actor=maker)
    settings.CLOCK_OFFSET_SECONDS = 7_200
    actions.delete_alias(model=model, name="challenger", actor=maker)
    at = {
        minutes: version_at_alias_then(model, "Challenger", start + timedelta(minutes=minutes))
        for minutes in (-1, 30, 90, 150)
    }
    assert at == {-1: None, 30: version(model, 1), 90: version(model, 2), 150: None}


def test_a_clock_that_was_set_back_breaks_nothing(
    model: RegisteredModel, maker: Actor, settings: Any
) -> None:
    for number in (1, 2, 3, 1):
        settings.CLOCK_OFFSET_SECONDS = -3_600 * number
        actions.set_alias(model=model, name="challenger", version=version(model, number), actor=maker)
        if number == 2:
            actions.delete_alias(model=model, name="challenger", actor=maker)
    periods = list(AliasPeriod.objects.order_by("during"))
    assert [period.version.number for period in periods] == [1, 2, 3, 1]
    assert all(one.during.upper <= two.during.lower for one, two in pairwise(periods))


def test_an_alias_points_at_a_version_of_its_own_model(model: RegisteredModel, maker: Actor) -> None:
    other = make.make_version(make.make_model(model.team, actor=maker), actor=maker)
    with nothing_changes(), pytest.raises(Invalid):
        actions.set_alias(model=model, name="challenger", version=other, actor=maker)


def test_who_may_not_is_refused(model: RegisteredModel, maker: Actor) -> None:
    actions.set_alias(model=model, name="challenger", version=version(model, 1), actor=maker)
    for actor in (viewer(model.team), outsider()):
        with nothing_changes(), pytest.raises(Refused):
            actions.set_alias(model=model, name="challenger", version=version(model, 2), actor=actor)
        with nothing_changes(), pytest.raises(Refused):
            actions.delete_alias(model=model, name="challenger", actor=actor)


def test_where_the_ledger_cannot_be_written_it_stays(
    model: RegisteredModel, maker: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    actions.set_alias(model=model, name="challenger", version=version(model, 1), actor=maker)
    with broken_ledger(monkeypatch):
        actions.set_alias(model=model, name="challenger", version=version(model, 2), actor=maker)
    with broken_ledger(monkeypatch):
        actions.delete_alias(model=model, name="challenger", actor=maker)
    assert version_at_alias(model, "challenger") == version(model, 1)


class Protecting:
    """A gate that protects `production` as governance does: only its own pass opens it."""

    code = "tests.protecting"

    def __init__(self) -> None:
        self.asked: list[Question] = []

    def check(self, question: Question, actor: Actor) -> Verdict:
        """Refuse without the pass."""
        self.asked.append(question)
        protected = question.alias is not None and question.alias.casefold() == "production"
        if (
            question.act in (Act.SET_ALIAS, Act.DELETE_ALIAS)
            and protected
            and question.pass_for != "promotion"
        ):
            return Verdict.because("alias_protected", "It moves only by promotion.")
        return Verdict.allow()


def test_a_protected_alias_moves_only_with_the_pass(
    model: RegisteredModel, maker: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Protecting()
    monkeypatch.setitem(gates._gates, gate.code, gate)
    for name in ("production", "Production", "PRODUCTION"):
        with nothing_changes(), pytest.raises(Refused) as raised:
            actions.set_alias(model=model, name=name, version=version(model, 1), actor=maker)
        assert raised.value.code == "alias_protected"
    with nothing_changes(), pytest.raises(Refused):
        make.make_version(model, actor=maker, alias="production")
    # The promotion checked its own permission: an approver who rolls back registers nothing.
    actions.set_alias(
        model=model,
        name="production",
        version=version(model, 1),
        actor=viewer(model.team),
        pass_for="promotion",
    )
    with nothing_changes(), pytest.raises(Refused):
        actions.delete_alias(model=model, name="production", actor=maker)
    assert gate.asked[-1].act is Act.DELETE_ALIAS


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE registry_alias SET version_id = %(other)s",
        "DELETE FROM registry_alias",
        "UPDATE registry_alias SET name_folded = 'else'",
        "DELETE FROM registry_aliasperiod",
        "UPDATE registry_aliasperiod SET version_id = %(other)s",
        "UPDATE registry_aliasperiod SET during = tstzrange(lower(during) - interval '1 day', NULL)",
        "UPDATE registry_aliasperiod SET during = 'empty'",
        "UPDATE registry_aliasperiod SET during = tstzrange(lower(during), now() + interval '1 s')",
        "UPDATE registry_aliasperiod SET name = 'else'",
        "INSERT INTO registry_alias (id, name, name_folded, model_id, version_id)"
        " SELECT gen_random_uuid(), 'x', 'x', model_id, version_id FROM registry_alias",
    ],
)
def test_the_database_refuses_an_alias_without_its_history(
    model: RegisteredModel, maker: Actor, statement: str
) -> None:
    actions.set_alias(model=model, name="challenger", version=version(model, 1), actor=maker)
    with pytest.raises(IntegrityError):
        as_serving_role(statement, {"other": version(model, 2).pk})
    assert Alias.objects.get().version == version(model, 1)


def test_the_database_lets_a_period_end_once(model: RegisteredModel, maker: Actor) -> None:
    actions.set_alias(model=model, name="challenger", version=version(model, 1), actor=maker)
    actions.delete_alias(model=model, name="challenger", actor=maker)
    with pytest.raises(IntegrityError):
        as_serving_role("UPDATE registry_aliasperiod SET during = tstzrange(lower(during), NULL)", {})
