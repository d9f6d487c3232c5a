"""The pages of one model and one version, as each of those around them sees them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from countersign.permissions import Role
from governance.reviews.actions import revoke_approval
from registry.versions.actions import archive_version, register_model, set_alias, set_tag, update_model
from registry.versions.models import ModelVersion, RegisteredModel
from tests.factories import registry as make
from tests.factories.governance import Subject, estimate, make_evaluation, make_subject, results_of
from tests.factories.people import make_team, make_user
from tests.test_governance.review_kit import WEAK, Case, client_of, make_case

pytestmark = pytest.mark.django_db
HOSTILE = "<img src=x onerror=alert(1)>“ˮ ‮txt"


def model_url(model: RegisteredModel) -> str:
    return reverse("registry:model", args=[model.name])


def version_url(version: ModelVersion) -> str:
    return reverse("registry:version", args=[version.model.name, version.number])


def text(response: Any) -> str:
    """The words of a page."""
    assert response.status_code == 200
    return " ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL).split())


def acts(response: Any) -> dict[str, tuple[str, str]]:
    """The reasons of the gate by their code, each with the next act and where it leads."""
    found = re.findall(
        r'<li data-code="([^"]*)">.*?</p>(?:<a class="small" href="([^"]*)">|<span class="small mute">)([^<]*)<',
        response.content.decode(),
        re.DOTALL,
    )
    return {code: (words, url) for code, url, words in found}


@pytest.fixture
def case() -> Case:
    return make_case()


@pytest.fixture
def owner(case: Case) -> Client:
    return client_of(case.owner_user)


# --- the model --------------------------------------------------------------------------------------------------


def test_the_model_says_how_its_newest_version_stands(case: Case, owner: Client) -> None:
    page = model_url(case.version.model)
    said = text(owner.get(page))
    assert "Version 1 is refused for production, for 1 reason" in said
    assert "Every requirement is met, and no review is open. No version is live in production." in said
    case.ask()
    assert "and 2 sign-offs are missing" in text(owner.get(page))
    case_two = case.next_version()
    case.approve(version=case_two)
    assert "Version 2 may go to production" in text(owner.get(page))
    case.promote(version=case_two)
    said = text(owner.get(page))
    assert "Version 2, the newest, is live in production" in said
    assert "signed by Vera Validator and Arun Approver, promoted by Olga Owner" in said
    assert "Until" in said


def test_the_versions_show_gate_card_evidence_and_aliases(case: Case, owner: Client) -> None:
    case.approve()
    case.promote()
    second = case.next_version()
    set_alias(model=second.model, name="challenger", version=second, actor=case.maker)
    page = owner.get(model_url(case.version.model))
    body = page.content.decode()
    assert re.search(
        r'class="alias live">.*?production</span><span class="vh"> \(protected alias\)', body, re.DOTALL
    )
    assert '<span class="alias">challenger</span>' in body
    said = text(page)
    assert "Live" in said
    assert "No review yet" in said
    assert "0.780 to 0.820" in said


def test_a_version_that_was_live_is_retired(case: Case, owner: Client) -> None:
    case.approve()
    case.promote()
    second = case.next_version()
    case.approve(version=second)
    case.promote(version=second)
    assert "Retired" in text(owner.get(model_url(case.version.model)))


def test_a_measure_over_versions_joins_only_the_same_rows(case: Case, owner: Client) -> None:
    page = model_url(case.version.model)
    first = text(owner.get(page))
    assert "ROC AUC: version 1 is the only one measured on" in first
    assert "Hollow" not in first
    second = make.make_version(case.version.model, actor=case.maker)
    subject = Subject(case.subject.team, case.maker, second, case.subject.training, case.subject.holdout)
    make_evaluation(subject, results=results_of(subject, brier=estimate(0.2, 0.19, 0.21)))
    chosen = owner.get(f"{page}?measure=brier")
    said = text(chosen)
    assert "Brier score: version 2 is the lowest so far on" in said
    assert '<option value="brier" selected>' in chosen.content.decode()
    assert chosen.content.decode().count("<polyline") == 1
    elsewhere = make_subject()
    third = make.make_version(case.version.model, actor=case.maker)
    moved = Subject(case.subject.team, case.maker, third, case.subject.training, elsewhere.holdout)
    make_evaluation(moved, dataset_version=case.subject.training)
    body = owner.get(page).content.decode()
    assert "Hollow: measured on other rows, so not joined" in body
    assert body.count("<polyline") == 1  # the two older ones; the newest stands alone
    make.make_version(case.version.model, actor=case.maker)
    assert "not measured" in text(owner.get(page))
    assert "ROC AUC: version 3 is the only one" in text(owner.get(f"{page}?measure=nonsense"))


def test_archiving_and_renaming_are_refused_with_every_reason(case: Case, owner: Client) -> None:
    case.approve()
    case.promote()
    case.ask(version=case.next_version())
    body = owner.get(model_url(case.version.model)).content.decode()
    assert 'aria-disabled="true" aria-describedby="why-kept">Archive' in body
    assert "Version 1 is live in Production." in body
    assert "Version 2 is under review" in body
    edit = owner.get(reverse("registry:model-edit", args=[case.version.model.name])).content.decode()
    assert 'aria-disabled="true" aria-describedby="why-name">Rename' in edit


def test_who_may_not_change_a_model_sees_no_form_and_why(case: Case) -> None:
    for who in (case.validator_user, make_user(roles=[(Role.AUDITOR, None)])):
        page = client_of(who).get(model_url(case.version.model))
        body = page.content.decode()
        assert "Edit the description" not in body
        assert "Set a tag" not in body
        assert "needs the role owner" in text(page)
        assert 'aria-disabled="true" aria-describedby="why-no-version">Register a version' in body


def test_another_team_finds_neither_model_nor_version_nor_forms(case: Case) -> None:
    stranger = client_of(make_user(roles=[(Role.OWNER, make_team())]))
    version = case.version
    for address in (
        model_url(version.model),
        version_url(version),
        reverse("registry:model-edit", args=[version.model.name]),
        reverse("registry:version-edit", args=[version.model.name, version.number]),
        reverse("registry:version-files", args=[version.model.name, version.number]),
    ):
        assert stranger.get(address).status_code == 404
        assert stranger.post(address, {"act": "archive"}).status_code in (404, 405)


# --- the version --------------------------------------------------------------------------------------------------


def test_each_unmet_requirement_names_its_next_act() -> None:
    case = make_case(evidence=WEAK, card_sections=["purpose"])
    maker = client_of(make_user(roles=[(Role.CONTRIBUTOR, case.subject.team)]))
    page = maker.get(version_url(case.version))
    found = acts(page)
    base = version_url(case.version)
    assert found["auc"] == ("Evidence", f"{base}evaluations/{case.evaluation.number}/#m-roc_auc")  # type: ignore[union-attr]
    assert found["card"] == (
        "Complete the card",
        reverse("governance:card-edit", args=[case.version.model.name, 1]),
    )
    assert found["no_review"][0] == "Ask for a review"
    assert "All 3 requirements" in text(page)
    reviewer = acts(client_of(case.validator_user).get(version_url(case.version)))
    assert reviewer["card"] == (f"A contributor of {case.subject.team.name} writes it", "")
    assert reviewer["no_review"][1] == ""
    case.ask()
    assert acts(maker.get(version_url(case.version)))["sign_off_missing"][0] == "Sign-offs"


def test_what_is_missing_before_anything_was_measured() -> None:
    case = make_case(measured=False)
    owner, viewer = client_of(case.owner_user), client_of(make_user(roles=[(Role.VIEWER, case.subject.team)]))
    assert acts(owner.get(version_url(case.version)))["evaluation"][0] == "Evaluate it"
    assert acts(viewer.get(version_url(case.version)))["evaluation"] == ("An evaluation is needed", "")
    bare = make_subject(tier=None)
    page = client_of(make_user(roles=[(Role.OWNER, bare.team)])).get(version_url(bare.version))
    assert acts(page)["no_tier"][0] == "Set the tier"


def test_a_decision_that_fell_asks_for_a_new_review(case: Case, owner: Client) -> None:
    review = case.approve()
    revoke_approval(review=review, reason="Found a leak.", actor=case.approver)
    found = acts(owner.get(version_url(case.version)))
    assert found["review_revoked"][0] == "Ask for a new review"


def test_the_version_shows_who_made_it_what_it_is_and_how_to_get_it(case: Case, owner: Client) -> None:
    set_alias(model=case.version.model, name="challenger", version=case.version, actor=case.maker)
    page = owner.get(version_url(case.version))
    said, body = text(page), page.content.decode()
    assert "Maker , uploader, authenticated" in said
    assert "method" in said
    assert "trees" in said
    assert "Clean" in said
    assert "level 2" in said
    assert "Not run again" in said
    assert f'data-copy="{case.version.digest}"' in body
    assert f"/api/v1/models/{case.version.model.name}/versions/1/files/model.skops" in body
    assert f'data-paper="{case.version.model.name}, version 1 · sha256:{case.version.digest}"' in body
    viewer = client_of(make_user(roles=[(Role.VIEWER, case.subject.team)])).get(version_url(case.version))
    assert "curl" not in text(viewer)
    assert 'aria-describedby="why-no-files">Download' in viewer.content.decode()


def test_a_version_under_an_alias_or_archived_says_so(case: Case, owner: Client) -> None:
    set_alias(model=case.version.model, name="challenger", version=case.version, actor=case.maker)
    assert "Move or delete the alias first." in text(owner.get(version_url(case.version)))
    second = case.next_version()
    archive_version(version=second, actor=case.maker)
    page = owner.get(version_url(second))
    assert "Restore" in text(page)
    assert acts(page)["archived"][0] == "Restore it"


# --- what people type -------------------------------------------------------------------------------------------


def test_hostile_and_foreign_words_stay_words(case: Case) -> None:
    team, maker = case.subject.team, case.maker
    name = "<img src=x onerror=alert(1)>"
    model = register_model(name=name, team=team, description="", actor=maker)
    update_model(model=model, description="</p><script>alert(1)</script> 模型 نموذج 🚀", actor=maker)
    set_tag(model=model, key="<b>key</b>", value='"><svg onload=alert(1)>', actor=maker)
    version = make.make_version(
        model, actor=maker, description="{{ 7|add:7 }} <script>", tags={"<i>": "</li>"}
    )
    client = client_of(case.owner_user)
    for address in (
        "/models/",
        f"/models/?q={name}",
        model_url(model),
        version_url(version),
        reverse("registry:model-edit", args=[model.name]),
        reverse("registry:version-edit", args=[model.name, 1]),
    ):
        page = client.get(address)
        assert page.status_code == 200
        body = page.content.decode()
        for raw in ("<img src=x", "<script>alert", "<svg onload", "<b>key", "<i>"):
            assert raw not in body, address
    assert "模型 نموذج 🚀" in client.get(model_url(model)).content.decode()


# --- how much it costs --------------------------------------------------------------------------------------------


def test_the_page_of_a_model_costs_the_same_however_many_versions(
    case: Case, owner: Client, django_assert_max_num_queries: Any, django_assert_num_queries: Any
) -> None:
    case.ask()
    case.ask(version=case.next_version())
    make.make_version(case.version.model, actor=case.maker)
    page = model_url(case.version.model)
    with django_assert_max_num_queries(300) as few:
        owner.get(page)
    for _ in range(3):
        case.ask(version=case.next_version())
    make.make_version(case.version.model, actor=case.maker)
    with django_assert_num_queries(len(few)):
        owner.get(page)
    with django_assert_max_num_queries(300) as version_few:
        owner.get(version_url(case.version))
    case.next_version()
    with django_assert_num_queries(len(version_few)):
        owner.get(version_url(case.version))
