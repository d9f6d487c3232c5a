"""Registering, describing, tagging, renaming and archiving in the pages; what is refused changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from countersign.accounts.models import Team, User
from countersign.actors import Actor
from countersign.permissions import Role
from registry.versions.actions import update_model
from registry.versions.models import ModelVersion, RegisteredModel, Tag
from tests.factories import registry as make
from tests.factories.people import actor_for, make_team, make_user
from tests.test_registry.kit import REFUSAL, last, nothing_changes, verbs_since

pytestmark = pytest.mark.django_db
NEW = "/register-model/"


@pytest.fixture(autouse=True)
def _no_refusals_before() -> None:
    cache.clear()


@pytest.fixture
def actor(maker: User) -> Actor:
    return actor_for(maker)


@pytest.fixture
def client(maker: User) -> Client:
    browser = Client()
    browser.force_login(maker)
    return browser


@pytest.fixture
def thing(team: Team, actor: Actor) -> RegisteredModel:
    return make.make_model(team, actor=actor, name="credit")


def edit(thing: RegisteredModel | ModelVersion) -> str:
    if isinstance(thing, ModelVersion):
        return reverse("registry:version-edit", args=[thing.model.name, thing.number])
    return reverse("registry:model-edit", args=[thing.name])


def seen(client: Client, address: str) -> str:
    """What the form carries of the text it was filled from."""
    return str(client.get(address).context["describe_form"].initial["seen"])


def test_a_model_is_registered_by_hand(client: Client, team: Team) -> None:
    sent = {"name": "Modèle 7", "team": team.slug, "description": "Scores."}
    answer = client.post(NEW, sent)
    assert (answer.status_code, answer["Location"]) == (303, reverse("registry:model", args=["Modèle 7"]))
    page = client.get(answer["Location"]).content.decode()
    assert "Send its first version." in page
    assert "No version yet" in page
    assert last("registry.model.registered")["data"]["after"]["description"] == "Scores."


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"name": ""}, "Name is missing."),
        ({"name": "a/b"}, "has no /"),
        ({"name": "a\u200bb"}, "a character nobody can see"),
        ({"name": "x" * 201}, "at most 200"),
        ({"name": "fine", "team": "another"}, "another"),
        ({"name": "fine", "description": "x" * 8_001}, "at most 8,"),
    ],
    ids=["nothing", "slash", "invisible", "long", "team", "prose"],
)
def test_a_bad_model_is_refused_in_place(client: Client, team: Team, sent: dict[str, str], said: str) -> None:
    with nothing_changes():
        answer = client.post(NEW, {"team": team.slug, "description": "Kept."} | sent)
    assert answer.status_code == 422
    assert said.replace(",", "") in answer.content.decode().replace(",", "")


def test_a_name_in_use_is_told_beside_it(client: Client, team: Team, thing: RegisteredModel) -> None:
    with nothing_changes():
        answer = client.post(NEW, {"name": "CRЕDIT", "team": team.slug, "description": "Kept."})
    assert answer.status_code == 409
    body = answer.content.decode()
    assert "is in use" in body
    assert "Kept." in body


def test_nobody_registers_for_a_foreign_team(client: Client) -> None:
    foreign = make_team()
    with nothing_changes():
        assert client.post(NEW, {"name": "mine", "team": foreign.slug}).status_code == 422


def test_a_description_is_saved_with_its_entry(client: Client, thing: RegisteredModel) -> None:
    address = edit(thing)
    answer = client.post(
        address, {"act": "describe", "description": "  Scores\r\ncards. ", "seen": seen(client, address)}
    )
    assert answer.status_code == 303
    thing.refresh_from_db()
    assert thing.description == "Scores\ncards."
    assert last("registry.model.updated")["data"]["before"]["description"] == ""


def test_two_who_describe_at_once_do_not_write_over_each_other(
    client: Client, thing: RegisteredModel, actor: Actor
) -> None:
    address = edit(thing)
    before = seen(client, address)
    update_model(model=thing, description="Theirs.", actor=actor)
    with nothing_changes():
        answer = client.post(address, {"act": "describe", "description": "Mine.", "seen": before})
    body = answer.content.decode()
    assert answer.status_code == 409
    assert "Theirs." in body
    assert "Mine." in body
    assert "Nothing was saved" in body
    again = client.post(
        address, {"act": "describe", "description": "Mine.", "seen": answer.context["seen_now"]}
    )
    assert again.status_code == 303
    thing.refresh_from_db()
    assert thing.description == "Mine."


@pytest.mark.parametrize("of_version", [False, True], ids=["model", "version"])
def test_tags_are_set_and_taken_away(
    client: Client, thing: RegisteredModel, actor: Actor, *, of_version: bool
) -> None:
    target = make.make_version(thing, actor=actor) if of_version else thing
    assert client.post(edit(target), {"act": "tag", "key": "stage", "value": "β"}).status_code == 303
    tag = Tag.objects.get()
    assert (tag.key, tag.value, tag.version_id) == ("stage", "β", target.pk if of_version else None)
    assert client.post(edit(target), {"act": "untag", "key": "stage"}).status_code == 303
    assert not Tag.objects.exists()
    with nothing_changes():
        assert client.post(edit(target), {"act": "untag", "key": "stage"}).status_code == 404
        assert client.post(edit(target), {"act": "tag", "key": " ", "value": "x"}).status_code == 422
        assert client.post(edit(target), {"act": "tag", "key": "k", "value": "x" * 5_001}).status_code == 422
        assert client.post(edit(target), {"act": "burn"}).status_code == 422


def test_a_version_is_described_archived_and_restored(
    client: Client, thing: RegisteredModel, actor: Actor
) -> None:
    version = make.make_version(thing, actor=actor)
    address = edit(version)
    sent = {"act": "describe", "description": "The first.", "seen": seen(client, address)}
    assert client.post(address, sent).status_code == 303
    for act, archived in (("archive", True), ("restore", False)):
        assert client.post(address, {"act": act}).status_code == 303
        version.refresh_from_db()
        assert (version.archived_at is not None) is archived
    assert version.description == "The first."


def test_a_model_is_renamed_to_a_free_name(client: Client, thing: RegisteredModel, actor: Actor) -> None:
    make.make_model(thing.team, actor=actor, name="taken")
    with nothing_changes():
        taken = client.post(edit(thing), {"act": "rename", "name": "TAKEN"})
        bad = client.post(edit(thing), {"act": "rename", "name": "a:b"})
    assert (taken.status_code, bad.status_code) == (409, 422)
    assert "is in use" in taken.content.decode()
    answer = client.post(edit(thing), {"act": "rename", "name": "scoring"})
    assert (answer.status_code, answer["Location"]) == (303, reverse("registry:model", args=["scoring"]))


def test_who_may_register_but_not_archive_is_refused_in_place_and_on_record(
    team: Team, thing: RegisteredModel
) -> None:
    browser = Client()
    browser.force_login(make_user(roles=[(Role.CONTRIBUTOR, team)]))
    count = len(verbs_since(0))
    with nothing_changes(but=REFUSAL):
        answer = browser.post(edit(thing), {"act": "archive"})
    assert answer.status_code == 403
    body = answer.content.decode()
    assert "Refused: nothing was changed" in body
    assert "needs the role owner" in body
    assert [verb for verb in verbs_since(count) if "refused" in verb]


def test_a_double_archive_says_that_it_is_archived(client: Client, thing: RegisteredModel) -> None:
    assert client.post(edit(thing), {"act": "archive"}).status_code == 303
    second: Any = client.post(edit(thing), {"act": "archive"})
    assert second.status_code == 403
    assert "is archived. Restore it first." in second.content.decode()
    assert client.post(edit(thing), {"act": "restore"}).status_code == 303
