"""The list of models: searched, narrowed, sorted, and the same number of queries however much there is."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import reverse

from countersign.permissions import Role
from governance.profiles.actions import set_profile
from registry.versions.actions import archive_model, update_model
from registry.versions.models import RegisteredModel
from tests.factories import registry as make
from tests.factories.people import api_client, make_team, make_user, token_for
from tests.test_governance.review_kit import Case, client_of, make_case

pytestmark = pytest.mark.django_db
MODELS = "/models/"


def names(response: Any) -> list[str]:
    """The models a list shows, in its order."""
    assert response.status_code == 200, response.content.decode()[:2000]
    rows = re.findall(r'<th scope="row"><a href="[^"]*">([^<]*)</a>', response.content.decode())
    return [unescape(row) for row in rows]


def row_of(response: Any, name: str) -> str:
    """The words of one row."""
    rows: list[str] = re.findall(r"<tr>(<th scope=\"row\">.*?)</tr>", response.content.decode(), re.DOTALL)
    row = next(one for one in rows if f">{name}</a>" in one)
    return " ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", row, flags=re.DOTALL).split())


@pytest.fixture
def case() -> Case:
    """A model of high tier whose one version meets the policy and waits for a review."""
    return make_case()


@pytest.fixture
def owner(case: Case) -> Client:
    return client_of(case.owner_user)


def other_model(case: Case, name: str, *, tier: str | None = None) -> RegisteredModel:
    """Another model of the team, without versions."""
    model = make.make_model(case.subject.team, actor=case.maker, name=name)
    if tier:
        set_profile(
            model=model, risk_tier=tier, purpose=f"Purpose of {name}.", tier_reason="", actor=case.maker
        )
    return model


def test_a_row_says_tier_owner_what_is_live_newest_card_and_gate(case: Case, owner: Client) -> None:
    name = case.version.model.name
    waiting = row_of(owner.get(MODELS), name)
    assert "High" in waiting
    assert "Maker, Olga Owner" in waiting
    assert "none" in waiting
    assert "No review yet" in waiting
    case.approve()
    case.promote()
    live = row_of(owner.get(MODELS), name)
    assert "Allowed" in live
    assert "none" not in live


def test_filters_narrow_by_the_address_and_combine(case: Case, owner: Client) -> None:
    high = case.version.model.name
    other_model(case, "low", tier="low")
    other_model(case, "bare")

    def found(query: str) -> set[str]:
        return set(names(owner.get(f"{MODELS}?{query}")))

    assert found("") == {high, "low", "bare"}
    assert found("tier=high") == {high}
    assert found("tier=none") == {"bare"}
    assert found("gate=waiting") == {high}
    assert found("gate=allowed") == set()
    assert found("live=not:production") == {high, "low", "bare"}
    assert found("live=not:production&tier=low") == {"low"}
    case.approve()
    assert found("gate=allowed") == {high}
    case.promote()
    assert found("live=production") == {high}
    assert found("live=not:production") == {"low", "bare"}
    assert found("live=production&tier=low&gate=allowed") == set()
    assert found(f"owner={case.owner_user.username}") == {high, "low", "bare"}
    assert found(f"team={case.subject.team.slug}&tier=low") == {"low"}


def test_each_filter_is_a_chip_that_goes_alone(case: Case, owner: Client) -> None:
    page = owner.get(f"{MODELS}?q=model&tier=high&gate=waiting&sort=name&at=").content.decode()
    without_tier = re.search(
        r'class="chip on" href="([^"]*)"><span class="vh">Remove filter: </span>Tier', page
    )
    assert without_tier
    assert unescape(without_tier[1]) == "/models/?q=model&gate=waiting&sort=name"
    assert 'name="gate" value="waiting"' in page  # a search keeps the filters
    nothing = owner.get(f"{MODELS}?tier=low&gate=waiting").content.decode()
    assert "No model you may see fits the filters tier low, gate sign-offs missing." in " ".join(
        re.sub(r"<[^>]+>", "", nothing).split()
    )
    assert 'href="/models/?tier=low">Drop the last</a>' in nothing


def test_a_value_nobody_offers_is_said_to_be_none(owner: Client) -> None:
    for query in (
        "tier=extreme",
        "team=nobody",
        "owner=nobody",
        "live=moon",
        "gate=maybe",
        "sort=luck",
        "q=%00",
        "at=zz",
    ):
        page = owner.get(f"{MODELS}?{query}")
        assert page.status_code == 422, query


def test_search_looks_in_name_description_purpose_and_digest(case: Case, owner: Client) -> None:
    model = other_model(case, "Straße 7", tier="low")
    update_model(model=model, description="Prices 100% of_flats.", actor=case.maker)
    version = case.version

    def found(text: str) -> list[str]:
        return names(owner.get(f"{MODELS}?q={quote(text)}"))

    assert found("STRASSE") == ["Straße 7"]
    assert found("100% of_") == ["Straße 7"]
    assert found("Purpose of stra") == ["Straße 7"]
    assert found(version.digest[:10]) == [version.model.name]
    assert found(f"sha256:{version.digest}") == [version.model.name]
    assert found(version.digest[4:14]) == []
    assert owner.get(f"{MODELS}?q={'x' * 201}").status_code == 422


def test_archived_models_stand_apart(case: Case, owner: Client) -> None:
    archive_model(model=other_model(case, "old"), actor=case.maker)
    assert "old" not in names(owner.get(MODELS))
    page = owner.get(f"{MODELS}?archived=1")
    assert names(page) == ["old"]
    assert "Archived" in row_of(page, "old")


def test_the_order_is_by_tier_unless_asked_otherwise(case: Case, owner: Client) -> None:
    high = case.version.model.name
    for name, tier in (("b-low", "low"), ("a-low", "low"), ("medium", "medium"), ("none", None)):
        other_model(case, name, tier=tier)
    first = owner.get(MODELS)
    assert names(first) == [high, "medium", "a-low", "b-low", "none"]
    assert "5 models, by tier, highest first" in first.content.decode()
    assert 'aria-sort="descending"><a href="/models/?sort=tier">Tier' in first.content.decode()
    assert names(owner.get(f"{MODELS}?sort=tier"))[0] == "none"
    assert names(owner.get(f"{MODELS}?sort=name")) == sorted([high, "medium", "a-low", "b-low", "none"])
    assert names(owner.get(f"{MODELS}?sort=-name"))[0] == "none"
    assert names(owner.get(f"{MODELS}?sort=-newest"))[0] == high
    assert names(owner.get(f"{MODELS}?sort=-registered")) == ["none", "medium", "a-low", "b-low", high]


def test_fifty_at_a_time_without_gap_or_repeat(case: Case, owner: Client) -> None:
    made = [f"m{number:02}" for number in range(51)]
    for name in made:
        other_model(case, name)
    for sort in ("", "-name", "owner", "-newest"):
        seen: list[str] = []
        address: str | None = f"{MODELS}?sort={sort}"
        while address:
            page = owner.get(address)
            seen += names(page)
            later = re.search(r'href="([^"]*)">Later</a>', page.content.decode())
            address = f"{MODELS}{unescape(later[1])}" if later else None
        assert len(seen) == 52
        assert set(seen) == {*made, case.version.model.name}


def test_another_teams_models_are_not_there(case: Case) -> None:
    team = make_team()
    stranger = client_of(make_user(roles=[(Role.OWNER, team)]))
    assert case.version.model.name not in stranger.get(MODELS).content.decode()
    asked = stranger.get(f"{MODELS}?team={case.subject.team.slug}")
    assert asked.status_code == 422


def test_nothing_yet_says_what_to_do_next(case: Case) -> None:
    team = make_team()
    contributor = client_of(make_user(roles=[(Role.CONTRIBUTOR, team)])).get(MODELS).content.decode()
    assert "No model is registered yet" in contributor
    assert "curl -X POST http://testserver/api/v1/models" in contributor
    assert reverse("registry:model-new") in contributor
    viewer = client_of(make_user(roles=[(Role.VIEWER, team)])).get(MODELS).content.decode()
    assert "curl" not in viewer
    assert "A contributor or a training job registers the first one" in viewer


def test_who_may_not_register_sees_the_act_refused_with_its_reason(case: Case, owner: Client) -> None:
    reviewer = client_of(case.validator_user).get(MODELS).content.decode()
    assert 'aria-disabled="true" aria-describedby="why-not">Register a model' in reviewer
    assert 'id="why-not">Models are registered by contributors and owners' in reviewer
    assert 'aria-disabled="true" aria-describedby="why-not"' not in owner.get(MODELS).content.decode()


def test_the_list_costs_the_same_however_much_there_is(
    case: Case, owner: Client, django_assert_max_num_queries: Any, django_assert_num_queries: Any
) -> None:
    case.ask()
    other_model(case, "second", tier="low")
    make.make_version(other_model(case, "unreviewed", tier="high"), actor=case.maker)
    addresses = ("", "?tier=high", "?gate=waiting&q=model", "?sort=owner", "?live=not:production")
    few = {}
    for address in addresses:
        with django_assert_max_num_queries(100) as few[address]:
            owner.get(f"{MODELS}{address}")
    for number in range(3):
        case.ask(version=case.next_version())
        model = other_model(case, f"more-{number}", tier="high")
        make.make_version(model, actor=case.maker)
        make.make_version(model, actor=case.maker)
    for address in addresses:
        with django_assert_num_queries(len(few[address])):
            owner.get(f"{MODELS}{address}")


def test_rest_takes_the_same_filters(case: Case) -> None:
    other_model(case, "low", tier="low")
    rest = api_client(token_for(case.owner_user))

    def found(query: str) -> set[str]:
        answer = rest.get(f"/api/v1/models?{query}")
        assert answer.status_code == 200
        return {one["name"] for one in answer.json()["results"]}

    assert found("tier=low") == {"low"}
    assert found("gate=waiting&tier=high&live=not:production") == {case.version.model.name}
    assert found(f"owner={case.owner_user.username}&q=Purpose of low") == {"low"}
    assert found(f"q={case.version.digest[:8]}") == {case.version.model.name}
    refused = rest.get("/api/v1/models?gate=maybe")
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_filter_value")
    assert rest.get("/api/v1/models?q=%00").status_code == 422
