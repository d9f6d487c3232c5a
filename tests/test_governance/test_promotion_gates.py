"""No road leads past a promotion: protected aliases, live models and versions under review."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from countersign.actors import Actor
from countersign.errors import Conflict, Invalid, Refused
from governance.environments.actions import create_environment
from governance.promotion.actions import PromotionPass
from governance.promotion.models import Promotion
from registry.gates import Act, Question, check
from registry.versions.actions import (
    archive_model,
    archive_version,
    delete_alias,
    register_version,
    rename_model,
    set_alias,
)
from registry.versions.queries import version_at_alias
from tests.factories import registry as make
from tests.factories.people import api_client, token_for
from tests.test_governance.review_kit import Case, make_case, nothing_changes

pytestmark = pytest.mark.django_db


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [reason.code for reason in refused.value.verdict.reasons]


@pytest.fixture
def live() -> Case:
    case = make_case()
    case.approve()
    case.promote()
    return case


@pytest.mark.parametrize("name", ["production", "Production", "PRODUCTION", "pRoDuCtIoN"])
def test_no_spelling_of_a_protected_alias_moves(live: Case, name: str) -> None:
    other = live.next_version()
    with pytest.raises(Refused) as refused, nothing_changes():
        set_alias(model=live.version.model, name=name, version=other, actor=live.maker)
    assert codes(refused) == ["alias_protected"]
    with pytest.raises(Refused) as refused, nothing_changes():
        delete_alias(model=live.version.model, name=name, actor=live.maker)
    assert codes(refused) == ["alias_protected"]


@pytest.mark.parametrize(
    "name", ["ｐroduction", "production ", " production", "prodᵤction", "production\u200b"]
)
def test_look_alikes_are_no_names_of_aliases(live: Case, name: str) -> None:
    with pytest.raises((Refused, Invalid)), nothing_changes():
        set_alias(model=live.version.model, name=name, version=live.version, actor=live.maker)


def test_an_upload_does_not_take_the_alias_along(live: Case) -> None:
    file = make.incoming(make.skops_bytes("smuggled"))
    with pytest.raises(Refused) as refused, nothing_changes():
        register_version(
            model=live.version.model,
            files=[make.ReceivedFile("model.skops", file)],
            signature=make.SIGNATURE,
            alias="production",
            actor=live.maker,
        )
    assert codes(refused) == ["alias_protected"]


def test_the_system_itself_moves_no_protected_alias(live: Case) -> None:
    with pytest.raises(Refused), nothing_changes():
        set_alias(model=live.version.model, name="production", version=live.version, actor=Actor.system())


def test_rest_moves_no_protected_alias(live: Case) -> None:
    from countersign.accounts.models import User

    client = api_client(token_for(User.objects.get(pk=live.maker.ref)))
    url = f"/api/v1/models/{live.version.model.name}/aliases/production"
    for response in (
        client.put(url, {"version": live.next_version().number}, content_type="application/json"),
        client.delete(url),
    ):
        assert response.status_code == 403, response.content
        assert response.json()["code"] == "alias_protected"
    assert version_at_alias(live.version.model, "production") == live.version


def test_a_pass_opens_the_gate_once_and_for_its_own_version_only(live: Case) -> None:
    promotion = Promotion.objects.get()
    used = PromotionPass(promotion.pk, live.version.pk, live.environment.pk)
    other = live.next_version()
    forged = PromotionPass(promotion.pk, other.pk, live.environment.pk)
    for carried, version in (
        (used, live.version),
        (used, other),
        (forged, other),
        ("yes", other),
        (True, other),
    ):
        question = Question(
            act=Act.SET_ALIAS, model=live.version.model, version=version, alias="production", pass_for=carried
        )
        assert not check(question, live.owner), carried


def test_a_free_alias_moves_freely(live: Case) -> None:
    set_alias(model=live.version.model, name="challenger", version=live.version, actor=live.maker)
    delete_alias(model=live.version.model, name="challenger", actor=live.maker)


@pytest.mark.parametrize(
    "act",
    [
        lambda case: archive_version(version=case.version, actor=case.maker),
        lambda case: archive_model(model=case.version.model, actor=case.maker),
        lambda case: rename_model(model=case.version.model, name="another", actor=case.maker),
    ],
)
def test_what_is_live_or_under_review_is_not_archived_or_renamed(act: Callable[[Case], object]) -> None:
    case = make_case()
    case.ask()
    with pytest.raises(Refused) as refused, nothing_changes():
        act(case)
    assert codes(refused) == ["under_review"]
    review = case.version.reviews.get()
    case.sign(review, case.validator, "validation")
    case.sign(review, case.approver, "approval")
    case.promote()
    with pytest.raises(Refused) as refused, nothing_changes():
        act(case)
    assert "live" in codes(refused)


def test_an_environment_takes_no_alias_that_some_model_uses() -> None:
    case = make_case()
    set_alias(model=case.version.model, name="Shadow", version=case.version, actor=case.maker)
    with pytest.raises(Conflict) as conflict, nothing_changes():
        create_environment(name="Shadow", slug="shadow", position=9, alias="shadow", actor=Actor.system())
    assert conflict.value.code == "name_in_use"


@pytest.mark.parametrize("alias", ["latest", "v3", "two words", "", "ｐrod"])
def test_an_environment_takes_no_alias_that_cannot_be_one(alias: str) -> None:
    with pytest.raises(Invalid), nothing_changes():
        create_environment(name="Odd", slug="odd", position=9, alias=alias, actor=Actor.system())
