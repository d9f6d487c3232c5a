"""Registered models: made, described, renamed, archived and restored, each with one exact entry."""

from __future__ import annotations

from typing import Any

import pytest

from countersign.actors import Actor
from countersign.errors import Conflict, Invalid, NotFound, Refused
from countersign.permissions import Permission
from countersign.verdicts import Verdict
from registry import gates
from registry.versions import actions
from registry.versions.access import get_model
from registry.versions.models import RegisteredModel
from registry.versions.queries import models_visible_to
from tests.factories import registry as make
from tests.test_registry.kit import (
    assert_entry,
    broken_ledger,
    last,
    leaves,
    nothing_changes,
    outsider,
    verbs_since,
    viewer,
)

pytestmark = pytest.mark.django_db


def test_a_registered_model_is_told_in_the_ledger() -> None:
    team, maker = make.make_makers()
    model = actions.register_model(
        name=" Credit  default ", team=team, description="Scores.\r\n", actor=maker
    )
    assert (model.name, model.name_folded, model.description) == (
        "Credit  default",
        "credit default",
        "Scores.",
    )
    after = {"name": "Credit  default", "team": str(team.pk), "description": "Scores.", "archived_at": None}
    assert_entry(leaves()[-1], verb="registry.model.registered", subject=model, actor=maker, after=after)


@pytest.mark.parametrize("name", ["credit", "CREDIT", "сredit", "ｃredit", "credit "])
def test_a_name_is_given_once(name: str) -> None:
    team, maker = make.make_makers()
    make.make_model(team, actor=maker, name="credit")
    other_team, other = make.make_makers()
    with nothing_changes(), pytest.raises(Conflict) as raised:
        actions.register_model(name=name, team=other_team, description="", actor=other)
    assert raised.value.code == "name_in_use"


def test_registering_needs_the_permission_in_that_team() -> None:
    team, _ = make.make_makers()
    for actor in (outsider(), viewer(team)):
        with nothing_changes(), pytest.raises(Refused) as raised:
            actions.register_model(name="x", team=team, actor=actor)
        assert raised.value.code == "permission_missing"


def test_where_the_ledger_cannot_be_written_nothing_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    with broken_ledger(monkeypatch):
        actions.register_model(name="x", team=team, actor=maker)
    with broken_ledger(monkeypatch):
        actions.update_model(model=model, description="new", actor=maker)
    with broken_ledger(monkeypatch):
        actions.archive_model(model=model, actor=maker)
    model.refresh_from_db()
    assert (model.description, model.archived_at) == ("", None)


def test_describing_replaces_and_tells_both_states() -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    before = model.ledger_state()
    updated = actions.update_model(model=model, description="Better words.", actor=maker)
    assert_entry(
        leaves()[-1],
        verb="registry.model.updated",
        subject=model,
        actor=maker,
        before=before,
        after=before | {"description": "Better words."},
    )
    with nothing_changes():
        actions.update_model(model=updated, description="Better words.", actor=maker)
    with nothing_changes(), pytest.raises(Invalid):
        actions.update_model(model=model, description="x" * 8_001, actor=maker)


def test_the_longest_description_in_any_script_fits_the_ledger() -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    for text in ("\U0001f600" * 8_000, '"' * 8_000, "\n".join("x" * 4_000)):
        assert actions.update_model(model=model, description=text, actor=maker).description == text


def test_renaming_asks_the_gates_and_keeps_the_name_unique() -> None:
    team, maker = make.make_makers()
    model, other = (
        make.make_model(team, actor=maker, name="one"),
        make.make_model(team, actor=maker, name="two"),
    )
    renamed = actions.rename_model(model=model, name="three", actor=maker)
    assert last("registry.model.renamed")["data"]["after"]["name"] == "three"
    assert get_model(maker, "THREE") == renamed
    with nothing_changes(), pytest.raises(Conflict):
        actions.rename_model(model=other, name="Тhree", actor=maker)  # Cyrillic Te
    with nothing_changes():
        actions.rename_model(model=renamed, name="three", actor=maker)
    with pytest.raises(NotFound):
        get_model(maker, "one")


class Refusing:
    """A gate that refuses one act, with two reasons."""

    code = "tests.refusing"

    def __init__(self, act: gates.Act) -> None:
        self.act = act
        self.asked: list[gates.Question] = []

    def check(self, question: gates.Question, actor: Actor) -> Verdict:
        """Refuse the act."""
        self.asked.append(question)
        if question.act is not self.act:
            return Verdict.allow()
        return Verdict.all_of(
            [Verdict.because("live", "It is live."), Verdict.because("under_review", "It is under review.")]
        )


@pytest.mark.parametrize(
    ("act", "call"),
    [
        (gates.Act.ARCHIVE_MODEL, lambda model, actor: actions.archive_model(model=model, actor=actor)),
        (
            gates.Act.RENAME_MODEL,
            lambda model, actor: actions.rename_model(model=model, name="other", actor=actor),
        ),
    ],
)
def test_a_gate_refuses_with_every_reason(monkeypatch: pytest.MonkeyPatch, act: gates.Act, call: Any) -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    gate = Refusing(act)
    monkeypatch.setitem(gates._gates, gate.code, gate)
    with nothing_changes(), pytest.raises(Refused) as raised:
        call(model, maker)
    assert [reason.code for reason in raised.value.verdict.reasons] == ["live", "under_review"]
    assert gate.asked[-1].model == model


def test_archiving_and_restoring() -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    count = len(leaves())
    archived = actions.archive_model(model=model, actor=maker)
    assert archived.archived_at is not None
    with nothing_changes(), pytest.raises(Refused, match="archived"):
        actions.archive_model(model=model, actor=maker)
    with nothing_changes(), pytest.raises(Refused, match="archived"):
        make.make_version(model, actor=maker)
    assert actions.restore_model(model=model, actor=maker).archived_at is None
    actions.restore_model(model=model, actor=maker)
    assert verbs_since(count) == ["registry.model.archived", "registry.model.restored"]


def test_a_contributor_does_not_archive() -> None:
    from countersign.permissions import Role
    from tests.factories.people import actor_for, make_user

    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    contributor = actor_for(make_user(roles=[(Role.CONTRIBUTOR, team)]))
    for action in (actions.archive_model, actions.restore_model):
        with nothing_changes(), pytest.raises(Refused):
            action(model=model, actor=contributor)
    with nothing_changes(), pytest.raises(Refused):
        actions.rename_model(model=model, name="x", actor=contributor)


def test_another_team_s_model_is_not_there() -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    stranger = outsider()
    with pytest.raises(NotFound):
        get_model(stranger, model.name)
    assert not models_visible_to(stranger).exists()
    assert list(models_visible_to(maker)) == [model]
    with pytest.raises(Refused):
        get_model(viewer(team), model.name, Permission.REGISTER)


def test_everything_is_visible_to_who_sees_the_instance() -> None:
    team, maker = make.make_makers()
    make.make_model(team, actor=maker)
    assert set(models_visible_to(Actor.system())) == set(RegisteredModel.objects.all())


def test_tags_are_set_changed_and_taken_away() -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    tag = actions.set_tag(model=model, key="owner", value="risk", actor=maker)
    after = {"model": str(model.pk), "version": None, "key": "owner", "value": "risk"}
    assert_entry(leaves()[-1], verb="registry.tag.set", subject=tag, actor=maker, after=after)
    with nothing_changes():
        actions.set_tag(model=model, key="owner", value="risk", actor=maker)
    actions.set_tag(model=model, key="owner", value="credit", actor=maker)
    changed = after | {"value": "credit"}
    assert_entry(leaves()[-1], verb="registry.tag.set", subject=tag, actor=maker, before=after, after=changed)
    actions.delete_tag(model=model, key="owner", actor=maker)
    assert_entry(
        leaves()[-1], verb="registry.tag.deleted", subject=tag, actor=maker, before=changed, after=None
    )
    with nothing_changes(), pytest.raises(NotFound):
        actions.delete_tag(model=model, key="owner", actor=maker)


@pytest.mark.parametrize(("key", "value"), [("", "x"), ("x" * 251, "x"), ("k", "x" * 5_001), ("k", "\0")])
def test_tags_that_are_refused(key: str, value: str) -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    with nothing_changes(), pytest.raises(Invalid):
        actions.set_tag(model=model, key=key, value=value, actor=maker)
    stranger = outsider()
    with nothing_changes(), pytest.raises(Refused):
        actions.set_tag(model=model, key="k", value="v", actor=stranger)
